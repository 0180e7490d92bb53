//! Options of `schema`, and the tables as values of options.

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};

use crate::analysis::Table;

/// Options of `schema`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:
  rtsp-rec schema streams
  rtsp-rec schema | jq '.\"$defs\".verdicts.properties | keys'

The schema (draft 2020-12) describes a line of `analyze --format json`. CSV has the same columns; null is an empty cell \
there. `x-version` rises with each change of the columns. `x-unit` is the unit of a number, `x-decimals` how many digits stand behind its point. New columns are added \
at the end.")]
pub struct SchemaArgs {
    /// The table [default: all of them, below $defs]
    #[arg(value_enum, value_name = "TABLE")]
    pub table: Option<Table>,
}

impl ValueEnum for Table {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()).help(self.meaning().trim_end_matches('.')))
    }
}
