//! Captures that have one side of a connection up to a point only: what the other one acknowledges is not in them, and nobody
//! is blamed for what may stand there.

use rtsp_rec::analysis::verdicts::Cause;

use crate::connections::{Ends, TcpTalk};
use crate::one_direction::{Told, exchange, told};

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.20\r\ns=a\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:v\r\n";
const DESCRIBED: &str = "Content-Type: application/sdp\r\nContent-Base: rtsp://192.0.2.20/v/\r\n";
const ID: &str = "Session: 7\r\n";

/// Who closes, and how.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    /// Both, the server first.
    Server,
    Client,
    ServerResets,
    ClientResets,
    /// The capture ends.
    Never,
}

const ENDS: [End; 5] = [End::Server, End::Client, End::ServerResets, End::ClientResets, End::Never];

fn media(talk: &mut TcpTalk, numbers: std::ops::Range<u16>) {
    for number in numbers {
        let timestamp = u32::from(number) * 3600;
        let head = [&[0x80, 0xe0][..], &number.to_be_bytes(), &timestamp.to_be_bytes(), &[0, 0, 0, 7]].concat();
        talk.say(true, &[&[b'$', 0, 0, 113][..], &head, &[0x65], &[7; 100]].concat());
        talk.acknowledge(false);
        talk.at += 38_000_000;
    }
}

/// A session of 20 s with keep-alives that begins with these sequence numbers. With `teardown` the client takes its leave.
fn session(first: [u32; 2], teardown: bool, end: End) -> TcpTalk {
    let mut talk = TcpTalk::new(Ends { port: 40_000, server_port: 554 }).numbered(first);
    talk.handshake();
    let url = "rtsp://192.0.2.20/v";
    exchange(&mut talk, 1, &format!("DESCRIBE {url}"), "", DESCRIBED, SDP);
    let transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n";
    exchange(&mut talk, 2, &format!("SETUP {url}/v"), transport, &format!("{transport}{ID}"), "");
    exchange(&mut talk, 3, &format!("PLAY {url}"), ID, &format!("{ID}RTP-Info: url={url}/v;seq=0\r\n"), "");
    for round in 0..5 {
        media(&mut talk, round * 100..round * 100 + 100);
        exchange(&mut talk, 4 + u32::from(round), &format!("GET_PARAMETER {url}"), ID, ID, "");
    }
    if teardown {
        exchange(&mut talk, 9, &format!("TEARDOWN {url}"), ID, ID, "");
    }
    match end {
        End::Server => [true, false].into_iter().for_each(|from_server| talk.end(from_server)),
        End::Client => [false, true].into_iter().for_each(|from_server| talk.end(from_server)),
        End::ServerResets => talk.reset(true),
        End::ClientResets => talk.reset(false),
        End::Never => {}
    }
    talk
}

/// What is told where packets of one side are not there from the `from`th on, of those that are counted.
fn without(mut talk: TcpTalk, server: bool, lost: impl Fn(usize, usize) -> bool) -> Told {
    let total = talk.packets.iter().filter(|(from_server, _)| *from_server == server).count();
    let mut place = 0;
    talk.packets.retain(|(from_server, _)| {
        place += usize::from(*from_server == server);
        *from_server != server || !lost(place - 1, total)
    });
    told(talk, |_| true)
}

fn codes(told: &Told) -> Vec<&'static str> {
    told.findings.iter().map(|(code, _)| *code).collect()
}

const BLAME: [&str; 6] =
    ["end-without-bye", "media-stopped", "response-without-request", "response-missing", "no-media", "junk"];

/// No verdict but that the capture lacks something.
fn only_the_capture(told: &Told) -> bool {
    told.verdicts.iter().all(|(cause, _)| *cause == Cause::MissingInTheCapture)
}

fn assert_nobody_is_blamed(told: &Told, of: &str) {
    let codes = codes(told);
    assert!(codes.iter().all(|code| !BLAME.contains(code)), "{of}: {:?}", told.findings);
    assert!(only_the_capture(told), "{of}: {:?}", told.verdicts);
    assert!(codes.contains(&"capture-gap"), "{of}: {:?}", told.findings);
}

#[test]
fn the_client_is_not_there_from_the_middle_on() {
    for end in ENDS {
        for teardown in [true, false] {
            // Behind the third keep-alive, and within the handshake of one.
            for share in [2, 3] {
                let talk = session([u32::MAX - 300, 7], teardown, end);
                let told = without(talk, false, |place, total| place > total / share);
                assert_nobody_is_blamed(&told, &format!("{end:?} {teardown} {share}"));
                assert_eq!(told.streams, ["(Some(0), 0, Some(\"H264\"), 500)"]);
            }
        }
    }
}

#[test]
fn the_server_is_not_there_from_the_middle_on() {
    for end in ENDS {
        let talk = session([7, u32::MAX - 30_000], true, end);
        let told = without(talk, true, |place, total| place > total / 2);
        assert_nobody_is_blamed(&told, &format!("{end:?}"));
        assert_eq!(codes(&told), ["capture-gap"], "{end:?} {:?}", told.findings);
    }
    // Nor for a while: there is a hole, and no more.
    let told =
        without(session([7, 7], true, End::Client), true, |place, total| (total / 3..total / 2).contains(&place));
    assert_eq!(codes(&told), ["capture-gap", "sequence-gap"], "{:?}", told.findings);
}

/// The answer to PLAY is the last that lacks, or the first.
#[test]
fn the_answer_to_play_lacks() {
    let told = without(session([7, 7], true, End::Client), true, |place, _| place == 3);
    let codes = codes(&told);
    assert!(codes.iter().all(|code| !BLAME.contains(code) && *code != "media-before-play"), "{:?}", told.findings);
    assert!(only_the_capture(&told), "{:?}", told.verdicts);
    let told = without(session([7, 7], true, End::Client), true, |place, _| place >= 3);
    assert_nobody_is_blamed(&told, "from the answer on");
    assert!(told.streams.is_empty());
}

/// The TEARDOWN alone, with what follows there.
#[test]
fn the_teardown_lacks() {
    for end in ENDS {
        let is_torn =
            |(from_server, (_, bytes)): &(bool, (i64, Vec<u8>))| !from_server && bytes[54..].starts_with(b"TEAR");
        let mut talk = session([7, 7], true, end);
        talk.packets.retain(|packet| !is_torn(packet));
        assert_nobody_is_blamed(&told(talk, |_| true), &format!("{end:?}"));
    }
}

/// All is there but for the FIN of one side, or of both.
#[test]
fn a_fin_alone_that_lacks_is_no_gap() {
    for (client, server) in [(true, false), (false, true), (true, true)] {
        for first in [End::Client, End::Server] {
            let mut talk = session([u32::MAX - 900, 7], true, first);
            let lost = |from_server: bool| if from_server { server } else { client };
            talk.packets.retain(|(from_server, (_, bytes))| bytes[47] & 1 == 0 || !lost(*from_server));
            let told = told(talk, |_| true);
            assert!(told.findings.is_empty() && told.verdicts.is_empty(), "{client} {server} {first:?}: {told:?}");
        }
    }
}

/// Who closes without a word is told of all the same where the capture has all.
#[test]
fn a_server_that_closes_without_a_word() {
    let told = told(session([7, 7], false, End::Server), |_| true);
    assert_eq!(codes(&told), ["end-without-bye"]);
    assert_eq!(told.verdicts.len(), 1);
    // A hole long before says nothing of it: the client was heard behind it.
    let told = without(session([7, 7], false, End::Server), false, |place, _| place == 150);
    assert_eq!(codes(&told), ["end-without-bye"]);
}

/// Probes of keep-alive and of a closed window have numbers of their own, and so has who makes them up.
#[test]
fn numbers_that_say_nothing() {
    const BACK: u32 = u32::MAX;
    for ahead in [[BACK, 0], [1, 0], [0, 1], [BACK, BACK], [0, 1 << 30], [1 << 30, 0], [0, 1 << 31], [0, 100_000_000]] {
        for from_server in [false, true] {
            let mut talk = TcpTalk::new(Ends { port: 40_000, server_port: 554 }).numbered([7, 7]);
            talk.packets = session([7, 7], true, End::Never).packets;
            let mut stray = session([7, 7], true, End::Never);
            stray.packets.clear();
            stray.stray(from_server, ahead);
            talk.packets.append(&mut stray.packets);
            let told = told(talk, |_| true);
            assert!(told.findings.is_empty() && told.verdicts.is_empty(), "{ahead:?} {from_server}: {told:?}");
        }
    }
}

/// Of two interfaces, whose packets are not in order, all is told.
#[test]
fn an_acknowledgement_before_what_it_acknowledges() {
    let mut talk = session([7, 7], true, End::Server);
    for place in 4..talk.packets.len() - 2 {
        if !talk.packets[place].0 && talk.packets[place + 1].0 && place % 2 == 0 {
            talk.packets.swap(place, place + 1);
        }
    }
    let told = told(talk, |_| true);
    assert!(codes(&told).iter().all(|code| *code != "capture-gap"), "{told:?}");
    assert_eq!(told.streams, ["(Some(0), 0, Some(\"H264\"), 500)"]);
}
