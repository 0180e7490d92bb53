//! Servers that close behind a 401: the login that they ask for is given on the client's next connection.

use std::collections::HashMap;

use crate::analysis::session::Session;
use crate::analysis::verdicts::Judges;
use crate::time::Timestamp;

/// Connections behind a session that are looked at for its login.
const MAX_LOOKED_AT: usize = 16;

/// A session that was granted something: its number, when, and its URL.
type Begun<'a> = (usize, Timestamp, &'a str);

impl Judges {
    /// Passes on to each session when the next one of the same client and server had what this one may have asked for.
    pub(in crate::analysis) fn match_logins<'a>(&mut self, sessions: impl Iterator<Item = &'a Session>) {
        let mut begun: HashMap<_, Vec<Begun<'_>>> = HashMap::new();
        let mut all = Vec::new();
        for session in sessions {
            let key = (session.flow.client.ip(), session.flow.server);
            all.push((session.flow.id, key, session.url()));
            if let Some(at) = session.begun {
                begun.entry(key).or_default().push((session.flow.id, at, session.url()));
            }
        }
        for (id, key, url) in all {
            let Some(later) = begun.get(&key) else { continue };
            let next = later.iter().skip(later.partition_point(|(other, ..)| *other <= id)).take(MAX_LOOKED_AT);
            // OPTIONS may name the server alone.
            let next = next.filter(|(_, _, other)| other.starts_with(url)).map(|(_, at, _)| *at);
            if let Some(judge) = self.existing(id.saturating_add(1)) {
                next.for_each(|at| judge.tally.login_given(at));
            }
        }
    }
}
