//! How a client gets to its server: looks the name up, tries each address, opens the tunnel.

use crate::rtsp::auth::LoginScheme;
use crate::rtsp::message::Message;
use crate::rtsp::tunnel::{Half, TunnelKind};
use crate::session::Client;
use crate::session::authorization::AuthAction;
use crate::session::client::pending::SessionMethod;
use crate::session::client::phase::{ClientPhase, PhaseName};
use crate::session::client::transport_choice::{dialer, web_socket_paths};
use crate::session::client::{SessionError, refusal};
use crate::session::dialer::Dial;
use crate::time::Timestamp;

impl Client {
    pub(super) fn resolve(&mut self, now: Timestamp) {
        self.phase.enter(ClientPhase::Resolving);
        self.dialer = dialer(&self.config, &self.url, self.transports.current());
        let resolve = self.dialer.resolve(now);
        self.outputs.push_back(resolve);
    }

    pub(super) fn dial(&mut self, now: Timestamp, dial: Dial) {
        match dial {
            Dial::Do(output) => {
                self.phase.enter_connecting();
                self.outputs.push_back(output);
            }
            Dial::Fail(error) if self.transports.current().tunnel().is_some() => self.tunnel_failed(now, error),
            Dial::Fail(error) => self.fail(now, error),
        }
    }

    /// The dialogue begins, or goes on where a close after a 401 or a description interrupted it.
    pub(super) fn connected(&mut self, now: Timestamp) {
        let mut negotiation = self.phase.negotiation_mut().map(std::mem::take).unwrap_or_default();
        let interrupted = negotiation.pending.take();
        self.phase.enter(ClientPhase::SettingUp(negotiation));
        self.dialer.connected();
        self.tunnel_attempts = 0;
        match interrupted {
            Some(pending) => self.send_again(now, pending),
            None if self.dialog.description().is_some() => self.described(now),
            None => self.send(now, SessionMethod::Options),
        }
    }

    /// The connection ended, and with it a description: the session goes on over another one.
    pub(super) fn goes_on_elsewhere(&mut self, now: Timestamp) -> bool {
        if !self.phase.is(PhaseName::SettingUp) || !self.dialog.end_description() {
            return false;
        }
        let Some(connect) = self.dialer.again(now) else { return false };
        // The description is complete: nothing is asked for once more.
        self.phase.pending_mut().and_then(Option::take);
        self.phase.enter_connecting();
        self.outputs.push_back(connect);
        true
    }

    /// The server did not open the tunnel: it wants a login first, or has none.
    pub(super) fn tunnel_refused(&mut self, now: Timestamp, response: &Message<'_>) {
        if !matches!(response.status(), Some(401 | 407)) {
            if self.tunnel_redirected(now, response) || self.next_web_socket(now) {
                return;
            }
            let url = self.url.as_str();
            let error = refusal(Half::Get.method(), url, response, self.transports.current());
            return self.tunnel_failed(now, error);
        }
        self.tunnel_authorization.raise(self.authorization.strongest());
        match self.tunnel_authorization.challenged(self.tunnel_attempts, self.url.as_str(), response) {
            AuthAction::Try => {
                if self.tunnel_authorization.scheme() == Some(LoginScheme::Basic) && !self.url.is_secure() {
                    self.note(
                        "the login of the HTTP tunnel can be read by whoever is on the way (Basic without TLS)"
                            .to_owned(),
                    );
                }
                self.tunnel_attempts += 1;
                if let Some(tunnel) = self.dialer.tunnel_mut() {
                    let header = |half: Half| self.tunnel_authorization.header(half.method(), &tunnel.target);
                    tunnel.authorization = [Half::Get, Half::Post].map(header);
                }
                self.outputs.extend(self.dialer.again(now));
            }
            AuthAction::GiveUp(error) => self.fail(now, error),
        }
    }

    /// Asks for a WebSocket at the next path, if there is one.
    fn next_web_socket(&mut self, now: Timestamp) -> bool {
        let paths = web_socket_paths(&self.url);
        let Some(tunnel) = self.dialer.tunnel_mut().filter(|tunnel| tunnel.kind == TunnelKind::WebSocket) else {
            return false;
        };
        let place = paths.iter().position(|path| *path == tunnel.target).unwrap_or(paths.len());
        let Some(next) = paths.iter().skip(place + 1).find(|path| **path != tunnel.target) else { return false };
        tunnel.target.clone_from(next);
        tunnel.authorization = [None, None];
        self.tunnel_attempts = 0;
        self.outputs.extend(self.dialer.again(now));
        true
    }

    /// There is no tunnel; the next transport may do.
    pub(super) fn tunnel_failed(&mut self, now: Timestamp, error: SessionError) {
        match self.transports.untried() {
            Some(next) => self.start_over(now, next, &error.to_string()),
            None => self.fail(now, error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtsp::demux::Demuxer;
    use crate::rtsp::url::Credentials;
    use crate::session::client::{ClientConfig, MediaTransport};
    use crate::session::client::{Limits, Timeouts};
    use crate::session::{Input, Machine, Output, Via};

    const NOW: Timestamp = Timestamp::from_nanos(1);

    /// A client of this URL that has asked for its connection, and how it wants it.
    fn client(url: &str, transport: MediaTransport) -> (Client, Via, u16) {
        let config = ClientConfig {
            url: url.parse().unwrap(),
            credentials: Some(Credentials { user: "u".to_owned(), password: "p".to_owned() }),
            user_agent: "test".to_owned(),
            media: Vec::new(),
            transports: vec![transport],
            seed: 1,
            limits: Limits::default(),
            timeouts: Timeouts::default(),
        };
        let mut client = Client::new(config, NOW);
        let (via, port) = connect(&mut client);
        (client, via, port)
    }

    /// Resolves and connects: the connection asked for, and the port.
    fn connect(client: &mut Client) -> (Via, u16) {
        let outputs: Vec<_> = std::iter::from_fn(|| client.poll_output(NOW).map(own)).collect();
        let Some(Output::Resolve { port, .. }) = outputs.last() else { panic!("{outputs:?}") };
        client.handle(NOW, Input::Resolved(&["192.0.2.1:9".parse().unwrap()]));
        let Some(Output::Connect { via, .. }) = client.poll_output(NOW) else { panic!("no connection") };
        (via, *port)
    }

    fn own(output: Output<'_>) -> Output<'static> {
        match output {
            Output::Resolve { host, port } => Output::Resolve { host, port },
            Output::Send(bytes) => Output::Send(bytes.into_owned().into()),
            _ => Output::Disconnect,
        }
    }

    /// What it sends next.
    fn sent(client: &mut Client) -> String {
        match client.poll_output(NOW) {
            Some(Output::Send(bytes)) => String::from_utf8(bytes.into_owned()).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    fn answer(client: &mut Client, text: &str) {
        client.handle(NOW, Input::Pdu(&Demuxer::new().feed(text.as_bytes()).next_pdu().unwrap()));
    }

    #[test]
    fn what_urls_ask_for() {
        let tls = |url: &str| client(url, MediaTransport::Tcp);
        assert_eq!((tls("rtsp://cam/x").1, tls("rtsp://cam/x").2), (Via::default(), 554));
        assert_eq!((tls("rtsps://cam/x").1.tls.as_deref(), tls("rtsps://cam/x").2), (Some("cam"), 322));
        for (url, port, secure) in
            [("rtsp://cam/x", 80, false), ("rtsp://cam:554/x", 554, false), ("rtsps://cam/x", 443, true)]
        {
            let (_, via, asked) = client(url, MediaTransport::Http);
            assert_eq!((asked, via.tls.is_some(), via.tunnel.unwrap().target.as_str()), (port, secure, "/x"), "{url}");
        }
    }

    fn refuse(client: &mut Client, head: &str) {
        client.handle(NOW, Input::TunnelRefused(&Message::new(head.as_bytes(), &[])));
    }

    #[test]
    fn a_tunnel_is_opened_where_http_sends_it() {
        let (mut client, ..) = client("rtsp://cam/x", MediaTransport::Http);
        refuse(&mut client, "HTTP/1.1 302 Found\r\nLocation: http://cam:8080/y\r\n\r\n");
        let (via, port) = connect(&mut client);
        assert_eq!((port, via.tunnel.unwrap().target.as_str()), (8080, "/y"));
    }

    #[test]
    fn a_web_socket_is_asked_for_at_each_of_its_paths() {
        let (mut client, via, port) = client("rtsps://cam/x", MediaTransport::WebSocket);
        let mut asked = vec![via.tunnel.unwrap()];
        assert_eq!((port, via.tls.is_some(), asked[0].kind), (443, true, TunnelKind::WebSocket));
        for _ in 0..2 {
            refuse(&mut client, "HTTP/1.1 404 Not Found\r\n\r\n");
            let Some(Output::Connect { via, .. }) = client.poll_output(NOW) else { panic!("no connection") };
            asked.extend(via.tunnel);
        }
        let paths: Vec<&str> = asked.iter().map(|tunnel| tunnel.target.as_str()).collect();
        assert_eq!(paths, ["/rtsp-over-websocket", "/x", "/"]);
        refuse(&mut client, "HTTP/1.1 404 Not Found\r\n\r\n");
        while client.poll_output(NOW).is_some() {}
        let error = client.outcome().unwrap().as_ref().unwrap_err().to_string();
        assert!(error.contains("404") && error.contains("RTSP over WebSocket"), "{error}");
    }

    #[test]
    fn a_login_does_not_leave_tls() {
        for (from, to, goes_along) in [
            ("rtsps://cam/x", "rtsp://cam/y", false),
            ("rtsps://cam/x", "rtsps://cam:9/y", true),
            ("rtsp://cam/x", "rtsps://cam/y", true),
            ("rtsp://cam/x", "rtsp://other/y", false),
        ] {
            let (mut client, _, _) = client(from, MediaTransport::Tcp);
            client.handle(NOW, Input::Connected);
            sent(&mut client);
            answer(&mut client, &format!("RTSP/1.0 302 Moved\r\nCSeq: 1\r\nLocation: {to}\r\n\r\n"));
            let (via, _) = connect(&mut client);
            assert_eq!(via.tls.is_some(), to.starts_with("rtsps"));
            client.handle(NOW, Input::Connected);
            sent(&mut client);
            answer(&mut client, "RTSP/1.0 401 No\r\nCSeq: 2\r\nWWW-Authenticate: Basic realm=\"r\"\r\n\r\n");
            let told = client.poll_output(NOW).is_some_and(|output| matches!(output, Output::Send(_)));
            assert_eq!(told, goes_along, "{from} to {to}");
        }
    }
}
