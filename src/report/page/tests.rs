use proptest::prelude::*;

use super::*;
use crate::analysis::cell::{Fixed, Ssrc, Utc};
use crate::analysis::findings::{FindingCode, Severity};
use crate::analysis::rows::{
    FindingRow, FrameRow, MessageKind, MessageRow, PacketRow, PacketStatus, PictureKind, Row, SenderReportRow, Sink,
    StreamRow, StreamTransport, VerdictRow,
};
use crate::analysis::verdicts::{Cause, EventKind};
use crate::trace::Direction;

/// The most that a page may have for one capture.
const MAX_PAGE: usize = 5_000_000;

fn at(millis: i64) -> Utc {
    Utc(Timestamp::from_nanos(1_700_000_000_000_000_000 + millis * 1_000_000))
}

#[expect(clippy::cast_precision_loss, reason = "small")]
fn seconds(millis: i64) -> Fixed<9> {
    Fixed(millis as f64 / 1e3)
}

/// A row of each kind, with this text wherever a capture can have any.
fn rows(text: &str) -> Vec<Row<'_>> {
    [messages(text).to_vec(), media(text).to_vec(), oddities(text).to_vec(), vec![stream(text)]].concat()
}

fn messages(text: &str) -> [Row<'_>; 2] {
    let message = |time, kind, direction, status| {
        Row::Message(MessageRow {
            frame_number: Some(4),
            time_utc: at(time),
            time_s: seconds(time),
            session: 1,
            direction,
            kind,
            method: Some(text),
            url: Some(text),
            status,
            reason: status.map(|_| text),
            rtsp_session: Some(text),
            latency_ms: status.map(|_| Fixed(1.5)),
            body_bytes: 7,
            product: Some(text),
            ..<_>::default()
        })
    };
    [
        message(0, MessageKind::Request, Direction::ClientToServer, None),
        message(2, MessageKind::Response, Direction::ServerToClient, Some(404)),
    ]
}

fn packet(time: i64, frame_number: u64, gap: u16) -> Row<'static> {
    Row::Packet(PacketRow {
        frame_number: Some(frame_number),
        time_utc: at(time),
        time_s: seconds(time),
        session: 1,
        direction: Direction::ServerToClient,
        ssrc: Ssrc(7),
        payload_bytes: Some(1000),
        delta_ms: Some(Fixed(40.0)),
        jitter_ms: Some(Fixed(0.25)),
        gap,
        status: if gap == 0 { PacketStatus::Ok } else { PacketStatus::Gap },
        ..<_>::default()
    })
}

fn media(text: &str) -> [Row<'_>; 4] {
    let (session, direction, ssrc) = (1, Direction::ServerToClient, Ssrc(7));
    let frame = FrameRow {
        time_utc: at(80),
        time_s: seconds(80),
        session,
        direction,
        ssrc,
        kind: Some(PictureKind::Idr),
        key: Some(1),
        bytes: 2000,
        frame_number: Some(6),
        ..<_>::default()
    };
    let report = SenderReportRow {
        time_utc: at(90),
        time_s: seconds(90),
        session,
        direction,
        channel: 1,
        ssrc,
        offset_ms: Some(Fixed(0.0)),
        cname: Some(text),
        ..<_>::default()
    };
    [packet(40, 5, 0), packet(80, 6, 3), Row::Frame(frame), Row::SenderReport(report)]
}

fn oddities(text: &str) -> [Row<'_>; 2] {
    let finding = FindingRow {
        frame_number: Some(6),
        time_utc: at(80),
        time_s: seconds(80),
        session: Some(1),
        track: Some(0),
        severity: Severity::Error,
        code: FindingCode::SequenceGap,
        detail: text,
        ..<_>::default()
    };
    let verdict = VerdictRow {
        frame_number: Some(6),
        time_s: seconds(80),
        last_time_s: seconds(80),
        last_frame_number: Some(6),
        session: 1,
        event: EventKind::Freeze,
        verdict: Cause::LostBeforeSending,
        count: 1,
        detail: text,
        ..<_>::default()
    };
    [Row::Finding(finding), Row::Verdict(verdict)]
}

fn stream(text: &str) -> Row<'_> {
    Row::Stream(Box::new(StreamRow {
        capture: text,
        session: 1,
        track: Some(0),
        url: text.to_owned(),
        client: text.to_owned(),
        server: text.to_owned(),
        media: Some(text),
        encoding: Some(text),
        transport: StreamTransport::Tcp,
        direction: Direction::ServerToClient,
        ssrc: Ssrc(7),
        packets: 2,
        payload_bytes: Some(0),
        missing: 3,
        bitrate_bps: Some(400_000),
        delta_max_ms: Some(Fixed(40.0)),
        cname: Some(text),
        ..<_>::default()
    }))
}

fn section<'a>(rows: impl IntoIterator<Item = Row<'a>>, name: &str) -> String {
    let mut section = CaptureReport::new(0);
    for row in rows {
        assert!(section.wants(row.table()));
        section.row(&row).unwrap();
    }
    section.render(&[name.to_owned()], 1).unwrap()
}

/// The tags with all their attributes, and nothing else.
fn tags(html: &str) -> Vec<&str> {
    html.match_indices('<').map(|(start, _)| &html[start..=start + html[start..].find('>').unwrap()]).collect()
}

#[test]
fn looks_like_this() {
    let html = section(rows("some text"), "a.pcapng");
    insta::assert_snapshot!(html.replace("><", ">\n<"));
}

/// All is well only where something was looked at.
#[test]
fn a_capture_without_a_session_is_no_all_clear() {
    let html = section([], "empty.pcapng");
    for part in ["empty.pcapng", "No RTSP session was found", "RTP without RTSP is analyzed where"] {
        assert!(html.contains(part), "{part} in {html}");
    }
    let calm = ["class=\"calm\"", "Nothing was noticed", "no RTP stream", "Nothing odd was found"];
    for part in calm {
        assert!(!html.contains(part), "{part} in {html}");
    }
    let finding = section(oddities("some text").into_iter().take(1), "other.pcapng");
    assert!(finding.contains("No RTSP session was found") && finding.contains("sequence-gap"), "{finding}");

    let silent = section(messages("some text"), "silent.pcapng");
    assert!(!silent.contains("No RTSP session") && !silent.contains("Nothing was noticed"), "{silent}");
    assert!(silent.contains("There is no RTP stream") && silent.contains("Nothing odd was found"), "{silent}");
    let good = section(messages("some text").into_iter().chain([clean_stream()]), "good.pcapng");
    assert!(good.contains("Nothing was noticed") && !good.contains("No RTSP session"), "{good}");
}

fn clean_stream() -> Row<'static> {
    Row::Stream(Box::new(StreamRow { session: 1, packets: 2, ..<_>::default() }))
}

/// A page is meant to be sent to others: they learn what files are called, not where they were.
#[test]
fn folders_stay_at_home() {
    let path = "/home/somebody/captures/a.pcapng";
    let html = section([Row::Stream(Box::new(StreamRow { capture: path, ..<_>::default() }))], path);
    assert!(html.contains(">a.pcapng</h2>") && html.contains("<td data-column=\"capture\">a.pcapng</td>"), "{html}");
    assert!(!html.contains("somebody"), "{html}");

    let captures = [vec![path, "../x/b.pcapng"], vec!["-"]];
    let beginning = beginning(&captures.map(|names| names.into_iter().map(ToOwned::to_owned).collect()));
    assert!(beginning.contains("<title>a.pcapng, b.pcapng: RTSP report</title>"), "{beginning}");
    assert!(
        beginning.contains("<a href=\"#s0\">a.pcapng, b.pcapng</a>") && beginning.contains("<a href=\"#s1\">-</a>")
    );
    assert!(!beginning.contains("somebody"), "{beginning}");
}

#[test]
fn hostile_texts_stay_texts() {
    let harmless = section(rows("x"), "x");
    for text in [
        "</script><script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "' onmouseover='alert(1)",
        "<!--",
        "]]>",
        "&lt;b&gt;",
        "</title></style></section>",
        "\0\u{202e}\u{feff}\r\n",
        "{{constructor}}${1}",
    ] {
        assert_eq!(tags(&section(rows(text), text)), tags(&harmless), "{text}");
        let twice = |text: &str| beginning(&[vec![text.to_owned()], vec![text.to_owned()]]);
        assert_eq!(tags(&twice(text)).len(), tags(&twice("x")).len(), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_becomes_a_tag(text in "[<>&\"'/a-z!=\\-\\[\\]\u{0}-\u{ff}]{1,40}") {
        let (hostile, harmless) = (section(rows(&text), &text), section(rows("x"), "x"));
        prop_assert_eq!(tags(&hostile), tags(&harmless));
    }
}

#[test]
fn only_what_is_written_here_may_run() {
    let policy = policy();
    assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    assert!(end().contains("Leon Sorokin"), "the library's licence goes along");
    for code in [SCRIPT, STYLE, UPLOT, UPLOT_STYLE] {
        assert!(!code.contains("</script") && !code.contains("</style"));
    }
}

/// Far more of everything than fits.
#[test]
fn a_page_does_not_grow_with_its_capture() {
    let long = "ü".repeat(10_000);
    let some = |index: usize| rows(&long).swap_remove(index);
    let mut section = CaptureReport::new(0);
    let mut give = |count: u32, row: &dyn Fn(u32) -> Row<'static>| {
        (0..count).for_each(|number| section.row(&row(number)).unwrap());
    };
    let moment = |number: u32| (at(i64::from(number)), seconds(i64::from(number)));
    give(300_000, &|number| {
        let (time_utc, time_s) = moment(number);
        let noise = f64::from(number.wrapping_mul(2_654_435_761) >> 12) / 1000.0;
        Row::Packet(PacketRow {
            ssrc: Ssrc(number % 30),
            frame_number: Some(number.into()),
            time_utc,
            time_s,
            delta_ms: Some(Fixed(noise)),
            jitter_ms: Some(Fixed(noise)),
            skew_ms: Some(Fixed(-noise)),
            gap: 5,
            status: PacketStatus::Gap,
            payload_bytes: Some(1400),
            ..<_>::default()
        })
    });
    give(100_000, &|number| {
        let (time_utc, time_s) = moment(number * 3);
        let kind = Some([PictureKind::I, PictureKind::P, PictureKind::B, PictureKind::Other][number as usize % 4]);
        let (ssrc, bytes) = (Ssrc(number % 30), number.into());
        Row::Frame(FrameRow { ssrc, time_utc, time_s, kind, bytes, frame_number: Some(bytes), ..<_>::default() })
    });
    for number in 0..3000u32 {
        if let Row::Message(mut row) = some(0) {
            row.session = number as usize % 40;
            section.row(&Row::Message(row)).unwrap();
        }
        for code in FindingCode::ALL {
            if let Row::Finding(mut row) = some(6)
                && number < 30
            {
                row.code = code;
                section.row(&Row::Finding(row)).unwrap();
            }
        }
        section.row(&some(7)).unwrap();
        if let Row::Stream(mut row) = some(8) {
            (row.ssrc, row.packets, row.session, row.direction) =
                (Ssrc(number), 3000 - u64::from(number), 0, Direction::ServerToClient);
            section.row(&Row::Stream(row)).unwrap();
        }
    }
    let html = section.render(&["x".to_owned()], 1).unwrap();
    let page = beginning(&[vec!["x".to_owned()]]).len() + html.len() + end().len();
    assert!(page < MAX_PAGE, "{page} bytes");
    for what in [
        "streams with fewer packets left out",
        "sessions left out",
        "verdicts left out",
        "more left out here",
        "messages left out",
    ] {
        assert!(html.contains(what), "{what}");
    }
}

#[test]
fn durations() {
    let texts = [1_234_567_890, 65_000_000_000, 3_723_000_000_000].map(duration);
    assert_eq!(texts, ["1.235 s", "1 min 05 s", "1 h 02 min 03 s"]);
}

#[test]
fn many_captures_share_a_page() {
    let of = |sections: usize| {
        let mut section = CaptureReport::new(0);
        for row in rows(&"\"".repeat(1000)) {
            for _ in 0..9 {
                section.row(&row).unwrap();
            }
        }
        section.render(&["x".to_owned()], sections).unwrap()
    };
    assert!(!of(1).contains("Many captures share this page"));
    for sections in [200, 400, 1000] {
        let html = of(sections);
        assert!(html.len() * sections < MAX_PAGE, "{} bytes of each of {sections}", html.len());
        assert!(html.contains("Many captures share this page, so it has no messages"), "{html}");
    }
}

#[test]
fn lateness_is_drawn_where_it_follows_from_skew() {
    let page = |skews: [f64; 2]| {
        let mut section = CaptureReport::new(0).with_buffer(std::time::Duration::from_millis(300));
        for (number, skew) in (0..).zip(skews) {
            let (time_utc, time_s, skew_ms) = (at(number), seconds(number), Some(Fixed(skew)));
            section.row(&Row::Packet(PacketRow { time_utc, time_s, skew_ms, ..<_>::default() })).unwrap();
        }
        let (buffer_needed_ms, stalls, stalled_ms) = (Some(Fixed(400.0)), Some(1), Some(Fixed(100.0)));
        let row = StreamRow { packets: 2, buffer_needed_ms, stalls, stalled_ms, ..<_>::default() };
        section.row(&Row::Stream(Box::new(row))).unwrap();
        section.render(&["a".to_owned()], 1).unwrap()
    };
    let one = page([0.0, 400.0]);
    assert!(one.contains(r#"data-chart="playout""#), "{one}");
    assert!(one.contains(r#""playout":{"buffer":300.0,"needed":400.0,"drift":0.0}"#), "{one}");
    assert!(one.contains("<b>1 stall</b> of a player, 100.0 ms"), "{one}");
    // Timestamps jumped by an hour: what is late against what the figures do not say.
    assert!(!page([0.0, 3_600_000.0]).contains(r#"data-chart="playout""#));
}
