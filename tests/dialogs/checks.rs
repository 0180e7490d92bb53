//! What must hold of every dialogue.

use crate::media::{Report, Rtp};
use crate::recorder::Row;
use crate::scene::Played;
use crate::server::{Kind, Log, Sent};
use crate::transcript::{Exchange, body, header, is_response, path, word};

/// What the recorder says as the recorded client did.
const SAME_FIELDS: [&str; 5] = ["CSeq", "Session", "Transport", "Range", "Accept"];

impl Played {
    /// The dialogue went as recorded, and the capture is complete.
    #[track_caller]
    pub(crate) fn check(&self) {
        self.check_requests();
        self.check_capture();
    }

    /// The capture has everything, and `analyze` understands it.
    #[track_caller]
    pub(crate) fn check_capture(&self) {
        self.check_bytes();
        self.check_messages();
        self.check_streams();
        self.check_reports();
    }

    /// The requests are those of the recorded client.
    #[track_caller]
    pub(crate) fn check_requests(&self) {
        let asked: Vec<&str> = self.messages().into_iter().filter(|message| !message.starts_with("RTSP/")).collect();
        let line = |message: &str| format!("{} {}", word(message, 0), word(message, 1));
        let lines: Vec<String> = asked.iter().map(|request| line(request)).collect();
        let recorded = || self.transcript.exchanges.iter().map(|exchange| self.placed(&exchange.request));
        assert_eq!(lines, recorded().map(|request| line(&request)).collect::<Vec<_>>());
        for (asked, recorded) in asked.iter().zip(recorded()) {
            for field in SAME_FIELDS {
                assert_eq!(header(asked, field), header(&recorded, field), "{field} of {asked}");
            }
            let scheme = |request| header(request, "Authorization").map(|value| word(value, 0).to_owned());
            assert_eq!(scheme(asked), scheme(recorded.as_str()), "{asked}");
        }
    }

    /// The bytes of the capture are those that went over the connections.
    #[track_caller]
    pub(crate) fn check_bytes(&self) {
        assert_eq!(self.flows.len(), self.logs.len(), "connections");
        for (flow, log) in self.flows.iter().zip(&self.logs) {
            let [ours, theirs] = &flow.bytes;
            assert!(*ours == log.received, "requests:\n{}", String::from_utf8_lossy(ours));
            let sent = log.sent_bytes();
            assert!(sent.starts_with(theirs), "the capture has what the server did not send");
            assert!(theirs.len() >= log.due, "{} of {} bytes are in the capture", theirs.len(), log.due);
        }
    }

    /// Every message has its row, in its order.
    #[track_caller]
    fn check_messages(&self) {
        let rows = self.recording.table("messages");
        let of =
            |direction: &str| rows.iter().filter(|row| row["direction"] == direction).map(summary).collect::<Vec<_>>();
        assert_eq!(of("c2s"), self.messages().into_iter().map(expected_summary).collect::<Vec<_>>());
        let sent = self.received_by_client().filter(|sent| sent.kind == Kind::Message);
        let sent: Vec<_> = sent.map(|sent| expected_summary(&String::from_utf8_lossy(&sent.bytes))).collect();
        assert_eq!(of("s2c"), sent);
        Self::check_answers(&rows);
    }

    /// Each response stands with the request that it answers, the last with TEARDOWN if that was answered.
    #[track_caller]
    fn check_answers(rows: &[Row]) {
        let answers = rows.iter().filter(|row| row["direction"] == "s2c" && row["kind"] == "response");
        let methods: Vec<&str> = answers.map(|row| row["method"].as_str()).collect();
        let requests = rows.iter().filter(|row| row["direction"] == "c2s" && row["kind"] == "request");
        let asked: Vec<&str> = requests.map(|row| row["method"].as_str()).collect();
        let mut left = asked.iter();
        assert!(methods.iter().all(|method| left.any(|asked| asked == method)), "{methods:?} answer {asked:?}");
    }

    /// Every track has its row, with all of its packets.
    #[track_caller]
    pub(crate) fn check_streams(&self) {
        let rows = self.recording.table("streams");
        let channels: Vec<Rtp> = self.transcript.rtp.iter().map(|line| Rtp::parse(line)).collect();
        let playing = channels.iter().filter(|rtp| self.frames(rtp.channel) > 0);
        assert_eq!(rows.len(), playing.count(), "{rows:#?}");
        for row in &rows {
            let rtp = channels.iter().find(|rtp| row["channel"] == rtp.channel.to_string()).expect("a channel in use");
            let (track, encoding, clock_rate) = self.described(rtp);
            let packets = self.frames(rtp.channel);
            let wanted = [
                ("track", track.to_string()),
                ("ssrc", format!("{:#010x}", rtp.ssrc)),
                ("payload_type", rtp.payload_type.to_string()),
                ("encoding", encoding),
                ("clock_rate_hz", clock_rate),
                ("packets", packets.to_string()),
                ("first_seq", rtp.first_seq.to_string()),
                ("expected", packets.to_string()),
                ("lost", "0".to_owned()),
                ("restarts", "0".to_owned()),
                ("direction", "s2c".to_owned()),
            ];
            for (column, wanted) in wanted {
                assert_eq!(row[column], wanted, "{column} of {row:#?}");
            }
        }
    }

    /// Every sender report that came is told as it was.
    #[track_caller]
    pub(crate) fn check_reports(&self) {
        let number = |row: &Row, column: &str| row[column].parse::<u32>().expect("a number");
        let report = |row: &Row| Report {
            channel: row["channel"].parse().expect("a channel"),
            ssrc: u32::from_str_radix(row["ssrc"].trim_start_matches("0x"), 16).expect("an SSRC"),
            ntp: (number(row, "ntp_seconds"), number(row, "ntp_fraction")),
            rtp: number(row, "rtp_timestamp"),
            packets: number(row, "sender_packets"),
            octets: number(row, "sender_octets"),
        };
        let mut told: Vec<Report> = self.recording.table("sender_reports").iter().map(report).collect();
        let mut sent = if self.media_came() { Report::all(&self.transcript) } else { Vec::new() };
        told.sort_by_key(|report| (report.channel, report.ntp));
        sent.sort_by_key(|report| (report.channel, report.ntp));
        assert_eq!(told, sent);
    }

    fn media_came(&self) -> bool {
        self.received_by_client().any(|sent| sent.kind == Kind::Frame)
    }

    /// How many frames of a channel the client got.
    pub(crate) fn frames(&self, channel: u8) -> usize {
        self.received_by_client().filter(|sent| sent.kind == Kind::Frame && sent.bytes[1] == channel).count()
    }

    /// What the server sent, as far as the capture goes.
    fn received_by_client(&self) -> impl Iterator<Item = &Sent> {
        self.logs.iter().zip(&self.flows).flat_map(|(log, flow)| log.whole_within(flow.bytes[1].len()))
    }

    /// Index of the `m=` line, encoding and clock rate of a channel, by the description and the answers to SETUP.
    fn described(&self, rtp: &Rtp) -> (usize, String, String) {
        let exchanges = &self.transcript.exchanges;
        let describe = exchanges.iter().rfind(|exchange| exchange.method() == "DESCRIBE").expect("a description");
        let sections: Vec<&str> = body(describe.reply.as_deref().unwrap_or_default()).split("\r\nm=").skip(1).collect();
        let setup = exchanges.iter().find(|exchange| sets_up(exchange, rtp.channel)).expect("a SETUP");
        let controls = |section: &&str| {
            let control = section.lines().find_map(|line| line.strip_prefix("a=control:"));
            control.is_some_and(|control| path(setup.url()).ends_with(control.rsplit('/').next().unwrap_or_default()))
        };
        let track = sections.iter().position(controls).expect("a track of that URL");
        let mark = format!("a=rtpmap:{} ", rtp.payload_type);
        let map = sections[track].lines().find_map(|line| line.strip_prefix(&mark)).expect("an rtpmap");
        let mut parts = map.split('/').map(str::to_owned);
        (track, parts.next().expect("an encoding"), parts.next().expect("a clock rate"))
    }
}

impl Log {
    fn sent_bytes(&self) -> Vec<u8> {
        self.sent.iter().flat_map(|sent| &sent.bytes).copied().collect()
    }

    /// What lies wholly within the first `length` bytes.
    fn whole_within(&self, length: usize) -> impl Iterator<Item = &Sent> {
        self.sent
            .iter()
            .scan(0, |end, sent| {
                *end += sent.bytes.len();
                Some((*end, sent))
            })
            .take_while(move |(end, _)| *end <= length)
            .map(|(_, sent)| sent)
    }
}

/// Whether a SETUP was answered with this RTP channel.
fn sets_up(exchange: &Exchange, channel: u8) -> bool {
    let transport = |message| header(message, "Transport").unwrap_or_default().to_owned() + ";";
    let answered = transport(exchange.reply.as_deref().unwrap_or_default());
    let transport = if answered.contains("interleaved=") { answered } else { transport(&exchange.request) };
    let mark = format!("interleaved={channel}");
    exchange.method() == "SETUP"
        && exchange.succeeded()
        && [";", "-"].iter().any(|end| transport.contains(&format!("{mark}{end}")))
}

/// Method and URL, or status; then `CSeq` and the length of the body.
fn summary(row: &Row) -> [String; 4] {
    let (first, second) = if row["kind"] == "request" { ("method", "url") } else { ("status", "reason") };
    [first, second, "cseq", "body_bytes"].map(|column| row[column].clone())
}

/// The same of a message.
fn expected_summary(message: &str) -> [String; 4] {
    let line = message.lines().next().unwrap_or_default();
    let (first, second) = if is_response(message) {
        (word(line, 1), line.splitn(3, ' ').nth(2).unwrap_or_default())
    } else {
        (word(line, 0), word(line, 1))
    };
    let cseq = header(message, "CSeq").unwrap_or_default();
    [first.to_owned(), second.to_owned(), cseq.to_owned(), body(message).len().to_string()]
}
