//! Two captures side by side as one JSON object. Times are numbers in the unit that their name ends with; what is not
//! known is `null`.

use serde::Serialize;

use crate::analysis::comparison::{
    CaptureComparison, HeaderChange, Latencies, LineChange, PacketPair, PairedBy, RequestRow, SessionName, SessionPair,
    TrackPair,
};

#[derive(Serialize)]
struct Document<'a> {
    a: &'a str,
    b: &'a str,
    different: bool,
    differences: &'a [String],
    sessions: Vec<Pair<'a>>,
    only_a: &'a [SessionName],
    only_b: &'a [SessionName],
}

#[derive(Serialize)]
struct Pair<'a> {
    a: &'a SessionName,
    b: &'a SessionName,
    paired_by: PairedBy,
    differences: Vec<String>,
    requests: Vec<RequestView<'a>>,
    latencies: Option<&'a Latencies>,
    tracks: &'a [TrackPair],
    packets: &'a [PacketPair],
    notes: &'a [String],
}

#[derive(Serialize)]
struct RequestView<'a> {
    number: Option<usize>,
    method: &'a str,
    path: &'a str,
    status: &'a [String; 2],
    latency_ms: [Option<f64>; 2],
    request_fields: Vec<Field<'a>>,
    answer_fields: Vec<Field<'a>>,
    body_only_a: Vec<&'a str>,
    body_only_b: Vec<&'a str>,
}

#[derive(Serialize)]
struct Field<'a> {
    name: &'a str,
    a: Option<&'a str>,
    b: Option<&'a str>,
}

/// The comparison as an object. `paths` name the captures.
///
/// # Errors
/// If a part of it is no JSON, which none is.
pub fn json(comparison: &CaptureComparison, [a, b]: [&str; 2]) -> serde_json::Result<String> {
    let differences = comparison.differences();
    let [only_a, only_b] = &comparison.alone;
    let document = Document {
        a,
        b,
        different: !differences.is_empty(),
        differences: &differences,
        sessions: comparison.pairs.iter().map(Pair::of).collect(),
        only_a,
        only_b,
    };
    serde_json::to_string_pretty(&document).map(|text| text + "\n")
}

impl<'a> Pair<'a> {
    fn of(pair: &'a SessionPair) -> Self {
        let [a, b] = &pair.sessions;
        Self {
            a,
            b,
            paired_by: pair.by,
            differences: pair.differences(),
            requests: pair.dialogue.requests.iter().map(RequestView::of).collect(),
            latencies: pair.latencies.as_ref(),
            tracks: &pair.tracks,
            packets: &pair.packets,
            notes: &pair.dialogue.notes,
        }
    }
}

impl<'a> RequestView<'a> {
    fn of(row: &'a RequestRow) -> Self {
        let field = |change: &'a HeaderChange| Field {
            name: &change.name,
            a: change.then.as_deref(),
            b: change.now.as_deref(),
        };
        let only = |of_a: bool| {
            let line = move |change: &'a LineChange| match change {
                LineChange::Then(line) => of_a.then_some(line.as_str()),
                LineChange::Now(line) => (!of_a).then_some(line.as_str()),
            };
            row.body.iter().filter_map(line).collect()
        };
        Self {
            number: row.number,
            method: &row.method,
            path: &row.path,
            status: &row.status,
            latency_ms: row.latency.map(|latency| latency.map(millis)),
            request_fields: row.asked.iter().map(field).collect(),
            answer_fields: row.headers.iter().map(field).collect(),
            body_only_a: only(true),
            body_only_b: only(false),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "nobody waits for an answer for 104 days")]
fn millis(nanos: i64) -> f64 {
    nanos as f64 / 1e6
}
