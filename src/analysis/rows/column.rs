//! What a column is, and the macro by which a row declares its own.

use crate::analysis::cell::{Fixed, Ssrc, Utc};

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
/// of the column is no identifier. The struct serializes as its columns.
macro_rules! row {
    ($(#[$doc:meta])* $row:ident {
        $($(#[doc = $meaning:literal])+ $field:ident $(as $name:literal)? $([$unit:literal])?: $type:ty,)*
    }) => {
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
