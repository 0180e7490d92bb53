//! Payloads of JPEG (RFC 2435, section 3.1): a fragment of a picture's entropy-coded data behind headers.

use super::{Part, PayloadError, State, Unit};

/// The main JPEG header: where the fragment belongs, and from what tables and size the picture is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JpegHeader {
    /// Where in the picture's data the fragment begins.
    pub offset: u32,
    /// `Type`: subsampling; from 64 on there are restart markers.
    pub kind: u8,
    /// `Q`: from 128 on the quantization tables come with the first packet.
    pub q: u8,
    /// Pixels; 0 stands for more than 2,040.
    pub width: u16,
    /// Pixels; 0 stands for more than 2,040.
    pub height: u16,
    /// Macroblocks between restart markers, if there are any.
    pub restart_interval: Option<u16>,
    /// Where in the payload the quantization tables lie.
    pub tables: (usize, usize),
    /// Where in the payload the data lies.
    pub data: usize,
}

impl JpegHeader {
    /// Reads the headers of a payload.
    ///
    /// # Errors
    /// Where it ends inside of them.
    pub fn parse(payload: &[u8]) -> Result<Self, PayloadError> {
        let short = |what| PayloadError::Truncated { what, len: payload.len() };
        let Some((&[_, high, middle, low, kind, q, width, height], rest)) = payload.split_first_chunk() else {
            return Err(short("a JPEG header"));
        };
        let offset = u32::from_be_bytes([0, high, middle, low]);
        let (mut at, mut restart_interval) = (8, None);
        if (64..128).contains(&kind) {
            let interval = rest.first_chunk::<4>().ok_or_else(|| short("a restart marker header"))?;
            let [high, low, ..] = *interval;
            restart_interval = Some(u16::from_be_bytes([high, low]));
            at += 4;
        }
        let mut tables = (at, at);
        if q >= 128 && offset == 0 {
            let header = payload.get(at..).and_then(|rest| rest.first_chunk::<4>());
            let [_, _, high, low] = *header.ok_or_else(|| short("a quantization table header"))?;
            tables = (at + 4, at + 4 + usize::from(u16::from_be_bytes([high, low])));
            at = tables.1;
        }
        if payload.len() < at {
            return Err(short("its quantization tables"));
        }
        let (width, height) = (u16::from(width) * 8, u16::from(height) * 8);
        Ok(Self { offset, kind, q, width, height, restart_interval, tables, data: at })
    }
}

#[inline]
pub(super) fn begin(payload: &[u8]) -> Result<State, PayloadError> {
    let header = JpegHeader::parse(payload)?;
    let body = header.data..payload.len();
    Ok(State::One(Part { unit: Unit::Jpeg, starts: header.offset == 0, ends: false, body }))
}

#[cfg(test)]
mod tests {
    use super::super::PayloadFormat;
    use super::*;

    #[test]
    fn fragments() {
        let parts: Vec<_> = PayloadFormat::Jpeg.parts(&[0, 0, 1, 2, 1, 80, 40, 30, 7, 7]).collect();
        assert_eq!(parts, [Ok(Part { unit: Unit::Jpeg, starts: false, ends: false, body: 8..10 })]);
        let header = JpegHeader::parse(&[0, 0, 1, 2, 1, 80, 40, 30]).unwrap();
        assert_eq!((header.offset, header.width, header.height, header.restart_interval), (258, 320, 240, None));
    }

    #[test]
    fn restart_markers_and_tables_stand_before_the_data() {
        let payload = [0, 0, 0, 0, 65, 255, 40, 30, 0, 4, 0xff, 0xff, 0, 0, 0, 2, 8, 9, 7];
        let header = JpegHeader::parse(&payload).unwrap();
        assert_eq!((header.restart_interval, header.tables, header.data), (Some(4), (16, 18), 18));
        for len in 0..18 {
            assert!(JpegHeader::parse(&payload[..len]).is_err(), "{len}");
        }
    }
}
