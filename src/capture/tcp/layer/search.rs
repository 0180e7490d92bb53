//! Where the frames of a WebSocket go on whose place is not known: where the capture comes into them, and behind a hole. One
//! header of two bytes proves nothing, so what it carries has to be RTSP, and to end where frames end.

use crate::capture::tcp::layer::stretch::unmask;
use crate::rtsp::interleaved::{FRAME_HEADER, InterleavedHeader};
use crate::rtsp::start_line::{Recognition, recognise_token};
use crate::rtsp::web_socket::{FrameHeader, HeaderRead};

/// Frames that are followed from one place: a segment of 64 KiB of the smallest must not be read over and over.
const MAX_FRAMES: usize = 64;
/// As many bytes of a PDU as tell RTSP: the longest method and a space.
const LOOK: usize = 16;
/// A length of so many bytes is written in two more (RFC 6455, section 5.2).
const LONG: u64 = 126;
/// The smallest packet: RTCP without a block (RFC 3550, section 6.4.2).
const MIN_PACKET: u64 = 8;

/// The first place where frames with RTSP begin.
pub(super) fn find(bytes: &[u8], from_client: bool) -> Option<usize> {
    let is_data = |byte: u8| matches!(byte & 0x7f, 1 | 2);
    let mut starts = bytes.iter().enumerate().filter(|(_, byte)| is_data(**byte)).map(|(at, _)| at);
    starts.find(|at| bytes.get(*at..).is_some_and(|bytes| carries_rtsp(bytes, from_client, *at == 0)))
}

/// Whether frames that begin here carry RTSP. `opens`: the bytes may be those of a segment, and senders begin segments with
/// frames.
fn carries_rtsp(bytes: &[u8], from_client: bool, opens: bool) -> bool {
    let (mut chain, mut rest) = (FrameChain::default(), bytes);
    for _ in 0..MAX_FRAMES {
        let HeaderRead::Whole(frame, end) = FrameHeader::read(rest) else { break };
        let behind = rest.get(end..).unwrap_or_default();
        let len = usize::try_from(frame.len).map_or(behind.len(), |len| len.min(behind.len()));
        let (payload, next) = behind.split_at_checked(len).unwrap_or((behind, &[]));
        if frame.mask.is_some() != from_client || !chain.takes(&frame, payload) {
            return false;
        }
        if chain.is_certain {
            return true;
        }
        rest = next;
        if rest.is_empty() {
            return opens && chain.fills(frame.len == len as u64);
        }
    }
    false
}

/// Frames behind each other, and what they carry.
#[derive(Debug, Default)]
struct FrameChain {
    frames: usize,
    /// One of them was so long that by chance its length would hardly be right.
    has_long: bool,
    /// The PDUs are none of RTSP, or do not begin with a frame.
    is_foreign: bool,
    /// How much of the current PDU's beginning there is.
    begun: Vec<u8>,
    /// Bytes that are missing of the current frame on a channel.
    left: u64,
    /// Frames on channels that have begun.
    packets: usize,
    is_certain: bool,
}

impl FrameChain {
    /// Takes the next frame, as much of its payload as there is. Whether it can be one behind those before.
    fn takes(&mut self, frame: &FrameHeader, payload: &[u8]) -> bool {
        let continues = frame.opcode == 0;
        self.frames += 1;
        self.has_long |= frame.len >= LONG;
        if frame.is_control() {
            return true;
        }
        if self.frames == 1 && (continues || frame.compressed) {
            return false;
        }
        let clear = frame.mask.map(|mask| unmask(payload, mask));
        self.carry(clear.as_deref().unwrap_or(payload));
        let cut = frame.len.saturating_sub(payload.len() as u64);
        // The PDU ends where the message does, as its length says; or it goes on in a frame that says so.
        let ends = frame.last && self.packets > 0 && self.left == cut && self.begun.is_empty();
        let goes_on = continues && self.packets > 0 && self.left > cut;
        self.is_certain |= !self.is_foreign && (ends || goes_on);
        true
    }

    /// What the frames carry comes, piece by piece.
    fn carry(&mut self, mut bytes: &[u8]) {
        while !self.is_foreign && !self.is_certain && !bytes.is_empty() {
            let len = usize::try_from(self.left).map_or(bytes.len(), |left| left.min(bytes.len()));
            let (within, behind) = bytes.split_at_checked(len).unwrap_or((bytes, &[]));
            self.left = self.left.saturating_sub(within.len() as u64);
            bytes = behind;
            if let Some((first, behind)) = behind.split_first() {
                self.begun.push(*first);
                self.begin();
                bytes = behind;
            }
        }
    }

    /// One more byte of a PDU's beginning has come.
    fn begin(&mut self) {
        match (self.begun.first(), InterleavedHeader::parse(&self.begun), self.begun.get(FRAME_HEADER)) {
            (_, Some(header), Some(first)) => {
                let len = u64::from(header.payload);
                // RTP and RTCP have the same version (RFC 3550, section 5.1).
                self.is_foreign = first >> 6 != 2 || len < MIN_PACKET;
                self.left = len.saturating_sub((self.begun.len().saturating_sub(FRAME_HEADER)) as u64);
                self.packets += 1;
                self.begun.clear();
            }
            // Its header is still to come.
            (Some(b'$'), ..) => {}
            _ => match recognise_token(&self.begun) {
                Recognition::Yes => self.is_certain = true,
                Recognition::No => self.is_foreign = true,
                Recognition::NeedLine => self.is_foreign = self.begun.len() > LOOK,
            },
        }
    }

    /// Whether frames that stand at the begin of a segment are some, where nothing contradicts. `whole`: they end with it.
    fn fills(&self, whole: bool) -> bool {
        // What passes on a stream as it comes cuts PDUs anywhere.
        let alone = whole && (self.has_long || self.frames > 1);
        alone || !self.is_foreign && (self.packets > 1 || self.packets == 1 && self.left > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame of this first byte.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        match u8::try_from(payload.len()) {
            Ok(len @ ..126) => [&[first, len][..], payload].concat(),
            _ => [&[first, 126][..], &u16::try_from(payload.len()).unwrap().to_be_bytes(), payload].concat(),
        }
    }

    /// A frame on channel 0 with so many bytes of RTP.
    fn packet(len: u16) -> Vec<u8> {
        let [high, low] = len.to_be_bytes();
        let mut packet = vec![0x55; usize::from(len) + 4];
        packet[..5].copy_from_slice(&[b'$', 0, high, low, 0x80]);
        packet
    }

    const LAST: u8 = 0x82;

    #[test]
    fn a_packet_over_several_frames() {
        let packet = packet(300);
        let fragments = |cuts: [usize; 2]| {
            let [one, two] = cuts;
            [frame(0x02, &packet[..one]), frame(0, &packet[one..two]), frame(0x80, &packet[two..])].concat()
        };
        let messages = |cut: usize| [frame(LAST, &packet[..cut]), frame(LAST, &packet[cut..])].concat();
        for bytes in [fragments([100, 200]), fragments([1, 2]), fragments([4, 303]), messages(4), messages(1)] {
            assert_eq!(find(&bytes, false), Some(0));
            assert_eq!(find(&[b"\x82\x55end of one", &bytes[..]].concat(), false), Some(12));
            assert_eq!(find(&bytes, true), None, "without a mask it is no client's");
        }
        // The header alone may be anything's; where the segment begins so, it is one.
        assert_eq!(find(&fragments([100, 200])[..60], false), Some(0));
        assert_eq!(find(&[b"\x55", &fragments([100, 200])[..60]].concat(), false), None);
    }

    #[test]
    fn several_packets_in_one_frame() {
        let bytes = frame(LAST, &[packet(300), packet(40), packet(500)].concat());
        assert_eq!(find(&bytes, false), Some(0));
        assert_eq!(find(&bytes[..600], false), Some(0), "the segment ends before the frame");
        assert_eq!(find(&[b"\x55", &bytes[..320]].concat(), false), None, "nothing ends where the frame does");
        assert_eq!(find(&[b"\x55", &bytes[..]].concat(), false), Some(1));
        let wrong = frame(LAST, &[packet(300), vec![b'$', 0, 0, 90, 0x80]].concat());
        assert_eq!(find(&[b"\x55", &wrong[..]].concat(), false), None, "the last one is longer than the frame");
    }

    #[test]
    fn control_and_empty_frames_lie_between() {
        let bytes = [frame(LAST, b""), frame(0x8a, b"xxxxx"), frame(LAST, &packet(40))].concat();
        assert_eq!(find(&bytes, false), Some(0));
    }

    /// What passes on a stream as it reads it.
    #[test]
    fn frames_that_fill_a_segment() {
        let stream = [packet(300), packet(300)].concat();
        let bytes = frame(LAST, &stream[150..450]);
        assert_eq!(find(&bytes, false), Some(0));
        assert_eq!(find(&bytes[..200], false), None);
        assert_eq!(find(&frame(LAST, b"short"), false), None);
        assert_eq!(find(&[frame(LAST, b"short"), frame(LAST, b"ones")].concat(), false), Some(0));
    }

    #[test]
    fn plain_rtsp_is_none() {
        let stream: Vec<u8> = std::iter::repeat_n(packet(300), 4).flatten().collect();
        for at in 0..300 {
            assert_eq!(find(&stream[at..], false), None, "{at}");
        }
        // A packet that ends with what looks like a header.
        for end in [[LAST, 40], [0x02, 40], [0x81, 125]] {
            let bytes = [&end[..], &stream].concat();
            assert_eq!(find(&[b"\x55", &bytes[..]].concat(), false), None);
        }
    }

    proptest::proptest! {
        /// Many candidates, and no end of work.
        #[test]
        fn any_bytes(bytes in proptest::collection::vec(proptest::sample::select(vec![0, 2, 0x82, 4, b'$', 0x80]), 0..2000)) {
            let _ = (find(&bytes, false), find(&bytes, true));
        }
    }
}
