//! The dialogues of two captured sessions, request by request.

use crate::analysis::cell::{millis, rounded};
use crate::analysis::comparison::alignment::{AlignedLine, aligned};
use crate::analysis::comparison::headers::Presentation;
use crate::analysis::comparison::transcript::{Exchange, HeardSession};
use crate::analysis::comparison::{Comparison, Fate, Login, Request, RequestRow, description, headers, meaning};
use serde::Serialize;

/// Requests of each session that are put side by side by what they are; those behind by their place.
const MAX_ALIGNED: usize = 500;
/// The names of both, in the sentences about them.
pub(super) const IN_BOTH: [&str; 2] = ["in A", "in B"];

/// How long answers took at two points of one dialogue. What the server took is part of both.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Latencies {
    /// Requests with an answer in both.
    pub requests: usize,
    /// The median of A's.
    pub a_median_ms: f64,
    /// Of B's.
    pub b_median_ms: f64,
    /// The median of B's less A's: there and back between both points. Negative where B is nearer to the server.
    pub between_median_ms: f64,
    /// The largest, without its sign.
    pub between_max_ms: f64,
}

impl Comparison {
    /// Two captured sessions, whose requests stand side by side; the first is what others call `then`.
    pub(super) fn of_sessions(a: &HeardSession, b: &HeardSession, pairs: &[Pair<'_>]) -> Self {
        let mut comparison = Self::default();
        let presentations = [a.url(), b.url()].map(Presentation::new);
        for (number, pair) in pairs {
            let mut row = RequestRow::new(&request(*number, *pair), &presentations, |_, _| Vec::new());
            if let [Some(a), Some(b)] = pair {
                row.asked = headers::changes([a.request(), b.request()], &presentations, bodies_differ(a, b), false);
                if let Some(bodies) = descriptions(a, b) {
                    row.body = meaning::changes(bodies, &presentations);
                    let [a, b] = bodies;
                    comparison.tracks = description::track_difference(a, b, IN_BOTH).or(comparison.tracks.take());
                }
            }
            comparison.requests.push(row);
        }
        for (session, name) in [(a, "A"), (b, "B")].into_iter().filter(|(session, _)| session.left_out > 0) {
            comparison.notes.push(format!("{} more requests of {name} were not compared", session.left_out));
        }
        comparison
    }
}

/// A request of both sessions, or of one, with its number in A.
pub(super) type Pair<'a> = (Option<usize>, [Option<&'a Exchange>; 2]);

/// Requests side by side.
pub(super) fn pairs<'a>(a: &'a HeardSession, b: &'a HeardSession) -> Vec<Pair<'a>> {
    let (a, b) = (a.exchanges(), b.exchanges());
    let kinds = |exchanges: &'a [Exchange]| exchanges.iter().take(MAX_ALIGNED).map(kind).collect::<Vec<_>>();
    let mut pairs: Vec<_> = aligned(&kinds(a), &kinds(b))
        .into_iter()
        .map(|place| match place {
            AlignedLine::Both(a_place, b_place) => (Some(a_place + 1), [a.get(a_place), b.get(b_place)]),
            AlignedLine::Then(place) => (Some(place + 1), [a.get(place), None]),
            AlignedLine::Now(place) => (None, [None, b.get(place)]),
        })
        .collect();
    for place in MAX_ALIGNED..a.len().max(b.len()) {
        pairs.push(((place < a.len()).then_some(place + 1), [a.get(place), b.get(place)]));
    }
    pairs
}

/// What tells that two requests ask for the same. A request for a login is no other one's like.
fn kind(exchange: &Exchange) -> (&str, bool) {
    (&exchange.method, exchange.answer.as_ref().is_some_and(|answer| answer.status == Some(401)))
}

fn request(number: Option<usize>, [a, b]: [Option<&Exchange>; 2]) -> Request<'_> {
    let shown = a.or(b);
    Request {
        number,
        at: shown.map_or(0, |exchange| exchange.at),
        method: shown.map_or("", |exchange| &exchange.method),
        url: shown.map_or("", |exchange| &exchange.url),
        then: fate(a),
        now: fate(b),
        login: Login::None,
        moved: false,
    }
}

fn fate(exchange: Option<&Exchange>) -> Fate<'_> {
    let Some(exchange) = exchange else { return Fate::Nothing };
    exchange.answer.as_ref().map_or(Fate::NoAnswer, |answer| Fate::Answered {
        status: answer.status,
        latency: answer.latency,
        message: Some(answer.message()),
    })
}

fn bodies_differ(a: &Exchange, b: &Exchange) -> bool {
    a.request().body() != b.request().body()
}

/// The descriptions of the media: those that a server answers, and those that who publishes sends.
fn descriptions<'a>(a: &'a Exchange, b: &'a Exchange) -> Option<[&'a [u8]; 2]> {
    match a.method.as_str() {
        "ANNOUNCE" => Some([a.request().body(), b.request().body()]),
        "DESCRIBE" => {
            let good = |exchange: &'a Exchange| {
                exchange.answer.as_ref().filter(|answer| matches!(answer.status, Some(200..=299)))
            };
            Some([good(a)?.message().body(), good(b)?.message().body()])
        }
        _ => None,
    }
}

/// Whether both captures hold the same dialogue: the server gave both the same session, and every answer is the same.
pub(super) fn is_the_same(a: &HeardSession, b: &HeardSession, pairs: &[Pair<'_>]) -> bool {
    a.id().is_some() && a.id() == b.id() && pairs.iter().all(|(_, pair)| have_the_same_answer(pair))
}

/// Where both have one.
fn have_the_same_answer(pair: &[Option<&Exchange>; 2]) -> bool {
    match pair.map(|exchange| exchange.and_then(|exchange| exchange.answer.as_ref())) {
        [Some(a), Some(b)] => a.message().head() == b.message().head(),
        _ => true,
    }
}

/// How long the answers took in both.
pub(super) fn latencies(pairs: &[Pair<'_>]) -> Option<Latencies> {
    let latency = |exchange: Option<&Exchange>| Some(exchange?.answer.as_ref()?.latency);
    let both = pairs.iter().filter_map(|(_, [a, b])| Some((latency(*a)?, latency(*b)?)));
    let both: Vec<(i64, i64)> = both.collect();
    let differences: Vec<i64> = both.iter().map(|(a, b)| b.saturating_sub(*a)).collect();
    let max = differences.iter().map(|difference| difference.saturating_abs()).max()?;
    Some(Latencies {
        requests: both.len(),
        a_median_ms: median_ms(both.iter().map(|(a, _)| *a).collect()),
        b_median_ms: median_ms(both.iter().map(|(_, b)| *b).collect()),
        between_median_ms: median_ms(differences),
        between_max_ms: rounded(millis(max)),
    })
}

fn median_ms(mut values: Vec<i64>) -> f64 {
    values.sort_unstable();
    let middle = values.len().saturating_sub(1) / 2;
    rounded(millis(values.get(middle).copied().unwrap_or(0)))
}
