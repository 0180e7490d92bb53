//! pcapng blocks as bytes: the enhanced packet block by hand, as it is written for every frame, and a walk over
//! blocks that were written.

use crate::capture::packet::{Headers, Segment};
use crate::time::Timestamp;

/// Block type of an enhanced packet block.
pub(super) const ENHANCED_PACKET: u32 = 6;
/// Block type, total length, interface, two halves of the time, captured and original length.
const PACKET_AT: usize = 28;
/// The option `epb_flags` and the end of options.
const OPTIONS: usize = 12;
/// The total length is repeated at the end.
const TRAILER: usize = 4;

/// The longest comment that is written; an option holds 65,535 bytes.
const MAX_COMMENT: usize = 32_768;

/// What a packet block says besides the packet.
#[derive(Clone, Copy)]
pub(super) struct Stamp<'a> {
    pub(super) interface: u32,
    pub(super) at: Timestamp,
    /// Whether the capture was taken at the sender.
    pub(super) outbound: bool,
    /// Empty where there is none.
    pub(super) comment: &'a str,
}

/// Appends an enhanced packet block with one segment. Gives the place where the packet begins.
pub(super) fn append_packet(out: &mut Vec<u8>, stamp: Stamp<'_>, headers: &Headers, segment: &Segment<'_>) -> usize {
    let packet = headers.packet_len(segment.options.len(), segment.payload.len());
    append_block(out, stamp, packet, |out| headers.append(out, segment))
}

/// Appends an enhanced packet block around the `packet` bytes that `compose` appends.
pub(super) fn append_block(
    out: &mut Vec<u8>,
    stamp: Stamp<'_>,
    packet: usize,
    compose: impl FnOnce(&mut Vec<u8>),
) -> usize {
    let padding = packet.next_multiple_of(4) - packet;
    let comment = stamp.comment.as_bytes();
    let comment = comment.get(..MAX_COMMENT).unwrap_or(comment);
    let total = length(PACKET_AT + packet + padding + comment_len(comment) + OPTIONS + TRAILER);
    let [t0, t1, t2, t3, t4, t5, t6, t7] = stamp.at.as_nanos().to_le_bytes();
    let head = [
        ENHANCED_PACKET.to_le_bytes(),
        total,
        stamp.interface.to_le_bytes(),
        [t4, t5, t6, t7],
        [t0, t1, t2, t3],
        length(packet),
        length(packet),
    ];
    out.extend_from_slice(head.as_flattened());
    let start = out.len();
    compose(out);
    out.extend_from_slice([0; 3].get(..padding).unwrap_or_default());
    // epb_flags: inbound 1, outbound 2.
    let flags = if stamp.outbound { 2 } else { 1 };
    out.extend_from_slice([[2, 0, 4, 0], [flags, 0, 0, 0]].as_flattened());
    append_comment(out, comment);
    out.extend_from_slice([[0; 4], total].as_flattened());
    start
}

/// Bytes of the option `opt_comment`.
const fn comment_len(comment: &[u8]) -> usize {
    if comment.is_empty() { 0 } else { 4 + comment.len().next_multiple_of(4) }
}

fn append_comment(out: &mut Vec<u8>, comment: &[u8]) {
    if comment.is_empty() {
        return;
    }
    let [low, high, ..] = length(comment.len());
    out.extend_from_slice(&[1, 0, low, high]);
    out.extend_from_slice(comment);
    let padding = comment.len().next_multiple_of(4) - comment.len();
    out.extend_from_slice([0; 3].get(..padding).unwrap_or_default());
}

fn length(len: usize) -> [u8; 4] {
    u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes()
}

/// How many of the first `len` bytes of these little-endian blocks are whole blocks.
pub fn whole_blocks(blocks: &[u8], len: usize) -> usize {
    let mut end = 0;
    while let Some([_, _, _, _, a, b, c, d]) = blocks.get(end..end + 8) {
        let total = u32::from_le_bytes([*a, *b, *c, *d]) as usize;
        if total < 12 || end + total > len {
            break;
        }
        end += total;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_blocks_are_counted() {
        let headers = Headers::new("1.2.3.4:1".parse().unwrap(), "1.2.3.4:2".parse().unwrap(), true);
        let mut out = Vec::new();
        for payload in [b"abc".as_slice(), b"", b"defgh"] {
            let segment = Segment { payload, ..Segment::default() };
            let stamp = Stamp { interface: 0, at: Timestamp::default(), outbound: true, comment: "" };
            append_packet(&mut out, stamp, &headers, &segment);
        }
        assert_eq!(whole_blocks(&out, out.len()), out.len());
        let two = whole_blocks(&out, out.len() - 1);
        assert_eq!(whole_blocks(&out, two), two);
        assert!(whole_blocks(&out, two - 1) < two);
        assert_eq!(whole_blocks(&out, 11), 0);
    }
}
