//! How much of a file that a killed recorder left is whole: pcapng blocks, or zstd frames.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use byteorder::{LittleEndian, ReadBytesExt};
use zstd::zstd_safe::find_frame_compressed_size;

use crate::fields::le32;

/// The longest frame that is looked for. The recorder's are of 256 KiB and what one event adds.
const MAX_FRAME: usize = 64 << 20;
/// So much is read at once.
const STEP: usize = 1 << 20;
/// What a zstd frame begins with.
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Type, length, and the length once more.
const MIN_BLOCK: u64 = 12;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WholePart {
    /// Bytes of whole blocks or frames.
    pub(super) len: u64,
    pub(super) rest: FileTail,
}

/// What is behind them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileTail {
    Nothing,
    /// The beginning of another one, or zeros that a power cut left: worth nothing to anybody.
    Unfinished,
    /// What this recorder does not write.
    Unknown,
}

/// Looks through a file.
pub(super) fn measure(file: &File, compressed: bool) -> io::Result<WholePart> {
    let size = file.metadata()?.len();
    let len = if compressed { frames(file)? } else { blocks(file, size)? };
    let rest = if len == size { FileTail::Nothing } else { rest(file, len, size, compressed)? };
    Ok(WholePart { len, rest })
}

/// Bytes of whole little-endian blocks.
fn blocks(file: &File, size: u64) -> io::Result<u64> {
    let (mut reader, mut end) = (BufReader::new(file), 0);
    reader.seek(SeekFrom::Start(0))?;
    while size - end >= MIN_BLOCK {
        let (_kind, total) = (reader.read_u32::<LittleEndian>()?, reader.read_u32::<LittleEndian>()?);
        let len = u64::from(total);
        if len < MIN_BLOCK || len > size - end {
            break;
        }
        reader.seek_relative(i64::from(total) - 12)?;
        if reader.read_u32::<LittleEndian>()? != total {
            break;
        }
        end += len;
    }
    Ok(end)
}

/// Bytes of whole frames.
fn frames(mut file: &File) -> io::Result<u64> {
    let (mut window, mut end) = (Vec::new(), 0);
    file.seek(SeekFrom::Start(0))?;
    loop {
        let more = file.take(STEP as u64).read_to_end(&mut window)?;
        let mut used = 0;
        while let Some(bytes) = window.get(used..).filter(|bytes| bytes.starts_with(&MAGIC))
            && let Ok(len @ 1..) = find_frame_compressed_size(bytes)
        {
            used += len;
        }
        window.drain(..used);
        end += used as u64;
        if more == 0 || window.len() > MAX_FRAME || !window.starts_with(&MAGIC) && window.len() >= MAGIC.len() {
            return Ok(end);
        }
    }
}

/// What is behind the first `len` bytes of `size`.
fn rest(mut file: &File, len: u64, size: u64, compressed: bool) -> io::Result<FileTail> {
    file.seek(SeekFrom::Start(len))?;
    let mut reader = BufReader::new(file.take(size - len));
    let mut head = Vec::new();
    (&mut reader).take(8).read_to_end(&mut head)?;
    let begun = if compressed {
        head.starts_with(&MAGIC) || MAGIC.starts_with(&head)
    } else {
        is_begun_block(&head, size - len)
    };
    let zeros = || head.iter().all(|byte| *byte == 0);
    let unfinished = begun || zeros() && reader.bytes().all(|byte| byte.is_ok_and(|byte| byte == 0));
    Ok(if unfinished { FileTail::Unfinished } else { FileTail::Unknown })
}

/// Whether these are the first bytes of a block that goes on beyond the end.
fn is_begun_block(head: &[u8], left: u64) -> bool {
    match head {
        [kind @ .., _, _, _, _] if kind.len() == 4 => {
            let total = le32(head, 4).unwrap_or_default();
            kind != [0; 4] && total.is_multiple_of(4) && u64::from(total) > left
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;
    use crate::capture::{BlockSink, Source, Writer, WriterOptions};

    /// The sample as a recorder writes it, in buffers of 64 KiB.
    struct Buffers(Vec<Vec<u8>>);

    impl BlockSink for Buffers {
        fn take(&mut self, blocks: &mut Vec<u8>) -> io::Result<()> {
            self.0.push(std::mem::take(blocks));
            Ok(())
        }

        fn next_file(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn buffers() -> Vec<Vec<u8>> {
        let sample: &[u8] = include_bytes!("../../../samples/gstreamer_h264_aac.pcapng");
        let options = WriterOptions { flush_size: 64 << 10, ..WriterOptions::default() };
        let mut writer = Writer::new(Buffers(Vec::new()), options).unwrap();
        Source::read(sample, &mut writer).unwrap();
        writer.into_inner().unwrap().0
    }

    fn measured(bytes: &[u8], compressed: bool) -> WholePart {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        measure(&file, compressed).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn a_file_cut_anywhere_is_whole_up_to_its_last_piece(cut in any::<prop::sample::Index>(), compressed: bool) {
            let pieces: Vec<Vec<u8>> = if compressed {
                buffers().iter().map(|buffer| zstd::bulk::compress(buffer, 1).unwrap()).collect()
            } else {
                buffers()
            };
            let all = pieces.concat();
            let cut = cut.index(all.len() + 1);
            let found = measured(&all[..cut], compressed);
            let expected = if compressed {
                let ends = pieces.iter().scan(0, |end, piece| { *end += piece.len(); Some(*end) });
                ends.take_while(|end| *end <= cut).last().unwrap_or(0)
            } else {
                crate::capture::whole_blocks(&all, cut)
            };
            let rest = if expected == cut { FileTail::Nothing } else { FileTail::Unfinished };
            prop_assert_eq!(found, WholePart { len: expected as u64, rest });
        }
    }

    #[test]
    fn zeros_of_a_power_cut_are_worth_nothing_and_other_bytes_are_left_alone() {
        let plain = buffers().concat();
        let packed = zstd::bulk::compress(&plain, 1).unwrap();
        for (bytes, compressed) in [(plain, false), (packed, true)] {
            let len = bytes.len() as u64;
            let with = |rest: &[u8]| measured(&[&bytes, rest].concat(), compressed);
            assert_eq!(with(&[0; 5000]), WholePart { len, rest: FileTail::Unfinished });
            assert_eq!(with(b"somebody's own notes"), WholePart { len, rest: FileTail::Unknown });
        }
        assert_eq!(measured(b"", false), WholePart { len: 0, rest: FileTail::Nothing });
        assert_eq!(measured(b"", true), WholePart { len: 0, rest: FileTail::Nothing });
    }
}
