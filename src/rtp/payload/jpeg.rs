//! Payloads of JPEG (RFC 2435, section 3.1): a fragment of a picture's entropy-coded data behind headers.

use byteorder::{ByteOrder, NetworkEndian};

use super::fault::{PayloadError, PayloadOddity};
use super::part::{Unit, UnitLayout, UnitPart};
use crate::fields::be16;

/// Bytes of a quantization table of 8 bits.
const TABLE: usize = 64;

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
        let Some(header) = payload.first_chunk::<8>() else { return Err(short("a JPEG header")) };
        let [_, _, _, _, kind, q, width, height] = *header;
        let offset = NetworkEndian::read_u24(&header[1..4]);
        let (mut at, mut restart_interval) = (8, None);
        if (64..128).contains(&kind) {
            let interval = payload.get(at..at + 4).ok_or_else(|| short("a restart marker header"))?;
            restart_interval = be16(interval, 0);
            at += 4;
        }
        let mut tables = (at, at);
        if q >= 128 && offset == 0 {
            let len = be16(payload, at + 2).ok_or_else(|| short("a quantization table header"))?;
            tables = (at + 4, at + 4 + usize::from(len));
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
pub(super) fn begin(payload: &[u8]) -> Result<UnitLayout, PayloadError> {
    let header = JpegHeader::parse(payload)?;
    let body = header.data..payload.len();
    Ok(UnitLayout::One(UnitPart { unit: Unit::Jpeg, starts: header.offset == 0, ends: false, body }))
}

/// What is odd about a picture, by its first payload.
pub(super) fn oddity(payload: &[u8]) -> Option<PayloadOddity> {
    let header = JpegHeader::parse(payload).ok().filter(|header| header.offset == 0)?;
    let (begin, end) = header.tables;
    let (len, q) = (end - begin, header.q);
    // Before the tables: a byte that must be zero, a bit for each table of 16 bits, the length.
    let precision = if q < 128 { 0 } else { *payload.get(begin.checked_sub(3)?)? };
    Some(match header.kind {
        2..64 | 66.. => PayloadOddity::JpegType(header.kind),
        _ if matches!(q, 0 | 100..=127) => PayloadOddity::Quality(q),
        // With 255 they can change with each picture, so they have to be there.
        _ if q == 255 && len == 0 || len % TABLE != 0 => PayloadOddity::Tables { len, q },
        _ if precision & 0x0f != 0 => PayloadOddity::LongTables,
        _ if header.width == 0 || header.height == 0 => PayloadOddity::Size,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::PayloadFormat;
    use super::*;

    #[test]
    fn fragments() {
        let parts: Vec<_> = PayloadFormat::Jpeg.parts(&[0, 0, 1, 2, 1, 80, 40, 30, 7, 7]).collect();
        assert_eq!(parts, [Ok(UnitPart { unit: Unit::Jpeg, starts: false, ends: false, body: 8..10 })]);
        let header = JpegHeader::parse(&[0, 0, 1, 2, 1, 80, 40, 30]).unwrap();
        assert_eq!((header.offset, header.width, header.height, header.restart_interval), (258, 320, 240, None));
    }

    #[test]
    fn oddities() {
        let picture = |kind, q, width, tables: &[u8]| {
            let restart = if (64..128).contains(&kind) { &[0, 4, 0xff, 0xff][..] } else { &[] };
            let payload = [&[0, 0, 0, 0, kind, q, width, 30], restart, tables, &[7, 7]].concat();
            (oddity(&payload), PayloadFormat::Jpeg.parts(&payload).all(|part| part.is_ok()))
        };
        let tables = |precision, len: u8| [&[0, precision, 0, len][..], &vec![1; len.into()]].concat();
        for (kind, q, tables) in [
            (1, 80, Vec::new()),
            (65, 80, Vec::new()),
            (0, 255, tables(0, 128)),
            (1, 200, tables(0, 64)),
            (1, 200, tables(0, 0)),
        ] {
            assert_eq!(picture(kind, q, 40, &tables), (None, true));
        }
        assert_eq!(picture(1, 0, 40, &[]), (Some(PayloadOddity::Quality(0)), true));
        assert_eq!(picture(1, 100, 40, &[]), (Some(PayloadOddity::Quality(100)), true));
        assert_eq!(picture(1, 255, 40, &tables(0, 0)), (Some(PayloadOddity::Tables { len: 0, q: 255 }), true));
        assert_eq!(picture(65, 200, 40, &tables(0, 63)), (Some(PayloadOddity::Tables { len: 63, q: 200 }), true));
        assert_eq!(picture(65, 200, 40, &tables(1, 192)), (Some(PayloadOddity::LongTables), true));
        assert_eq!(picture(1, 80, 0, &[]), (Some(PayloadOddity::Size), true));
        assert_eq!(picture(2, 80, 40, &[]), (Some(PayloadOddity::JpegType(2)), true));
        assert_eq!(oddity(&[0, 0, 0, 1, 1, 0, 0, 0, 7]), None);
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
