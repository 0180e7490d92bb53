//! What RTP payloads hold: NAL units of H.264 (RFC 6184) and H.265 (RFC 7798), pictures of JPEG (RFC 2435), access units of
//! MPEG-4 audio (RFC 3640); of any other format the payload as a whole.
//!
//! A payload is taken apart without its neighbours. Nothing is decoded.

mod aac;
mod fault;
mod h264;
mod h265;
mod jpeg;
mod nal_unit;
mod part;
mod sei;
mod start_code;

pub use aac::AuHeaders;
pub use fault::{PayloadError, PayloadOddity};
pub use jpeg::JpegHeader;
pub use nal_unit::{H264Unit, H265Unit, SliceType};
pub use part::{Unit, UnitPart};
pub(crate) use sei::recovery_point;

use crate::fields::be16;
use crate::rtp::fmtp;
use crate::rtp::media_kind::MediaKind;
use part::{AggregateLayout, UnitLayout, whole};

/// How the payloads of a stream are made up.
///
/// ```
/// use rtsp_rec::rtp::MediaKind;
/// use rtsp_rec::rtp::payload::{PayloadFormat, Unit};
///
/// let format = PayloadFormat::new(Some(MediaKind::Video), "H264", Some("packetization-mode=1"));
/// // STAP-A (RFC 6184, section 5.7.1) with two NAL units: parameters of the sequence, and of the picture.
/// let payload = [24, 0, 2, 0x67, 0x64, 0, 3, 0x68, 0xee, 0x3c];
/// let parts: Vec<_> = format.parts(&payload).collect::<Result<_, _>>()?;
/// assert_eq!(parts.iter().map(|part| part.body.len()).collect::<Vec<_>>(), [1, 2]);
/// assert!(parts.iter().all(|part| part.starts && part.ends && matches!(part.unit, Unit::H264(_))));
/// # Ok::<(), rtsp_rec::rtp::payload::PayloadError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum PayloadFormat {
    /// H.264 (RFC 6184).
    H264,
    /// H.265 (RFC 7798).
    H265 {
        /// Decoding order numbers are there (`sprop-max-don-diff` above 0).
        numbered: bool,
    },
    /// JPEG (RFC 2435).
    Jpeg,
    /// MPEG-4 audio with AU headers (`mpeg4-generic`, RFC 3640).
    Aac(AuHeaders),
    /// Audio each of whose packets stands alone: PCM, G.711, Opus.
    Samples,
    /// Anything that is not taken apart.
    #[default]
    Other,
}

impl PayloadFormat {
    /// The format of an encoding name, with the parameters of its `a=fmtp`; `media` is the type of media, where that
    /// is known.
    pub fn new(media: Option<MediaKind>, encoding: &str, fmtp: Option<&str>) -> Self {
        match encoding.to_ascii_uppercase().as_str() {
            "H264" => Self::H264,
            "H265" | "HEVC" => Self::H265 { numbered: fmtp::number(fmtp, "sprop-max-don-diff") > Some(0) },
            "JPEG" => Self::Jpeg,
            "MPEG4-GENERIC" => Self::Aac(AuHeaders::new(fmtp)),
            // MPEG audio is cut into packets where it must be (RFC 2250, RFC 6416).
            "MPA" | "MP4A-LATM" | "MPA-ROBUST" => Self::Other,
            _ if media == Some(MediaKind::Audio) => Self::Samples,
            _ => Self::Other,
        }
    }

    /// What can be told at a glance of a fragment of a slice that neither begins nor ends it: where its body begins. `None`
    /// of all other payloads.
    #[inline]
    pub fn inner_fragment(self, payload: &[u8]) -> Option<usize> {
        match self {
            Self::H264 => h264::inner_fragment(payload),
            Self::H265 { .. } => h265::inner_fragment(payload),
            Self::Jpeg | Self::Aac(_) | Self::Samples | Self::Other => None,
        }
    }

    /// Whether the payloads are parts of pictures.
    pub const fn is_video(self) -> bool {
        matches!(self, Self::H264 | Self::H265 { .. } | Self::Jpeg)
    }

    /// The parts of units in a payload, in order.
    #[inline]
    pub fn parts(self, payload: &[u8]) -> UnitParts<'_> {
        let state = match self {
            Self::H264 => h264::begin(payload).map(State::Units),
            Self::H265 { numbered } => h265::begin(payload, numbered).map(State::Units),
            Self::Jpeg => jpeg::begin(payload).map(State::Units),
            Self::Aac(headers) => headers.begin(payload).map(State::AccessUnits),
            Self::Samples | Self::Other => Ok(State::Units(UnitLayout::One(whole(Unit::Other, 0, payload)))),
        };
        UnitParts { payload, state: state.unwrap_or_else(State::Failed), rest: None, oddity: self.oddity(payload) }
    }

    /// What is odd about the payload as a whole.
    #[inline]
    fn oddity(self, payload: &[u8]) -> Option<PayloadOddity> {
        match self {
            Self::H264 => h264::oddity(payload),
            Self::H265 { .. } => h265::oddity(payload),
            Self::Jpeg => jpeg::oddity(payload),
            Self::Aac(_) | Self::Samples | Self::Other => None,
        }
    }
}

/// The parts of units in a payload. Behind an error nothing more comes.
#[derive(Clone, Debug)]
pub struct UnitParts<'a> {
    payload: &'a [u8],
    state: State,
    /// What stands behind a start code in the part before.
    rest: Option<UnitPart>,
    oddity: Option<PayloadOddity>,
}

/// What is still to come.
#[derive(Clone, Debug)]
enum State {
    Units(UnitLayout),
    AccessUnits(aac::AccessUnits),
    Failed(PayloadError),
    Done,
}

impl Iterator for UnitParts<'_> {
    type Item = Result<UnitPart, PayloadError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let part = match self.rest.take() {
            Some(part) => part,
            None => match self.next_part()? {
                Ok(part) => part,
                Err(error) => return Some(Err(error)),
            },
        };
        Some(Ok(self.split(part)))
    }
}

impl UnitParts<'_> {
    /// What is odd about the payload, as far as it has been taken apart.
    pub fn oddity(&self) -> Option<PayloadOddity> {
        self.oddity
    }

    /// Before any part was taken: the only unit of the payload, by its header. All fragments of a unit have the same.
    pub fn unit(&self) -> Option<Unit> {
        if let State::Units(UnitLayout::One(part)) = &self.state { Some(part.unit) } else { None }
    }

    /// A part up to the first start code in it.
    #[inline]
    fn split(&mut self, part: UnitPart) -> UnitPart {
        if let Some(next) = start_code::behind_header(&part, self.payload) {
            self.oddity = self.oddity.or(Some(PayloadOddity::StartCode));
            return self.split(next);
        }
        let Some((first, rest)) = start_code::split(&part, self.payload) else { return part };
        self.oddity = self.oddity.or(Some(PayloadOddity::StartCode));
        self.rest = Some(rest);
        first
    }

    #[inline]
    fn next_part(&mut self) -> Option<Result<UnitPart, PayloadError>> {
        match std::mem::replace(&mut self.state, State::Done) {
            State::Units(UnitLayout::One(part)) => Some(Ok(part)),
            // A recording without its media has zeros from somewhere on.
            State::Units(UnitLayout::Aggregate { at, .. })
                if self.payload.get(at..).is_some_and(|rest| rest.iter().all(|byte| *byte == 0)) =>
            {
                None
            }
            State::Units(UnitLayout::Aggregate { at, layout }) => self.aggregated(at, layout),
            State::AccessUnits(mut units) => {
                let part = units.next(self.payload)?;
                if part.is_ok() {
                    self.state = State::AccessUnits(units);
                }
                Some(part)
            }
            State::Failed(error) => Some(Err(error)),
            State::Done => None,
        }
    }

    /// The unit whose size stands at `at`, or the next one that has any bytes.
    fn aggregated(&mut self, mut at: usize, layout: AggregateLayout) -> Option<Result<UnitPart, PayloadError>> {
        while self.payload.get(at..at + 2) == Some(&[0, 0]) {
            self.oddity = self.oddity.or(Some(PayloadOddity::EmptyUnit));
            at += 2 + layout.before_unit + layout.between;
        }
        if at >= self.payload.len() && self.oddity == Some(PayloadOddity::EmptyUnit) {
            return None;
        }
        let part = be16(self.payload, at).and_then(|size| {
            let size = usize::from(size);
            let begin = at + 2 + layout.before_unit;
            let end = begin + size;
            let part = (layout.read)(self.payload, begin..end)?;
            if end < self.payload.len() {
                self.state = State::Units(UnitLayout::Aggregate { at: end + layout.between, layout });
            }
            Some(part)
        });
        Some(part.ok_or(PayloadError::Truncated { what: "the NAL units that it aggregates", len: self.payload.len() }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn formats() -> impl Strategy<Value = PayloadFormat> {
        let headers = ("[0-9]{1,2}", "[0-9]{1,2}", "[0-9]{1,2}").prop_map(|(size, index, cts)| {
            let fmtp = format!("sizelength={size};indexlength={index};indexdeltalength={index};ctsdeltalength={cts}");
            PayloadFormat::new(Some(MediaKind::Audio), "mpeg4-generic", Some(&fmtp))
        });
        prop_oneof![
            Just(PayloadFormat::H264),
            any::<bool>().prop_map(|numbered| PayloadFormat::H265 { numbered }),
            Just(PayloadFormat::Jpeg),
            headers,
            Just(PayloadFormat::Other),
        ]
    }

    proptest! {
        #[test]
        fn parts_lie_in_the_payload_one_behind_the_other(
            format in formats(),
            first in any::<u8>(),
            rest in prop::collection::vec(prop_oneof![Just(0u8), 0..40u8, any::<u8>()], 0..200),
        ) {
            let payload = [&[first], rest.as_slice()].concat();
            for payload in [payload.as_slice(), rest.as_slice()] {
                let mut at = 0;
                for part in format.parts(payload).flatten() {
                    prop_assert!(part.body.start >= at && part.body.end >= part.body.start, "{part:?}");
                    prop_assert!(part.body.end <= payload.len(), "{part:?}");
                    prop_assert!(part.looked_at() <= part.body.len());
                    at = part.body.end;
                }
                // The smallest header of an access unit is a bit.
                prop_assert!(format.parts(payload).count() <= 8 * payload.len() + 1);
                if let Some(start) = format.inner_fragment(payload) {
                    let parts: Vec<_> = format.parts(payload).flatten().collect();
                    let [UnitPart { unit, starts: false, ends: false, body }] = parts.as_slice() else {
                        panic!("{parts:?}");
                    };
                    prop_assert_eq!(body, &(start..payload.len()));
                    let is_slice = match unit {
                        Unit::H264(unit) => unit.is_slice(),
                        Unit::H265(unit) => unit.is_slice(),
                        _ => false,
                    };
                    prop_assert!(is_slice);
                }
            }
        }
    }

    #[test]
    fn formats_by_their_names() {
        let format = |encoding, fmtp| PayloadFormat::new(Some(MediaKind::Video), encoding, fmtp);
        assert_eq!(format("h264", None), PayloadFormat::H264);
        assert_eq!(format("H265", Some("sprop-max-don-diff=0")), PayloadFormat::H265 { numbered: false });
        assert_eq!(format("H265", Some("a=1; sprop-max-don-diff=2")), PayloadFormat::H265 { numbered: true });
        assert_eq!(format("VP8", None), PayloadFormat::Other);
        assert_eq!(PayloadFormat::new(Some(MediaKind::Audio), "PCMU", None), PayloadFormat::Samples);
    }

    #[test]
    fn any_other_payload_is_one_unit() {
        let part = UnitPart { unit: Unit::Other, starts: true, ends: true, body: 0..3 };
        assert_eq!(PayloadFormat::Other.parts(b"abc").collect::<Vec<_>>(), [Ok(part)]);
    }
}
