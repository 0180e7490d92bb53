//! Who may use whom: the rooms of docs/architecture.md, enforced on the whole source, wherever its tests stand.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that panics has failed, as it should"
)]

mod circles;
mod names;
mod rules;
mod samples;
mod source;
mod uses;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use circles::circles;
use rules::{EdgeRules, RoomRules};
use source::{Source, read_files};

static SOURCE: LazyLock<Source> = LazyLock::new(|| Source::read(&read_files()));

const ARCHITECTURE: &str = include_str!("../../docs/architecture.md");
const LIBRARY: &str = include_str!("../../src/lib.rs");

/// Files that are part of a circle as yet. None is to be added.
const KNOWN_CIRCLES: &[&str] = &[
    "analysis/dialogue.rs",
    "analysis/dialogue/description.rs",
    "analysis/ending.rs",
    "analysis/findings.rs",
    "analysis/findings/partial.rs",
    "analysis/findings/sender_counts.rs",
    "analysis/frames/mod.rs",
    "analysis/frames/statistics.rs",
    "analysis/http.rs",
    "analysis/matching/losses.rs",
    "analysis/matching/mod.rs",
    "analysis/matching/read_order.rs",
    "analysis/matching/stream.rs",
    "analysis/matching/window.rs",
    "analysis/media_wait/evidence.rs",
    "analysis/media_wait/mod.rs",
    "analysis/media_wait/refusal.rs",
    "analysis/media_wait/totals.rs",
    "analysis/out.rs",
    "analysis/resent.rs",
    "analysis/session.rs",
    "analysis/session/lookup.rs",
    "analysis/stream.rs",
    "analysis/undescribed.rs",
    "analysis/unplaced.rs",
    "analysis/unreachable.rs",
    "analysis/verdicts/arrival_timing.rs",
    "analysis/verdicts/event.rs",
    "analysis/verdicts/event_counters.rs",
    "analysis/verdicts/loss.rs",
    "analysis/verdicts/mod.rs",
    "analysis/verdicts/no_media.rs",
    "analysis/verdicts/restart.rs",
    "analysis/verdicts/silence.rs",
    "analysis/verdicts/span.rs",
    "capture/bare.rs",
    "capture/base64.rs",
    "capture/connection.rs",
    "capture/connections.rs",
    "capture/content.rs",
    "capture/copies.rs",
    "capture/copies/held.rs",
    "capture/datagrams.rs",
    "capture/event_context.rs",
    "capture/groups.rs",
    "capture/layer/chunked.rs",
    "capture/layer/mod.rs",
    "capture/layer/search.rs",
    "capture/layer/web_socket.rs",
    "capture/ports.rs",
    "capture/reader.rs",
    "capture/reader/compressed.rs",
    "capture/reader/input.rs",
    "capture/reader/interface.rs",
    "capture/reader/pcap.rs",
    "capture/reader/pcapng.rs",
    "capture/rewrite.rs",
    "capture/rewrite/base64_map.rs",
    "capture/rewrite/container.rs",
    "capture/rewrite/headers.rs",
    "capture/rewrite/packet.rs",
    "capture/rewrite/rewrite_map.rs",
    "capture/sessions.rs",
    "capture/setups.rs",
    "capture/sharing.rs",
    "capture/source.rs",
    "capture/tunnel.rs",
    "capture/tunnel/post.rs",
    "capture/unclaimed.rs",
    "cli.rs",
    "cli/probe.rs",
    "cli/record.rs",
    "cli/redact.rs",
    "cli/schema.rs",
    "commands/analyze.rs",
    "commands/compare.rs",
    "commands/demo.rs",
    "commands/export/dump.rs",
    "commands/export/files.rs",
    "commands/export/media.rs",
    "commands/export/mod.rs",
    "commands/export/view.rs",
    "commands/mod.rs",
    "commands/named.rs",
    "commands/record/mod.rs",
    "commands/record/recordings.rs",
    "commands/record/report.rs",
    "commands/record/targets.rs",
    "commands/redact/mod.rs",
    "commands/replay/bare.rs",
    "commands/replay/client.rs",
    "commands/replay/mod.rs",
    "commands/replay/server.rs",
    "commands/report.rs",
    "export/media/aac.rs",
    "export/media/jpeg.rs",
    "export/media/mod.rs",
    "export/media/nal.rs",
    "net/peer.rs",
    "net/peer/backpressure.rs",
    "net/peer/shutdown.rs",
    "net/stream/channel.rs",
    "net/stream/http_opening.rs",
    "net/stream/mod.rs",
    "net/stream/outgoing.rs",
    "net/stream/secured.rs",
    "net/stream/tunnel.rs",
    "net/stream/web_socket.rs",
    "redact/known_strings.rs",
    "redact/url.rs",
    "report/page/collect.rs",
    "report/page/dialogue.rs",
    "report/page/findings.rs",
    "report/page/streams.rs",
    "rtp/infer/audio.rs",
    "rtp/infer/mod.rs",
    "rtp/infer/nal.rs",
    "rtp/infer/picture.rs",
    "rtp/payload/aac.rs",
    "rtp/payload/h264.rs",
    "rtp/payload/h265.rs",
    "rtp/payload/jpeg.rs",
    "rtp/payload/mod.rs",
    "rtp/payload/start_code.rs",
    "rtp/rtcp/mod.rs",
    "rtp/rtcp/reports.rs",
    "rtp/rtcp/sdes.rs",
    "rtsp/demux.rs",
    "rtsp/framing.rs",
    "rtsp/tunnel.rs",
    "rtsp/upgrade.rs",
    "rtsp/web_socket.rs",
    "session/client/connecting.rs",
    "session/client/mod.rs",
    "session/client/moving.rs",
    "session/client/request.rs",
    "session/client/scope.rs",
    "session/client/transport.rs",
    "session/dialog.rs",
    "session/dialog/given.rs",
    "session/dialog/owner.rs",
    "session/dialog/sender.rs",
    "session/faults/error.rs",
    "session/faults/line.rs",
    "session/faults/login.rs",
    "session/faults/mod.rs",
    "session/faults/plan.rs",
    "session/faults/rewrite.rs",
    "session/faults/spec.rs",
    "session/faults/track.rs",
    "session/faults/units.rs",
    "session/probe/mod.rs",
    "session/probe/plan.rs",
    "session/script/frame.rs",
    "session/script/mod.rs",
    "session/script/track.rs",
    "session/server/answer.rs",
    "session/server/mod.rs",
];

fn room_rules() -> RoomRules {
    RoomRules::read(ARCHITECTURE, "| room | may use |")
}

fn edge_rules() -> EdgeRules {
    EdgeRules::read(ARCHITECTURE, "| of the outside world | only in |")
}

#[test]
fn rooms_use_only_those_below_them() {
    let offences = room_rules().offences(&SOURCE);
    assert!(offences.is_empty(), "{offences:#?}");
}

#[test]
fn no_rooms_are_in_a_circle() {
    let found = circles(&room_rules().graph());
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn the_outside_world_stays_at_the_edges() {
    let offences = edge_rules().offences(&SOURCE);
    assert!(offences.is_empty(), "{offences:#?}");
}

#[test]
fn no_files_are_in_a_circle() {
    let graph = SOURCE.files_by_use();
    let found = circles(&graph);
    let known: BTreeSet<_> = KNOWN_CIRCLES.iter().copied().collect();
    let new: Vec<_> = found.iter().filter(|circle| circle.iter().any(|file| !known.contains(file.as_str()))).collect();
    let uses = |circle: &Vec<String>| -> Vec<_> {
        circle
            .iter()
            .map(|file| {
                (file.clone(), graph[file].iter().filter(|to| circle.contains(to)).cloned().collect::<Vec<_>>())
            })
            .collect()
    };
    assert!(new.is_empty(), "{:#?}", new.into_iter().map(uses).collect::<Vec<_>>());
    let found: BTreeSet<_> = found.iter().flatten().map(String::as_str).collect();
    let untied: Vec<_> = known.difference(&found).collect();
    assert!(untied.is_empty(), "no more in a circle, strike them from KNOWN_CIRCLES: {untied:#?}");
}

#[test]
fn the_librarys_head_has_the_rules_of_the_documentation() {
    assert_eq!(RoomRules::read(LIBRARY, "| room | what it is for | may use |"), room_rules());
}
