//! Whom a TLS client believes, and what went wrong in words that tell what to try.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error, PeerIncompatible,
    RootCertStore, SignatureScheme,
};

use crate::net::public_key::PublicKey;

/// Which servers are believed to be who they say.
#[derive(Clone, Debug)]
pub struct Trust {
    /// Whose word counts.
    pub roots: Roots,
    /// Any certificate will do. What is wrong with it is told.
    pub insecure: bool,
}

/// Certificates that vouch for others.
#[derive(Clone, Debug)]
pub enum Roots {
    /// Those of the system, loaded when the first server wants TLS.
    System(fn() -> Vec<CertificateDer<'static>>),
    /// These alone. A server that shows one of them itself is believed, whatever it is called.
    Given(Vec<CertificateDer<'static>>),
}

/// Trusts nobody.
impl Default for Trust {
    fn default() -> Self {
        Self { roots: Roots::Given(Vec::new()), insecure: false }
    }
}

/// A server to which TLS can be spoken.
#[derive(Clone, Debug)]
pub(super) struct TlsServer {
    config: Arc<ClientConfig>,
    judge: Arc<CertificateVerifier>,
    name: ServerName<'static>,
}

impl TlsServer {
    /// A session that is to begin.
    pub(super) fn begin(&self) -> Result<ClientConnection, Error> {
        ClientConnection::new(Arc::clone(&self.config), self.name.clone())
    }

    /// What is wrong with its certificates, though it was believed.
    pub(super) fn doubt(&self, certificates: &[CertificateDer<'_>]) -> Option<String> {
        let (end_entity, intermediates) = certificates.split_first()?;
        let verdict = self.judge.judge(end_entity, intermediates, &self.name, &[], UnixTime::now());
        verdict.err().map(|error| wrong_with(&error))
    }
}

/// Knows how to speak TLS. What that needs is made for the first server.
#[derive(Debug, Default)]
pub(super) struct Tls {
    trust: Trust,
    made: OnceLock<Result<Made, String>>,
}

type Made = (Arc<ClientConfig>, Arc<CertificateVerifier>);

impl Tls {
    pub(super) fn new(trust: Trust) -> Self {
        Self { trust, made: OnceLock::new() }
    }

    /// The server of this name; of this address where it has none that a certificate could have.
    pub(super) fn server(&self, name: &str, address: IpAddr) -> Result<TlsServer, String> {
        let (config, judge) = self.made.get_or_init(|| make(&self.trust)).as_ref().map_err(Clone::clone)?;
        let host = name.split_once('%').map_or(name, |(address, _zone)| address);
        let name = ServerName::try_from(host.to_owned()).unwrap_or_else(|_| ServerName::from(address));
        Ok(TlsServer { config: Arc::clone(config), judge: Arc::clone(judge), name })
    }
}

fn make(trust: &Trust) -> Result<Made, String> {
    let provider = Arc::new(ring::default_provider());
    let judge = Arc::new(CertificateVerifier::new(trust, &provider));
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let verifier = Arc::<CertificateVerifier>::clone(&judge);
    let mut config = builder
        .map_err(|error| explain(&error))?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    // A session that is resumed shows no certificate.
    config.resumption = rustls::client::Resumption::disabled();
    Ok((Arc::new(config), judge))
}

/// Decides whether a certificate is good, by the rules of the web, and by those of the user.
#[derive(Debug)]
struct CertificateVerifier {
    /// `None` where there is nobody whose word counts.
    web: Option<Arc<WebPkiServerVerifier>>,
    given: Vec<CertificateDer<'static>>,
    insecure: bool,
    provider: Arc<CryptoProvider>,
}

impl CertificateVerifier {
    fn new(trust: &Trust, provider: &Arc<CryptoProvider>) -> Self {
        let (certificates, given) = match &trust.roots {
            Roots::System(load) => (load(), Vec::new()),
            Roots::Given(certificates) => (certificates.clone(), certificates.clone()),
        };
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates);
        let web = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build().ok();
        Self { web, given, insecure: trust.insecure, provider: Arc::clone(provider) }
    }

    fn judge(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.given.iter().any(|given| given.as_ref() == end_entity.as_ref()) {
            return Ok(ServerCertVerified::assertion());
        }
        let web = self.web.as_ref().ok_or(Error::InvalidCertificate(CertificateError::UnknownIssuer))?;
        web.verify_server_cert(end_entity, intermediates, server, ocsp, now)
    }

    /// The key of a certificate that the user has given, and that can't be read: one of version 1.
    fn key_of_pinned<'a>(&self, certificate: &'a CertificateDer<'_>, error: &Error) -> Option<PublicKey<'a>> {
        let is_given = self.given.iter().any(|given| given.as_ref() == certificate.as_ref());
        let is_wrong = matches!(error, Error::InvalidCertificate(CertificateError::BadSignature));
        PublicKey::of(certificate.as_ref()).filter(|_| is_given && !is_wrong)
    }

    /// Where any certificate is good, so is any signature: old cameras have keys that nobody accepts any more.
    fn tolerate(&self, verdict: Result<HandshakeSignatureValid, Error>) -> Result<HandshakeSignatureValid, Error> {
        if self.insecure { Ok(HandshakeSignatureValid::assertion()) } else { verdict }
    }
}

impl ServerCertVerifier for CertificateVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verdict = self.judge(end_entity, intermediates, server_name, ocsp_response, now);
        if self.insecure { Ok(ServerCertVerified::assertion()) } else { verdict }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        let verdict = rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms);
        self.tolerate(verdict.or_else(|error| match self.key_of_pinned(cert, &error) {
            Some(key) => verify_with_key(message, key, dss, algorithms).ok_or(error),
            None => Err(error),
        }))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        let verdict = rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms);
        self.tolerate(verdict.or_else(|error| match self.key_of_pinned(cert, &error) {
            Some(key) => verify_tls13_signature_with_raw_key(message, &key.info.into(), dss, algorithms),
            None => Err(error),
        }))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Whether this key has signed the handshake of TLS 1.2, where there is no certificate that could be asked.
fn verify_with_key(
    message: &[u8],
    key: PublicKey<'_>,
    dss: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Option<HandshakeSignatureValid> {
    let (_, candidates) = algorithms.mapping.iter().find(|(scheme, _)| *scheme == dss.scheme)?;
    let fitting = candidates.iter().filter(|algorithm| algorithm.public_key_alg_id().as_ref() == key.algorithm);
    let mut verdicts = fitting.map(|algorithm| algorithm.verify_signature(key.bits, message, dss.signature()));
    verdicts.any(|verdict| verdict.is_ok()).then(HandshakeSignatureValid::assertion)
}

/// Why there is no TLS, and what to try.
pub(super) fn explain(error: &Error) -> String {
    let hint = match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "; --tls-ca FILE names who vouches for it, --insecure accepts any"
        }
        Error::InvalidCertificate(_) => "; --tls-ca FILE with that very certificate accepts it, --insecure accepts any",
        Error::InvalidMessage(_) => return "what answers there does not speak TLS; try rtsp://".to_owned(),
        Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon)
        | Error::AlertReceived(AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity) => {
            NO_CIPHER
        }
        Error::PeerIncompatible(_) | Error::AlertReceived(AlertDescription::ProtocolVersion) => OLD_VERSION,
        _ => "",
    };
    format!("{}{hint}", wrong_with(error))
}

/// What ring has, and what helps where that is not enough.
const NO_CIPHER: &str = "; TLS 1.3, and TLS 1.2 with ECDHE and AES-GCM or ChaCha20 are spoken here, not RSA key exchange \
                         or CBC: newer firmware may help, or a proxy that speaks the old form, such as stunnel";
const OLD_VERSION: &str = "; TLS 1.2 and 1.3 are spoken here: newer firmware may help, or a proxy that speaks the old \
                           versions, such as stunnel";

/// Whether the server has no version, suite or group in common with this side.
pub(super) const fn is_refusal(error: &Error) -> bool {
    use AlertDescription::{HandshakeFailure, InsufficientSecurity, ProtocolVersion};
    matches!(
        error,
        Error::PeerIncompatible(_) | Error::AlertReceived(HandshakeFailure | InsufficientSecurity | ProtocolVersion)
    )
}

/// What is wrong, without what to try.
fn wrong_with(error: &Error) -> String {
    let Error::InvalidCertificate(wrong) = error else { return format!("TLS: {error}") };
    let what = match wrong {
        CertificateError::UnknownIssuer => "is of an unknown issuer",
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "is for another host than the URL names"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "is not valid yet; is the clock right?"
        }
        // What cameras make themselves, and openssl by default. The words of webpki are all that there is to tell it by.
        CertificateError::Other(error) if format!("{error:?}").contains("CaUsedAsEndEntity") => {
            "is an authority's, signed by itself"
        }
        _ => return format!("the server's certificate is no good ({wrong})"),
    };
    format!("the server's certificate {what}")
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::PrivatePkcs8KeyDer;
    use rustls::server::{ClientHello, ResolvesServerCert};
    use rustls::sign::CertifiedKey;
    use rustls::{ServerConfig, ServerConnection, SupportedProtocolVersion, version};

    use super::*;
    use crate::net::public_key::tests::version_1;

    /// Shows one certificate, whatever it is like.
    #[derive(Debug)]
    struct Shown(Arc<CertifiedKey>);

    impl ResolvesServerCert for Shown {
        fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
            Some(Arc::clone(&self.0))
        }
    }

    /// What comes of a handshake with a server of this certificate and key, by who believes in `given`.
    fn shake_hands(
        given: &[u8],
        shown: &[u8],
        key: &rcgen::KeyPair,
        version: &'static SupportedProtocolVersion,
    ) -> Result<(), Error> {
        let provider = Arc::new(ring::default_provider());
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        let key = provider.key_provider.load_private_key(key.into()).unwrap();
        let shown = Shown(Arc::new(CertifiedKey::new(vec![CertificateDer::from(shown.to_vec())], key)));
        let config = ServerConfig::builder_with_provider(provider).with_protocol_versions(&[version]).unwrap();
        let config = config.with_no_client_auth().with_cert_resolver(Arc::new(shown));
        let mut server = ServerConnection::new(Arc::new(config)).unwrap();
        let given = Roots::Given(vec![CertificateDer::from(given.to_vec())]);
        let tls = Tls::new(Trust { roots: given, insecure: false });
        let mut client = tls.server("cam", [127, 0, 0, 1].into()).unwrap().begin().unwrap();
        for _ in 0..8 {
            let mut wire = Vec::new();
            client.write_tls(&mut wire).unwrap();
            server.read_tls(&mut wire.as_slice()).unwrap();
            server.process_new_packets()?;
            let mut wire = Vec::new();
            server.write_tls(&mut wire).unwrap();
            client.read_tls(&mut wire.as_slice()).unwrap();
            client.process_new_packets()?;
        }
        assert!(!client.is_handshaking() && !server.is_handshaking());
        Ok(())
    }

    #[test]
    fn a_pinned_certificate_of_version_1_is_taken_and_its_key_asked() {
        let [own, other] = [(); 2].map(|()| rcgen::KeyPair::generate().unwrap());
        let info = |key: &rcgen::KeyPair| rcgen::PublicKeyData::subject_public_key_info(key);
        let (pinned, foreign) = (version_1(&info(&own)), version_1(&info(&other)));
        for version in [&version::TLS12, &version::TLS13] {
            assert_eq!(shake_hands(&pinned, &pinned, &own, version), Ok(()), "{version:?}");
            assert!(shake_hands(&pinned, &foreign, &other, version).is_err(), "another certificate");
            assert!(shake_hands(&pinned, &pinned, &other, version).is_err(), "somebody without its key");
        }
    }

    #[test]
    fn what_helps_where_there_is_nothing_in_common() {
        let told = explain(&Error::AlertReceived(AlertDescription::HandshakeFailure));
        assert!(told.contains("not RSA key exchange or CBC") && told.contains("stunnel"), "{told}");
        let told = explain(&Error::AlertReceived(AlertDescription::ProtocolVersion));
        assert!(told.contains("TLS 1.2 and 1.3 are spoken here"), "{told}");
    }
}
