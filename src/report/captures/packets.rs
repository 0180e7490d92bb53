//! The packets of a stream at two points of its way, for people.

use crate::analysis::comparison::PacketPair;
use crate::analysis::matching::{DelayFigures, Only, Run};
use crate::report::comparison::{WIDTH, cut, table};
use crate::trace::Direction;

/// Runs that are listed; the longest and the count of all stand above them.
const MAX_RUNS: usize = 10;

/// What was found of a stream, below a heading.
pub(super) fn text(PacketPair { track, found }: &PacketPair) -> String {
    let sender = if found.direction == Direction::ClientToServer { ", from the client" } else { "" };
    let [packets_a, packets_b] = found.packets;
    let [only_a, only_b] = &found.only;
    let [copies_a, copies_b] = found.duplicated;
    let title = cut(&format!("Packets of {}{sender}, {track}", found.ssrc), WIDTH);
    let row = |name: &str, a: u64, b: u64| [name.to_owned(), a.to_string(), b.to_string()];
    let rows = vec![
        row("different packets", packets_a, packets_b),
        row("in both", found.both, found.both),
        row("only here, while both captured", only_a.between, only_b.between),
        row("  in so many runs", only_a.run_count, only_b.run_count),
        row("  the longest of them", only_a.longest_run, only_b.longest_run),
        row("only here, before the other", only_a.before, only_b.before),
        row("only here, behind the other", only_a.after, only_b.after),
        row("more copies here", copies_a, copies_b),
    ];
    let text = table(&title, &["", "A", "B"], rows, &[1, 2]);
    let reordered = format!("reordered between A and B: {}\n", found.reordered);
    let altered = match found.altered {
        0 => String::new(),
        altered => format!("payloads that are not the same: {altered}\n"),
    };
    let delay = found.delay.as_ref().map(delay).unwrap_or_default();
    [text, reordered, altered, delay, runs(only_a, "A, not in B"), runs(only_b, "B, not in A")].concat()
}

fn delay(figures: &DelayFigures) -> String {
    let DelayFigures { offset_ms, pdv_mean_ms, pdv_p50_ms, pdv_p99_ms, pdv_max_ms, .. } = figures;
    let packet = format!(
        "delay variation (PDV, RFC 5481) in ms: mean {pdv_mean_ms:.3}, p50 {pdv_p50_ms:.3}, p99 {pdv_p99_ms:.3}, max \
        {pdv_max_ms:.3}\n"
    );
    let between = figures.ipdv_mean_ms.zip(figures.ipdv_max_ms);
    let between =
        between.map(|(mean, max)| format!("from packet to packet (IPDV) in ms: mean {mean:.3}, max {max:.3}\n"));
    let drift = match figures.drift_ppm {
        Some(drift) => {
            let way = if drift < 0.0 { "slower" } else { "faster" };
            let removed = if figures.drift_removed { "which is taken out above" } else { "which is not taken out" };
            format!("; B's runs {:.1} ppm {way}, {removed}", drift.abs())
        }
        None => String::new(),
    };
    let clocks = format!("clocks: the least delay is {offset_ms:.3} ms by both{drift}\n");
    [packet, between.unwrap_or_default(), clocks].concat()
}

fn runs(only: &Only, place: &str) -> String {
    if only.runs.is_empty() {
        return String::new();
    }
    let cells = |run: &Run| {
        let seq =
            if run.packets == 1 { run.first_seq.to_string() } else { format!("{}-{}", run.first_seq, run.last_seq) };
        let frame = run.frame_number.map_or_else(|| "-".to_owned(), |number| number.to_string());
        [run.time_utc.to_string(), frame, seq, run.packets.to_string()]
    };
    let rows = only.runs.iter().take(MAX_RUNS).map(cells).collect();
    let text = table(&format!("In {place}"), &["time", "frame number", "seq", "packets"], rows, &[1, 3]);
    let more = only.run_count.saturating_sub(MAX_RUNS as u64);
    if more > 0 { text + &format!("and {more} more runs; --format json lists up to 1000\n") } else { text }
}
