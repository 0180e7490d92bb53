//! Options of `schema`, and the tables as values of options.

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};

use crate::analysis::Table;

/// Options of `schema`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:
  rtsp-rec schema streams
  rtsp-rec schema | jq '.\"$defs\".verdicts.properties | keys'
  rtsp-rec schema --format sql | duckdb tables.db

The schema (draft 2020-12) describes a line of `analyze --format json`. CSV has the same columns; null is an empty cell \
there. `x-version` rises with each change of the columns. `x-unit` is the unit of a number, `x-decimals` how many digits stand behind its point. New columns are added \
at the end.

With --format sql or clickhouse come statements that make tables, into which the CSV files can be loaded.")]
pub struct SchemaArgs {
    /// The table [default: all of them, below $defs]
    #[arg(value_enum, value_name = "TABLE")]
    pub table: Option<Table>,

    /// How the tables are described
    #[arg(long, value_enum, default_value_t = SchemaFormat::Json)]
    pub format: SchemaFormat,
}

/// How `schema` describes tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SchemaFormat {
    /// JSON Schema, draft 2020-12
    Json,
    /// CREATE TABLE for DuckDB and PostgreSQL
    Sql,
    /// CREATE TABLE for ClickHouse
    Clickhouse,
}

impl ValueEnum for Table {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()).help(self.meaning().trim_end_matches('.')))
    }
}
