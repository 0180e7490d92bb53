use proptest::prelude::*;

use super::*;
use crate::rtsp::sdp::SessionDescription;

const H264: &str = "m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\na=fmtp:96 sprop-parameter-sets=Z0I=,aM4\n";
const AAC: &str = "m=audio 0 RTP/AVP 96\na=rtpmap:96 MPEG4-GENERIC/48000/2\n\
                   a=fmtp:96 mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1190\n";
const LATM: &str = "m=audio 0 RTP/AVP 96\na=rtpmap:96 MP4A-LATM/44100/2\na=fmtp:96 cpresent=0;config=400024203FC0\n";
const JPEG: &str = "m=video 0 RTP/AVP 26\n";

fn media(text: &str) -> Media {
    SessionDescription::parse(text.as_bytes()).media.remove(0)
}

fn extractor(text: &str) -> Extractor {
    let media = media(text);
    Extractor::new(&media, 0, media.formats[0].payload_type).unwrap()
}

/// Sequence number, timestamp, marker, payload.
type Sent<'a> = (u16, u32, bool, &'a [u8]);

fn packet(payload_type: u8, ssrc: u32, (sequence, timestamp, marker, payload): Sent<'_>) -> Vec<u8> {
    let mut bytes = vec![0x80, payload_type | u8::from(marker) << 7];
    bytes.extend(sequence.to_be_bytes());
    bytes.extend(timestamp.to_be_bytes());
    bytes.extend(ssrc.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

fn run(text: &str, sent: &[Sent<'_>]) -> (Vec<u8>, ExportStatistics) {
    let mut extractor = extractor(text);
    let payload_type = extractor.payload_type;
    let mut out = Vec::new();
    for sent in sent {
        extractor.packet(Timestamp::default(), &packet(payload_type, 7, *sent), &mut out);
    }
    extractor.finish(&mut out);
    (out, extractor.tally())
}

/// The NAL units of a byte stream whose units hold no zeros.
fn units(stream: &[u8]) -> Vec<Vec<u8>> {
    let mut units: Vec<Vec<u8>> = Vec::new();
    let mut rest = stream;
    while let Some(behind) = rest.strip_prefix(&[0, 0, 0, 1]) {
        let end = behind.windows(4).position(|four| four == [0, 0, 0, 1]).unwrap_or(behind.len());
        units.push(behind[..end].to_vec());
        rest = &behind[end..];
    }
    assert!(rest.is_empty(), "{stream:?}");
    units
}

#[test]
fn parameter_sets_of_the_description_come_first() {
    let (out, tally) = run(H264, &[(1, 0, false, &[9, 0x10]), (2, 0, true, &[0x65, 1, 2])]);
    assert_eq!(units(&out), [&[9, 0x10][..], &[0x67, 0x42], &[0x68, 0xce], &[0x65, 1, 2]]);
    assert_eq!((tally.packets, tally.units), (2, 4));
    let stap = [0x78, 0, 2, 0x67, 9, 0, 2, 0x68, 9];
    let (out, _) = run(H264, &[(1, 0, false, &stap), (2, 0, true, &[0x65, 1, 2])]);
    assert_eq!(units(&out), [&[0x67, 9][..], &[0x68, 9], &[0x65, 1, 2]], "the stream brings its own");
}

#[test]
fn fragments_are_put_together_in_their_order() {
    let sent: [Sent<'_>; 4] = [
        (9, 5, false, &[0x7c, 0x85, 1]),
        (11, 5, true, &[0x7c, 0x45, 3]),
        (10, 5, false, &[0x7c, 0x05, 2]),
        (10, 5, false, &[0x7c, 0x05, 2]),
    ];
    let (out, tally) = run(H264, &sent);
    assert_eq!(units(&out)[2], [0x65, 1, 2, 3]);
    assert_eq!((tally.repeated, tally.incomplete, tally.lost), (1, 0, 0));
}

#[test]
fn units_that_lack_a_part_are_left_out() {
    let sent: [Sent<'_>; 6] = [
        (1, 0, true, &[0x65, 9]),
        (2, 1, false, &[0x7c, 0x81, 1]),
        (4, 1, true, &[0x7c, 0x41, 3]),
        (6, 2, false, &[0x7c, 0x01, 3]),
        (7, 2, true, &[0x7c, 0x41, 3]),
        (8, 3, true, &[0x61, 9]),
    ];
    let (out, tally) = run(H264, &sent);
    assert_eq!(units(&out)[2..], [[0x65, 9], [0x61, 9]]);
    assert_eq!((tally.incomplete, tally.lost), (2, 2));
}

#[test]
fn sets_within_a_picture_do_not_cut_it() {
    let sent: [Sent<'_>; 5] = [
        (1, 0, false, &[0x67, 1]),
        (2, 0, false, &[0x65, 1]),
        (3, 0, false, &[0x67, 1]),
        (4, 0, true, &[0x65, 2]),
        (5, 1, false, &[0x67, 1]),
    ];
    let (out, _) = run("m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\n", &sent);
    assert_eq!(units(&out), [[0x67, 1], [0x65, 1], [0x65, 2], [0x67, 1]]);
}

#[test]
fn what_is_not_sent_in_order_is_refused() {
    for (encoding, fmtp) in [("H264", "packetization-mode=2"), ("H265", "sprop-max-don-diff=3")] {
        let media = media(&format!("m=video 0 RTP/AVP 96\na=rtpmap:96 {encoding}/90000\na=fmtp:96 {fmtp}\n"));
        assert!(matches!(Extractor::new(&media, 0, 96), Err(Unfit::Parameters(_))));
    }
    assert_eq!(Extractor::new(&media(H264), 0, 97).err(), Some(Unfit::Undescribed(97)));
    let opus = media("m=audio 0 RTP/AVP 96\na=rtpmap:96 OPUS/48000/2\n");
    assert_eq!(Extractor::new(&opus, 0, 96).err(), Some(Unfit::Encoding("OPUS".to_owned())));
    let encrypted = media(&H264.replace("RTP/AVP", "UDP/TLS/RTP/SAVPF"));
    assert_eq!(Extractor::new(&encrypted, 0, 96).err(), Some(Unfit::Encrypted("UDP/TLS/RTP/SAVPF".to_owned())));
}

#[test]
fn another_source_takes_over_with_its_second_packet() {
    let mut extractor = extractor(H264);
    let mut out = Vec::new();
    let sent = [(7, 1), (9, 100), (7, 2), (9, 101), (9, 102), (8, 3), (9, 103)];
    for (ssrc, number) in sent {
        let payload = [0x61, number];
        extractor.packet(Timestamp::default(), &packet(96, ssrc, (number.into(), 0, true, &payload)), &mut out);
    }
    extractor.packet(Timestamp::default(), &packet(97, 9, (504, 0, true, &[0x61])), &mut out);
    extractor.finish(&mut out);
    let numbers: Vec<u8> = units(&out)[2..].iter().map(|unit| unit[1]).collect();
    assert_eq!(numbers, [1, 2, 101, 102, 103]);
    assert_eq!(extractor.tally().others, 3);
}

#[test]
fn access_units_get_headers_and_fragments_are_joined() {
    let sent: [Sent<'_>; 6] = [
        (1, 0, true, &[0, 32, 0, 16, 0, 8, 1, 2, 3]),
        (2, 9, false, &[0, 16, 0, 32, 4, 5]),
        (3, 9, true, &[0, 16, 0, 32, 6, 7]),
        (5, 19, true, &[0, 16, 0, 32, 6, 7]),
        (6, 29, false, &[0, 16, 0, 32, 6, 7]),
        (7, 39, true, &[0, 16, 0, 8, 8]),
    ];
    let (out, tally) = run(AAC, &sent);
    let mut rest = out.as_slice();
    let mut units = Vec::new();
    while let [0xff, 0xf1, 0x4c, 0x80, high, low, 0xfc, behind @ ..] = rest {
        let length = (usize::from(*high) << 3 | usize::from(*low) >> 5) - 7;
        units.push(&behind[..length]);
        rest = &behind[length..];
    }
    assert!(rest.is_empty());
    assert_eq!(units, [&[1, 2][..], &[3], &[4, 5, 6, 7], &[8]]);
    assert_eq!((tally.units, tally.incomplete, tally.lost), (4, 2, 1));
}

#[test]
fn an_access_unit_that_is_shorter_than_its_header_says_is_left_out() {
    let sent: [Sent<'_>; 3] =
        [(1, 9, true, &[0, 16, 0, 32, 4, 5]), (2, 19, false, &[0, 16, 0, 32, 4, 5]), (3, 19, true, &[0, 16, 0, 32, 6])];
    let (out, tally) = run(AAC, &sent);
    assert_eq!((out.len(), tally.units, tally.incomplete), (0, 0, 2));
}

/// What one who ran out of memory writes of these packets, where `forget` comes behind so many of them.
fn forgetting(text: &str, sent: &[Sent<'_>], behind: usize) -> (Vec<u8>, ExportStatistics) {
    let mut extractor = extractor(text);
    let (payload_type, mut out) = (extractor.payload_type, Vec::new());
    for (place, sent) in sent.iter().enumerate() {
        if place == behind {
            extractor.forget(&mut out);
            assert_eq!(extractor.held(), 0);
        }
        extractor.packet(Timestamp::default(), &packet(payload_type, 7, *sent), &mut out);
    }
    extractor.finish(&mut out);
    (out, extractor.tally())
}

#[test]
fn the_rest_of_what_was_forgotten_is_no_unit() {
    let aac: [Sent<'_>; 7] = [
        (1, 0, true, &[0, 16, 0, 8, 1]),
        (2, 1, true, &[0, 16, 0, 8, 2]),
        (3, 2, true, &[0, 16, 0, 8, 3]),
        (4, 3, true, &[0, 16, 0, 8, 4]),
        (5, 9, false, &[0, 16, 0, 32, 4, 5]),
        (6, 9, true, &[0, 16, 0, 32, 6, 7]),
        (7, 19, true, &[0, 16, 0, 8, 9]),
    ];
    let (out, tally) = forgetting(AAC, &aac, 5);
    assert_eq!((tally.units, tally.incomplete, tally.lost, out.last()), (5, 1, 0, Some(&9)));
    let h264: [Sent<'_>; 7] = [
        (1, 0, true, &[0x65, 1]),
        (2, 1, true, &[0x61, 2]),
        (3, 2, true, &[0x61, 3]),
        (4, 3, true, &[0x61, 4]),
        (5, 4, false, &[0x7c, 0x81, 1]),
        (6, 4, true, &[0x7c, 0x41, 3]),
        (7, 5, true, &[0x61, 7]),
    ];
    let (out, tally) = forgetting(H264, &h264, 5);
    assert_eq!(units(&out)[2..], [[0x65, 1], [0x61, 2], [0x61, 3], [0x61, 4], [0x61, 7]]);
    assert_eq!(tally.incomplete, 1);
}

#[test]
fn what_waits_is_written_before_it_is_forgotten() {
    let sent: [Sent<'_>; 6] = [
        (1, 0, true, &[0x65, 1]),
        (2, 1, true, &[0x61, 2]),
        (3, 2, true, &[0x61, 3]),
        (4, 3, true, &[0x61, 4]),
        (6, 5, true, &[0x61, 6]),
        (7, 6, true, &[0x61, 7]),
    ];
    for behind in 0..sent.len() {
        let (out, tally) = forgetting(H264, &sent, behind);
        assert_eq!(units(&out)[2..].iter().map(|unit| unit[1]).collect::<Vec<_>>(), [1, 2, 3, 4, 6, 7]);
        assert_eq!((tally.lost, tally.incomplete), (1, 0));
    }
}

#[test]
fn multiplex_elements_are_joined_and_split() {
    let sent: [Sent<'_>; 5] = [
        (1, 0, true, &[2, 8, 9]),
        (2, 9, false, &[4, 1, 2]),
        (3, 9, true, &[3, 4]),
        (5, 19, true, &[1, 7]),
        (6, 29, true, &[9, 7]),
    ];
    let (out, tally) = run(LATM, &sent);
    let header = |len: u8| [0xff, 0xf1, 0x50, 0x80, (len + 7) >> 3, ((len + 7) & 7) << 5 | 0x1f, 0xfc];
    let expected = [&header(2)[..], &[8, 9], &header(4), &[1, 2, 3, 4], &header(1), &[7]].concat();
    assert_eq!(out, expected);
    assert_eq!((tally.units, tally.malformed, tally.lost, tally.incomplete), (3, 1, 1, 0));
}

#[test]
fn pictures_get_their_headers() {
    let sent: [Sent<'_>; 4] = [
        (1, 0, false, &[0, 0, 0, 0, 65, 50, 40, 30, 0, 4, 0xff, 0xff, 0xaa, 0xbb]),
        (2, 0, true, &[0, 0, 0, 2, 65, 50, 40, 30, 0, 4, 0xff, 0xff, 0xcc]),
        (3, 9, false, &[0, 0, 0, 0, 1, 50, 40, 30, 0xaa]),
        (5, 9, true, &[0, 0, 0, 2, 1, 50, 40, 30, 0xaa]),
    ];
    let (out, tally) = run(JPEG, &sent);
    assert!(out.starts_with(&[0xff, 0xd8, 0xff, 0xe0, 0, 16]) && out.ends_with(&[0xaa, 0xbb, 0xcc, 0xff, 0xd9]));
    // Luminance at Q 50 is the table of the standard; DRI; SOF0 with 240 lines of 320, 4:2:0.
    let has = |bytes: &[u8]| out.windows(bytes.len()).any(|window| window == bytes);
    assert!(has(&[0xff, 0xdb, 0, 67, 0, 16, 11, 12, 14]) && has(&[0xff, 0xdd, 0, 4, 0, 4]));
    assert!(has(&[0xff, 0xc0, 0, 17, 8, 0, 240, 1, 64, 3, 1, 0x22, 0]));
    assert_eq!((tally.units, tally.incomplete, tally.lost), (1, 1, 1));
}

#[test]
fn the_tables_of_the_standard_are_whole() {
    for (_, lengths, symbols) in jpeg_tables::CODES {
        assert_eq!(lengths.iter().map(|count| usize::from(*count)).sum::<usize>(), symbols.len());
        // Kraft's inequality: the code of ones alone is not used (ITU-T T.81, annex C).
        let taken: u32 = (1..=16).zip(lengths).map(|(length, count)| u32::from(*count) << (16 - length)).sum();
        assert!(taken < 1 << 16, "{taken}");
    }
    // Sums of tables K.1 and K.2.
    let sum = |table: &[u8]| table.iter().map(|value| u32::from(*value)).sum::<u32>();
    assert_eq!((sum(&jpeg_tables::LUMA), sum(&jpeg_tables::CHROMA)), (3688, 5505));
}

#[test]
fn tables_in_band_are_remembered() {
    let table = [7u8; 128];
    let first = [&[0, 0, 0, 0, 0, 200, 2, 2, 0, 0, 0, 128][..], &table, &[0xaa]].concat();
    let sent: [Sent<'_>; 2] = [(1, 0, true, &first), (2, 9, true, &[0, 0, 0, 0, 0, 200, 2, 2, 0, 0, 0, 0, 0xbb])];
    let (out, tally) = run(JPEG, &sent);
    assert_eq!(tally.units, 2);
    assert_eq!(out.windows(5).filter(|window| *window == [0xff, 0xdb, 0, 67, 1]).count(), 2);
    let (_, tally) = run(JPEG, &[(2, 9, true, &[0, 0, 0, 0, 0, 200, 2, 2, 0, 0, 0, 0, 0xbb])]);
    assert_eq!((tally.units, tally.malformed), (0, 1), "never told");
}

#[test]
fn samples_stand_behind_a_header() {
    let (out, _) = run("m=audio 0 RTP/AVP 0\n", &[(2, 0, false, &[3, 4]), (1, 0, false, &[1, 2])]);
    assert_eq!(out, [1, 2, 3, 4]);
    let extractor = extractor("m=audio 0 RTP/AVP 0\n");
    assert_eq!((extractor.header().len(), extractor.extension()), (58, "wav"));
    assert_ne!(extractor.final_header(4), Some(extractor.header()));
}

fn payloads() -> impl Strategy<Value = Vec<(u16, u32, bool, Vec<u8>)>> {
    let byte = prop_oneof![Just(0u8), 0..40u8, Just(0x7c), any::<u8>()];
    prop::collection::vec((0..300u16, 0..3u32, any::<bool>(), prop::collection::vec(byte, 0..40)), 0..100)
}

proptest! {
    #[test]
    fn nothing_panics_or_grows(sent in payloads(), format in 0..5usize) {
        let h265 = "m=video 0 RTP/AVP 96\na=rtpmap:96 H265/90000\n";
        let sent: Vec<Sent<'_>> =
            sent.iter().map(|(sequence, timestamp, marker, bytes)| (*sequence, *timestamp, *marker, bytes.as_slice())).collect();
        let (out, tally) = run([H264, h265, AAC, LATM, JPEG][format], &sent);
        let len: usize = sent.iter().map(|(.., bytes)| bytes.len()).sum();
        // The longest header is that of a picture.
        prop_assert!(out.len() <= len + 1000 * sent.len() + 100);
        prop_assert_eq!(tally.packets, sent.len() as u64);
    }

    #[test]
    fn units_survive_any_cutting_and_order(
        units_sent in prop::collection::vec(prop::collection::vec(1..=255u8, 1..60), 1..30),
        size in 1..20usize,
        swaps in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let mut packets: Vec<(u16, u32, bool, Vec<u8>)> = Vec::new();
        let in_order = |place: usize| u16::try_from(place).unwrap().wrapping_sub(100);
        for (time, body) in (0..).zip(&units_sent) {
            let chunks: Vec<&[u8]> = body.chunks(size).collect();
            for (place, chunk) in chunks.iter().enumerate() {
                let last = place + 1 == chunks.len();
                let payload = match (chunks.len(), place) {
                    (1, _) => [&[0x61], *chunk].concat(),
                    (_, 0) => [&[0x7c, 0x81], *chunk].concat(),
                    _ => [&[0x7c, u8::from(last) << 6 | 1], *chunk].concat(),
                };
                packets.push((in_order(packets.len()), time, last, payload));
            }
        }
        for swap in swaps {
            // Who the first is has to show soon.
            let at = swap.index(packets.len()).max(4).min(packets.len() - 1);
            let other = (at + 20).min(packets.len() - 1);
            // Each moves once: what moves on and on comes too late to be put in order.
            if [at, other].iter().all(|place| packets[*place].0 == in_order(*place)) {
                packets.swap(at, other);
            }
        }
        let sent: Vec<Sent<'_>> =
            packets.iter().map(|(sequence, timestamp, marker, bytes)| (*sequence, *timestamp, *marker, bytes.as_slice())).collect();
        let (out, _) = run("m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\n", &sent);
        let bodies: Vec<Vec<u8>> = units(&out).into_iter().map(|unit| unit[1..].to_vec()).collect();
        prop_assert_eq!(bodies, units_sent);
    }
}

#[test]
fn units_behind_start_codes_are_written_one_by_one() {
    let first = [&[0x7c, 0x87, 0x42][..], &[0, 0, 1, 0x68, 0xce], &[0, 0, 1, 0x65, 1]].concat();
    let sent: [Sent<'_>; 4] = [
        (1, 0, false, &first),
        (2, 0, false, &[0x7c, 0x07, 2]),
        (3, 0, true, &[0x7c, 0x47, 3]),
        (4, 9, true, &[0, 0, 0, 1, 0x41, 4]),
    ];
    let (out, tally) = run(H264, &sent);
    assert_eq!(units(&out), [&[0x67, 0x42][..], &[0x68, 0xce], &[0x65, 1, 2, 3], &[0x41, 4]]);
    assert_eq!((tally.units, tally.incomplete, tally.malformed), (4, 0, 0));
    // Without its middle it is no unit, and what follows is not glued to another.
    let (out, tally) = run(H264, &[sent[0], sent[2], sent[3]]);
    assert_eq!(units(&out), [&[0x67, 0x42][..], &[0x68, 0xce], &[0x41, 4]]);
    assert_eq!((tally.units, tally.incomplete), (3, 1));
}

#[test]
fn content_information_is_taken_off() {
    let description = "m=video 0 RTP/AVP 96\na=rtpmap:96 H265/90000\n";
    let sent: [Sent<'_>; 3] = [
        (1, 0, true, &[0x64, 1, 0x26, 0x10, 9, 0xaf, 1]),
        (2, 9, false, &[0x64, 1, 0x62, 0, 0x81, 0xd0]),
        (3, 9, true, &[0x64, 1, 0x62, 0, 0x41, 2]),
    ];
    let (out, tally) = run(description, &sent);
    assert_eq!(units(&out), [&[0x26, 1, 0xaf, 1][..], &[2, 1, 0xd0, 2]]);
    assert_eq!((tally.units, tally.incomplete, tally.malformed), (2, 0, 0));
}
