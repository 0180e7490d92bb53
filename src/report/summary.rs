//! A short table of the streams of a recording, for people.

use bytesize::ByteSize;
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ContentArrangement, Table};

use crate::analysis::StreamRow;

const HEADER: [&str; 10] =
    ["session", "track", "media", "encoding", "packets", "size", "bitrate", "lost", "max jitter", "sender reports"];
/// The columns from here on are numbers.
const FIRST_NUMBER: usize = 4;

/// The table, one line a stream, by session and track; empty without streams.
pub fn table<'a>(streams: impl Iterator<Item = StreamRow<'a>>) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled).set_header(HEADER);
    let mut rows: Vec<StreamRow<'_>> = streams.collect();
    if rows.is_empty() {
        return String::new();
    }
    rows.sort_by_key(|row| (row.session, row.track));
    table.add_rows(rows.iter().map(cells));
    for column in table.column_iter_mut().skip(FIRST_NUMBER) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n") + "\n"
}

fn cells(row: &StreamRow<'_>) -> [String; 10] {
    let unknown = || "-".to_owned();
    [
        row.session.to_string(),
        row.track.map_or_else(unknown, |track| track.to_string()),
        row.media.map_or_else(unknown, ToOwned::to_owned),
        row.encoding.map_or_else(unknown, ToOwned::to_owned),
        row.packets.to_string(),
        row.payload_bytes.map_or_else(unknown, |bytes| ByteSize(bytes).display().si().to_string()),
        row.bitrate_bps.map_or_else(unknown, bitrate),
        row.lost.to_string(),
        row.frame_jitter_max_ms.map_or_else(unknown, |jitter| format!("{:.1} ms", jitter.0)),
        row.sr_count.to_string(),
    ]
}

/// `1.2 Mbit/s`.
pub fn bitrate(bits_per_second: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let bits = bits_per_second as f64;
    match bits_per_second {
        0..=999 => format!("{bits:.0} bit/s"),
        1_000..=999_999 => format!("{:.0} kbit/s", bits / 1e3),
        1_000_000..=999_999_999 => format!("{:.2} Mbit/s", bits / 1e6),
        _ => format!("{:.2} Gbit/s", bits / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::cell::Fixed;

    #[test]
    fn looks_like_this() {
        let video = StreamRow {
            session: 1,
            track: Some(0),
            media: Some("video"),
            encoding: Some("H264"),
            packets: 12_345,
            payload_bytes: Some(15_432_100),
            bitrate_bps: Some(2_057_613),
            frame_jitter_max_ms: Some(Fixed(3.21)),
            sr_count: 12,
            ..StreamRow::default()
        };
        let unknown = StreamRow { session: 1, packets: 3, payload_bytes: Some(0), lost: 7, ..StreamRow::default() };
        insta::assert_snapshot!(table([video, unknown].into_iter()));
    }

    #[test]
    fn nothing_without_streams() {
        assert_eq!(table(std::iter::empty()), "");
    }
}
