//! Conditions over the columns of `streams`, like `lost>0`, and which streams fulfil them.

use std::fmt;
use std::io;
use std::str::FromStr;

use serde::Serialize;
use thiserror::Error;

use crate::analysis::rows::{Row, Sink, StreamRow, Table};
use crate::report::cells::{Cell, each_cell};

/// What was meant has most probably at least this likeness (Jaro-Winkler).
const ALIKE: f64 = 0.8;

/// A column of `streams`, an operator and a number.
///
/// What counts is the value as the table shows it. Where the table shows none, no condition holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    column: &'static str,
    operator: Operator,
    number: f64,
    /// As it was written.
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Above,
    AtLeast,
    Below,
    AtMost,
    Equal,
    Unequal,
}

/// Longer ones first where one begins like another.
const OPERATORS: [(&str, Operator); 7] = [
    (">=", Operator::AtLeast),
    ("<=", Operator::AtMost),
    ("==", Operator::Equal),
    ("!=", Operator::Unequal),
    (">", Operator::Above),
    ("<", Operator::Below),
    ("=", Operator::Equal),
];

/// Why a text is no condition.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConditionError {
    /// It has other parts.
    #[error("write COLUMN OPERATOR NUMBER, like 'lost>0'; operators are > >= < <= == !=")]
    Form,
    /// Behind the operator stands something else.
    #[error("'{0}' is not a number")]
    Number(String),
    /// The table `streams` has no such column.
    #[error("streams has no column '{column}'{}", alternatives(.near))]
    Column {
        /// What was asked for.
        column: String,
        /// What may have been meant.
        near: Vec<&'static str>,
    },
    /// Texts and times are not compared.
    #[error("'{0}' is not a column of numbers")]
    Text(&'static str),
}

fn alternatives(near: &[&str]) -> String {
    if near.is_empty() { "; docs/metrics.md lists them".to_owned() } else { format!("; near: {}", near.join(", ")) }
}

impl FromStr for Condition {
    type Err = ConditionError;

    fn from_str(text: &str) -> Result<Self, ConditionError> {
        let at = text.find(['<', '>', '=', '!']).ok_or(ConditionError::Form)?;
        let (column, rest) = text.split_at(at);
        let (operator, number) = OPERATORS
            .iter()
            .find_map(|(sign, operator)| Some((*operator, rest.strip_prefix(sign)?.trim())))
            .ok_or(ConditionError::Form)?;
        let column = known_column(column.trim())?;
        let value = number.parse().ok().filter(|value: &f64| value.is_finite());
        let number = value.ok_or_else(|| ConditionError::Number(number.to_owned()))?;
        Ok(Self { column, operator, number, text: text.trim().to_owned() })
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Condition {
    /// The value of the column, if it fulfils the condition.
    fn value(&self, row: &impl Serialize) -> io::Result<Option<String>> {
        let mut found = None;
        each_cell(row, |name, cell| {
            if let Cell::Number(digits) = cell
                && name == self.column
                && digits.parse().is_ok_and(|value| self.operator.holds(value, self.number))
            {
                found = Some(digits.to_owned());
            }
            Ok(())
        })?;
        Ok(found)
    }
}

impl Operator {
    #[expect(clippy::float_cmp, reason = "both were read from decimals, which are equal or not")]
    fn holds(self, value: f64, number: f64) -> bool {
        match self {
            Self::Above => value > number,
            Self::AtLeast => value >= number,
            Self::Below => value < number,
            Self::AtMost => value <= number,
            Self::Equal => value == number,
            Self::Unequal => value != number,
        }
    }
}

/// The column of that name, if it has numbers.
fn known_column(wanted: &str) -> Result<&'static str, ConditionError> {
    if wanted.is_empty() {
        return Err(ConditionError::Form);
    }
    let columns = Table::Streams.columns();
    match columns.iter().find(|column| column.name == wanted) {
        Some(column) if column.kind.is_number() => Ok(column.name),
        Some(column) => Err(ConditionError::Text(column.name)),
        None => {
            let near = near(wanted, columns.iter().map(|column| column.name));
            Err(ConditionError::Column { column: wanted.to_owned(), near })
        }
    }
}

/// Names that have the wanted one in them or look like it, the likeliest first.
fn near(wanted: &str, names: impl Iterator<Item = &'static str>) -> Vec<&'static str> {
    const MAX: usize = 5;
    let likeness = |name: &str| strsim::jaro_winkler(wanted, name) + f64::from(u8::from(name.contains(wanted)));
    let mut near: Vec<_> = names.map(|name| (likeness(name), name)).collect();
    near.retain(|(likeness, _)| *likeness >= ALIKE);
    near.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    near.into_iter().take(MAX).map(|(_, name)| name).collect()
}

/// Looks among streams for those that fulfil conditions. It keeps the first for each, and counts the others.
#[derive(Clone, Debug, Default)]
pub struct Conditions {
    watched: Vec<(Condition, Option<Found>)>,
}

/// Streams that fulfil a condition.
#[derive(Clone, Debug)]
struct Found {
    first: String,
    others: u64,
}

impl Conditions {
    /// No stream has been seen yet.
    pub fn new(conditions: impl IntoIterator<Item = Condition>) -> Self {
        Self { watched: conditions.into_iter().map(|condition| (condition, None)).collect() }
    }

    /// Adds what was found among streams that come after these, with the same conditions.
    pub fn append(&mut self, later: Self) {
        for ((_, found), (_, later)) in self.watched.iter_mut().zip(later.watched) {
            let Some(later) = later else { continue };
            match found {
                Some(found) => found.others += 1 + later.others,
                None => *found = Some(later),
            }
        }
    }

    /// A line for each condition that holds for any stream.
    pub fn held(&self) -> impl Iterator<Item = String> {
        self.watched.iter().filter_map(|(condition, found)| {
            let Found { first, others } = found.as_ref()?;
            let more = match others {
                0 => String::new(),
                1 => "; it holds for 1 more stream".to_owned(),
                others => format!("; it holds for {others} more streams"),
            };
            Some(format!("--fail-if '{condition}': {first}{more}"))
        })
    }
}

impl Sink for Conditions {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        let Row::Stream(row) = row else { return Ok(()) };
        for (condition, found) in &mut self.watched {
            let Some(value) = condition.value(row)? else { continue };
            match found {
                Some(found) => found.others += 1,
                None => *found = Some(Found { first: describe(row, condition.column, &value), others: 0 }),
            }
        }
        Ok(())
    }

    fn wants(&self, table: Table) -> bool {
        table == Table::Streams && !self.watched.is_empty()
    }
}

/// The stream and its value, for people.
fn describe(row: &StreamRow<'_>, column: &str, value: &str) -> String {
    let StreamRow { capture, session, direction, ssrc, .. } = row;
    let track = row.track.map_or_else(|| "no track".to_owned(), |track| format!("track {track}"));
    let media = row.media.map_or_else(String::new, |media| format!(" ({})", media.escape_debug()));
    format!("{capture}: session {session}, {track}{media}, {direction}, SSRC {ssrc} has {column} {value}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::analysis::cell::{Fixed, Ssrc};
    use crate::trace::Direction;

    fn holds(condition: &str, row: &StreamRow<'_>) -> bool {
        condition.parse::<Condition>().unwrap().value(row).unwrap().is_some()
    }

    #[test]
    fn operators() {
        let row = StreamRow { lost: 3, jitter_max_ms: Some(Fixed(20.0)), ..<_>::default() };
        for condition in [
            "lost>2",
            "lost >= 3",
            " lost<4 ",
            "lost <=3",
            "lost==3",
            "lost=3",
            "lost != 2",
            "lost>-1",
            "lost<3.5",
            "jitter_max_ms>=20",
            "jitter_max_ms == 2e1",
        ] {
            assert!(holds(condition, &row), "{condition}");
        }
        for condition in ["lost>3", "lost>=4", "lost<3", "lost<=2", "lost==4", "lost!=3", "jitter_max_ms>20"] {
            assert!(!holds(condition, &row), "{condition}");
        }
    }

    #[test]
    fn what_is_unknown_fulfils_nothing() {
        for condition in ["drift_ppm>0", "drift_ppm<=0", "drift_ppm==0", "drift_ppm!=0"] {
            assert!(!holds(condition, &StreamRow::default()), "{condition}");
        }
    }

    #[test]
    fn errors_say_what_to_try() {
        let wrong = [
            "lost",
            "lost>",
            "lost > many",
            "lost>nan",
            "lost=>1",
            "lost<>1",
            ">3",
            "lots>0",
            "jitter>20",
            "xyz>1",
            "cname==1",
            "sr_last_utc>1",
            "ssrc==1",
            "url!=1",
        ];
        let errors = wrong.map(|text| format!("{text}: {}", text.parse::<Condition>().unwrap_err()));
        insta::assert_snapshot!(errors.join("\n"));
    }

    #[test]
    fn the_first_stream_is_named_the_others_are_counted() {
        let watch = |rows: &[(&str, i64)]| {
            let mut conditions = Conditions::new(["lost>0", "lost>100"].map(|text| text.parse().unwrap()));
            for (capture, lost) in rows {
                let (track, media, ssrc) = (Some(0), Some("video"), Ssrc(7));
                let row = StreamRow {
                    capture,
                    session: 1,
                    track,
                    media,
                    direction: Direction::ServerToClient,
                    ssrc,
                    lost: *lost,
                    ..<_>::default()
                };
                conditions.row(&Row::Stream(Box::new(row))).unwrap();
            }
            conditions
        };
        let mut all = watch(&[("a", 0), ("b", 2)]);
        all.append(watch(&[]));
        let lines = |conditions: &Conditions| conditions.held().collect::<Vec<_>>().join("\n");
        let b = "--fail-if 'lost>0': b: session 1, track 0 (video), s2c, SSRC 0x00000007 has lost 2";
        assert_eq!(lines(&all), b);
        all.append(watch(&[("c", 1)]));
        assert_eq!(lines(&all), format!("{b}; it holds for 1 more stream"));
        all.append(watch(&[("d", 1), ("e", 3)]));
        assert_eq!(lines(&all), format!("{b}; it holds for 3 more streams"));
        assert!(!watch(&[("a", 1)]).wants(Table::Packets) && !Conditions::new([]).wants(Table::Streams));
    }

    proptest! {
        #[test]
        fn any_text_is_a_condition_or_an_error(text in "[a-z_]{0,6}[ <>=!]{0,3}[-0-9.e]{0,6}|.*") {
            let _ = text.parse::<Condition>();
        }
    }
}
