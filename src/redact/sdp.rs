//! Session descriptions (RFC 4566) with other names: what RTP and RTSP need of them stays.

use crate::redact::pseudonyms::Pseudonyms;
use crate::redact::text::{blank, inside, split, trimmed};
use crate::redact::times::ranges;
use crate::redact::url::{Parameter, hidden};

/// Lines that name nobody: version, times, repetitions, bandwidth, media.
const PLAIN_LINES: [&[u8]; 6] = [b"v", b"t", b"r", b"z", b"b", b"m"];
/// Attributes whose value tells of the format or the dialogue.
const PLAIN_ATTRIBUTES: [&[u8]; 18] = [
    b"rtpmap",
    b"framerate",
    b"x-framerate",
    b"framesize",
    b"cliprect",
    b"x-dimensions",
    b"width",
    b"height",
    b"ptime",
    b"maxptime",
    b"quality",
    b"orient",
    b"rtcp-fb",
    b"rtcp-mux",
    b"isma-compliance",
    b"mpeg4-esid",
    b"3gpp-adaptation-support",
    b"x-broadcastcontrol",
];
/// Attributes whose value is words, among which names may be.
const TEXTS: [&[u8]; 7] = [b"mid", b"group", b"type", b"charset", b"lang", b"tool", b"extmap"];
/// Words that stand beside addresses.
const BESIDE_ADDRESSES: [&[u8]; 6] = [b"in", b"ip4", b"ip6", b"incl", b"excl", b"*"];
/// Attributes whose value names addresses.
const ADDRESSES: [&[u8]; 2] = [b"source-filter", b"rtcp"];
/// What sources may be to each other (RFC 5576, section 10.5, and `SIM` of cameras and browsers).
const SOURCE_GROUPS: [&[u8]; 6] = [b"fid", b"fec", b"fec-fr", b"sim", b"ddp", b"dup"];
/// Whether silence is left out, and how (RFC 3108, section 5.6.3.2).
const SILENCE: [&[u8]; 5] = [b"on", b"off", b"standard", b"custom", b"fixed-noise"];
/// Parameters of a format that hold parameter sets, which are the beginning of the media.
const PARAMETER_SETS: [&[u8]; 6] =
    [b"sprop-parameter-sets", b"sprop-vps", b"sprop-sps", b"sprop-pps", b"config", b"configuration"];
/// Digits of a configuration that tells the format of audio only.
const MAX_CONFIG: usize = 10;
/// Parameters of formats whose values are numbers (RFC 6184, 7798, 3640, 6416, 4867, 7587, 4588).
const NUMBERS: &str = "\
    packetization-mode profile-level-id level-asymmetry-allowed max-mbps max-smbps max-fs max-cpb max-dpb max-br \
    max-fps max-rcmd-nalu-size deint-buf-cap sprop-deint-buf-req sprop-interleaving-depth sprop-max-don-diff \
    sprop-init-buf-time sprop-depack-buf-nalus sprop-depack-buf-bytes sprop-stereo sprop-maxcapturerate profile-id \
    profile-space profile tier-flag level-id level interop-constraints profile-compatibility-indicator tx-mode \
    streamtype mode object objecttype bitrate cpresent sizelength indexlength indexdeltalength ctsdeltalength \
    dtsdeltalength randomaccessindication streamstateindication auxiliarydatasizelength constantsize \
    constantduration maxdisplacement de-interleavebuffersize octet-align mode-set mode-change-period \
    mode-change-capability mode-change-neighbor crc robust-sorting interleaving max-red channels stereo \
    maxplaybackrate maxaveragebitrate maxptime minptime ptime useinbandfec usedtx cbr annexb apt rtx-time width \
    height framerate depth cif qcif sqcif";
/// Words that are values of such parameters, in small letters.
const VALUES: [&[u8]; 6] = [b"aac-hbr", b"aac-lbr", b"generic", b"celp-cbr", b"celp-vbr", b"srst"];
/// Values longer than this are no numbers.
const MAX_NUMBER: usize = 24;

/// Whether a body is a description.
pub(super) fn is_description(content_type: Option<&str>, body: &[u8]) -> bool {
    let told = content_type.is_some_and(|kind| kind.to_ascii_lowercase().contains("sdp"));
    told || body.trim_ascii_start().starts_with(b"v=") || memchr::memmem::find(body, b"\nm=").is_some()
}

/// A description line by line.
pub(super) fn description(pseudonyms: &mut Pseudonyms, body: &[u8]) -> Vec<u8> {
    let mut other = pseudonyms.knowing(|pseudonyms| {
        let lines = body.split_inclusive(|byte| *byte == b'\n');
        lines.flat_map(|line| inside(line, |line| self::line(pseudonyms, line))).collect()
    });
    // Control characters, of a byte or of two, make it a bad one.
    let controls = other.iter_mut().zip(body).filter(|(_, byte)| byte.is_ascii_control());
    controls.for_each(|(other, byte)| *other = *byte);
    for at in memchr::memchr_iter(0xc2, body) {
        if let Some(pair) = body.get(at..at + 2).filter(|pair| matches!(pair, [_, 0x80..=0x9f])) {
            other.iter_mut().skip(at).zip(pair).for_each(|(byte, control)| *byte = *control);
        }
    }
    other
}

fn line(pseudonyms: &mut Pseudonyms, line: &[u8]) -> Vec<u8> {
    let Some(equals) = line.iter().position(|byte| *byte == b'=') else { return hidden(line) };
    let (kind, value) = line.split_at_checked(equals + 1).unwrap_or((line, &[]));
    let name = trimmed(kind.get(..equals).unwrap_or_default());
    let value = match name {
        _ if PLAIN_LINES.contains(&name) => value.to_vec(),
        b"o" => origin(pseudonyms, value),
        b"c" => addresses(pseudonyms, value),
        b"a" => inside(value, |value| attribute(pseudonyms, value)),
        b"s" if trimmed(value) == b"-" => value.to_vec(),
        _ => blank(value),
    };
    let kind = if name.len() == 1 {
        kind.to_vec()
    } else {
        [blank(name), kind.get(name.len()..).unwrap_or_default().to_vec()].concat()
    };
    [kind, value].concat()
}

/// User, session, version, and where the session was made.
fn origin(pseudonyms: &mut Pseudonyms, value: &[u8]) -> Vec<u8> {
    let mut words = 0;
    let mut out = Vec::with_capacity(value.len());
    for part in split(value, b" \t") {
        let word = !matches!(part, b" " | b"\t");
        match (word, words) {
            (true, 0) if part != b"-" => {
                let user = pseudonyms.names.name(part);
                pseudonyms.words.learn(part, &user);
                out.extend(user);
            }
            (true, 5..) => out.extend(pseudonyms.host(part)),
            (true, 1 | 2) if !part.iter().all(u8::is_ascii_digit) => out.extend(hidden(part)),
            (true, 3 | 4) if !is_beside_addresses(part) => out.extend(hidden(part)),
            _ => out.extend_from_slice(part),
        }
        words += u32::from(word);
    }
    out
}

/// Words among which addresses are; a group has its scope behind a slash.
fn addresses(pseudonyms: &mut Pseudonyms, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    for part in split(value, b" \t/") {
        let plain = part.len() < 2 || part.iter().all(u8::is_ascii_digit) || is_beside_addresses(part);
        out.extend(if plain { part.to_vec() } else { pseudonyms.host(part) });
    }
    out
}

fn is_beside_addresses(word: &[u8]) -> bool {
    BESIDE_ADDRESSES.iter().any(|known| known.eq_ignore_ascii_case(word))
}

fn attribute(pseudonyms: &mut Pseudonyms, attribute: &[u8]) -> Vec<u8> {
    let colon = attribute.iter().position(|byte| *byte == b':').map_or(attribute.len(), |at| at + 1);
    let (name, value) = attribute.split_at_checked(colon).unwrap_or((attribute, &[]));
    let key = trimmed(name.strip_suffix(b":").unwrap_or(name)).to_ascii_lowercase();
    let value = match key.as_slice() {
        b"control" => inside(value, |value| pseudonyms.url(value)),
        b"fmtp" => format(pseudonyms, value),
        b"ssrc" => source(pseudonyms, value),
        b"ssrc-group" => known_words(value, &SOURCE_GROUPS),
        b"silencesupp" => known_words(value, &SILENCE),
        name if ADDRESSES.contains(&name) => addresses(pseudonyms, value),
        b"range" => ranges(value),
        name if TEXTS.contains(&name) => pseudonyms.urls_in(value),
        name if PLAIN_ATTRIBUTES.contains(&name) => value.to_vec(),
        _ => blank(value),
    };
    [name, &value].concat()
}

/// Words of a list and numbers: `FID 7 77`.
fn known_words(value: &[u8], known: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    for part in split(value, b" \t") {
        let stays = part.len() < 2
            || part.iter().all(u8::is_ascii_digit)
            || known.iter().any(|known| known.eq_ignore_ascii_case(part));
        out.extend(if stays { part.to_vec() } else { blank(part) });
    }
    out
}

/// `96 packetization-mode=1;profile-level-id=4D400C;sprop-parameter-sets=…`
fn format(pseudonyms: &mut Pseudonyms, value: &[u8]) -> Vec<u8> {
    pseudonyms.parameters(value, b";", |_, parameter| match parameter {
        Parameter::Word(text) => numbers(text),
        Parameter::Named { name, value } if PARAMETER_SETS.iter().any(|sets| name.ends_with(sets)) => {
            parameter_sets(value)
        }
        Parameter::Named { name, value } if is_harmless(name, value) => value.to_vec(),
        Parameter::Named { value, .. } => hidden(value),
    })
}

/// A payload type and what stands behind it without a name, such as the events of RFC 4733: `101 0-15`.
fn numbers(text: &[u8]) -> Vec<u8> {
    let word = |word: &[u8]| if is_number(word, b"") { word.to_vec() } else { hidden(word) };
    split(text, b" \t;").flat_map(|part| if matches!(part, b";") { part.to_vec() } else { word(part) }).collect()
}

/// Whether it is known that this parameter tells of the format only, and its value is one.
fn is_harmless(name: &[u8], value: &[u8]) -> bool {
    // The payload type stands before the first name.
    let name = name.rsplit(u8::is_ascii_whitespace).next().unwrap_or_default();
    let known = NUMBERS.split(' ').any(|known| known.as_bytes() == name);
    let number = value.len() <= MAX_NUMBER && is_number(value, b"abcdefABCDEF");
    known && (number || VALUES.iter().any(|word| value.eq_ignore_ascii_case(word)))
}

/// Digits, and what stands between numbers, but no address.
fn is_number(text: &[u8], letters: &[u8]) -> bool {
    let of_number = |byte: &u8| byte.is_ascii_digit() || b"-+.,/".contains(byte) || letters.contains(byte);
    text.split(|byte| *byte == b'.').count() < 4 && text.iter().all(of_number)
}

/// Zeros in base64 or hexadecimal digits. The type of each NAL unit stays, and a configuration that is too short to hold
/// more than a format.
fn parameter_sets(value: &[u8]) -> Vec<u8> {
    let hexadecimal = value.iter().all(u8::is_ascii_hexdigit);
    if hexadecimal && value.len() <= MAX_CONFIG {
        return value.to_vec();
    }
    let mut place = 0;
    let mut zero = |byte: &u8| {
        place = if *byte == b',' { 0 } else { place + 1 };
        match (byte, place) {
            (b',' | b'=' | b' ' | b'"', _) => *byte,
            _ if hexadecimal => b'0',
            (_, 1) if byte.is_ascii_alphanumeric() => *byte,
            (_, 2) => high_bits(*byte),
            _ => b'A',
        }
    };
    value.iter().map(&mut zero).collect()
}

/// The letter of base64 with the first two bits of another one, which end the first byte.
const fn high_bits(letter: u8) -> u8 {
    match letter {
        b'Q'..=b'Z' | b'a'..=b'f' => b'Q',
        b'g'..=b'v' => b'g',
        b'w'..=b'z' | b'0'..=b'9' | b'+' | b'/' => b'w',
        _ => b'A',
    }
}

/// `1234 cname:user@host`
fn source(pseudonyms: &mut Pseudonyms, value: &[u8]) -> Vec<u8> {
    let space = value.iter().position(|byte| *byte == b' ').map_or(value.len(), |at| at + 1);
    let (number, attribute) = value.split_at_checked(space).unwrap_or((value, &[]));
    let other = match attribute.strip_prefix(b"cname:") {
        Some(name) => [b"cname:", pseudonyms.names.name(name).as_slice()].concat(),
        None => blank(attribute),
    };
    [number, &other].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtsp::sdp::SessionDescription;
    use proptest::prelude::*;

    fn text(body: &str) -> String {
        String::from_utf8(description(&mut Pseudonyms::default(), body.as_bytes())).unwrap()
    }

    const BODY: &str = "v=0\r\no=max 4004324511 1795335699000 IN IP4 192.168.1.20\r\ns=Garage of Max\r\ni=x\r\nu=http://camera/\r\n\
        e=max@example.org (Max)\r\np=+49 30 1234\r\nc=IN IP4 239.1.2.3/127\r\nb=AS:5000\r\nt=0 0\r\nk=clear:secret\r\n\
        a=control:rtsp://192.168.1.20/office/\r\na=range:npt=0-  70.00000\r\na=tool:GStreamer\r\na=x-serial:SN4711\r\n\
        m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1;profile-level-id=4D400C;\
        sprop-parameter-sets=J01ADKkYYELxCA==,KM4JiA==\r\na=control:trackID=3\r\na=ssrc:7 cname:max@garage\r\n\
        a=source-filter: incl IN IP4 * 192.168.1.20\r\na=fmtp:97 mode=AAC-hbr; config=1190; sizelength=13\r\n\
        a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc\r\na=recvonly\r\nserial 4711\r\n";

    #[test]
    fn white_space_before_a_kind_leaves_it_as_it_is() {
        for before in ["\u{b}", " ", "\t\u{c}", "\u{a0}"] {
            let line = format!("{before}s=A name");
            let other = super::line(&mut Pseudonyms::default(), line.as_bytes());
            assert!(other.starts_with(format!("{before}s=").as_bytes()) && other != line.as_bytes(), "{other:?}");
        }
    }

    #[test]
    fn lines_of_all_kinds() {
        insta::assert_snapshot!(text(BODY));
    }

    #[test]
    fn only_numbers_of_known_parameters_stay() {
        for (line, other) in [
            ("96 packetization-mode=1; secret=12", "96 packetization-mode=1; secret=xx"),
            ("96 mode=AAC-hbr;sizelength=13;mode=secret", "96 mode=AAC-hbr;sizelength=13;mode=xxxxxx"),
            ("96 level-id=10.0.0.1;secret", "96 level-id=xxxxxxxx;xxxxxx"),
            ("101 0-15,66", "101 0-15,66"),
        ] {
            assert_eq!(text(&format!("v=0\r\na=fmtp:{line}\r\n")), format!("v=0\r\na=fmtp:{other}\r\n"));
        }
        let (tool, other) =
            ("tool:x on camera\r\na=control:rtsp://camera/", "tool:x on x00000\r\na=control:rtsp://x00000/");
        assert_eq!(text(&format!("v=0\r\na={tool}\r\n")), format!("v=0\r\na={other}\r\n"));
    }

    #[test]
    fn what_rtsp_needs_stays() {
        let (one, two) = (SessionDescription::parse(BODY.as_bytes()), SessionDescription::parse(text(BODY).as_bytes()));
        assert_eq!(one.range, two.range);
        for (one, two) in one.media.iter().zip(&two.media) {
            assert_eq!(
                (&one.kind, one.port, &one.protocol, &one.control),
                (&two.kind, two.port, &two.protocol, &two.control)
            );
            let encodings = |media: &crate::rtsp::sdp::Media| {
                media.formats.iter().map(|format| (format.payload_type, format.encoding.clone())).collect::<Vec<_>>()
            };
            assert_eq!(encodings(one), encodings(two));
        }
    }

    proptest! {
        #[test]
        fn as_long_line_for_line(body in "([a-z]{1,2}= ?[ -~]{0,30}\r?\n){0,8}", any: Vec<u8>) {
            for body in [body.as_bytes(), &any] {
                let other = description(&mut Pseudonyms::default(), body);
                prop_assert_eq!(body.len(), other.len());
                let ends = |body: &[u8]| body.iter().map(|byte| b"\r\n".contains(byte)).collect::<Vec<_>>();
                prop_assert_eq!(ends(body), ends(&other));
            }
        }
    }
}
