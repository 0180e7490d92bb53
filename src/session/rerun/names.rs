//! The URLs of the live server in the place of the recorded ones.

use crate::rtsp::url::RtspUrl;
use crate::session::Dialog;
use crate::session::script::Script;
use crate::session::script::track::{authority, path};
use crate::time::Timestamp;
use crate::trace::Direction;

/// Knows what a recorded URL meant.
#[derive(Debug)]
pub(super) struct Names {
    /// The recorded URL of all tracks together.
    aggregate: Option<String>,
}

impl Names {
    pub(super) fn new(script: &Script) -> Self {
        let mut dialog = Dialog::new();
        let described = |method: &str| method == "DESCRIBE";
        for exchange in script.exchanges().iter().filter(|exchange| described(&exchange.method)) {
            dialog.observe(Timestamp::default(), Direction::ClientToServer, &exchange.request());
            if let Some(answer) = exchange.answer() {
                dialog.observe(Timestamp::default(), Direction::ServerToClient, &answer);
            }
        }
        Self { aggregate: dialog.aggregate_url() }
    }

    /// What a request of this method and URL asks the live server for.
    pub(super) fn live(&self, method: &str, recorded: &str, script: &Script, dialog: &Dialog, url: &RtspUrl) -> String {
        let whole = url.as_str();
        if recorded == "*" {
            return recorded.to_owned();
        }
        if method == "DESCRIBE" {
            return whole.to_owned();
        }
        let is_presentation = whole_path(recorded) == whole_path(script.url());
        let aggregate = || dialog.aggregate_url().unwrap_or_else(|| whole.to_owned());
        let track = || live_track(script, dialog, script.track_at(recorded)?);
        if method == "SETUP" {
            return track().and_then(|track| control(dialog, track)).unwrap_or_else(|| beside(recorded, script, whole));
        }
        if is_presentation {
            return whole.to_owned();
        }
        if self.aggregate.as_deref().is_some_and(|own| whole_path(own) == whole_path(recorded)) {
            return aggregate();
        }
        if let Some(url) = track().and_then(|track| control(dialog, track)) {
            return url;
        }
        match method {
            "OPTIONS" if path(recorded).is_empty() => format!("{}{}", authority(whole), whole_path(recorded)),
            "OPTIONS" => whole.to_owned(),
            _ => aggregate(),
        }
    }
}

/// The live track that is a recorded one's: the one at its place if that is of its kind, else as many of its kind come
/// before it.
pub(super) fn live_track(script: &Script, dialog: &Dialog, recorded: usize) -> Option<usize> {
    let media = &dialog.description()?.media;
    let tracks = script.tracks();
    let kind = &tracks.get(recorded)?.kind;
    if media.get(recorded).is_some_and(|media| media.kind == *kind) {
        return Some(recorded);
    }
    let before = tracks.iter().take(recorded).filter(|track| track.kind == *kind).count();
    let mut same = media.iter().enumerate().filter(|(_, media)| media.kind == *kind).map(|(index, _)| index);
    same.nth(before).or((recorded < media.len()).then_some(recorded))
}

fn control(dialog: &Dialog, track: usize) -> Option<String> {
    dialog.control_url(dialog.description()?.media.get(track)?)
}

/// Without a live description: below the live URL as the recorded one stood below its own.
fn beside(recorded: &str, script: &Script, live: &str) -> String {
    match whole_path(recorded).strip_prefix(path(script.url())) {
        Some(rest) => format!("{}{rest}", live.trim_end_matches('/')),
        None => format!("{}{}", authority(live), whole_path(recorded)),
    }
}

/// What stands behind the authority.
fn whole_path(url: &str) -> &str {
    url.get(authority(url).len()..).unwrap_or_default()
}
