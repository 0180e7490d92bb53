//! gzip (RFC 1952) and zstd (RFC 8878) around a capture, in any number of members one behind the other.

use std::io::{self, Error, ErrorKind, Read};
use std::mem;

use flate2::bufread::GzDecoder;
use ruzstd::decoding::{BlockDecodingStrategy, StreamingDecoder};

use crate::capture::reader::input::Input;
use crate::capture::reader::packet::CaptureError;
use crate::fields::le32;

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: u32 = 0xfd2f_b528;
/// Frames to be skipped: the low four bits are free.
const ZSTD_SKIPPABLE: u32 = 0x184d_2a50;
/// The block that ends a zstd frame, empty, and a checksum, which is not looked at.
const ZSTD_END: [u8; 7] = [1, 0, 0, 0, 0, 0, 0];

/// Whether a file that begins with these bytes is compressed.
pub(super) fn is_compressed(magic: [u8; 4]) -> bool {
    magic.starts_with(&GZIP) || is_zstd(magic)
}

fn is_zstd(magic: [u8; 4]) -> bool {
    let magic = u32::from_le_bytes(magic);
    magic == ZSTD || magic & !0xf == ZSTD_SKIPPABLE
}

/// What the members hold, joined. What follows the last of them and is none is left out, as gzip does.
pub(super) struct Members<'r>(Member<'r>);

enum Member<'r> {
    Next(Input<'r>),
    Gzip(Box<GzDecoder<Input<'r>>>),
    Zstd(Box<StreamingDecoder<Input<'r>, ruzstd::decoding::FrameDecoder>>),
    /// A zstd frame whose end is missing: what was decoded of it.
    Torn(Box<ruzstd::decoding::FrameDecoder>),
    End,
}

impl<'r> Members<'r> {
    pub(super) fn new(input: Input<'r>) -> Self {
        Self(Member::Next(input))
    }
}

impl Read for Members<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = match &mut self.0 {
                Member::Gzip(decoder) => decoder.read(out)?,
                Member::Zstd(decoder) => match decoder.read(out) {
                    Err(_) if decoder.get_ref().is_drained() => 0,
                    read => read?,
                },
                Member::Torn(decoder) => decoder.read(out)?,
                Member::Next(_) => 0,
                Member::End => return Ok(0),
            };
            if read > 0 || out.is_empty() {
                return Ok(read);
            }
            self.0 = mem::replace(&mut self.0, Member::End).next()?;
        }
    }
}

impl Member<'_> {
    /// What follows a member that gives no more bytes.
    fn next(self) -> io::Result<Self> {
        match self {
            Self::Next(input) => open(input),
            Self::Gzip(decoder) => Ok(Self::Next(decoder.into_inner())),
            Self::Zstd(decoder) if decoder.decoder.is_finished() => Ok(Self::Next(decoder.into_inner())),
            Self::Zstd(decoder) => {
                // The last window is held back until the frame ends: so end it.
                let mut frame = decoder.into_frame_decoder();
                frame.decode_blocks(ZSTD_END.as_slice(), BlockDecodingStrategy::All).map_err(Error::other)?;
                Ok(Self::Torn(Box::new(frame)))
            }
            Self::Torn(_) => Err(ErrorKind::UnexpectedEof.into()),
            Self::End => Ok(Self::End),
        }
    }
}

fn open(mut input: Input<'_>) -> io::Result<Member<'_>> {
    let magic = match input.ahead(4).map_err(into_io)? {
        Some([a, b, c, d]) => [*a, *b, *c, *d],
        _ => return Ok(Member::End),
    };
    if magic.starts_with(&GZIP) {
        return Ok(Member::Gzip(Box::new(GzDecoder::new(input))));
    }
    if !is_zstd(magic) {
        return Ok(Member::End);
    }
    if u32::from_le_bytes(magic) == ZSTD {
        let decoder = StreamingDecoder::new(input).map_err(Error::other)?;
        return Ok(Member::Zstd(Box::new(decoder)));
    }
    match input.ahead(8).map_err(into_io)? {
        Some(head) => {
            let len = le32(head, 4).unwrap_or_default() as usize;
            input.pass(8);
            input.skip(len).map_err(into_io)?;
            Ok(Member::Next(input))
        }
        None => Err(ErrorKind::UnexpectedEof.into()),
    }
}

fn into_io(error: CaptureError) -> io::Error {
    match error {
        CaptureError::Io { source, .. } | CaptureError::Tap(source) => source,
        format @ CaptureError::Format { .. } => Error::other(format),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::read::GzEncoder;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        GzEncoder::new(bytes, Compression::fast()).read_to_end(&mut out).unwrap();
        out
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        compress_to_vec(bytes, CompressionLevel::Fastest)
    }

    /// What comes out before the end, and how that is.
    fn members(bytes: &[u8]) -> (Vec<u8>, io::Result<usize>) {
        let mut out = Vec::new();
        let end = Members::new(Input::new(Box::new(bytes))).read_to_end(&mut out);
        (out, end)
    }

    fn text() -> Vec<u8> {
        (0..200_000_u32).flat_map(|number| format!("{} ", number.wrapping_mul(number)).into_bytes()).collect()
    }

    #[test]
    fn members_are_joined_and_what_follows_is_left_out() {
        let skippable = [&[0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
        let all = [gzip(b"one "), zstd(b"two "), skippable, zstd(b""), gzip(b"three"), vec![0; 512]].concat();
        let (out, end) = members(&all);
        assert_eq!(out, b"one two three");
        assert!(end.is_ok());
    }

    #[test]
    fn a_cut_member_gives_what_it_has() {
        let text = text();
        for whole in [gzip(&text), zstd(&text)] {
            assert_eq!(members(&whole).0, text);
            for cut in [10, whole.len() / 2, whole.len() - 1] {
                let (out, end) = members(&whole[..cut]);
                assert_eq!(end.unwrap_err().kind(), ErrorKind::UnexpectedEof);
                assert!(text.starts_with(&out));
                // Of zstd, all but the last block of 128 KiB.
                assert!(cut == 10 || out.len() + (160 << 10) > text.len() * cut / whole.len(), "{}", out.len());
            }
        }
    }

    #[test]
    fn damage_is_an_error() {
        for mut whole in [gzip(&text()), zstd(&text())] {
            let middle = whole.len() / 2;
            whole[middle..middle + 64].fill(0xff);
            assert!(members(&whole).1.is_err());
        }
    }
}
