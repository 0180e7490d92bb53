use super::*;
use crate::rtsp::message::MessageBuilder;
use crate::rtsp::unanswered::MAX_UNANSWERED;

const C: Direction = Direction::ClientToServer;
const S: Direction = Direction::ServerToClient;

fn flow(id: usize) -> Arc<Flow> {
    let (client, server) = ("10.0.0.1:4000".parse().unwrap(), "10.0.0.2:554".parse().unwrap());
    Arc::new(Flow { id, session: id, url: String::new(), client, server })
}

/// A connection, and the number of its latest message.
struct Talk(ConnectionSessions, u32);

impl Talk {
    fn new() -> Self {
        Self(ConnectionSessions::new(flow(0), false), 0)
    }

    /// On a connection that stood before the capture.
    fn late() -> Self {
        Self(ConnectionSessions::new(flow(0), true), 0)
    }

    /// Whose a message is.
    fn takes(&mut self, direction: Direction, bytes: &[u8]) -> usize {
        let head = bytes.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
        let message = Message::new(&bytes[..head], &bytes[head..]);
        if self.0.is_another(direction, &message) {
            self.0.begin(flow(self.0.flows().count()));
        }
        self.0.message(direction, &message);
        self.0.flow(direction).id
    }

    fn asks(&mut self, method: &str, url: &str, id: Option<&str>) -> usize {
        self.1 += 1;
        let request = MessageBuilder::request(method, url).header("CSeq", self.1).header_opt("Session", id);
        self.takes(C, &request.finish())
    }

    fn answers(&mut self, cseq: u32, status: u16, id: Option<&str>) -> usize {
        let answer = MessageBuilder::response(status, "X").header("CSeq", cseq).header_opt("Session", id);
        self.takes(S, &answer.finish())
    }

    /// A request that is granted.
    fn gets(&mut self, method: &str, url: &str, id: Option<&str>, answered: Option<&str>) -> usize {
        let session = self.asks(method, url, id);
        assert_eq!(self.answers(self.1, 200, answered), session);
        session
    }
}

#[test]
fn keep_alives_are_those_of_the_session_that_they_name() {
    let mut talk = Talk::new();
    for (place, id) in ["A", "B"].into_iter().enumerate() {
        let url = format!("rtsp://h/{id}");
        assert_eq!(talk.gets("DESCRIBE", &url, None, None), place);
        assert_eq!(talk.gets("SETUP", &format!("{url}/t0"), None, Some(id)), place);
    }
    for (id, url, session) in [
        (Some("A"), "*", 0),
        (Some("B"), "*", 1),
        // The identifier counts for more than the URL.
        (Some("A"), "rtsp://h/B", 0),
        (None, "rtsp://h/A/", 0),
        (None, "rtsp://h/A/t0", 0),
        (None, "rtsp://h/B/t7", 1),
        (Some("C"), "rtsp://h/A", 0),
        // Nothing tells: it is that of the latest message.
        (None, "rtsp://h/", 0),
        (Some("B"), "rtsp://h/", 1),
        (None, "*", 1),
    ] {
        assert_eq!(talk.gets("OPTIONS", url, id, None), session, "{id:?} {url}");
    }
}

#[test]
fn answers_belong_to_the_session_that_asked() {
    let mut talk = Talk::new();
    talk.gets("DESCRIBE", "rtsp://h/a", None, None);
    talk.gets("SETUP", "rtsp://h/a/t0", None, Some("A"));
    talk.asks("GET_PARAMETER", "rtsp://h/a", Some("A"));
    let asked = talk.1;
    talk.asks("DESCRIBE", "rtsp://h/b", None);
    assert_eq!(talk.answers(asked, 200, None), 0);
    assert_eq!(talk.answers(asked + 1, 100, None), 1, "not the final answer");
    assert_eq!(talk.answers(asked + 1, 200, None), 1);
    talk.gets("SETUP", "rtsp://h/b/t0", None, Some("B"));
    // Answers that nobody asked for are those of whom they name.
    assert_eq!(talk.answers(asked, 200, Some("A")), 0);
    assert_eq!(talk.answers(asked, 200, Some("B")), 1);
    // Each session has numbers of its own.
    talk.1 = 50;
    talk.asks("PAUSE", "rtsp://h/a", Some("A"));
    talk.1 = 50;
    talk.asks("PAUSE", "rtsp://h/b", Some("B"));
    assert_eq!(talk.answers(51, 200, Some("A")), 0);
    assert_eq!(talk.answers(51, 200, None), 1);
}

#[test]
fn who_publishes_two_presentations_has_two_sessions() {
    let mut talk = Talk::new();
    for (place, url) in ["rtsp://h/a", "rtsp://h/b"].into_iter().enumerate() {
        assert_eq!(talk.gets("ANNOUNCE", url, None, None), place);
    }
    assert_eq!(talk.gets("SETUP", "rtsp://h/a/t0", None, Some("A")), 0);
    assert_eq!(talk.gets("SETUP", "rtsp://h/b/t0", None, Some("B")), 1);
    // What the server asks for begins none.
    let announce = MessageBuilder::request("ANNOUNCE", "rtsp://h/c").header("CSeq", 1).header("Session", "A").finish();
    assert_eq!(talk.takes(S, &announce), 0);
}

#[test]
fn a_session_that_began_before_the_capture_is_one() {
    let mut talk = Talk::late();
    talk.0.frame(S, 0);
    assert_eq!(talk.gets("DESCRIBE", "rtsp://h/b", None, None), 1);
    let mut talk = Talk::new();
    talk.gets("GET_PARAMETER", "rtsp://h/a", Some("A"), None);
    assert_eq!(talk.gets("DESCRIBE", "rtsp://h/b", None, None), 1);
    assert_eq!(talk.gets("GET_PARAMETER", "rtsp://h/a", Some("A"), None), 0);
    let mut talk = Talk::new();
    talk.gets("GET_PARAMETER", "rtsp://h/a/", Some("A"), None);
    assert_eq!(talk.gets("DESCRIBE", "rtsp://h/a", None, None), 0, "its keep-alives name it");
}

/// Some servers send before they are asked: nothing was set up that it could be of.
#[test]
fn media_before_a_description_is_no_session() {
    let mut talk = Talk::new();
    assert_eq!(talk.gets("OPTIONS", "rtsp://h/a", None, None), 0);
    talk.0.frame(S, 1);
    assert_eq!(talk.gets("DESCRIBE", "rtsp://h/a", None, None), 0);
}

#[test]
fn a_connection_has_so_many_sessions() {
    let mut talk = Talk::new();
    for place in 0..1000 {
        let session = talk.gets("DESCRIBE", &format!("rtsp://h/{place}"), None, None);
        assert_eq!(session, place.min(MAX_OTHERS));
    }
    let unanswered = |talk: &Talk| talk.0.unanswered.each_ref().map(|requests| requests.iter().count());
    assert_eq!(unanswered(&talk), [0, 0]);
    (0..1000).for_each(|_| assert_eq!(talk.asks("OPTIONS", "*", None), MAX_OTHERS));
    assert_eq!(unanswered(&talk), [MAX_UNANSWERED, 0]);
}
