//! What the client asked for, and what is lost because of it: as `analyze` counts.

use proptest::prelude::*;

use super::*;
use crate::analysis::{Analyzer, AnalyzerOptions};
use crate::export::media::{ExportStatistics, Extractor};
use crate::session::dialog::play::MediaChange;

/// What comes of the media of each track, in the order of their first packets.
#[derive(Default)]
struct ExtractedTracks(Vec<Extractor>);

impl MediaSink for ExtractedTracks {
    fn packet(&mut self, track: &Track, packet: &MediaPacket<'_>) -> io::Result<()> {
        if self.0.len() <= track.index {
            self.0.push(Extractor::new(&track.media, track.version, 96).unwrap());
        }
        self.0[track.index].packet(packet.at, packet.bytes, &mut Vec::new());
        Ok(())
    }

    fn change(&mut self, track: &Track, at: Timestamp, change: &MediaChange) {
        self.0[track.index].change(track.number, at, change);
    }
}

const VIDEOS: &str = "v=0\r\ns=x\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:t0\r\n\
                      m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:t1\r\n";

/// What passes between client and server.
#[derive(Clone, Copy, Debug)]
enum TalkStep {
    /// A picture of the first track with this number.
    Picture(u16),
    /// A request for this URL, with these headers, and the answer's status and headers.
    Asks(&'static str, &'static str, &'static str, u16, &'static str),
    Waits(i64),
    /// The timestamps go on from elsewhere.
    Jumps,
}

use TalkStep::{Asks, Jumps, Picture, Waits};

const PAUSE: TalkStep = Asks("PAUSE", "rtsp://h/x/", "", 200, "");
const PLAY: TalkStep = Asks("PLAY", "rtsp://h/x/", "", 200, "");
const TEARDOWN: TalkStep = Asks("TEARDOWN", "rtsp://h/x/", "", 200, "");

/// A session of two tracks, of which the first has pictures.
fn pass<T: Tap>(tap: &mut T, steps: &[TalkStep]) {
    let mut talk = Talk::new(tap, 0);
    talk.describe(VIDEOS);
    talk.set_up(2, "t0", "0-1");
    talk.set_up(3, "t1", "2-3");
    talk.client(4, "PLAY rtsp://h/x/", "");
    talk.server(4, "", "");
    let mut elsewhere = 0;
    for (cseq, step) in (5..).zip(steps) {
        match *step {
            Picture(number) => {
                talk.now += 39_000_000;
                let timestamp = u32::try_from(talk.now / 1_000_000 * 90).unwrap() + elsewhere;
                let head = [&[0x80, 0xe0][..], &number.to_be_bytes(), &timestamp.to_be_bytes(), &[0, 0, 0, 7]];
                talk.bytes(S2C, &[&[b'$', 0, 0, 14][..], &head.concat(), &[0x41, 7]].concat());
            }
            Asks(method, url, headers, status, answer) => {
                talk.client(cseq, &format!("{method} {url}"), headers);
                let text = format!("RTSP/1.0 {status} So\r\nCSeq: {cseq}\r\n{answer}\r\n");
                talk.bytes(S2C, text.as_bytes());
            }
            Waits(ms) => talk.now += ms * 1_000_000,
            Jumps => elsewhere += 900_000,
        }
    }
}

fn exported(steps: &[TalkStep]) -> ExportStatistics {
    let mut tracks = Tracks::new(Selection::default(), ExtractedTracks::default());
    pass(&mut tracks, steps);
    let mut extractor = tracks.finish().unwrap().1.0.remove(0);
    extractor.finish(&mut Vec::new());
    extractor.tally()
}

fn analyzed(steps: &[TalkStep]) -> i64 {
    let mut analyzer = Analyzer::new(AnalyzerOptions::default(), ());
    pass(&mut analyzer, steps);
    analyzer.streams().next().unwrap().lost
}

fn pictures(numbers: impl IntoIterator<Item = u16>) -> Vec<TalkStep> {
    numbers.into_iter().map(Picture).collect()
}

/// Ten pictures, what the client asks for, and pictures with these numbers; how many are lost and how many unwanted.
#[track_caller]
fn assert_told(between: &[TalkStep], then: &[u16], lost: u64) {
    let steps = [&pictures(200..210)[..], between, &pictures(then.iter().copied())].concat();
    let tally = exported(&steps);
    assert_eq!((tally.lost, tally.repeated), (lost, 0), "{between:?} {then:?}");
    let pictures = between.iter().filter(|step| matches!(step, Picture(_))).count() + then.len();
    assert_eq!(tally.units, 10 + pictures as u64, "{between:?} {then:?}");
    assert_eq!(analyzed(&steps), i64::try_from(lost).unwrap(), "{between:?} {then:?}");
}

#[test]
fn what_was_not_sent_during_a_pause_is_not_lost() {
    let paused = [PAUSE, Waits(5_000), PLAY];
    // A live source goes on meanwhile; a file does not; some begin anew, with numbers near or far.
    assert_told(&paused, &[450, 451, 452, 453, 454, 455], 0);
    assert_told(&paused, &[210, 211, 212, 213, 214, 215], 0);
    assert_told(&[PAUSE, Waits(5_000), Jumps, PLAY], &[150, 151, 152, 153, 154, 155], 0);
    assert_told(&[PAUSE, Waits(5_000), Jumps, PLAY], &[9150, 9151, 9152, 9153, 9154, 9155], 0);
    // What is lost behind it is.
    assert_told(&paused, &[450, 451, 453, 454, 455, 456, 457], 1);
    let named = Asks("PLAY", "rtsp://h/x/", "", 200, "RTP-Info: url=rtsp://h/x/t0;seq=448\r\n");
    assert_told(&[PAUSE, Waits(5_000), named], &[450, 451, 452, 453, 454, 455], 2);
    let one = [Asks("PAUSE", "rtsp://h/x/t0", "", 200, ""), Waits(5_000), Asks("PLAY", "rtsp://h/x/t0", "", 200, "")];
    assert_told(&one, &[450, 451, 452, 453, 454, 455], 0);
}

#[test]
fn where_nobody_paused_it_is_lost() {
    for between in [
        &[Waits(5_000)][..],
        &[Asks("PAUSE", "rtsp://h/x/", "", 455, ""), Waits(5_000), PLAY],
        &[PAUSE, Waits(5_000), Asks("PLAY", "rtsp://h/x/t1", "", 200, "")],
        &[PAUSE, Waits(5_000), Asks("PLAY", "rtsp://h/x/", "", 404, "")],
    ] {
        assert_told(between, &[250, 251, 252, 253, 254, 255], 40);
    }
}

#[test]
fn a_seek_skips_what_lies_between() {
    let seek = |answer| Asks("PLAY", "rtsp://h/x/", "Range: npt=60-\r\n", 200, answer);
    assert_told(&[seek(""), Jumps], &[450, 451, 452, 453, 454, 455], 0);
    assert_told(&[seek("RTP-Info: url=rtsp://h/x/t0;seq=449\r\n"), Jumps], &[450, 451, 452, 453, 454, 455], 1);
}

#[test]
fn whoever_asks_for_the_end_misses_nothing() {
    let lacking = [213, 214, 220, 221, 222, 223];
    assert_told(&[TEARDOWN], &lacking, 0);
    assert_told(&[], &lacking, 8);
    assert_told(&[Asks("TEARDOWN", "rtsp://h/x/t1", "", 200, "")], &lacking, 8);
    assert_told(&[Asks("TEARDOWN", "rtsp://h/x/", "", 500, "")], &lacking, 8);
    // What is wanted again, and given up once more, while the packets behind the hole wait.
    assert_told(&[TEARDOWN, Picture(211), PLAY, TEARDOWN, Picture(212)], &[], 0);
    // Numbers that begin anew behind it.
    assert_told(&[TEARDOWN], &[9000, 9001, 9010, 9011, 9012, 9013], 0);
    assert_told(&[TEARDOWN, PLAY], &[210, 211, 215, 216, 217, 218], 3);
}

proptest! {
    /// Whatever is lost and whatever the client asks for, both say the same.
    #[test]
    fn export_counts_as_analyze_does(
        steps in prop::collection::vec((0..12u8, 1..4u16, any::<bool>()), 0..60),
    ) {
        let mut number = 65_400u16;
        let mut next = |by: u16| {
            number = number.wrapping_add(by);
            number
        };
        let mut made: Vec<TalkStep> = (0..10).map(|_| Picture(next(1))).collect();
        for (what, by, goes_on) in steps {
            match what {
                0 => made.extend([PAUSE, Waits(3_000), PLAY, Picture(next(if goes_on { 80 } else { 1 }))]),
                1 => made.extend([Asks("PLAY", "rtsp://h/x/", "Range: npt=9-\r\n", 200, ""), Jumps, Picture(next(300))]),
                2 if goes_on => made.push(TEARDOWN),
                3 if goes_on => made.push(PLAY),
                4 => made.push(Picture(next(by))),
                _ => made.push(Picture(next(1))),
            }
        }
        // What waits for one that lacks is told by then.
        made.extend((0..5).map(|_| Picture(next(1))));
        prop_assert_eq!(i64::try_from(exported(&made).lost).unwrap(), analyzed(&made));
    }
}
