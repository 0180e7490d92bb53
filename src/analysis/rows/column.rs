//! What a column is, and the macro by which a row declares its own.

use crate::analysis::cell::{Fixed, Ssrc, Utc};
use crate::analysis::findings::{FindingCode, Severity};
use crate::analysis::rows::words::{InferredColumns, MessageKind, PacketStatus, PictureKind, StreamTransport};
use crate::analysis::verdicts::{Cause, EventKind, FaultSide};
use crate::trace::Direction;

/// A column of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableColumn {
    /// Its name: the header in CSV, the key in JSON.
    pub name: &'static str,
    /// What its cells hold.
    pub kind: ColumnKind,
    /// Whether a cell may be empty, as its value is not known.
    pub may_be_empty: bool,
    /// The unit: `ms`, `bytes`; empty for counts, names and what has none.
    pub unit: &'static str,
    /// What it means. Sections are those of RFC 3550, unless another one is named.
    pub meaning: &'static str,
}

/// What the cells of a column hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ColumnKind {
    /// A whole number.
    Integer {
        /// Whether it may be below zero.
        signed: bool,
    },
    /// A number with so many decimals.
    Decimal {
        /// Digits behind the point.
        decimals: usize,
    },
    /// A text.
    Text,
    /// One of these words.
    Word {
        /// All that there are.
        words: &'static [&'static str],
    },
    /// A time of RFC 3339, in UTC.
    Time,
    /// `0x` and eight lower-case hex digits.
    Ssrc,
}

impl ColumnKind {
    /// Whether the cells hold numbers.
    pub const fn is_number(self) -> bool {
        matches!(self, Self::Integer { .. } | Self::Decimal { .. })
    }
}

/// A type whose values fill cells.
pub(super) trait CellValue {
    /// What the cells hold.
    const KIND: ColumnKind;
    /// Whether a value may be unknown.
    const MAY_BE_EMPTY: bool = false;
}

macro_rules! cell_values {
    ($($type:ty => $kind:expr;)*) => { $(impl CellValue for $type { const KIND: ColumnKind = $kind; })* };
}

cell_values! {
    u8 => ColumnKind::Integer { signed: false };
    u16 => ColumnKind::Integer { signed: false };
    u32 => ColumnKind::Integer { signed: false };
    u64 => ColumnKind::Integer { signed: false };
    usize => ColumnKind::Integer { signed: false };
    i32 => ColumnKind::Integer { signed: true };
    i64 => ColumnKind::Integer { signed: true };
    &str => ColumnKind::Text;
    String => ColumnKind::Text;
    Ssrc => ColumnKind::Ssrc;
    Cause => ColumnKind::Word { words: Cause::WORDS };
    Direction => ColumnKind::Word { words: Direction::WORDS };
    EventKind => ColumnKind::Word { words: EventKind::WORDS };
    FindingCode => ColumnKind::Word { words: FindingCode::WORDS };
    InferredColumns => ColumnKind::Word { words: InferredColumns::WORDS };
    MessageKind => ColumnKind::Word { words: MessageKind::WORDS };
    PacketStatus => ColumnKind::Word { words: PacketStatus::WORDS };
    PictureKind => ColumnKind::Word { words: PictureKind::WORDS };
    Severity => ColumnKind::Word { words: Severity::WORDS };
    FaultSide => ColumnKind::Word { words: FaultSide::WORDS };
    StreamTransport => ColumnKind::Word { words: StreamTransport::WORDS };
}

/// Packets without a time exist (Simple Packet Blocks of pcapng).
impl CellValue for Utc {
    const KIND: ColumnKind = ColumnKind::Time;
    const MAY_BE_EMPTY: bool = true;
}

/// Not a number is an empty cell: what would follow from such a time.
impl<const D: usize> CellValue for Fixed<D> {
    const KIND: ColumnKind = ColumnKind::Decimal { decimals: D };
    const MAY_BE_EMPTY: bool = true;
}

impl<T: CellValue> CellValue for Option<T> {
    const KIND: ColumnKind = T::KIND;
    const MAY_BE_EMPTY: bool = true;
}

/// Declares a row, a column a line: its meaning as a doc comment, `field ["unit"]: Type,`; `field as "name"` where the name
/// of the column is no identifier. A bare `field,` is a column that means the same in all tables, and is declared here. The
/// struct serializes as its columns.
macro_rules! row {
    ($(#[$doc:meta])* $row:ident { $($columns:tt)* }) => {
        crate::analysis::rows::column::row!(@take [$(#[$doc])* $row] [] $($columns)*);
    };

    (@take $head:tt [$($done:tt)*] capture, $($rest:tt)*) => {
        crate::analysis::rows::column::row!(@take $head [$($done)*
            /// Path of the capture as it was given; of captures that follow each other, the one that the packet is in.
            capture: &'a str,
        ] $($rest)*);
    };
    (@take $head:tt [$($done:tt)*] frame_number, $($rest:tt)*) => {
        crate::analysis::rows::column::row!(@take $head [$($done)*
            /// Wireshark's number of the packet that completes the message or frame, from 1 in each file.
            frame_number: Option<u64>,
        ] $($rest)*);
    };
    (@take $head:tt [$($done:tt)*] time_utc, $($rest:tt)*) => {
        crate::analysis::rows::column::row!(@take $head [$($done)*
            /// Time of that packet, in UTC.
            time_utc: crate::analysis::cell::Utc,
        ] $($rest)*);
    };
    (@take $head:tt [$($done:tt)*] time_s, $($rest:tt)*) => {
        crate::analysis::rows::column::row!(@take $head [$($done)*
            /// Time of that packet, since the first packet of the session that comes first.
            time_s ["s"]: crate::analysis::cell::Seconds,
        ] $($rest)*);
    };
    (@take $head:tt [$($done:tt)*] session, $($rest:tt)*) => {
        crate::analysis::rows::column::row!(@take $head [$($done)*
            /// Number of the RTSP session in the capture, from 1.
            session: usize,
        ] $($rest)*);
    };
    (@take $head:tt [$($done:tt)*] track, $($rest:tt)*) => {
        crate::analysis::rows::column::row!(@take $head [$($done)*
            /// Index of the `m=` line in the SDP, from 0; empty where no SETUP named the channel or no SDP was seen.
            track: Option<usize>,
        ] $($rest)*);
    };
    (@take $head:tt [$($done:tt)*] channel, $($rest:tt)*) => {
        crate::analysis::rows::column::row!(@take $head [$($done)*
            /// Interleaved channel, 0 to 255; over UDP the server's RTP port, or the client's where the server named none.
            channel: u16,
        ] $($rest)*);
    };
    (@take $head:tt [$($done:tt)*] direction, $($rest:tt)*) => {
        crate::analysis::rows::column::row!(@take $head [$($done)*
            /// `c2s` from client to server, `s2c` from server to client.
            direction: crate::trace::Direction,
        ] $($rest)*);
    };
    (@take $head:tt [$($done:tt)*] ssrc, $($rest:tt)*) => {
        crate::analysis::rows::column::row!(@take $head [$($done)*
            /// Synchronization source (5.1).
            ssrc: crate::analysis::cell::Ssrc,
        ] $($rest)*);
    };
    (@take $head:tt [$($done:tt)*]
        $(#[doc = $meaning:literal])+ $field:ident $(as $name:literal)? $([$unit:literal])?: $type:ty, $($rest:tt)*
    ) => {
        crate::analysis::rows::column::row!(@take $head [$($done)*
            $(#[doc = $meaning])+ $field $(as $name)? $([$unit])?: $type,
        ] $($rest)*);
    };

    (@take [$(#[$doc:meta])* $row:ident] [
        $($(#[doc = $meaning:literal])+ $field:ident $(as $name:literal)? $([$unit:literal])?: $type:ty,)*
    ]) => {
        $(#[$doc])*
        ///
        /// Sections are those of RFC 3550, unless another one is named. docs/metrics.md has the formulas.
        #[derive(Clone, Debug, Default, serde::Serialize)]
        pub struct $row<'a> {
            $(
                $(#[doc = $meaning])+
                $(#[doc = concat!("\n\nUnit: ", $unit, ".")])?
                $(#[serde(rename = $name)])?
                pub $field: $type,
            )*
        }

        impl<'a> $row<'a> {
            /// The columns, from left to right.
            pub const COLUMNS: &'static [crate::analysis::rows::TableColumn] = &[$(
                crate::analysis::rows::TableColumn {
                    name: crate::analysis::rows::column::row!(@name $field $($name)?),
                    kind: <$type as crate::analysis::rows::column::CellValue>::KIND,
                    may_be_empty: <$type as crate::analysis::rows::column::CellValue>::MAY_BE_EMPTY,
                    unit: concat!($($unit)?),
                    meaning: concat!($($meaning),+).trim_ascii(),
                },
            )*];
        }
    };
    (@name $field:ident $name:literal) => { $name };
    (@name $field:ident) => { stringify!($field) };
}

pub(super) use row;
