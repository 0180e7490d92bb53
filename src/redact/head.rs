//! Heads of messages: start lines and header fields (RFC 2326, section 12) with other names and without credentials.

use crate::redact::pseudonyms::Pseudonyms;
use crate::redact::text::{blank, inside, split, trimmed};
use crate::redact::times::{dates, ranges};
use crate::redact::url::{Parameter, hidden};
use crate::rtsp::message::{after_line, raw_fields};

/// Fields that tell of no one, but for the names in them: of the dialogue, its timing, and the products that speak.
const PLAIN: [&str; 47] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "accept-ranges",
    "allow",
    "bandwidth",
    "blocksize",
    "cache-control",
    "connection",
    "content-encoding",
    "content-language",
    "content-length",
    "content-type",
    "cseq",
    "frames",
    "immediate",
    "keep-alive",
    "media-properties",
    "media-range",
    "notify-reason",
    "pipelined-requests",
    "pragma",
    "proxy-require",
    "public",
    "rate-control",
    "require",
    "retry-after",
    "rtcp-interval",
    "scale",
    "sec-websocket-extensions",
    "sec-websocket-protocol",
    "sec-websocket-version",
    "seek-style",
    "server",
    "session",
    "speed",
    "supported",
    "terminate-reason",
    "timestamp",
    "transfer-encoding",
    "unsupported",
    "upgrade",
    "user-agent",
    "x-accept-dynamic-rate",
    "x-dynamic-rate",
    "x-playnow",
    "x-transport-options",
];
const DATES: [&str; 4] = ["date", "expires", "if-modified-since", "last-modified"];
const URLS: [&str; 5] = ["content-base", "content-location", "location", "referer", "base"];
const LOGINS: [&str; 2] = ["authorization", "proxy-authorization"];
const CHALLENGES: [&str; 4] =
    ["www-authenticate", "proxy-authenticate", "authentication-info", "proxy-authentication-info"];
/// Parameters of logins and challenges that tell how, not who.
const HOW: [&[u8]; 5] = [b"algorithm", b"qop", b"nc", b"stale", b"charset"];
/// Their other parameters.
const KNOWN: [&[u8]; 10] =
    [b"username", b"realm", b"nonce", b"uri", b"response", b"opaque", b"cnonce", b"domain", b"userhash", b"rspauth"];
const SCHEMES: [&[u8]; 4] = [b"basic", b"digest", b"bearer", b"negotiate"];
/// Parameters of a Transport header that name no host.
const TRANSPORT: [&[u8]; 13] = [
    b"unicast",
    b"multicast",
    b"interleaved",
    b"client_port",
    b"server_port",
    b"port",
    b"ttl",
    b"ssrc",
    b"mode",
    b"append",
    b"layers",
    b"setup",
    b"rtcp-mux",
];

/// The longest protocol of a Transport header that is taken for one.
const MAX_PROTOCOL: usize = 24;

/// The parts of a protocol (RFC 2326, section 12.39; RFC 4585, 3711 and 5124 for the profiles).
const PROTOCOLS: [&[u8]; 7] = [b"RTP", b"AVP", b"AVPF", b"SAVP", b"SAVPF", b"TCP", b"UDP"];

/// What a field's value becomes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    Plain,
    Range,
    Date,
    Url,
    Host,
    Login,
    Challenge,
    Transport,
    RtpInfo,
    Cookie,
    Other,
}

/// A head, or a part of one that begins with its start line.
pub(super) fn head(pseudonyms: &mut Pseudonyms, head: &[u8]) -> Vec<u8> {
    pseudonyms.knowing(|pseudonyms| lines(pseudonyms, head))
}

fn lines(pseudonyms: &mut Pseudonyms, head: &[u8]) -> Vec<u8> {
    let (line, _) = head.split_at_checked(head.len() - after_line(head).len()).unwrap_or((head, &[]));
    let mut out = inside(line, |line| start_line(pseudonyms, line));
    // A field ends where analysis sees its end: a folded one goes on in the next line (RFC 2068, section 2.2).
    for (name, value) in raw_fields(head) {
        let field = name.strip_suffix(b":").map_or(Field::Other, Field::of);
        out.extend(if is_name(name) { name.to_vec() } else { hidden(name) });
        out.extend(inside(value, |value| self::value(pseudonyms, field, value)));
    }
    out
}

/// Whether what stands before a value is a field's name with its colon, or nothing.
fn is_name(name: &[u8]) -> bool {
    let name = name.strip_suffix(b":").unwrap_or(name).trim_ascii();
    name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

/// The URL of a request; of an answer the names in its reason.
fn start_line(pseudonyms: &mut Pseudonyms, line: &[u8]) -> Vec<u8> {
    let first = line.iter().position(u8::is_ascii_whitespace).unwrap_or(line.len());
    let (word, rest) = line.split_at_checked(first).unwrap_or((line, &[]));
    if word.contains(&b'/') {
        return [word, &pseudonyms.urls_in(rest)].concat();
    }
    let end = rest.iter().rposition(|byte| *byte == b' ').unwrap_or(rest.len());
    let (url, version) = rest.split_at_checked(end).unwrap_or((rest, &[]));
    [word, &inside(url, |url| pseudonyms.url(url)), version].concat()
}

impl Field {
    fn of(name: &[u8]) -> Self {
        let name = String::from_utf8_lossy(name).trim().to_ascii_lowercase();
        let name = name.as_str();
        match name {
            "host" => Self::Host,
            "range" => Self::Range,
            "transport" => Self::Transport,
            "rtp-info" => Self::RtpInfo,
            "x-sessioncookie" => Self::Cookie,
            _ if PLAIN.contains(&name) => Self::Plain,
            _ if DATES.contains(&name) => Self::Date,
            _ if URLS.contains(&name) => Self::Url,
            _ if LOGINS.contains(&name) => Self::Login,
            _ if CHALLENGES.contains(&name) => Self::Challenge,
            _ => Self::Other,
        }
    }
}

fn value(pseudonyms: &mut Pseudonyms, field: Field, value: &[u8]) -> Vec<u8> {
    match field {
        Field::Plain => pseudonyms.urls_in(value),
        Field::Range => ranges(value),
        Field::Date => dates(value),
        Field::Url => pseudonyms.url(value),
        Field::Host => pseudonyms.host_and_port(value),
        Field::Login => login(pseudonyms, value),
        Field::Challenge => challenge(pseudonyms, value),
        Field::Transport => transport(pseudonyms, value),
        Field::RtpInfo => rtp_info(pseudonyms, value),
        Field::Cookie => pseudonyms.names.name(value),
        Field::Other => blank(value),
    }
}

/// Only of Digest it is known what is a secret.
fn login(pseudonyms: &mut Pseudonyms, value: &[u8]) -> Vec<u8> {
    let first = value.iter().position(u8::is_ascii_whitespace).unwrap_or(0);
    let (scheme, rest) = value.split_at_checked(first).unwrap_or((value, &[]));
    if scheme.eq_ignore_ascii_case(b"digest") {
        return challenge(pseudonyms, value);
    }
    let known = SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known));
    [if known { scheme.to_vec() } else { blank(scheme) }, blank(rest)].concat()
}

/// Schemes and the names of their parameters stay, and the values that tell how; a URI becomes another.
fn challenge(pseudonyms: &mut Pseudonyms, text: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::with_capacity(text.len()), text);
    while let Some(first) = rest.first() {
        if b" \t\r\n,".contains(first) {
            out.push(*first);
            rest = rest.get(1..).unwrap_or_default();
            continue;
        }
        let end = rest.iter().position(|byte| b" \t\r\n,=".contains(byte)).unwrap_or(rest.len());
        let (name, behind) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        let Some(value) = behind.strip_prefix(b"=") else {
            let known = SCHEMES.iter().any(|known| name.eq_ignore_ascii_case(known));
            out.extend(if known { name.to_vec() } else { blank(name) });
            rest = behind;
            continue;
        };
        let quoted = value.strip_prefix(b"\"").and_then(|inner| inner.iter().position(|byte| *byte == b'"'));
        let plain = || value.iter().position(|byte| b" \t\r\n,".contains(byte)).unwrap_or(value.len());
        let (value, behind) = value.split_at_checked(quoted.map_or_else(plain, |end| end + 2)).unwrap_or((value, &[]));
        let known = HOW.iter().chain(&KNOWN).any(|known| name.eq_ignore_ascii_case(known));
        out.extend(if known { name.to_vec() } else { blank(name) });
        out.push(b'=');
        out.extend(parameter(pseudonyms, &name.to_ascii_lowercase(), value));
        rest = behind;
    }
    out
}

fn parameter(pseudonyms: &mut Pseudonyms, name: &[u8], value: &[u8]) -> Vec<u8> {
    match name {
        _ if HOW.contains(&name) => value.to_vec(),
        b"uri" => pseudonyms.url(value),
        b"username" => {
            pseudonyms
                .learn_login(value.strip_prefix(b"\"").and_then(|name| name.strip_suffix(b"\"")).unwrap_or(value));
            hidden(value)
        }
        _ => hidden(value),
    }
}

fn transport(pseudonyms: &mut Pseudonyms, value: &[u8]) -> Vec<u8> {
    pseudonyms.parameters(value, b";,", |pseudonyms, parameter| match parameter {
        Parameter::Word(text) => word(text),
        Parameter::Named { name: b"source" | b"destination", value } => quoted_host(pseudonyms, value),
        Parameter::Named { name: b"dest_addr" | b"src_addr", value } => quoted_addresses(pseudonyms, value),
        Parameter::Named { name, value } if TRANSPORT.contains(&name) => value.to_vec(),
        Parameter::Named { value, .. } => hidden(value),
    })
}

/// A host or an address, which may stand in quotes.
fn quoted_host(pseudonyms: &mut Pseudonyms, value: &[u8]) -> Vec<u8> {
    let inner = value.strip_prefix(b"\"").unwrap_or(value);
    let host = inner.strip_suffix(b"\"").unwrap_or(inner);
    let quote = |is_there| if is_there { &b"\""[..] } else { b"" };
    let other = if host.is_empty() { Vec::new() } else { pseudonyms.host(host) };
    [quote(inner.len() < value.len()), &other, quote(host.len() < inner.len())].concat()
}

/// `":5000"/"host:5001"`, as RTSP 2.0 writes addresses with their ports (RFC 7826, section 18.54).
fn quoted_addresses(pseudonyms: &mut Pseudonyms, value: &[u8]) -> Vec<u8> {
    let part = |part: &[u8]| match part {
        b"/" | b"\"" => part.to_vec(),
        address => inside(address, |address| pseudonyms.host_and_port(address)),
    };
    split(value, b"/\"").flat_map(part).collect()
}

/// A parameter without a value, or a protocol such as `RTP/AVP/TCP`. Of what is too long for a protocol its known parts
/// stay: by them the analysis tells TCP from UDP, and SRTP from RTP.
fn word(word: &[u8]) -> Vec<u8> {
    let plain = trimmed(word);
    let protocol = plain.len() <= MAX_PROTOCOL && plain.contains(&b'/');
    let known = TRANSPORT.iter().any(|known| known.eq_ignore_ascii_case(plain));
    if word.len() < 2 || protocol || known {
        return word.to_vec();
    }
    if !plain.contains(&b'/') {
        return hidden(word);
    }
    let is_known = |part: &[u8]| PROTOCOLS.iter().any(|known| known.eq_ignore_ascii_case(trimmed(part)));
    split(word, b"/")
        .flat_map(|part| if part == b"/" || is_known(part) { part.to_vec() } else { hidden(part) })
        .collect()
}

/// Each stream begins at `url=`, as its URL may hold commas.
fn rtp_info(pseudonyms: &mut Pseudonyms, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    for part in split(value, b";") {
        let begin = memchr::memmem::rfind(part, b"url=").unwrap_or(part.len());
        let (before, url) = part.split_at_checked(begin).unwrap_or((part, &[]));
        let (name, url) = url.split_at_checked(4).unwrap_or((url, &[]));
        // Before a URL the last parameter of the stream before may stand, and behind it, in quotes, its source.
        out.extend(stream_parameters(pseudonyms, before));
        out.extend_from_slice(name);
        let quoted = url.strip_prefix(b"\"").and_then(|inner| memchr::memchr(b'"', inner));
        let end = quoted.map_or(url.len(), |end| end + 2);
        let (url, behind) = url.split_at_checked(end).unwrap_or((url, &[]));
        out.extend(inside(url, |url| pseudonyms.url(url)));
        out.extend(stream_parameters(pseudonyms, behind));
    }
    out
}

/// `seq=…`, or in RTSP 2.0 ` ssrc=…:seq=…`.
fn stream_parameters(pseudonyms: &mut Pseudonyms, text: &[u8]) -> Vec<u8> {
    pseudonyms.parameters(text, b", :\t\r\n", |_, parameter| match parameter {
        Parameter::Word(text) if text.len() < 2 || is_of_rtp_info(text) => text.to_vec(),
        Parameter::Named { name, value } if is_of_rtp_info(name) => value.to_vec(),
        Parameter::Word(text) | Parameter::Named { value: text, .. } => hidden(text),
    })
}

fn is_of_rtp_info(name: &[u8]) -> bool {
    [&b"seq"[..], b"rtptime", b"ssrc"].contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtsp::headers::{RtpInfo, Transport};
    use proptest::prelude::*;

    fn text(head: &str) -> String {
        String::from_utf8(super::head(&mut Pseudonyms::default(), head.as_bytes())).unwrap()
    }

    #[test]
    fn fields_of_all_kinds() {
        insta::assert_snapshot!(text(
            "SETUP rtsp://admin:geheim@192.168.1.20/office/main/trackID=1 RTSP/1.0\r\nCSeq: 3\r\nUser-Agent: LibVLC/3.0.16.1 (LIVE555)\r\n\
             Transport: RTP/AVP;unicast;client_port=5000-5001;source=192.168.1.20;destination=\"10.0.0.7\";x-serial=AB12,RTP/AVP/TCP;interleaved=0-1\r\n\
             Authorization: Digest username=\"admin\", realm=\"Garage\", nonce=\"abc=\", uri=\"rtsp://192.168.1.20/office\",\r\n response=\"0123\", algorithm=MD5, qop=auth\r\n\
             Proxy-Authorization: Basic YWRtaW46Z2VoZWlt\r\nAuthorization: dG9rZW4=\r\nWWW-Authenticate: Digest realm=\"Garage 7\", nonce=\"ff\", stale=FALSE, Basic realm=\"x\"\r\n\
             Session: 12345678;timeout=60\r\nX-Serial: SN-4711\r\nHost: camera.lan:554\r\nContent-Base: rtsp://192.168.1.20/office/main/\r\n\
             RTP-Info: url=rtsp://192.168.1.20/office/main/trackID=1;seq=5;rtptime=7,url=office/main;seq=1\r\nno colon here\r\n\
             Range: npt=0.000-\r\nx-sessioncookie: abcdefghij\r\nSet-Cookie: id=1\r\n\r\n"
        ));
        let answer = "RTSP/1.0 301 Moved to rtsp://camera/main now\r\nLocation: rtsp://camera/main\r\n\r\n";
        let other = "RTSP/1.0 301 Moved to rtsp://x00000/x000 now\r\nLocation: rtsp://x00000/x000\r\n\r\n";
        assert_eq!(text(answer), other);
    }

    #[test]
    fn parameters_without_a_value_and_folded_fields() {
        for plain in [
            "Transport: RTP/AVP/TCP;unicast;interleaved=;ssrc= ;mode;ttl=;source=;destination=\"\"\r\n",
            "RTP-Info: url=a;seq;rtptime,url=;seq=;rtptime=\r\n",
            " CSeq: 0\r\nTransport: RTP/AVP/TCP;\r\n interleaved=0-1;\r\n\tmode=PLAY\r\n",
            "Range:\r\n npt=0-\r\n 10\r\nDate: Sun,\r\n 22 Nov 2026\r\n",
        ] {
            let head = format!("OPTIONS * RTSP/1.0\r\n{plain}\r\n");
            assert_eq!(text(&head), head);
        }
        assert_eq!(
            text("OPTIONS * RTSP/1.0\r\nAuthorization: Basic\r\n geheim\r\nX-A: a:b\r\n c: d\r\n"),
            "OPTIONS * RTSP/1.0\r\nAuthorization: Basic\r\n xxxxxx\r\nX-A: xxx\r\n xx x\r\n"
        );
    }

    #[test]
    fn of_a_long_protocol_the_known_parts_stay() {
        let protocol = |text: &str| String::from_utf8(word(text.as_bytes())).unwrap();
        assert_eq!(protocol("RTP/AVP/TCP"), "RTP/AVP/TCP");
        assert_eq!(protocol("RTP/SAVPF/geheimgeheimgeheim/tcp "), "RTP/SAVPF/xxxxxxxxxxxxxxxxxx/tcp ");
        assert_eq!(protocol("RTP/AVP/geheimgeheimgeheim/geTCP"), "RTP/AVP/xxxxxxxxxxxxxxxxxx/xxxxx");
        assert_eq!(protocol("TCP"), "xxx");
    }

    proptest! {
        #[test]
        fn as_long_line_for_line_and_stable(head in "(GET|RTSP/1\\.0|[A-Z]{3,9}) [ -~]{0,30}\r\n([a-zA-Z-]{1,16}: ?[ -~]{0,40}\r?\n){0,5}", any: Vec<u8>) {
            for head in [head.as_bytes(), &any] {
                let other = super::head(&mut Pseudonyms::default(), head);
                prop_assert_eq!(head.len(), other.len());
                let ends = |head: &[u8]| head.iter().map(|byte| b"\r\n".contains(byte)).collect::<Vec<_>>();
                prop_assert_eq!(ends(head), ends(&other));
            }
        }

        #[test]
        fn what_is_read_of_transport_and_rtp_info_stays(
            source in "[0-9]{1,2}\\.[0-9]\\.[0-9]\\.[1-9]", port in 1u16..60_000, url in "[a-z/]{0,12}", seq: u16,
        ) {
            let transport = format!("RTP/AVP;unicast;source={source};client_port={port}-{}", port + 1);
            let other = super::transport(&mut Pseudonyms::default(), transport.as_bytes());
            let [one] = &Transport::parse_all(&transport)[..] else { panic!() };
            let [two] = &Transport::parse_all(&String::from_utf8(other).unwrap())[..] else { panic!() };
            prop_assert_eq!((one.client_port, one.source.is_some()), (two.client_port, two.source.is_some()));
            for info in [
                format!("url={url};seq={seq};rtptime=9, url=a/{url};seq=2"),
                format!("url=\"rtsp://{source}/{url}\" ssrc=0A:seq={seq};rtptime=9 ssrc=0B:seq=3,url=\"{url}\" ssrc=0C:seq=2"),
            ] {
                let other = String::from_utf8(rtp_info(&mut Pseudonyms::default(), info.as_bytes())).unwrap();
                let read = |text: &str| RtpInfo::parse_all(text).iter().map(|info| (info.ssrc, info.seq, info.rtptime)).collect::<Vec<_>>();
                prop_assert_eq!(read(&info), read(&other));
            }
            let transport = format!("RTP/AVP;unicast;dest_addr=\":{port}\"/\":{}\";src_addr=\"{source}:{port}\"", port + 1);
            let other = String::from_utf8(super::transport(&mut Pseudonyms::default(), transport.as_bytes())).unwrap();
            let read = |text: &str| {
                let one = Transport::parse_all(text).remove(0);
                (one.client_port, one.server_port, one.source.is_some())
            };
            prop_assert_eq!(read(&other), read(&transport));
        }
    }
}
