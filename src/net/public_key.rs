//! The public key of a certificate of any version (RFC 5280, section 4.1).
//!
//! webpki reads version 3 alone; old cameras have made themselves certificates of version 1, which a user may pin. Own code for
//! one field: x509-cert 0.3 brings 15 crates, x509-parser 0.18 brings 39.

/// A key, and what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PublicKey<'a> {
    /// All of the `SubjectPublicKeyInfo`.
    pub(super) info: &'a [u8],
    /// What its `AlgorithmIdentifier` holds.
    pub(super) algorithm: &'a [u8],
    /// The key itself.
    pub(super) bits: &'a [u8],
}

/// Tags of DER.
const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;
/// The version, which version 1 leaves out.
const VERSION: u8 = 0xa0;

impl<'a> PublicKey<'a> {
    /// That of a certificate.
    pub(super) fn of(certificate: &'a [u8]) -> Option<Self> {
        let (certificate, _) = DerElement::read(certificate)?;
        let (signed, _) = DerElement::read(certificate.of(SEQUENCE)?)?;
        let mut rest = signed.of(SEQUENCE)?;
        if rest.first() == Some(&VERSION) {
            (_, rest) = DerElement::read(rest)?;
        }
        // Serial number, signature algorithm, issuer, validity, subject.
        for _ in 0..5 {
            (_, rest) = DerElement::read(rest)?;
        }
        let (info, _) = DerElement::read(rest)?;
        let (algorithm, key) = DerElement::read(info.of(SEQUENCE)?)?;
        let (key, _) = DerElement::read(key)?;
        let bits = key.of(BIT_STRING)?.strip_prefix(&[0])?;
        Some(Self { info: info.whole, algorithm: algorithm.of(SEQUENCE)?, bits })
    }
}

/// A value of DER (X.690).
#[derive(Clone, Copy)]
struct DerElement<'a> {
    tag: u8,
    whole: &'a [u8],
    content: &'a [u8],
}

impl<'a> DerElement<'a> {
    /// The first one, and what follows.
    fn read(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (tag, length) = (*bytes.first()?, *bytes.get(1)?);
        let (begin, len) = match length {
            0..=0x7f => (2, usize::from(length)),
            0x81..=0x84 => {
                let octets = bytes.get(2..2 + usize::from(length & 0x7f))?;
                let len = octets.iter().fold(0_u64, |len, octet| len << 8 | u64::from(*octet));
                (2 + octets.len(), usize::try_from(len).ok()?)
            }
            _ => return None,
        };
        let (whole, rest) = bytes.split_at_checked(begin.checked_add(len)?)?;
        Some((Self { tag, whole, content: whole.get(begin..)? }, rest))
    }

    fn of(self, tag: u8) -> Option<&'a [u8]> {
        (self.tag == tag).then_some(self.content)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        let len = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x82], &len[..], content].concat()
    }

    /// A certificate of version 1 with this key. Nobody has signed it.
    pub(in crate::net) fn version_1(info: &[u8]) -> Vec<u8> {
        let name = element(SEQUENCE, &[]);
        let algorithm = element(SEQUENCE, &[0x06, 3, 0x2b, 0x65, 0x70]);
        let validity = element(SEQUENCE, &[element(0x17, b"250101000000Z"), element(0x17, b"350101000000Z")].concat());
        let serial = element(2, &[1]);
        let signed = element(SEQUENCE, &[&serial[..], &algorithm, &name, &validity, &name, info].concat());
        element(SEQUENCE, &[signed, algorithm, element(BIT_STRING, &[0, 0])].concat())
    }

    #[test]
    fn keys_of_both_versions() {
        let made = rcgen::generate_simple_self_signed(["cam".to_owned()]).unwrap();
        let third = made.cert.der().to_vec();
        let key = PublicKey::of(&third).unwrap();
        assert_eq!(key.info, rcgen::PublicKeyData::subject_public_key_info(&made.signing_key));
        assert_eq!((key.bits.len(), key.bits[0]), (65, 4), "an uncompressed point of P-256");
        let first = version_1(key.info);
        assert_eq!(PublicKey::of(&first), Some(key));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(prop_oneof![Just(0x30u8), Just(0x82), 0..4u8, any::<u8>()], 0..60)) {
            let _ = PublicKey::of(&bytes);
        }
    }
}
