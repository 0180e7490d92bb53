//! Which certificates count: the system's, or those of a file.

use std::io;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::cli::TlsArgs;
use crate::error::Error;
use crate::net::{Roots, Trust};

/// Whom to believe.
pub(super) fn of(args: &TlsArgs) -> Result<Trust, Error> {
    let roots = match &args.tls_ca {
        None => Roots::System(system),
        Some(path) => {
            let failed = |source| Error::File { action: "read certificates from", path: path.clone(), source };
            Roots::Given(certificates(&std::fs::read(path).map_err(failed)?).map_err(failed)?)
        }
    };
    Ok(Trust { roots, insecure: args.insecure })
}

/// Those that can be read; without any, no certificate is good.
fn system() -> Vec<CertificateDer<'static>> {
    rustls_native_certs::load_native_certs().certs
}

/// All certificates of a PEM file, at least one.
fn certificates(pem: &[u8]) -> io::Result<Vec<CertificateDer<'static>>> {
    let wrong = |error: String| io::Error::new(io::ErrorKind::InvalidData, error);
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match certificates {
        Ok(certificates) if certificates.is_empty() => {
            Err(wrong("there is none; a certificate begins with -----BEGIN CERTIFICATE-----".to_owned()))
        }
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(wrong(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_of_a_file() {
        let pem = "text before\n-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
        assert_eq!(certificates(pem.as_bytes()).unwrap().len(), 1);
        assert_eq!(certificates(pem.repeat(2).as_bytes()).unwrap().len(), 2);
        for wrong in ["", "MAA=", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"] {
            assert!(certificates(wrong.as_bytes()).is_err(), "{wrong:?}");
        }
    }
}
