//! Reads a transcript: what a client asked on one or more connections, and what the server did.
//!
//! | in the file | meaning |
//! |---|---|
//! | `# ...` | says what it is |
//! | `--- C->S`, `--- S->C` | a message follows; `\r\n`, or `\n` alone, stands at the end of its lines |
//! | `    [N interleaved frames arrived before this reply]` | of the reply above |
//! | `!! no reply` | the request above was never answered |
//! | `!! close` | the server closed the connection then |
//! | `--- after TEARDOWN: N more frames; connection closed by server` | or `still open` |
//! | `=== media: N frames, then END` | what becomes of the media; END as in [`End`] |
//! | `=== media: garbage` | bytes of no meaning stand between frames |
//! | `=== media: ODDITY` | what else is odd about it, as in [`Oddity`] |
//! | ` ch N: ...`, ` +T chN SR(...)`, ` +T chN HEX(...)` | RTP and RTCP that was seen |
//! | `=== record: ARGS` | options of the recorder |
//! | `=== url: URL`, `=== login: USER PASSWORD` | what it is given, if not the URL of the first request; whom the server knows |
//! | `=== wants: FIELD` | requests without this header field get a 400 |
//! | `=== as NAME` | all is as in this transcript, but instead of some lines there are others: |
//! | `--- instead of`, `--- there is` | the ones and the others |
//! | `=== everywhere OLD => NEW` | also within lines |
//!
//! A request of the server's own stands behind PLAY, followed by the client's answer.

use std::path::Path;

/// A transcript, taken apart.
#[derive(Debug, Default)]
pub(crate) struct Transcript {
    pub(crate) exchanges: Vec<Exchange>,
    /// Requests of the server's, each with the answer that it should get.
    pub(crate) pushes: Vec<(String, String)>,
    /// Frames that the server sent behind its answer to TEARDOWN.
    pub(crate) late_frames: usize,
    pub(crate) closes: bool,
    /// ` ch` lines of RTP.
    pub(crate) rtp: Vec<String>,
    /// ` +` lines.
    pub(crate) rtcp: Vec<String>,
    pub(crate) garbage: bool,
    pub(crate) oddities: Vec<Oddity>,
    /// It tells only in what it differs from another one.
    pub(crate) derived: bool,
    /// Options of the recorder.
    pub(crate) args: Vec<String>,
    /// The URL that it is given.
    pub(crate) target: Option<String>,
    /// Whom the server knows, and how.
    pub(crate) login: Option<(String, String)>,
    /// A header field without which nothing is answered.
    pub(crate) wants: Option<String>,
    /// After so many frames there is no more media, but this.
    pub(crate) end: Option<(usize, End)>,
}

/// What becomes of the media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// `silence`: the connection stays.
    Silence,
    /// `BYE` on each channel that has one.
    Bye,
    /// `FIN`.
    Fin,
    /// `half a frame`, and the connection stays.
    Half,
    /// `half a frame and FIN`.
    HalfAndFin,
}

/// What is odd about the media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Oddity {
    /// `CRLF`: an empty line stands before each frame.
    EmptyLines,
    /// `cut frames`: every tenth frame lacks its last bytes.
    CutFrames,
    /// `no marker`
    NoMarker,
    /// `new SSRC every 20 frames`
    NewSsrc,
    /// `B-frames`: timestamps go back and forth.
    BFrames,
    /// `timestamps reset`: an hour back, once.
    TimestampReset,
    /// `padding`
    Padding,
    /// `header extensions`
    Extensions,
    /// `empty payloads`: each fourth packet carries nothing.
    EmptyPayloads,
}

/// A request and what came of it.
#[derive(Debug, Default)]
pub(crate) struct Exchange {
    pub(crate) request: String,
    pub(crate) reply: Option<String>,
    pub(crate) frames_before: usize,
    pub(crate) close: bool,
}

/// Whose message is being read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Speaker {
    Client,
    Server,
}

impl Transcript {
    /// The transcript `name` of this folder.
    pub(crate) fn load(name: &str) -> Self {
        let text = read(name);
        assert!(text.starts_with("# "), "{name}: the first line says what it is");
        match text.lines().find_map(|line| line.strip_prefix("=== as ")) {
            Some(base) => Self { derived: true, ..Self::parse(&changed(read(base), &text)) },
            None => Self::parse(&text),
        }
    }

    fn parse(text: &str) -> Self {
        let mut transcript = Self::default();
        let mut message: Option<(Speaker, String)> = None;
        for line in text.lines() {
            let speaker = match line {
                _ if line.starts_with("--- C->S") => Some(Speaker::Client),
                _ if line.starts_with("--- S->C") => Some(Speaker::Server),
                _ => None,
            };
            let note = ["--- ", "!! ", "=== ", "    [", "# ", " ch ", " +"].iter().any(|mark| line.starts_with(mark));
            match &mut message {
                Some((_, text)) if !note => {
                    *text += &line.replace("\\r", "\r").replace("\\n", "\n").replace("\\x01", "\x01");
                }
                _ => {
                    transcript.message(message.take());
                    transcript.note(line);
                }
            }
            message = speaker.map(|speaker| (speaker, String::new())).or(message);
        }
        transcript.message(message);
        transcript
    }

    fn message(&mut self, message: Option<(Speaker, String)>) {
        let Some((speaker, text)) = message else { return };
        match (speaker, is_response(&text)) {
            (Speaker::Client, false) => self.exchanges.push(Exchange { request: text, ..Exchange::default() }),
            (Speaker::Server, true) => self.latest().reply = Some(text),
            (Speaker::Server, false) => self.pushes.push((text, String::new())),
            (Speaker::Client, true) => self.pushes.last_mut().expect("a request of the server's").1 = text,
        }
    }

    fn note(&mut self, line: &str) {
        if line.starts_with(" ch ") && !line.contains("pt={}") {
            self.rtp.push(line.to_owned());
        } else if line.starts_with(" +") {
            self.rtcp.push(line.to_owned());
        } else if line.starts_with("    [") {
            self.latest().frames_before = number_behind(line, "[");
        } else if line.starts_with("!! close") {
            self.latest().close = true;
        } else if line.starts_with("--- after TEARDOWN") {
            self.late_frames = number_behind(line, "TEARDOWN: ");
            self.closes = line.contains("closed by server");
        } else if line == "=== media: garbage" {
            self.garbage = true;
        } else if let Some((_, end)) = line.strip_prefix("=== media: ").and_then(|media| media.split_once(", then ")) {
            self.end = Some((number_behind(line, "media: "), End::named(end)));
        } else if let Some(oddity) = line.strip_prefix("=== media: ") {
            self.oddities.push(Oddity::named(oddity));
        } else if let Some(args) = line.strip_prefix("=== record: ") {
            self.args = args.split(' ').map(str::to_owned).collect();
        } else if let Some(url) = line.strip_prefix("=== url: ") {
            self.target = Some(url.to_owned());
        } else if let Some(login) = line.strip_prefix("=== login: ") {
            self.login = login.split_once(' ').map(|(user, password)| (user.to_owned(), password.to_owned()));
        } else if let Some(field) = line.strip_prefix("=== wants: ") {
            self.wants = Some(field.to_owned());
        }
    }

    fn latest(&mut self) -> &mut Exchange {
        self.exchanges.last_mut().expect("a request stands first")
    }

    /// `host:port` of the recorded server.
    pub(crate) fn authority(&self) -> &str {
        self.url().split('/').nth(2).expect("rtsp://authority/path")
    }

    /// What the recorded client asked for.
    pub(crate) fn url(&self) -> &str {
        self.exchanges[0].url()
    }
}

impl End {
    fn named(name: &str) -> Self {
        match name {
            "silence" => Self::Silence,
            "BYE" => Self::Bye,
            "FIN" => Self::Fin,
            "half a frame" => Self::Half,
            "half a frame and FIN" => Self::HalfAndFin,
            _ => panic!("no such end: {name}"),
        }
    }
}

impl Oddity {
    fn named(name: &str) -> Self {
        match name {
            "CRLF" => Self::EmptyLines,
            "cut frames" => Self::CutFrames,
            "no marker" => Self::NoMarker,
            "new SSRC every 20 frames" => Self::NewSsrc,
            "B-frames" => Self::BFrames,
            "timestamps reset" => Self::TimestampReset,
            "padding" => Self::Padding,
            "header extensions" => Self::Extensions,
            "empty payloads" => Self::EmptyPayloads,
            _ => panic!("no such oddity: {name}"),
        }
    }
}

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialogs").join(format!("{name}.txt"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The text of a transcript with some lines in the place of others, and more lines at its end.
fn changed(base: String, changes: &str) -> String {
    let (head, edits) = changes.split_once("--- instead of\n").unwrap_or((changes, ""));
    let more = head.split_inclusive('\n').filter(|line| {
        line.starts_with("=== ") && !line.starts_with("=== as ") && !line.starts_with("=== everywhere ")
    });
    let more: String = more.collect();
    let within = head.lines().filter_map(|line| line.strip_prefix("=== everywhere ")?.split_once(" => "));
    let base = within.fold(base, |text, (before, after)| {
        assert!(text.contains(before), "{before} stands nowhere");
        text.replace(before, after)
    });
    let edits = edits.split("--- instead of\n").filter(|edit| !edit.is_empty());
    let text = edits.fold(base, |text, edit| {
        let (before, after) = edit.split_once("--- there is\n").expect("what there is");
        assert!(text.contains(before), "nothing stands for {before}");
        text.replace(before, after)
    });
    text + &more
}

impl Exchange {
    pub(crate) fn method(&self) -> &str {
        word(&self.request, 0)
    }

    pub(crate) fn url(&self) -> &str {
        word(&self.request, 1)
    }

    /// Whether the server was content.
    pub(crate) fn succeeded(&self) -> bool {
        self.reply.as_deref().is_some_and(|reply| word(reply, 1) == "200")
    }
}

/// Some servers answer as if they spoke HTTP.
pub(crate) fn is_response(message: &str) -> bool {
    ["RTSP/", "HTTP/"].iter().any(|version| message.starts_with(version))
}

/// A word of the start line.
pub(crate) fn word(message: &str, index: usize) -> &str {
    message.split_ascii_whitespace().nth(index).unwrap_or_default()
}

/// The value of the first header field of this name.
pub(crate) fn header<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    let head = message.split("\r\n\r\n").next()?;
    let field = |line: &'a str| line.split_once(':').filter(|(field, _)| field.eq_ignore_ascii_case(name));
    head.lines().find_map(field).map(|(_, value)| value.trim())
}

/// What stands behind the empty line.
pub(crate) fn body(message: &str) -> &str {
    message.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

/// The path of a URL, with its query.
pub(crate) fn path(url: &str) -> &str {
    url.splitn(4, '/').nth(3).unwrap_or_default()
}

/// The decimal number right behind `mark`, with which it must go on.
pub(crate) fn number_behind<T: std::str::FromStr>(text: &str, mark: &str) -> T {
    let rest = text.split_once(mark).map_or("", |(_, rest)| rest);
    let digits = rest.split(|letter: char| !letter.is_ascii_digit()).next().unwrap_or_default();
    digits.parse().unwrap_or_else(|_| panic!("no number behind {mark:?} in {text:?}"))
}
