//! How a connection comes about: a name is looked up, then each of its addresses is tried.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use humantime::format_duration;

use crate::rtsp::tunnel::{TunnelKind, TunnelRequest};
use crate::rtsp::url::RtspUrl;
use crate::session::{Output, SessionError, Via};
use crate::time::Timestamp;

/// What to do next.
#[derive(Debug)]
pub(super) enum Dial {
    Do(Output<'static>),
    Fail(SessionError),
}

/// Gets to one server.
#[derive(Debug)]
pub(super) struct Dialer {
    host: String,
    port: u16,
    via: Via,
    /// For the look-up, and for each address.
    timeout: Duration,
    /// Those that have not been tried yet; `None` before the name was looked up.
    addresses: Option<VecDeque<SocketAddr>>,
    address: Option<SocketAddr>,
    deadline: Option<Timestamp>,
}

impl Dialer {
    pub(super) fn new(url: &RtspUrl, timeout: Duration) -> Self {
        let (host, port) = (url.host().to_owned(), url.port());
        let via = Via { tls: url.is_secure().then(|| url.plain_host().to_owned()), tunnel: None };
        Self { host, port, via, timeout, addresses: None, address: None, deadline: None }
    }

    /// The same through HTTP. The port is the URL's, or else that of HTTP.
    pub(super) fn through(mut self, tunnel: TunnelRequest, url: &RtspUrl) -> Self {
        self.port = url.port_or(url.http_port());
        self.via.tunnel = Some(tunnel);
        self
    }

    /// The tunnel that is asked for.
    pub(super) fn tunnel_mut(&mut self) -> Option<&mut TunnelRequest> {
        self.via.tunnel.as_mut()
    }

    /// The address that was tried last.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// When it takes too long.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.deadline
    }

    /// Begins.
    pub(super) fn resolve(&mut self, now: Timestamp) -> Output<'static> {
        self.deadline = Some(now + self.timeout);
        Output::Resolve { host: self.host.clone(), port: self.port }
    }

    /// The name stands for these addresses.
    pub(super) fn resolved(&mut self, now: Timestamp, addresses: &[SocketAddr]) -> Dial {
        self.addresses = Some(addresses.iter().copied().collect());
        self.next(now, "it has no address")
    }

    /// The name stands for nothing.
    pub(super) fn unresolved(&mut self, why: &str) -> Dial {
        self.deadline = None;
        Dial::Fail(SessionError::Resolve { host: self.host.clone(), why: why.to_owned() })
    }

    /// The next address: the one before failed, and why.
    pub(super) fn next(&mut self, now: Timestamp, why: &str) -> Dial {
        if let Some(address) = self.addresses.as_mut().and_then(VecDeque::pop_front) {
            self.address = Some(address);
            self.deadline = Some(now + self.timeout);
            return Dial::Do(Output::Connect { address, via: self.via.clone() });
        }
        self.deadline = None;
        let address = self.address.map_or_else(|| self.host.clone(), |address| address.to_string());
        Dial::Fail(SessionError::Connect { address, why: why.to_owned() })
    }

    /// The connection stands.
    pub(super) fn connected(&mut self) {
        self.deadline = None;
    }

    /// Connects once more to where the connection stood.
    pub(super) fn again(&mut self, now: Timestamp) -> Option<Output<'static>> {
        let address = self.address?;
        self.deadline = Some(now + self.timeout);
        Some(Output::Connect { address, via: self.via.clone() })
    }

    /// The time has come.
    pub(super) fn wake(&mut self, now: Timestamp) -> Option<Dial> {
        self.deadline.take_if(|deadline| *deadline <= now)?;
        let hint = if self.addresses.is_some() { self.hint() } else { "" };
        let why = format!("no answer within {}{hint}", format_duration(self.timeout));
        Some(if self.addresses.is_none() { self.unresolved(&why) } else { self.next(now, &why) })
    }

    /// What a server may lack that says nothing.
    fn hint(&self) -> &'static str {
        match (&self.via.tls, self.via.tunnel.as_ref().map(|tunnel| tunnel.kind)) {
            (Some(_), _) => "; does it speak TLS there?",
            (None, Some(TunnelKind::GetAndPost)) => "; does it tunnel RTSP through HTTP there?",
            (None, Some(TunnelKind::WebSocket)) => "; does it speak RTSP over WebSocket there?",
            (None, None) => "",
        }
    }
}
