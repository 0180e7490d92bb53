//! How a session is kept from timing out (RFC 2326, sections 10.1, 10.8 and 12.37).

use std::time::Duration;

use crate::rtsp::headers::DEFAULT_SESSION_TIMEOUT;
use crate::time::Timestamp;

/// In the order of preference: Darwin's server goes silent after a `GET_PARAMETER`, go2rtc never answers one.
const METHODS: [&str; 3] = ["OPTIONS", "GET_PARAMETER", "SET_PARAMETER"];
/// However short the server's timeout is, keep-alives are not sent more often. It matters where a
/// server names a timeout of 0.
const MIN_INTERVAL: Duration = Duration::from_millis(250);

/// When to send the next sign of life, and which.
#[derive(Debug, Default)]
pub(super) struct KeepAlive {
    interval: Duration,
    methods: Vec<&'static str>,
    due: Option<Timestamp>,
    /// Sequence number of the one that waits for its answer.
    pub(super) waiting: Option<u32>,
    /// It was sent once more, as the server asked for credentials.
    pub(super) challenged: bool,
}

impl KeepAlive {
    /// One that sends what `public` lists; OPTIONS where it lists nothing of use.
    pub(super) fn new(now: Timestamp, timeout: Option<Duration>, public: &[String]) -> Self {
        let interval = (timeout.unwrap_or(DEFAULT_SESSION_TIMEOUT) / 2).max(MIN_INTERVAL);
        let listed = |method: &&str| public.iter().any(|name| name == method);
        let (first, last): (Vec<_>, Vec<_>) = METHODS.into_iter().partition(listed);
        Self { interval, methods: [first, last].concat(), due: Some(now + interval), waiting: None, challenged: false }
    }

    /// When the next is due; `None` as long as nothing plays.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.due
    }

    /// No other method than this one, whatever the server makes of it.
    pub(super) fn use_only(&mut self, method: &'static str) {
        self.methods = vec![method];
    }

    /// The method to send.
    pub(super) fn method(&self) -> &'static str {
        self.methods.first().copied().unwrap_or("OPTIONS")
    }

    /// One was sent at `now`.
    pub(super) fn sent(&mut self, now: Timestamp, cseq: u32) {
        self.waiting = Some(cseq);
        self.due = Some(now + self.interval);
    }

    /// The server did not want it: the other methods come first from now on.
    pub(super) fn refused(&mut self) {
        if !self.methods.is_empty() {
            self.methods.rotate_left(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn methods(public: &[&str]) -> Vec<&'static str> {
        let public: Vec<String> = public.iter().map(ToString::to_string).collect();
        KeepAlive::new(Timestamp::default(), None, &public).methods
    }

    #[test]
    fn what_public_lists_comes_first() {
        assert_eq!(methods(&[]), ["OPTIONS", "GET_PARAMETER", "SET_PARAMETER"]);
        assert_eq!(methods(&["PLAY", "GET_PARAMETER"])[0], "GET_PARAMETER");
        assert_eq!(methods(&["GET_PARAMETER", "OPTIONS"])[0], "OPTIONS");
    }

    #[test]
    fn half_the_timeout_and_never_too_often() {
        let due = |seconds| KeepAlive::new(Timestamp::default(), seconds, &[]).due().unwrap();
        assert_eq!(due(None), Timestamp::default() + Duration::from_secs(30));
        assert_eq!(due(Some(Duration::from_secs(65))), Timestamp::default() + Duration::from_millis(32_500));
        assert_eq!(due(Some(Duration::ZERO)), Timestamp::default() + MIN_INTERVAL);
    }
}
