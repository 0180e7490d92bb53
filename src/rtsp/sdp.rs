//! Session descriptions (SDP, RFC 4566) as far as RTSP needs them (RFC 2326, appendix C), from devices that take the
//! grammar lightly: line by line, what is understood is kept, what is not is passed over.
//!
//! Own code: sdp-types 0.1 refuses a description as a whole for one field, such as an `o=` line without its version.

use std::net::IpAddr;

/// Media sections kept; those behind are ignored.
const MAX_MEDIA: usize = 64;
/// Formats kept in each media section.
const MAX_FORMATS: usize = 64;
/// Sources kept of each media section.
const MAX_SOURCES: usize = 64;

/// What a DESCRIBE response says of a presentation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SessionDescription {
    /// Session name (`s=`), the first that is not empty.
    pub name: Option<String>,
    /// The session's `a=control`: URL of the whole presentation, `*` for the base.
    pub control: Option<String>,
    /// The session's `a=range`, such as `npt=0-60.021`; see [`npt_end`].
    pub range: Option<String>,
    /// Where the media goes (`c=`), of sections that do not say it themselves.
    pub address: Option<IpAddr>,
    /// One for each `m=` line, in their order: the place in here is the track's number.
    pub media: Vec<Media>,
}

/// A media section: what RTSP calls a stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Media {
    /// Media type: `video`, `audio`, `application`, or what else the device wrote.
    pub kind: String,
    /// Port, 0 where SETUP decides, or where it can't be read.
    pub port: u16,
    /// The port of RTCP (`a=rtcp`, RFC 3605), where it is not the next one.
    pub rtcp_port: Option<u16>,
    /// Where it goes (`c=`); the first address of several.
    pub address: Option<IpAddr>,
    /// Transport protocol, such as `RTP/AVP`.
    pub protocol: String,
    /// Payload types of the `m=` line in its order, then those that only an `rtpmap` or `fmtp` names.
    pub formats: Vec<Format>,
    /// URL of this stream for SETUP; see [`join_control`](super::control::join_control).
    pub control: Option<String>,
    /// The stream's own `a=range`.
    pub range: Option<String>,
    /// `a=framerate` in frames a second, where it is a number above 0.
    pub framerate: Option<f64>,
    /// Which way it goes, where that is said.
    pub flow: Option<MediaFlow>,
    /// It may be silent while it goes on: `a=silenceSupp:on` (RFC 3108, section 5.6.3.2).
    pub suppresses_silence: bool,
    /// Sources that `a=ssrc` and `a=ssrc-group` name (RFC 5576): media, retransmission, layers.
    pub sources: Vec<u32>,
}

/// The attribute that says which way media goes (RFC 4566, section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaFlow {
    /// `a=sendonly`
    SendOnly,
    /// `a=recvonly`
    ReceiveOnly,
    /// `a=sendrecv`
    Both,
    /// `a=inactive`
    Inactive,
}

/// One payload type of a media section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Format {
    /// RTP payload type, at most 127.
    pub payload_type: u8,
    /// Encoding name as written; `None` without an `rtpmap`, where RFC 3551 may know.
    pub encoding: Option<String>,
    /// Rate of the RTP timestamp in Hz; `None` where it is missing, 0, or no number.
    pub clock_rate_hz: Option<u32>,
    /// Third part of the `rtpmap`: audio channels.
    pub channels: Option<u32>,
    /// Parameters of the format (`a=fmtp`), as written.
    pub fmtp: Option<String>,
}

impl SessionDescription {
    /// Reads a description. Never fails: of what is no SDP nothing is understood.
    ///
    /// Lines end with CRLF, LF, or the last one with nothing. Of repeated attributes the first counts. Bytes that are
    /// not UTF-8 become U+FFFD.
    pub fn parse(bytes: &[u8]) -> Self {
        let mut session = Self::default();
        let mut media_lines = 0;
        for line in String::from_utf8_lossy(bytes).split('\n') {
            let Some((kind, value)) = line.split_once('=') else { continue };
            let value = value.trim();
            match kind.trim() {
                "m" => {
                    media_lines += 1;
                    session.push_media(value);
                }
                "a" if media_lines <= MAX_MEDIA => session.read_attribute(value),
                "c" if media_lines <= MAX_MEDIA => session.read_connection(value),
                "s" if media_lines == 0 => keep_first(&mut session.name, value),
                _ => {}
            }
        }
        session.media.iter_mut().for_each(|media| media.formats.shrink_to_fit());
        // It is kept for as long as the session lasts, of which there may be thousands.
        session.media.shrink_to_fit();
        session
    }

    fn push_media(&mut self, value: &str) {
        if self.media.len() < MAX_MEDIA {
            self.media.push(Media::parse(value));
        }
    }

    /// Reads `IN IP4 239.1.1.1/127`, with the reach of multicast behind the address.
    fn read_connection(&mut self, value: &str) {
        let address = value.split_ascii_whitespace().nth(2).and_then(|word| word.split('/').next()?.parse().ok());
        let slot = self.media.last_mut().map_or(&mut self.address, |media| &mut media.address);
        *slot = slot.or(address);
    }

    /// An attribute belongs to the media section it stands in; before the first, to the session.
    fn read_attribute(&mut self, attribute: &str) {
        let (name, value) = attribute.split_once(':').unwrap_or((attribute, ""));
        // RFC 8866, section 5.13, has them in small letters; some devices write `a=Control` and `a=RTPMAP`.
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        let name = name.as_str();
        match (self.media.last_mut(), name) {
            (Some(media), _) => media.read_attribute(name, value),
            (None, "control") => keep_first(&mut self.control, value),
            (None, "range") => keep_first(&mut self.range, value),
            (None, _) => {}
        }
    }
}

impl Media {
    /// Reads `video 0 RTP/AVP 96 97`, or as much of it as is there. Formats that are no payload types are left out.
    fn parse(value: &str) -> Self {
        let mut words = value.split_ascii_whitespace();
        let kind = words.next().unwrap_or_default().to_owned();
        let port = words.next().and_then(|port| port.split('/').next()?.parse().ok()).unwrap_or(0);
        let protocol = words.next().unwrap_or_default().to_owned();
        let mut media = Self { kind, port, protocol, ..Self::default() };
        for payload_type in words.filter_map(parse_payload_type) {
            media.format_mut(payload_type);
        }
        media
    }

    /// The format that this payload type has here.
    pub fn format(&self, payload_type: u8) -> Option<&Format> {
        self.formats.iter().find(|format| format.payload_type == payload_type)
    }

    /// The format of this payload type, made if it isn't there and there is room.
    fn format_mut(&mut self, payload_type: u8) -> Option<&mut Format> {
        let known = self.formats.iter().position(|format| format.payload_type == payload_type);
        if known.is_none() && self.formats.len() < MAX_FORMATS {
            self.formats.push(Format { payload_type, ..Format::default() });
            return self.formats.last_mut();
        }
        self.formats.get_mut(known?)
    }

    fn read_attribute(&mut self, name: &str, value: &str) {
        match name {
            "control" => keep_first(&mut self.control, value),
            "range" => keep_first(&mut self.range, value),
            "rtcp" => {
                let port = value.split_ascii_whitespace().next().and_then(|port| port.parse().ok());
                self.rtcp_port = self.rtcp_port.or(port);
            }
            "framerate" => self.framerate = self.framerate.or_else(|| parse_framerate(value)),
            "ssrc" | "ssrc-group" => self.read_sources(name, value),
            "rtpmap" | "fmtp" => self.read_format_attribute(name, value),
            "sendonly" => self.set_flow(MediaFlow::SendOnly),
            "recvonly" => self.set_flow(MediaFlow::ReceiveOnly),
            "sendrecv" => self.set_flow(MediaFlow::Both),
            "inactive" => self.set_flow(MediaFlow::Inactive),
            "silencesupp" => self.suppresses_silence |= value.starts_with("on"),
            _ => {}
        }
    }

    fn set_flow(&mut self, flow: MediaFlow) {
        self.flow.get_or_insert(flow);
    }

    /// Reads `1293807960 cname:user@host`, or `FID 7 77`.
    fn read_sources(&mut self, name: &str, value: &str) {
        let words = value.split_ascii_whitespace();
        let (skipped, taken) = if name == "ssrc" { (0, 1) } else { (1, MAX_SOURCES) };
        for source in words.skip(skipped).take(taken).filter_map(|word| word.parse().ok()) {
            if self.sources.len() < MAX_SOURCES && !self.sources.contains(&source) {
                self.sources.push(source);
            }
        }
    }

    /// Both attributes begin with the payload type that they speak of.
    fn read_format_attribute(&mut self, name: &str, value: &str) {
        let (payload_type, value) = value.split_once([' ', '\t']).unwrap_or((value, ""));
        let Some(format) = parse_payload_type(payload_type).and_then(|number| self.format_mut(number)) else { return };
        match name {
            "rtpmap" => format.read_rtpmap(value.trim()),
            _ => keep_first(&mut format.fmtp, value.trim()),
        }
    }
}

impl Format {
    /// Reads `H264/90000` or `MPEG4-GENERIC/48000/2` (RFC 4566, section 6).
    fn read_rtpmap(&mut self, value: &str) {
        if self.encoding.is_some() {
            return;
        }
        let mut parts = value.split('/').map(str::trim);
        keep_first(&mut self.encoding, parts.next().unwrap_or_default());
        self.clock_rate_hz = parts.next().and_then(|rate| rate.parse().ok()).filter(|&rate| rate != 0);
        self.channels = parts.next().and_then(|channels| channels.parse().ok());
    }
}

fn keep_first(slot: &mut Option<String>, value: &str) {
    if slot.is_none() && !value.is_empty() {
        *slot = Some(value.to_owned());
    }
}

fn parse_payload_type(word: &str) -> Option<u8> {
    word.parse().ok().filter(|&number| number < 128)
}

fn parse_framerate(value: &str) -> Option<f64> {
    value.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate > 0.0)
}

/// End of an NPT range in seconds (RFC 2326, section 3.6): 60.021 of `npt=0-60.021`, 60 of `npt=0:00:10.5-0:01:00`.
/// `None` where the range is open, as live ones are, in other units, or not to be understood.
pub fn npt_end(range: &str) -> Option<f64> {
    parse_npt(npt_edges(range)?.1)
}

/// How long an NPT range is, in seconds: 30 of `npt=30-60`. `None` as with [`npt_end`]; a beginning that can't be
/// understood is 0.
pub(crate) fn npt_length(range: &str) -> Option<f64> {
    let (begin, end) = npt_edges(range)?;
    Some(parse_npt(end)? - parse_npt(begin).unwrap_or(0.0))
}

/// Both sides of the hyphen.
fn npt_edges(range: &str) -> Option<(&str, &str)> {
    let (unit, value) = range.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("npt") {
        return None;
    }
    // A parameter, `;time=`, may follow.
    let (begin, end) = value.split(';').next()?.split_once('-')?;
    Some((begin.trim(), end.trim()))
}

/// `70.00000` or `0:01:00.5`.
fn parse_npt(time: &str) -> Option<f64> {
    let mut parts = time.split(':').map(parse_decimal);
    let first = parts.next()??;
    let Some(minutes) = parts.next() else { return Some(first) };
    let seconds = parts.next()??;
    parts.next().is_none().then_some(first * 3600.0 + minutes? * 60.0 + seconds)
}

/// Digits and a point: no sign, no exponent, no `inf`.
fn parse_decimal(text: &str) -> Option<f64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse().ok().filter(|number: &f64| is_plain && number.is_finite())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Darwin Streaming Server 6.0.3.
    const DSS: &str = "v=0\r\no=StreamingServer 4004324511 1795335699000 IN IP4 127.0.0.1\r\n\
        s=/secure/sample_h264_100kbit.mp4\r\nu=http:///\r\ne=admin@\r\nc=IN IP4 0.0.0.0\r\nb=AS:2097172\r\nt=0 0\r\n\
        a=control:*\r\na=isma-compliance:2,2.0,2\r\na=range:npt=0-  70.00000\r\nm=video 0 RTP/AVP 96\r\n\
        b=AS:2097151\r\na=3GPP-Adaptation-Support:1\r\na=rtpmap:96 H264/90000\r\na=control:trackID=3\r\n\
        a=cliprect:0,0,242,192\r\na=framesize:96 192-242\r\n\
        a=fmtp:96 packetization-mode=1;profile-level-id=4D400C;sprop-parameter-sets=J01ADKkYYELxCA==,KM4JiA==\r\n\
        a=mpeg4-esid:201\r\nm=audio 0 RTP/AVP 97\r\nb=AS:20\r\na=rtpmap:97 mpeg4-generic/8000/2\r\n\
        a=control:trackID=4\r\na=mpeg4-esid:101\r\n";

    #[test]
    fn letter_case_of_names_does_not_matter() {
        let loud = DSS.replace("a=rtpmap", "a=RTPMAP").replace("a=control", "a=Control").replace("a=fmtp", "a=FMTP");
        assert_eq!(SessionDescription::parse(loud.as_bytes()), SessionDescription::parse(DSS.as_bytes()));
    }

    #[test]
    fn reads_a_darwin_streaming_server() {
        let session = SessionDescription::parse(DSS.as_bytes());
        assert_eq!(session.name.as_deref(), Some("/secure/sample_h264_100kbit.mp4"));
        assert_eq!(session.control.as_deref(), Some("*"));
        assert_eq!(session.range.as_deref().and_then(npt_end), Some(70.0));
        let [video, audio] = &session.media[..] else { panic!("{:?}", session.media) };
        assert_eq!((video.kind.as_str(), video.port, video.protocol.as_str()), ("video", 0, "RTP/AVP"));
        assert_eq!((video.control.as_deref(), audio.control.as_deref()), (Some("trackID=3"), Some("trackID=4")));
        let h264 = video.format(96).unwrap();
        assert_eq!((h264.encoding.as_deref(), h264.clock_rate_hz, h264.channels), (Some("H264"), Some(90_000), None));
        assert!(h264.fmtp.as_deref().unwrap().ends_with("J01ADKkYYELxCA==,KM4JiA=="));
        let aac = audio.format(97).unwrap();
        let aac = (aac.encoding.as_deref(), aac.clock_rate_hz, aac.channels);
        assert_eq!(aac, (Some("mpeg4-generic"), Some(8000), Some(2)));
        assert_eq!(video.format(97), None);
    }

    #[test]
    fn reads_gstreamer_vlc_and_live555() {
        let gst = "s=Session streamed with GStreamer\r\na=range:npt=now-60\r\nm=video 0 RTP/AVP 96\r\n\
            a=rtpmap:96 H264/90000\r\na=framerate:25\r\na=control:stream=0\r\na=ssrc:1293807960 cname:user@host\r\n";
        let session = SessionDescription::parse(gst.as_bytes());
        assert_eq!((session.control, session.media[0].framerate), (None, Some(25.0)));

        let vlc = b"a=control:rtsp://127.0.0.1:8564/vlc\r\nm=audio 0 RTP/AVP 96\r\n\
            a=control:rtsp://127.0.0.1:8564/vlc/trackID=2\r\n";
        let session = SessionDescription::parse(vlc);
        assert_eq!(session.control.as_deref(), Some("rtsp://127.0.0.1:8564/vlc"));
        assert_eq!(session.media[0].control.as_deref(), Some("rtsp://127.0.0.1:8564/vlc/trackID=2"));

        // live555 sends a transport stream by its static payload type, without an rtpmap.
        let session = SessionDescription::parse(b"m=video 0 RTP/AVP 33\r\nc=IN IP4 0.0.0.0\r\na=control:track1\r\n");
        assert_eq!(session.media[0].formats, [Format { payload_type: 33, ..Format::default() }]);
    }

    #[test]
    fn tolerates_what_devices_write() {
        let odd = b"\xef\xbb\xbfv=0\ns=\ns= one\ns=two\nt=\nc=IN\nnonsense\na=rtpmap:96 Early/1\n\
            m=video 49152/2 RTP/AVP 96 96 200 x\na=rtpmap: 96 H265/90000 \na=rtpmap:96 Late/1\n\
            a=fmtp:96 sprop=\x01\xff\x02\na=framerate:nan\na=framerate: 12.5 \na=control:\na=rtpmap:98 X//\n\
            m=\nm=vnd.onvif.metadata 0 RTP/AVP 107\na=rtpmap:107 vnd.onvif.metadata/0\na=control:t3\na=range:clock=1-";
        let session = SessionDescription::parse(odd);
        assert_eq!(session.name.as_deref(), Some("one"));
        let [video, empty, metadata] = &session.media[..] else { panic!("{:?}", session.media) };
        assert_eq!((video.port, video.framerate, video.control.as_deref()), (49152, Some(12.5), None));
        assert_eq!(video.formats.iter().map(|format| format.payload_type).collect::<Vec<_>>(), [96, 98]);
        assert_eq!(video.formats[0].encoding.as_deref(), Some("H265"));
        assert_eq!(video.formats[0].clock_rate_hz, Some(90_000));
        assert_eq!(video.formats[0].fmtp.as_deref(), Some("sprop=\x01\u{fffd}\x02"));
        assert_eq!((video.formats[1].encoding.as_deref(), video.formats[1].clock_rate_hz), (Some("X"), None));
        assert_eq!(empty, &Media::default());
        assert_eq!((metadata.kind.as_str(), metadata.formats[0].clock_rate_hz), ("vnd.onvif.metadata", None));
        assert_eq!((metadata.control.as_deref(), metadata.range.as_deref()), (Some("t3"), Some("clock=1-")));
    }

    #[test]
    fn stops_at_its_limits() {
        let formats = (0..128).map(|number: u8| number.to_string()).collect::<Vec<_>>().join(" ");
        let text = format!("m=video 0 RTP/AVP {formats}\r\na=rtpmap:127 X/1\r\na=control:t\r\n").repeat(70);
        let session = SessionDescription::parse(text.replacen("a=control:t\r\n", "", 64).as_bytes());
        assert_eq!((session.media.len(), session.media[63].formats.len()), (64, 64));
        assert_eq!(session.media[63].control, None, "attributes of the 65th section are not the 64th's");
    }

    #[test]
    fn reads_the_end_of_ranges() {
        for (range, end) in [
            ("npt=0-   6.01600", Some(6.016)),
            ("npt=0-6.037", Some(6.037)),
            ("npt=now-60", Some(60.0)),
            ("NPT = 0:00:10.5-0:01:00", Some(60.0)),
            ("npt=0-1:02:03.5;time=19970123T143720Z", Some(3723.5)),
            ("npt=-20", Some(20.0)),
        ] {
            assert_eq!(npt_end(range), end, "{range}");
        }
        for range in
            ["npt=now-", "npt=0-", "npt=0", "", "clock=19961108T142300Z-19961108T143520Z", "npt=0-1:2", "npt=0-inf"]
        {
            assert_eq!(npt_end(range), None, "{range}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(bytes: Vec<u8>, text in "([masv]=|rtpmap:|fmtp:|control:|npt=|[0-9:/ .-]|\r?\n){0,60}") {
            let _ = SessionDescription::parse(&bytes);
            let _ = SessionDescription::parse(text.as_bytes());
            let _ = npt_end(&text);
        }
    }
}
