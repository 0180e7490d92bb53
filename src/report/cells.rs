//! A row taken apart: the name of each column and the value below it.

use std::fmt::{self, Display};
use std::io;

use serde::ser::{Error as _, Impossible, Serialize, SerializeStruct, Serializer};

/// What stands in a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cell<'a> {
    /// The value is not known.
    Empty,
    /// Digits, perhaps with a sign and a decimal point.
    Number(&'a str),
    /// Anything else.
    Text(&'a str),
}

/// Hands over the cells of a row from left to right.
///
/// # Errors
/// Those of `each`; and if a column is of a type that no cell can hold.
pub(super) fn each_cell<F>(row: &impl Serialize, each: F) -> io::Result<()>
where
    F: FnMut(&'static str, Cell<'_>) -> io::Result<()>,
{
    let mut cells = Cells { column: "", text: String::new(), each };
    row.serialize(&mut cells).map_err(|Stop(error)| error)
}

/// The serializer: a struct goes through it field by field, and each field is a cell.
struct Cells<F> {
    column: &'static str,
    /// Reused for what has to be formatted.
    text: String,
    each: F,
}

/// Why it stopped.
#[derive(Debug)]
struct Stop(io::Error);

impl<F: FnMut(&'static str, Cell<'_>) -> io::Result<()>> Cells<F> {
    fn cell(&mut self, cell: Cell<'_>) -> Result<(), Stop> {
        (self.each)(self.column, cell).map_err(Stop)
    }

    fn integer(&mut self, value: impl itoa::Integer) -> Result<(), Stop> {
        self.cell(Cell::Number(itoa::Buffer::new().format(value)))
    }
}

/// Methods for integers, and for what is neither a row nor a cell.
macro_rules! methods {
    ($($integer:ident $type:ty),*; $($other:ident($($argument:ty),*) -> $ok:ty),*) => {
        $(fn $integer(self, value: $type) -> Result<(), Stop> { self.integer(value) })*
        $(fn $other(self, $(_: $argument),*) -> Result<$ok, Stop> { Err(Stop::custom(stringify!($other))) })*
    };
}

impl<F: FnMut(&'static str, Cell<'_>) -> io::Result<()>> Serializer for &mut Cells<F> {
    type Ok = ();
    type Error = Stop;
    type SerializeSeq = Impossible<(), Stop>;
    type SerializeTuple = Impossible<(), Stop>;
    type SerializeTupleStruct = Impossible<(), Stop>;
    type SerializeTupleVariant = Impossible<(), Stop>;
    type SerializeMap = Impossible<(), Stop>;
    type SerializeStruct = Self;
    type SerializeStructVariant = Impossible<(), Stop>;

    methods! {
        serialize_u8 u8, serialize_u16 u16, serialize_u32 u32, serialize_u64 u64,
        serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64;
        serialize_bool(bool) -> (), serialize_f32(f32) -> (), serialize_f64(f64) -> (), serialize_char(char) -> (),
        serialize_bytes(&[u8]) -> (), serialize_unit() -> (), serialize_unit_struct(&'static str) -> (),
        serialize_unit_variant(&'static str, u32, &'static str) -> (),
        serialize_seq(Option<usize>) -> Self::SerializeSeq,
        serialize_tuple(usize) -> Self::SerializeTuple,
        serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct,
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Self::SerializeTupleVariant,
        serialize_map(Option<usize>) -> Self::SerializeMap,
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Self::SerializeStructVariant
    }

    fn serialize_str(self, value: &str) -> Result<(), Stop> {
        self.cell(Cell::Text(value))
    }

    /// What shows itself as a number is one, like `Fixed`; times and SSRCs are not.
    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<(), Stop> {
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        let formatted = fmt::write(&mut text, format_args!("{value}")).map_err(Stop::custom);
        let cell = if is_number(&text) { Cell::Number(&text) } else { Cell::Text(&text) };
        let done = formatted.and_then(|()| self.cell(cell));
        self.text = text;
        done
    }

    fn serialize_none(self) -> Result<(), Stop> {
        self.cell(Cell::Empty)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Stop> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Stop> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Stop> {
        Err(Stop::custom("serialize_newtype_variant"))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Stop> {
        Ok(self)
    }
}

impl<F: FnMut(&'static str, Cell<'_>) -> io::Result<()>> SerializeStruct for &mut Cells<F> {
    type Ok = ();
    type Error = Stop;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Stop> {
        self.column = name;
        value.serialize(&mut **self)
    }

    fn end(self) -> Result<(), Stop> {
        Ok(())
    }
}

/// A sign, digits, and perhaps a decimal point with digits behind it.
pub(super) fn is_number(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    unsigned.split_once('.').map_or_else(|| digits(unsigned), |(whole, decimals)| digits(whole) && digits(decimals))
}

impl Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Stop {}

impl serde::ser::Error for Stop {
    fn custom<T: Display>(what: T) -> Self {
        Self(io::Error::other(format!("no cell can hold this: {what}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::cell::{Fixed, Ssrc};
    use crate::analysis::rows::{Row, SenderReportRow, Table};

    #[test]
    fn numbers() {
        for text in ["0", "-1", "12.500", "-0.25"] {
            assert!(is_number(text), "{text}");
        }
        for text in ["", "-", "NaN", "inf", "1.", ".5", "1e3", "0x1a", "1.2.3", "1970-01-01T00:00:00Z", "٣"] {
            assert!(!is_number(text), "{text}");
        }
    }

    #[test]
    fn cells_of_each_kind() {
        let row = SenderReportRow { ssrc: Ssrc(1), offset_ms: Some(Fixed(-0.5)), cname: Some("123"), ..<_>::default() };
        let mut cells = Vec::new();
        each_cell(&row, |name, cell| {
            cells.push(format!("{name} {cell:?}"));
            Ok(())
        })
        .unwrap();
        for cell in [
            "frame_number Empty",
            "time_utc Text(\"1970-01-01T00:00:00.000000000Z\")",
            "session Number(\"0\")",
            "ssrc Text(\"0x00000001\")",
            "offset_ms Number(\"-0.500000\")",
            "cname Text(\"123\")",
        ] {
            assert!(cells.iter().any(|found| found == cell), "{cell} in {cells:#?}");
        }
    }

    #[test]
    fn rows_serialize_as_the_columns_that_they_declare() {
        for row in Row::of_each_table() {
            let mut names = Vec::new();
            each_cell(&row, |name, cell| {
                names.push(name);
                let column = row.table().columns().iter().find(|column| column.name == name).unwrap();
                assert!(column.may_be_empty || cell != Cell::Empty, "{name}");
                // What is empty, or a text without letters, shows no kind.
                assert!(column.kind.is_number() == matches!(cell, Cell::Number(_)) || cell == Cell::Empty, "{name}");
                Ok(())
            })
            .unwrap();
            let declared: Vec<_> = row.table().columns().iter().map(|column| column.name).collect();
            assert_eq!(names, declared);
        }
        assert_eq!(Table::Streams.columns().len(), 75);
    }
}
