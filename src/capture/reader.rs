//! Packets out of anybody's capture file, one after the other, numbered as Wireshark numbers them.
//!
//! Reads pcap and pcapng in all their variants, gzip and zstd around either, from anything that can only be read
//! forwards. What a capture holds is hostile: lengths are believed only as far as the formats allow, and whatever
//! else is odd costs the packet, not the file.
//!
//! Own code: pcap-file 3.0.0-rc.3 takes 4,150 instructions (callgrind) and an allocation to read a packet of 1,400 bytes as a
//! block with fields, where all of `analyze --table streams` takes some 2,100. It also refuses files that tshark reads, and
//! does not go on behind an error.

mod compressed;
mod foreign;
mod input;
mod interface;
mod packet;
mod pcap;
mod pcapng;

use std::io::{self, Read};

use self::compressed::Members;
pub(super) use self::input::Input;
pub use self::input::NextChunk;
pub(super) use self::interface::Options;
pub use self::packet::{CaptureError, FileEnd, Packet};
pub(in crate::capture) use self::packet::{Endianness, FilePart, RawPart, Taker};
use crate::capture::block_type::SECTION_HEADER;
pub use crate::capture::link::LinkType;

/// Reads a capture and hands its packets over in their order. A record that the end of the file cuts off is the
/// end.
///
/// # Errors
/// If the input can't be read, is no capture, or is damaged; or as `each` does.
pub fn read_packets<R: Read>(
    input: R,
    each: impl FnMut(&Packet<'_>) -> io::Result<()>,
) -> Result<FileEnd, CaptureError> {
    read_input(Input::new(Box::new(input)), each)
}

/// As [`read_packets`].
pub(super) fn read_input(
    input: Input<'_>,
    mut each: impl FnMut(&Packet<'_>) -> io::Result<()>,
) -> Result<FileEnd, CaptureError> {
    take(input, &mut each)
}

/// As [`read_packets`], with all that is in the file.
pub(in crate::capture) fn take(mut input: Input<'_>, taker: &mut impl Taker) -> Result<FileEnd, CaptureError> {
    let magic = magic(&mut input)?;
    if compressed::is_compressed(magic) {
        let mut inner = Input::new(Box::new(Members::new(input)));
        let magic = self::magic(&mut inner)?;
        return read_plain(inner, magic, taker);
    }
    read_plain(input, magic, taker)
}

/// The first four bytes.
fn magic(input: &mut Input<'_>) -> Result<[u8; 4], CaptureError> {
    if let Some([a, b, c, d]) = input.ahead(4)? {
        return Ok([*a, *b, *c, *d]);
    }
    Err(if input.is_drained() {
        CaptureError::format(0, "it is empty; has anything been recorded?")
    } else {
        unknown(input)
    })
}

fn read_plain(mut input: Input<'_>, magic: [u8; 4], taker: &mut impl Taker) -> Result<FileEnd, CaptureError> {
    if u32::from_be_bytes(magic) == SECTION_HEADER {
        return pcapng::read(input, taker);
    }
    match pcap::Variant::of(magic) {
        Some(variant) => variant.read(input, taker),
        None => Err(unknown(&mut input)),
    }
}

fn unknown(input: &mut Input<'_>) -> CaptureError {
    // As much of it as there is.
    let _ = input.ahead(foreign::ENOUGH);
    if let Some(advice) = foreign::advice(input.window()) {
        return CaptureError::format(0, advice);
    }
    CaptureError::format(0, "it is neither pcap nor pcapng, nor one of these in gzip or zstd; is it the right file?")
}
