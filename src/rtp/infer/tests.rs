//! Streams made here, and what is told of them; and payloads of which nothing may be told.

use proptest::prelude::*;

use super::*;

/// A stream in the making: packets of one source, a frame each 40 ms.
struct Stream {
    evidence: PayloadEvidence,
    number: u16,
    frame: i64,
    rate: i64,
}

impl Stream {
    fn new(payload_type: u8, rate: i64) -> Self {
        Self { evidence: PayloadEvidence::new(payload_type), number: 65_530, frame: 0, rate }
    }

    /// A frame of these payloads.
    fn frame(&mut self, payloads: &[Vec<u8>]) {
        for (place, payload) in payloads.iter().enumerate() {
            let marker = u8::from(place + 1 == payloads.len()) << 7;
            let at = self.frame * 40 + i64::try_from(place).unwrap();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "timestamps wrap")]
            let timestamp = (4_294_000_000 + self.frame * self.rate / 25) as u32;
            let [a, b] = self.number.to_be_bytes();
            let head = [0x80, marker | self.evidence.payload_type, a, b];
            let bytes = [&head[..], &timestamp.to_be_bytes(), &[0, 0, 0, 7], payload].concat();
            self.evidence.packet(Timestamp::from_nanos(at * 1_000_000), &RtpPacket::parse(&bytes).unwrap());
            self.number = self.number.wrapping_add(1);
        }
        self.frame += 1;
    }

    fn lose(&mut self) {
        self.number = self.number.wrapping_add(1);
    }

    fn told(&self) -> (Option<&'static str>, Option<u32>) {
        (self.evidence.format().map(|format| format.encoding), self.evidence.clock_rate_hz())
    }
}

/// Bytes that look like nothing: of a generator that needs no state but a number.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut byte = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()[0]
    };
    (0..len).map(|_| byte()).collect()
}

/// A payload with this beginning.
fn payload(head: &[u8], seed: u64, len: usize) -> Vec<u8> {
    [head, &noise(seed, len)].concat()
}

/// `count` frames of one payload, which `each` makes of its number.
fn frames(payload_type: u8, rate: i64, count: u64, each: impl Fn(u64) -> Vec<u8>) -> Stream {
    let mut stream = Stream::new(payload_type, rate);
    (0..count).for_each(|number| stream.frame(&[each(number)]));
    stream
}

/// Pictures of H.264 from the middle of a group: three fragments each.
fn h264_picture(number: u64) -> [Vec<u8>; 3] {
    let part = |fu, head: &[u8], seed| payload(&[&[0x5c, fu], head].concat(), seed, 600);
    [part(0x81, &[0x9a], number), part(0x01, &[], number + 1), part(0x41, &[], number + 2)]
}

fn h265_picture(number: u64) -> [Vec<u8>; 3] {
    let part = |fu, seed| payload(&[0x62, 0x01, fu], seed, 600);
    [part(0x81, number), part(0x01, number + 1), part(0x41, number + 2)]
}

#[test]
fn a_picture_whose_beginning_is_lost_does_not_speak_against_its_format() {
    let mut stream = Stream::new(96, 90_000);
    for frame in 0..60 {
        let [first, inner, last] = [0x81, 0x01, 0x41].map(|fu| payload(&[0x5c, fu], frame, 200));
        if frame % 3 == 1 {
            stream.lose();
            stream.frame(&[inner, last]);
        } else {
            stream.frame(&[first, inner, last]);
        }
    }
    assert_eq!(stream.told(), (Some("H264"), Some(90_000)));
}

#[test]
fn fragmented_pictures() {
    let (mut h264, mut h265) = (Stream::new(96, 90_000), Stream::new(97, 90_000));
    for number in 0..60 {
        h264.frame(&h264_picture(number));
        h265.frame(&h265_picture(number));
    }
    assert_eq!(h264.told(), (Some("H264"), Some(90_000)));
    assert_eq!(h265.told(), (Some("H265"), Some(90_000)));
    assert!(h264.evidence.is_settled() && h265.evidence.is_settled());
}

#[test]
fn parameter_sets_and_slices() {
    let stap = [0x78, 0, 5, 0x67, 0x64, 0, 0x1f, 0xac, 0, 4, 0x68, 0xee, 0x3c, 0x80];
    let mut h264 = Stream::new(96, 90_000);
    for number in 0..6 {
        h264.frame(&[stap.to_vec(), payload(&[0x65, 0x88, 0x84], number, 300)]);
        h264.frame(&[payload(&[0x41, 0x9a, 0x24], number, 200)]);
    }
    assert_eq!(h264.told(), (Some("H264"), Some(90_000)), "without a time that is long enough");

    let sets = [vec![0x40, 1, 0x0c, 1, 0xff, 0xff, 1, 0x60], vec![0x42, 1, 1, 1, 0x60], vec![0x44, 1, 0xc1, 0x72]];
    let mut h265 = Stream::new(96, 90_000);
    for number in 0..6 {
        h265.frame(&[&sets[..], &[payload(&[0x26, 1, 0xaf], number, 300)]].concat());
        h265.frame(&[payload(&[0x02, 1, 0xd0], number, 200)]);
    }
    assert_eq!(h265.told(), (Some("H265"), Some(90_000)));
}

/// A camera whose pictures each fit a packet, seen between two key frames: nothing but slices of one kind.
#[test]
fn slices_of_one_kind_need_the_clock_of_video() {
    let slice = |number| payload(&[0x41, 0x9a], number, 200);
    assert_eq!(frames(96, 90_000, 60, slice).told(), (Some("H264"), Some(90_000)));
    assert_eq!(frames(96, 48_000, 110, slice).told(), (None, Some(48_000)));
    assert_eq!(frames(96, 90_000, 20, slice).told(), (None, None), "too few");
}

/// The encoding is beyond doubt; the clock is not what the RFC says, so it is not told.
#[test]
fn video_on_another_clock_has_no_rate() {
    let mut stream = Stream::new(96, 1000);
    (0..60).for_each(|number| stream.frame(&h264_picture(number)));
    assert_eq!(stream.told(), (Some("H264"), None));
}

#[test]
fn what_is_lost_on_the_way_does_not_mislead() {
    let (mut h264, mut jpeg) = (Stream::new(96, 90_000), Stream::new(98, 90_000));
    for number in 0..100 {
        h264.frame(&h264_picture(number));
        jpeg.frame(&[0, 600, 1200].map(|offset| jpeg_part(offset, number)));
        if number % 7 == 3 {
            h264.lose();
            jpeg.lose();
        }
    }
    assert_eq!((h264.told().0, jpeg.told().0), (Some("H264"), Some("JPEG")));
}

fn jpeg_part(offset: u16, number: u64) -> Vec<u8> {
    let [high, low] = offset.to_be_bytes();
    payload(&[0, 0, high, low, 1, 60, 80, 60], number, 600)
}

/// `sizes` access units behind headers of both modes.
fn access_units(sizes: &[u16], seed: u64) -> [Vec<u8>; 2] {
    let body = noise(seed, sizes.iter().map(|size| usize::from(*size)).sum());
    let count = u16::try_from(sizes.len()).unwrap();
    let high = sizes.iter().flat_map(|size| (size << 3).to_be_bytes()).collect();
    let low = sizes.iter().map(|size| u8::try_from(size << 2).unwrap_or(0xfc)).collect();
    [(count * 16, high), (count * 8, low)]
        .map(|(bits, headers): (u16, Vec<u8>)| [&bits.to_be_bytes()[..], &headers, &body].concat())
}

#[test]
fn audio_by_sizes_that_add_up() {
    let size = |number| 200 + u16::try_from(number * 37 % 90).unwrap();
    let high = frames(97, 44_100, 120, |number| access_units(&[size(number), size(number + 1)], number)[0].clone());
    assert_eq!(high.told(), (Some("mpeg4-generic"), Some(44_100)));
    assert!(high.evidence.format().unwrap().fmtp.unwrap().contains("sizelength=13"));
    let low = frames(97, 16_000, 120, |number| access_units(&[size(number) % 60 + 1], number)[1].clone());
    assert_eq!(low.told(), (Some("mpeg4-generic"), Some(16_000)));
    assert!(low.evidence.format().unwrap().fmtp.unwrap().contains("sizelength=6"));
    let latm = frames(97, 24_000, 120, |number| {
        let size = usize::from(size(number)) + 100;
        payload(&[vec![0xff; size / 255], vec![u8::try_from(size % 255).unwrap()]].concat(), number, size)
    });
    assert_eq!(latm.told(), (Some("MP4A-LATM"), Some(24_000)));
}

#[test]
fn transport_streams() {
    let packets = |number: u64| (0..7).flat_map(|packet| payload(&[0x47], number * 7 + packet, 187)).collect();
    assert_eq!(frames(96, 90_000, 4, packets).told(), (Some("MP2T"), Some(90_000)));
    let cut = |number: u64| (0..7).flat_map(|packet| payload(&[0x47], number * 7 + packet, 186)).collect();
    assert_eq!(frames(96, 90_000, 60, cut).told().0, None);
}

#[test]
fn static_payload_types_are_known_by_their_number() {
    assert_eq!(frames(0, 8000, 1, |seed| noise(seed, 160)).told(), (Some("PCMU"), Some(8000)));
    assert_eq!(frames(26, 90_000, 1, |seed| noise(seed, 160)).told(), (Some("JPEG"), Some(90_000)));
    assert_eq!(frames(14, 90_000, 1, |_| Vec::new()).evidence.format().unwrap().media, MediaKind::Audio);
}

#[test]
fn packets_that_come_again_or_late_are_no_evidence() {
    let mut evidence = PayloadEvidence::new(96);
    for number in [9, 9, 200, 8] {
        let bytes = [0x80, 0xe0, 0, number, 0, 0, number, 0, 0, 0, 0, 7, 0x65, 0x88];
        evidence.packet(Timestamp::default(), &RtpPacket::parse(&bytes).unwrap());
    }
    assert_eq!((evidence.packets, evidence.before), (2, Some((200, true))));
}

proptest! {
    /// Encrypted media, PCM, Opus, VP8 and whatever else has no structure: no encoding; the clock of audio all the same.
    #[test]
    fn what_has_no_structure_has_no_name(seed: u64, len in 2usize..400, head in prop::option::of(any::<u8>())) {
        let head: Vec<u8> = head.into_iter().collect();
        let stream = frames(111, 48_000, 150, |number| payload(&head, seed.wrapping_add(number), len));
        prop_assert_eq!(stream.told(), (None, Some(48_000)), "{:?}", head);
    }

    /// The same over the clock of video, where slices of one kind are believed.
    #[test]
    fn nor_on_the_clock_of_video(seed: u64, len in 2usize..400, head in prop::option::of(any::<[u8; 2]>())) {
        // With both bytes of a slice the same in each packet, it is one as far as can be told.
        let head: Vec<u8> = head.iter().flat_map(|[first, _]| [*first]).collect();
        let stream = frames(111, 90_000, 150, |number| payload(&head, seed.wrapping_add(number), len));
        prop_assert_eq!(stream.told().0, None, "{:?}", head);
    }

    #[test]
    fn never_panics(packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..40), kind in 0..128u8) {
        let mut evidence = PayloadEvidence::new(kind);
        for (number, payload) in packets.iter().enumerate() {
            let head = [0x80, kind, 0, u8::try_from(number).unwrap(), 0, 0, 0, 0, 0, 0, 0, 0];
            let bytes = [&head[..], payload].concat();
            evidence.packet(Timestamp::default(), &RtpPacket::parse(&bytes).unwrap());
        }
        let _ = (evidence.format(), evidence.clock_rate_hz(), evidence.is_settled());
    }
}
