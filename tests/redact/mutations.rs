//! Dialogues as odd as devices write them, by the thousand: none of them is refused.

use proptest::prelude::*;
use proptest::sample::Index;
use rtsp_rec::trace::Direction::{ClientToServer, ServerToClient};
use serde_json::Value;

use crate::secrets::{dialogue, packet, report};
use crate::wire::{GET, Said, Tcp, Wire, plain};
use crate::{Line, redacted, rows};

/// What is done to one line of one message.
#[derive(Clone, Debug)]
struct Mutation {
    message: Index,
    line: Index,
    /// Of the parameters of the line, or of its bytes.
    place: Index,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    /// `ssrc=1` becomes `ssrc=`.
    EmptyValue,
    /// `ssrc=1` becomes `ssrc`.
    NoEquals,
    /// The parameter, or the line, is not there.
    Gone,
    /// The value stands in quotes, or in one.
    Quoted(&'static str, &'static str),
    /// Something stands before or behind the parameter.
    Around(&'static str, &'static str),
    OddCase,
    /// So many bytes of this one more.
    Longer(u8, u16),
    /// Another byte somewhere in the line.
    Byte(u8),
    /// Without a byte of the line.
    Cut,
    /// The line ends as it should not.
    End(&'static str),
    /// Once more.
    Twice,
    /// Another value of the whole line.
    Value(&'static str),
}

/// Parameters that devices write, and such as they might.
const PARAMETERS: [&str; 24] = [
    ";ssrc=",
    ";mode=",
    ";ttl=",
    ";interleaved=",
    ";source=",
    ";destination=\"\"",
    ";client_port=",
    ";server_port=-",
    ";seq",
    ";rtptime",
    ";rtptime=",
    ";timeout=",
    ";timeout",
    ";;",
    ";",
    ",",
    "=",
    " ;x-serial= ; =5;= ",
    ",url=",
    ",url",
    ";mode=\"PLAY",
    ";source=fe80::1%eth0",
    ";ssrc=0000000G",
    "://",
];
const VALUES: [&str; 18] = [
    "",
    " ",
    "\"",
    "=",
    ";",
    ",",
    "0",
    "-1",
    "99999999999999999999",
    "npt=",
    "npt=-",
    "url=",
    "rtsp://",
    "rtsp://@",
    "rtsp://[::1",
    "*",
    "RTP/AVP/TCP",
    "Digest realm=",
];

fn mutation() -> impl Strategy<Value = Mutation> {
    let around = |text| prop_oneof![Just(What::Around(text, "")), Just(What::Around("", text))];
    let what = prop_oneof![
        3 => Just(What::EmptyValue),
        3 => Just(What::NoEquals),
        1 => Just(What::Gone),
        1 => prop::sample::select(vec![("\"", "\""), ("\"", ""), ("", "\""), ("'", "'"), ("<", ">")])
            .prop_map(|(front, back)| What::Quoted(front, back)),
        3 => prop::sample::select(&PARAMETERS[..]).prop_flat_map(around),
        1 => prop::sample::select(vec![" ", "  ", "\t", ";", ",", "=", " ; "]).prop_flat_map(around),
        1 => Just(What::OddCase),
        1 => (any::<u8>(), prop_oneof![0..40u16, Just(300), Just(3000)]).prop_map(|(byte, count)| What::Longer(byte, count)),
        2 => any::<u8>().prop_map(What::Byte),
        2 => Just(What::Cut),
        1 => prop::sample::select(vec!["\n", "\r", "", "\r\n ", "\r\n\t", " \r\n"]).prop_map(What::End),
        1 => Just(What::Twice),
        2 => prop::sample::select(&VALUES[..]).prop_map(What::Value),
    ];
    (any::<Index>(), any::<Index>(), any::<Index>(), what).prop_map(|(message, line, place, what)| Mutation {
        message,
        line,
        place,
        what,
    })
}

/// A line with one of its parameters changed, or one of its bytes.
fn changed(line: &[u8], place: Index, what: &What) -> Vec<u8> {
    let text = line.trim_ascii_end();
    let end = &line[text.len()..];
    let (at, byte) = (place.index(text.len() + 1), place.index(text.len().max(1)));
    let spliced = |from: usize, to: usize, other: &[u8]| [&text[..from], other, &text[to..], end].concat();
    let value = text.iter().position(|byte| b":=".contains(byte)).map_or(0, |at| at + 1);
    match what {
        What::Longer(with, count) => spliced(at, at, &vec![*with; usize::from(*count)]),
        What::Byte(other) => spliced(byte, (byte + 1).min(text.len()), &[*other]),
        What::Cut => spliced(byte, (byte + 1).min(text.len()), b""),
        What::End(end) => [text, end.as_bytes()].concat(),
        What::Twice => [line, line].concat(),
        What::Value(other) => spliced(value, text.len(), other.as_bytes()),
        _ => {
            let mut begins = vec![0];
            begins.extend((0..text.len()).filter(|at| b";,: ".contains(&text[*at])).map(|at| at + 1));
            let from = begins[place.index(begins.len())];
            let to = text[from..].iter().position(|byte| b";,".contains(byte)).map_or(text.len(), |len| from + len);
            spliced(from, to, &parameter(&text[from..to], what))
        }
    }
}

fn parameter(text: &[u8], what: &What) -> Vec<u8> {
    let equals = text.iter().position(|byte| *byte == b'=').unwrap_or(text.len());
    let (name, value) = text.split_at(equals);
    let value = value.strip_prefix(b"=").unwrap_or(value);
    match what {
        What::EmptyValue => [name, b"="].concat(),
        What::NoEquals => name.to_vec(),
        What::Quoted(front, back) => [name, b"=", front.as_bytes(), value, back.as_bytes()].concat(),
        What::Around(front, back) => [front.as_bytes(), text, back.as_bytes()].concat(),
        What::OddCase => text.iter().map(|byte| byte ^ if byte.is_ascii_alphabetic() { 0x20 } else { 0 }).collect(),
        _ => Vec::new(),
    }
}

/// The dialogue with a line of it changed. A body that has another length now is told as that.
fn mutated(said: &mut [Said], Mutation { message, line, place, what }: &Mutation) {
    let texts: Vec<usize> = (0..said.len()).filter(|at| !said[*at].1.starts_with(b"$")).collect();
    let message = &mut said[texts[message.index(texts.len())]].1;
    let before = memchr::memmem::find(message, b"\r\n\r\n").map_or(0, |at| message.len() - at - 4);
    let mut lines: Vec<Vec<u8>> = message.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    if lines.is_empty() {
        // An earlier mutation took all of it.
        return;
    }
    let at = line.index(lines.len());
    lines[at] = changed(&lines[at], *place, what);
    *message = lines.concat();
    let after = memchr::memmem::find(message, b"\r\n\r\n").map_or(0, |at| message.len() - at - 4);
    let told = format!("Content-Length: {before}\r\n");
    if let Some(at) = memchr::memmem::find(message, told.as_bytes()).filter(|_| before != after) {
        message.splice(at..at + told.len(), format!("Content-Length: {after}\r\n").into_bytes());
    }
}

/// What the command allows: texts as long may differ.
fn without_texts(lines: Vec<Line>) -> Vec<Line> {
    let mask = |row: &mut Value| {
        if let Some(detail) = row["detail"].as_str() {
            row["detail"] = detail.chars().count().into();
        }
    };
    lines.into_iter().map(|(table, mut row)| (mask(&mut row), (table, row)).1).collect()
}

/// What the media go over.
#[derive(Clone, Copy, Debug)]
enum Media {
    Tcp,
    Udp,
}

impl Media {
    fn transport(self) -> &'static str {
        match self {
            Self::Tcp => "RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=4F2C0009;mode=\"PLAY\";ttl=7;source=10.0.0.2",
            Self::Udp => {
                "RTP/AVP;unicast;client_port=6000-6001;server_port=7000-7001;ssrc=00000009;mode=\"PLAY\";source=10.0.0.2"
            }
        }
    }

    /// The session with this dialogue.
    fn session(self, said: &[Said]) -> Vec<u8> {
        let mut wire = Wire::default();
        match self {
            Self::Tcp => plain(&mut wire, said),
            Self::Udp => {
                let mut tcp = Tcp::open(&mut wire, GET);
                for (place, (direction, bytes)) in said.iter().enumerate() {
                    wire.now += 1;
                    // TEARDOWN and its answer.
                    if place + 2 == said.len() {
                        datagrams(&mut wire);
                    }
                    wire.send(&mut tcp, *direction, bytes);
                }
            }
        }
        wire.file()
    }
}

/// Media both ways, reports, and what opens the way through a NAT.
fn datagrams(wire: &mut Wire) {
    wire.datagram(ClientToServer, [6000, 7000], &[0xce, 0xfa, 0xed, 0xfe]);
    wire.datagram(ClientToServer, [6000, 7000], &[&[0x80, 9][..], &[7; 200]].concat());
    for number in 1..14 {
        wire.now += 40;
        wire.datagram(ServerToClient, [6000, 7000], &packet(number));
    }
    wire.datagram(ServerToClient, [6001, 7001], &report());
    wire.datagram(ClientToServer, [6001, 7001], &[0x80, 201, 0, 1, 0, 0, 0, 5]);
}

fn refusal(media: Media, mutations: &[Mutation]) -> Option<String> {
    let mut said = dialogue(media.transport());
    for mutation in mutations {
        mutated(&mut said, mutation);
    }
    let file = media.session(&said);
    let other = match redacted(&file) {
        Ok(other) => other,
        Err(error) => return Some(error),
    };
    let [before, after] = [&file, &other].map(|file| without_texts(rows(file).unwrap()));
    crate::difference(&before, &after).map(|difference| format!("{difference:?}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn nothing_is_refused(mutations in prop::collection::vec(mutation(), 1..4)) {
        prop_assert_eq!(refusal(Media::Tcp, &mutations), None);
    }

    #[test]
    fn nothing_is_refused_with_media_over_udp(mutations in prop::collection::vec(mutation(), 1..4)) {
        prop_assert_eq!(refusal(Media::Udp, &mutations), None);
    }
}
