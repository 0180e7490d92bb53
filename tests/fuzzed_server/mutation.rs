//! What chance does to messages and bytes.

use fastrand::Rng;

const STATUSES: [&str; 16] =
    ["100", "200", "201", "250", "301", "302", "401", "404", "407", "454", "455", "461", "500", "503", "0", "99999"];
const NUMBERS: [&str; 14] = [
    "0",
    "1",
    "-1",
    "2",
    "3",
    "7",
    "255",
    "256",
    "65535",
    "65536",
    "4294967295",
    "4294967296",
    "99999999999999999999",
    "1.5",
];
/// Header fields that steer a client.
const FIELDS: [&str; 14] = [
    "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\"",
    "WWW-Authenticate: Digest realm=\"r\", nonce=\"m\", qop=\"auth\", stale=true",
    "WWW-Authenticate: Basic realm=\"r\"",
    "Location: rtsp://elsewhere/path",
    "Location: /other",
    "Location: rtsps://cam/",
    "Session: other;timeout=1",
    "Session: ",
    "Content-Length: 5",
    "Content-Base: rtsp://rtsp://[::1]:x/",
    "Transport: RTP/AVP;unicast;client_port=1-2",
    "Transport: RTP/AVP/TCP;interleaved=254-255,RTP/AVP/TCP;interleaved=0-1",
    "Public: GET_PARAMETER",
    "Range: npt=0-0.5",
];
/// Messages of the server's own, and such as might come by mistake.
const MESSAGES: [&str; 8] = [
    "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n",
    "GET_PARAMETER rtsp://x/ RTSP/1.0\r\nContent-Length: 3\r\n\r\nabc",
    "RTSP/1.0 100 Continue\r\nCSeq: 2\r\n\r\n",
    "RTSP/1.0 200 OK\r\n\r\n",
    "RTSP/1.0 454 Session Not Found\r\nCSeq: 999\r\n\r\n",
    "TEARDOWN rtsp://x/ RTSP/1.0\r\nCSeq: 5\r\n\r\n",
    "REDIRECT rtsp://x/ RTSP/1.0\r\nCSeq: 6\r\nLocation: rtsp://y/\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Type: application/x-rtsp-tunnelled\r\n\r\n",
];

/// Changes a message as somebody might who knows the protocol.
pub(crate) fn message(rng: &mut Rng, text: &str) -> String {
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
    let mut lines: Vec<String> = head.split("\r\n").map(str::to_owned).collect();
    let mut body = body.to_owned();
    let at = rng.usize(..lines.len());
    match rng.u8(..14) {
        0 if lines.len() > 1 => drop(lines.remove(at)),
        0 | 1 => lines.insert(at, lines[at].clone()),
        2 => {
            let other = rng.usize(..lines.len());
            lines.swap(at, other);
        }
        3 => lines[0] = format!("RTSP/1.0 {} Whatever", STATUSES[rng.usize(..STATUSES.len())]),
        4 | 5 => lines[at] = number(rng, &lines[at]),
        6 => lines.insert(at.max(1).min(lines.len()), FIELDS[rng.usize(..FIELDS.len())].to_owned()),
        7 => lines[at] = lines[at].to_uppercase(),
        8 => lines[at] = lines[at].chars().take(rng.usize(..40)).collect(),
        9 => lines[at] = format!("{}: {}", lines[at], "long".repeat(rng.usize(..30_000))),
        10 => body = sdp(rng, &body),
        11 => body.clear(),
        12 => lines[0] = lines[0].replace("RTSP/1.0", ["HTTP/1.1", "RTSP/2.0", "", "ICY"][rng.usize(..4)]),
        _ => return [head, "\n\n", &body].concat().replace("\r\n", "\n"),
    }
    format!("{}\r\n\r\n{body}", lines.join("\r\n"))
}

/// Another number in the place of one.
fn number(rng: &mut Rng, line: &str) -> String {
    let begins: Vec<usize> = line.match_indices(|letter: char| letter.is_ascii_digit()).map(|(at, _)| at).collect();
    if begins.is_empty() {
        return line.to_owned();
    }
    let (before, rest) = line.split_at(begins[rng.usize(..begins.len())]);
    let behind = rest.trim_start_matches(|letter: char| letter.is_ascii_digit());
    format!("{before}{}{behind}", NUMBERS[rng.usize(..NUMBERS.len())])
}

/// Lines of a description dropped, doubled, or with another number.
fn sdp(rng: &mut Rng, body: &str) -> String {
    let mut lines: Vec<String> = body.lines().map(str::to_owned).collect();
    if lines.is_empty() {
        return "v=0\r\nm=video 0 RTP/AVP 96\r\na=control:*\r\n".to_owned();
    }
    let at = rng.usize(..lines.len());
    match rng.u8(..4) {
        0 => drop(lines.remove(at)),
        1 => lines[at] = number(rng, &lines[at]),
        2 => lines.insert(at, "a=control:rtsp://u:p@rtsp://other/\u{7f}x".to_owned()),
        _ => (0..rng.usize(..200)).for_each(|track| lines.push(format!("m=video 0 RTP/AVP 96\r\na=control:{track}"))),
    }
    lines.join("\r\n") + "\r\n"
}

/// Changes bytes, whatever they are.
pub(crate) fn bytes(rng: &mut Rng, bytes: &mut Vec<u8>) {
    let at = rng.usize(..=bytes.len());
    let end = (at + rng.usize(..40)).min(bytes.len());
    match rng.u8(..5) {
        0 => bytes[at..end].iter_mut().for_each(|byte| *byte ^= 1 << rng.u8(..8)),
        1 => drop(bytes.drain(at..end)),
        2 => {
            let copy = bytes[at..end].to_vec();
            bytes.splice(at..at, copy);
        }
        3 => {
            let noise: Vec<u8> = (0..rng.usize(..60)).map(|_| rng.u8(..)).collect();
            bytes.splice(at..at, noise);
        }
        _ => drop(bytes.splice(at..at, *b"$\x00\x00\x0c\x80\x60")),
    }
}

/// Something that nobody has asked for.
pub(crate) fn unasked(rng: &mut Rng) -> Vec<u8> {
    match rng.u8(..4) {
        0 => (0..rng.usize(..300)).map(|_| rng.u8(..)).collect(),
        1 => {
            let length = [0, 1, 4, 12, 40, 1400, 65_535][rng.usize(..7)];
            let mut frame = vec![b'$', rng.u8(..6)];
            frame.extend_from_slice(&u16::try_from(length).expect("it fits").to_be_bytes());
            // Not always as many as it says.
            frame.extend((0..length.min(rng.usize(..2000))).map(|_| rng.u8(..)));
            frame
        }
        2 => [&[b'$', 1, 0, 8, 0x81, 203, 0, 1][..], &[0x11, 0xaa, 0x22, 0xbb]].concat(),
        _ => MESSAGES[rng.usize(..MESSAGES.len())].as_bytes().to_vec(),
    }
}
