//! A word is put wherever a text may stand: it is gone, or docs/redact.md says that such texts stay.

use std::collections::BTreeSet;

use rtsp_rec::trace::Direction::{ClientToServer, ServerToClient};

use crate::wire::{Said, Wire, plain};
use crate::{redacted, rows};

/// No part of a URL, a host or a login.
const WORD: &str = "Qzwmarke";

/// Fields of answers whose value is the word.
const FIELDS: &str = "Accept Accept-Encoding Accept-Language Accept-Ranges Allow Authentication-Info Authorization Bandwidth \
    Base Blocksize Cache-Control Connection Content-Base Content-Encoding Content-Language Content-Length Content-Location \
    Content-Type Cookie CSeq Date Expires Frames From Host If-Modified-Since Immediate Keep-Alive Last-Modified Location \
    Media-Properties Media-Range Notify-Reason Pipelined-Requests Pragma Proxy-Authenticate Proxy-Authorization \
    Proxy-Require Public Range Rate-Control Referer Request-Status Require Retry-After RTCP-Interval RTP-Info Scale \
    Seek-Style Server Session Set-Cookie Speed Supported Terminate-Reason Timestamp Transfer-Encoding Transport \
    Unsupported User-Agent Via WWW-Authenticate X-Accept-Dynamic-Rate X-Dynamic-Rate X-Playnow X-Serial \
    X-SessionCookie X-Transport-Options";
/// Parts of fields, by what stands before the word, and behind it.
const PARTS: [(&str, &str); 21] = [
    ("", ": 1"),
    ("Transport: RTP/", ";unicast"),
    ("Transport: RTP/AVP;", ""),
    ("Transport: RTP/AVP;", "=1"),
    ("Transport: RTP/AVP;mode=", ""),
    ("Transport: RTP/AVP;x-serial=", ""),
    ("Transport: RTP/AVP;source=", ""),
    ("RTP-Info: url=a;", "=1"),
    ("RTP-Info: url=a;", ""),
    ("RTP-Info: url=a;seq=", ""),
    ("RTP-Info: url=", ""),
    ("Session: 1;", "=2"),
    ("WWW-Authenticate: ", " realm=x"),
    ("WWW-Authenticate: Digest ", "=x"),
    ("WWW-Authenticate: Digest realm=", ""),
    ("WWW-Authenticate: Digest qop=", ""),
    ("Authorization: Basic ", ""),
    ("Authorization: Digest username=", ""),
    ("Range: npt=", "-"),
    ("Range: ", "=0-"),
    ("Date: Sun, 22 Nov 2026 ", ""),
];
/// Lines of a description.
const LINES: [(&str, &str); 30] = [
    ("v=", ""),
    ("o=", " 1 1 IN IP4 10.0.0.1"),
    ("o=- ", " 1 IN IP4 10.0.0.1"),
    ("o=- 1 1 ", " IP4 10.0.0.1"),
    ("o=- 1 1 IN IP4 ", ""),
    ("s=", ""),
    ("i=", ""),
    ("u=", ""),
    ("e=", ""),
    ("p=", ""),
    ("k=", ""),
    ("c=IN IP4 ", ""),
    ("c=", " IP4 10.0.0.1"),
    ("b=", ":1"),
    ("t=", " 0"),
    ("r=", ""),
    ("z=", ""),
    ("", ""),
    ("y=", ""),
    ("m=", " 0 RTP/AVP 96"),
    ("m=video 0 RTP/", " 96"),
    ("a=", ""),
    ("a=", ":1"),
    ("a=fmtp:96 ", "=1"),
    ("a=fmtp:96 ", ""),
    ("a=fmtp:96 mode=", ""),
    ("a=fmtp:96 sprop-parameter-sets=Z0LAHtkA,", ""),
    ("a=ssrc:1 cname:", ""),
    ("a=ssrc:1 ", " cname:x"),
    ("a=source-filter: incl IN IP4 * ", ""),
];
/// Attributes whose value is the word.
const ATTRIBUTES: &str = "rtpmap framerate x-framerate framesize cliprect x-dimensions width height ptime maxptime quality \
    orient rtcp-fb rtcp-mux isma-compliance mpeg4-esid 3gpp-adaptation-support x-broadcastcontrol mid group type charset \
    lang tool extmap rtcp control range crypto fingerprint etag sdplang label x-serial";

fn answer(line: &str, fields: &str, kind: &str, body: &str) -> Said {
    let length = if body.is_empty() {
        String::new()
    } else {
        format!("Content-Type: {kind}\r\nContent-Length: {}\r\n", body.len())
    };
    (ServerToClient, format!("RTSP/1.0 {line}\r\nCSeq: 1\r\n{fields}{length}\r\n{body}").into_bytes())
}

/// Each place, as docs/redact.md names it, and the answer to a DESCRIBE in which the word stands there.
fn places() -> Vec<(String, Said)> {
    let mut places = vec![
        ("reasons".to_owned(), answer(&format!("200 {WORD}"), "", "", "")),
        ("bodies".to_owned(), answer("200 OK", "", "text/parameters", &format!("position: {WORD}\r\n"))),
        ("junk".to_owned(), (ServerToClient, format!("{WORD} and more\r\n\r\n").into_bytes())),
    ];
    let fields = FIELDS.split_whitespace().map(|name| (format!("{name}:"), format!("{name}: {WORD}\r\n")));
    let parts =
        PARTS.iter().map(|(before, behind)| (format!("{before}…{behind}"), format!("{before}{WORD}{behind}\r\n")));
    places.extend(fields.chain(parts).map(|(name, field)| (name, answer("200 OK", &field, "", ""))));
    let lines = LINES.iter().map(|(before, behind)| (format!("{before}…{behind}"), format!("{before}{WORD}{behind}")));
    let attributes = ATTRIBUTES.split_whitespace().map(|name| (format!("a={name}:"), format!("a={name}:{WORD}")));
    places.extend(lines.chain(attributes).map(|(name, line)| {
        let body = format!("v=0\r\n{line}\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n");
        (name, answer("200 OK", "", "application/sdp", &body))
    }));
    places
}

fn stays(said: Said) -> bool {
    let asked = b"DESCRIBE rtsp://10.0.0.2/ RTSP/1.0\r\nCSeq: 1\r\n\r\n".to_vec();
    let mut wire = Wire::default();
    plain(&mut wire, &[(ClientToServer, asked), said]);
    let file = wire.file();
    let holds =
        |file: &[u8]| memchr::memmem::find(&file.to_ascii_lowercase(), WORD.to_ascii_lowercase().as_bytes()).is_some();
    assert!(holds(&file) && !rows(&file).unwrap().is_empty());
    holds(&redacted(&file).unwrap())
}

#[test]
fn every_text_that_stays_is_listed() {
    let document = include_str!("../../docs/redact.md");
    let list = document.split("### Texts that stay").nth(1).unwrap().split("\n#").next().unwrap();
    let words = |label: &str| label.split_whitespace().collect::<Vec<_>>().join(" ");
    let listed: BTreeSet<String> = list.split('`').skip(1).step_by(2).map(words).collect();
    let stay: BTreeSet<String> =
        places().into_iter().filter(|(_, said)| stays(said.clone())).map(|(name, _)| name).collect();
    assert_eq!(stay, listed);
}
