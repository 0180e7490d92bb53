//! Captures that begin in the middle of a session: nothing describes their streams, and what is inferred of them is inferred
//! of what is left of them as well.

use proptest::prelude::*;
use rtsp_rec::analysis::rows::Table;
use rtsp_rec::trace::Direction::{ClientToServer, ServerToClient};

use crate::secrets::frame;
use crate::wire::{GET, Tcp, Wire};
use crate::{assert_redacted, difference, redacted, rows};

/// What a stream carries.
#[derive(Clone, Copy, Debug)]
enum Media {
    H264,
    H265,
    Jpeg,
    Aac,
    Latm,
    TransportStream,
    Noise,
}

const ALL: [Media; 7] =
    [Media::H264, Media::H265, Media::Jpeg, Media::Aac, Media::Latm, Media::TransportStream, Media::Noise];

/// Bytes that look like nothing.
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

fn with_head(head: &[u8], seed: u64, len: usize) -> Vec<u8> {
    [head, &noise(seed, len)].concat()
}

impl Media {
    /// The payloads of a frame.
    fn frame(self, number: u64) -> Vec<Vec<u8>> {
        let begins = number.is_multiple_of(12);
        match self {
            Self::H264 if begins => {
                let sets = [&[0x78, 0, 40, 0x67, 0x64, 0, 0x1f][..], &noise(number, 36), &[0, 2, 0x68, 0xee]].concat();
                vec![sets, with_head(&[0x65, 0x88, 0x84], number, 300)]
            }
            Self::H264 => vec![
                with_head(&[0x5c, 0x81, 0x9a], number, 200),
                with_head(&[0x5c, 0x01], number + 1, 200),
                with_head(&[0x5c, 0x41], number + 2, 90),
            ],
            Self::H265 if begins => vec![
                with_head(&[0x40, 1, 0x0c, 1, 0xff, 0xff], number, 20),
                with_head(&[0x42, 1, 1], number, 20),
                with_head(&[0x26, 1, 0xaf], number, 300),
            ],
            Self::H265 => vec![with_head(&[0x02, 1, 0xd0], number, 200)],
            Self::Jpeg => [0_u16, 300, 600]
                .map(|offset| {
                    let [high, low] = offset.to_be_bytes();
                    with_head(&[0, 0, high, low, 1, 60, 40, 30], number + u64::from(offset), 300)
                })
                .to_vec(),
            Self::Aac => {
                let size = u16::try_from(100 + number % 90).unwrap();
                let [high, low] = (size << 3).to_be_bytes();
                vec![with_head(&[0, 16, high, low], number, usize::from(size))]
            }
            Self::Latm => {
                let size = u8::try_from(60 + number % 90).unwrap();
                vec![if number.is_multiple_of(3) {
                    with_head(&[0xff, size], number, 255 + usize::from(size))
                } else {
                    with_head(&[size], number, usize::from(size))
                }]
            }
            Self::TransportStream => {
                vec![(0..7).flat_map(|place| with_head(&[0x47], number * 7 + place, 187)).collect()]
            }
            Self::Noise => vec![noise(number, 160)],
        }
    }

    const fn rate(self) -> u64 {
        match self {
            Self::Aac | Self::Latm | Self::Noise => 48_000,
            _ => 90_000,
        }
    }
}

/// A part of a session: 25 frames a second, and a word of the client every second. Frames of these numbers are something else,
/// packets of those do not come.
fn late(udp: bool, media: Media, frames: u64, odd: &[u64], lost: &[u16]) -> Vec<u8> {
    let mut wire = Wire::default();
    let mut tcp = Tcp::begun(GET);
    let mut sequence = 65_500_u16;
    for number in 0..frames {
        wire.now = i64::try_from(number * 40).unwrap();
        let payloads = if odd.contains(&number) { vec![noise(!number, 90)] } else { media.frame(number) };
        let last = payloads.len() - 1;
        for (place, payload) in payloads.iter().enumerate() {
            let marker = u8::from(place == last) << 7;
            let timestamp = u32::try_from(number * media.rate() / 25).unwrap().to_be_bytes();
            let head = [&[0x80, marker | 0x60][..], &sequence.to_be_bytes(), &timestamp, &[0, 0, 0, 7]].concat();
            let packet = [&head, payload.as_slice()].concat();
            if lost.contains(&sequence) {
                // It was never sent.
            } else if udp {
                wire.datagram(ServerToClient, [6000, 7000], &packet);
            } else {
                wire.send(&mut tcp, ServerToClient, &frame(0, &packet));
            }
            sequence = sequence.wrapping_add(1);
        }
        if number % 25 == 7 {
            let said = format!("GET_PARAMETER rtsp://10.0.0.2/ RTSP/1.0\r\nCSeq: {number}\r\nSession: 1\r\n\r\n");
            wire.send(&mut tcp, ClientToServer, said.as_bytes());
            let said = format!("RTSP/1.0 200 OK\r\nCSeq: {number}\r\nSession: 1\r\n\r\n");
            wire.send(&mut tcp, ServerToClient, said.as_bytes());
        }
    }
    wire.file()
}

/// What the streams of a capture seem to carry.
fn encodings(file: &[u8]) -> Vec<String> {
    let streams = rows(file).unwrap().into_iter().filter(|(table, _)| *table == Table::Streams);
    streams.filter_map(|(_, row)| row["encoding"].as_str().map(str::to_owned)).collect()
}

#[test]
fn what_is_inferred_of_a_late_capture_stays() {
    let expected =
        [Some("H264"), Some("H265"), Some("JPEG"), Some("mpeg4-generic"), Some("MP4A-LATM"), Some("MP2T"), None];
    for udp in [false, true] {
        for (media, encoding) in ALL.into_iter().zip(expected) {
            let file = late(udp, media, 110, &[], &[]);
            assert_eq!(encodings(&file), Vec::from_iter(encoding), "{media:?}, over UDP: {udp}");
            assert_redacted(&file, &format!("{media:?}, over UDP: {udp}"));
        }
    }
}

#[test]
fn of_a_stream_that_shows_nothing_no_byte_stays() {
    for udp in [false, true] {
        let other = redacted(&late(udp, Media::Noise, 110, &[], &[])).unwrap();
        for number in 0..110 {
            let payload = noise(number, 160);
            assert!(memchr::memmem::find(&other, &payload[..4]).is_none(), "frame {number}");
        }
        assert!(memchr::memmem::find(&other, &[b'x'; 160]).is_some());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn no_late_capture_is_refused(
        udp: bool,
        media in prop::sample::select(&ALL[..]),
        frames in 9..110_u64,
        odd in prop::collection::vec(0..110_u64, 0..6),
        lost in prop::collection::vec(65_500..65_535_u16, 0..4),
    ) {
        let file = late(udp, media, frames, &odd, &lost);
        let other = redacted(&file).unwrap();
        prop_assert_eq!(difference(&rows(&file).unwrap(), &rows(&other).unwrap()), None);
    }
}
