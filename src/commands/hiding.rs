//! What this run hides in all that it writes and says: what logs in, and the passwords that it was given itself.

use std::sync::OnceLock;

use crate::report::visible::{visible, visible_lines};
use crate::rtsp::mask::MaskRules;
use crate::rtsp::url::{Credentials, RtspUrl};

/// Set once, by the command, before it says anything that a server told it.
static RULES: OnceLock<MaskRules> = OnceLock::new();

/// From now on these names and logins are hidden.
pub(super) fn hide<'a>(names: &[String], logins: impl IntoIterator<Item = (&'a RtspUrl, Option<&'a Credentials>)>) {
    let mut rules = MaskRules::with_names(names);
    for (url, credentials) in logins {
        rules.know_url(url.as_str());
        [credentials, url.credentials()].into_iter().flatten().for_each(|login| rules.know_login(login));
    }
    // A process runs one command.
    let _ = RULES.set(rules);
}

/// What is hidden, for what is written.
pub(super) fn rules() -> MaskRules {
    RULES.get().cloned().unwrap_or_default()
}

/// A text as it may be shown in one line: without what logs in, and with what steers a terminal spelled out.
pub(super) fn shown(text: &str) -> String {
    visible(&hidden(text)).into_owned()
}

/// The same for a text of several lines.
pub(super) fn shown_lines(text: &str) -> String {
    visible_lines(&hidden(text)).into_owned()
}

fn hidden(text: &str) -> String {
    rules().masked(text)
}
