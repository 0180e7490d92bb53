//! What a server can do: tables for people, one object for programs.

use std::time::Duration;

use bytesize::ByteSize;
use comfy_table::presets::NOTHING;
use comfy_table::{Cell, CellAlignment, ColumnConstraint, ContentArrangement, Table, Width};

use crate::session::probe::{
    DescriptionFound, KeepAliveFound, LoginFound, LoginState, Millis, Outcome, Results, ServerFound, SessionFound,
    TrackFound, TransportFound,
};

/// Nothing is wider.
const WIDTH: u16 = 100;
/// Parameters of a format are cut off here.
const MAX_FMTP: usize = 40;
/// The widest that the names on the left may be.
const NAMES: u16 = 14;

/// The object, indented.
///
/// # Errors
/// Those of the serializer.
pub fn json(results: &Results) -> serde_json::Result<String> {
    serde_json::to_string_pretty(results).map(|text| text + "\n")
}

/// The tables, and what to do next.
pub fn table(results: &Results) -> String {
    let facts = facts(results);
    let tracks = results.description.iter().flat_map(|found| &found.tracks);
    // Where there was no session, there was none to keep alive.
    let some = results.keep_alive.iter().any(|found| found.result != Outcome::NotTried);
    let alive = results.keep_alive.iter().filter(|_| some);
    let tables = [
        lines(&facts),
        rows(["track", "media", "type", "encoding", "clock", "control", "format"], &[0, 2, 4], tracks.map(track)),
        rows(
            ["transport", "port", "result", "first RTP", "packets", "size", "SRs", "remarks"],
            &[1, 3, 4, 5, 6],
            results.transports.iter().map(transport),
        ),
        rows(["keep-alive", "result", "answer", "time"], &[3], alive.map(keep_alive)),
    ];
    let tables = tables.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n");
    let advice = results.record.iter().map(|command| format!("\nTo record it: {command}\n"));
    format!("{}\n{tables}{}", results.url, advice.collect::<String>())
}

/// What is known of the server as a whole, a name and a text each.
fn facts(results: &Results) -> Vec<[String; 2]> {
    let has_answered = results.server.options_status.is_some() || results.login.state != LoginState::NotAsked;
    let facts = [
        ("address", address(&results.server)),
        ("server", results.server.name.clone()),
        ("methods", Some(results.server.public.join(", ")).filter(|text| !text.is_empty())),
        ("login", Some(login(&results.login)).filter(|_| has_answered)),
        ("description", results.description.as_ref().map(description)),
        ("session", results.description.as_ref().map(|_| session(&results.session))),
        ("TLS", results.transports.iter().find_map(tls)),
        ("took", Some(format!("{}{}", time(results.took_ms), if results.interrupted { ", interrupted" } else { "" }))),
    ];
    facts.into_iter().filter_map(|(name, text)| Some([name.to_owned(), text?])).collect()
}

fn tls(found: &TransportFound) -> Option<String> {
    let (carrier, certificate) = (found.carrier.as_ref()?, found.certificate.as_ref()?);
    let words = if certificate == "trusted" { "the server's certificate is trusted" } else { certificate };
    Some(format!("{carrier}; {words}"))
}

fn address(server: &ServerFound) -> Option<String> {
    let address = server.address?;
    let connected =
        server.connect_ms.map_or(", no connection".to_owned(), |took| format!(", connected in {}", time(took)));
    let options = server.options_ms.map(|took| {
        let status = server.options_status.filter(|status| *status != 200);
        format!(", OPTIONS answered{} in {}", status.map(|status| format!(" {status}")).unwrap_or_default(), time(took))
    });
    Some(format!("{address}{connected}{}", options.unwrap_or_default()))
}

fn login(login: &LoginFound) -> String {
    let state = match login.state {
        LoginState::NotAsked => return "not asked for".to_owned(),
        LoginState::Missing => "needed: give --user and RTSP_REC_PASSWORD or --password-file",
        LoginState::Accepted => "accepted",
        LoginState::Refused => "wrong user name or password",
        LoginState::Unsupported => "none of the schemes is supported",
    };
    let offered = login.offered.iter().map(|offered| {
        let words = [Some(offered.scheme.clone()), offered.algorithm.clone()];
        let words = words.into_iter().flatten().collect::<Vec<_>>().join(" ");
        let qop = offered.qop.as_ref().map(|qop| format!(" qop {qop}")).unwrap_or_default();
        let realm = offered.realm.as_ref().map(|realm| format!(" realm \"{realm}\"")).unwrap_or_default();
        words + &qop + &realm + if offered.stale { " stale" } else { "" }
    });
    let scheme = login.scheme.map(|scheme| format!(" ({scheme})")).unwrap_or_default();
    format!("{state}{scheme}; offered: {}", offered.collect::<Vec<_>>().join(", "))
}

fn description(found: &DescriptionFound) -> String {
    let parts = [
        found.bytes.map(|bytes| format!("{bytes} bytes")),
        Some(counted(found.tracks.len(), "track")),
        found.name.as_ref().map(|name| format!("name \"{name}\"")),
        found.range.as_ref().map(|range| format!("range {range}")),
        found.control.as_ref().map(|control| format!("control {control}")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn session(session: &SessionFound) -> String {
    let timeout =
        session.timeout_s.map_or("no timeout named (60 s by default)".to_owned(), |s| format!("timeout {s} s"));
    let teardown = match (session.teardown_status, session.teardown_ms) {
        (Some(200), Some(took)) => format!(", TEARDOWN answered in {}", time(took)),
        (Some(status), Some(took)) => format!(", TEARDOWN answered {status} in {}", time(took)),
        _ => String::new(),
    };
    timeout + &teardown
}

fn track(track: &TrackFound) -> [String; 7] {
    let fmtp = track.fmtp.as_deref().map(|fmtp| {
        let short: String = fmtp.chars().take(MAX_FMTP).collect();
        if short.len() < fmtp.len() { short + "…" } else { short }
    });
    [
        track.track.to_string(),
        or_unknown(Some(track.media.clone()).filter(|media| !media.is_empty())),
        or_unknown(track.payload_type.map(|number| number.to_string())),
        or_unknown(track.encoding.clone()),
        or_unknown(track.clock_rate_hz.map(|rate| rate.to_string())),
        or_unknown(track.control.as_deref().map(control)),
        or_unknown(fmtp),
    ]
}

/// Of a whole URL its end.
fn control(control: &str) -> String {
    match control.rsplit_once('/') {
        Some((before, end)) if before.contains("://") => format!("…/{end}"),
        _ => control.to_owned(),
    }
}

fn transport(found: &TransportFound) -> [String; 8] {
    let name = match (found.transport.as_str(), found.tls) {
        ("tcp", true) => "TLS",
        ("tcp", false) => "TCP",
        ("udp", _) => "UDP",
        ("http", true) => "HTTPS",
        ("http", false) => "HTTP",
        (other, _) => other,
    };
    let media = |text: String| or_unknown(Some(text).filter(|_| found.rtp_packets > 0));
    [
        name.to_owned(),
        found.port.to_string(),
        outcome(found.result).to_owned(),
        or_unknown(found.first_rtp_ms.map(time)),
        media(found.rtp_packets.to_string()),
        media(ByteSize(found.rtp_bytes).display().si().to_string()),
        media(found.sender_reports.to_string()),
        found.detail.clone(),
    ]
}

fn keep_alive(found: &KeepAliveFound) -> [String; 4] {
    let took = or_unknown(found.took_ms.map(time));
    [found.method.to_owned(), outcome(found.result).to_owned(), found.detail.clone(), took]
}

const fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Works => "works",
        Outcome::NoMedia => "no media",
        Outcome::Refused => "refused",
        Outcome::Busy => "busy",
        Outcome::LoginNeeded => "login",
        Outcome::NoConnection => "no connection",
        Outcome::NoAnswer => "no answer",
        Outcome::Closed => "closed",
        Outcome::Failed => "failed",
        Outcome::NotTried => "not tried",
    }
}

fn or_unknown(text: Option<String>) -> String {
    text.unwrap_or_else(|| "-".to_owned())
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// `0.8 ms`, `1.53 s`.
fn time(Millis(time): Millis) -> String {
    if time < Duration::from_secs(1) {
        format!("{:.1} ms", time.as_secs_f64() * 1e3)
    } else {
        format!("{:.2} s", time.as_secs_f64())
    }
}

/// Names on the left, texts on the right, which may take several lines.
fn lines(facts: &[[String; 2]]) -> String {
    let mut table = bare();
    table.add_rows(facts);
    if let Some(names) = table.column_mut(0) {
        names.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(NAMES)));
    }
    text(&table)
}

/// A table with a header; nothing without rows.
fn rows<const N: usize>(header: [&str; N], numbers: &[usize], rows: impl Iterator<Item = [String; N]>) -> String {
    let rows: Vec<_> = rows.collect();
    if rows.is_empty() {
        return String::new();
    }
    let mut table = bare();
    table.set_header(header.map(Cell::new)).add_rows(rows);
    for column in numbers {
        if let Some(column) = table.column_mut(*column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    text(&table)
}

fn bare() -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
    table
}

fn text(table: &Table) -> String {
    table.lines().flat_map(|line| [line.trim_end().to_owned(), "\n".to_owned()]).collect()
}
