//! What the tables look like, as SQL: statements that make tables of a database into which `--format csv` can be loaded.
//!
//! Types have names that DuckDB, PostgreSQL and ClickHouse all know, where there is one. In two things no text
//! serves all three: `COMMENT ON` is unknown to ClickHouse, which has comments within the statement and wants an engine; and
//! only ClickHouse has a type of its own for a time with nine decimals and a zone.

use std::fmt::Write as _;

use crate::analysis::rows::{ColumnKind, Table, TableColumn};
use crate::report::schema::VERSION;

/// Whose SQL it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SqlDialect {
    /// Of the standard, with `COMMENT ON`: DuckDB and PostgreSQL.
    Standard,
    /// ClickHouse's.
    ClickHouse,
}

/// A statement that makes the table, or one for each table where none is named.
pub fn sql(table: Option<Table>, dialect: SqlDialect) -> String {
    let mut text = format!("-- Version {VERSION} of the tables of rtsp-rec analyze.\n");
    for table in Table::ALL.into_iter().filter(|each| table.is_none_or(|wanted| wanted == *each)) {
        text.push('\n');
        create(&mut text, table, dialect);
        if dialect == SqlDialect::Standard {
            comments(&mut text, table);
        }
    }
    text
}

/// Writing to a String does not fail.
fn create(text: &mut String, table: Table, dialect: SqlDialect) {
    let columns: Vec<String> = table.columns().iter().map(|column| definition(column, dialect)).collect();
    let _ = write!(text, "CREATE TABLE {} (\n    {}\n)", name(table.name()), columns.join(",\n    "));
    if dialect == SqlDialect::ClickHouse {
        let _ = write!(text, "\nENGINE = MergeTree ORDER BY tuple()\nCOMMENT {}", literal(table.meaning()));
    }
    text.push_str(";\n");
}

fn definition(column: &TableColumn, dialect: SqlDialect) -> String {
    // In CSV an empty text looks like one that is not known.
    let may_be_null = column.may_be_empty || column.kind == ColumnKind::Text;
    let null = if may_be_null { "NULL" } else { "NOT NULL" };
    let definition = format!("{} {} {null}", name(column.name), data_type(column.kind, dialect));
    match dialect {
        SqlDialect::Standard => definition,
        SqlDialect::ClickHouse => format!("{definition} COMMENT {}", literal(&comment(column))),
    }
}

const fn data_type(kind: ColumnKind, dialect: SqlDialect) -> &'static str {
    match (kind, dialect) {
        // No count of a capture comes near 2^63, and PostgreSQL has no unsigned types.
        (ColumnKind::Integer { .. }, _) => "BIGINT",
        // They are reckoned as such, and DECIMAL would have to say how large they may become.
        (ColumnKind::Decimal { .. }, _) => "DOUBLE PRECISION",
        // New words come with new versions, so the type does not name them.
        (ColumnKind::Text | ColumnKind::Word { .. } | ColumnKind::Ssrc, _) => "VARCHAR",
        // To the microsecond: `time_s` has the nanoseconds.
        (ColumnKind::Time, SqlDialect::Standard) => "TIMESTAMP WITH TIME ZONE",
        (ColumnKind::Time, SqlDialect::ClickHouse) => "DateTime64(9, 'UTC')",
    }
}

/// What the table and its columns mean.
fn comments(text: &mut String, table: Table) {
    let of = name(table.name());
    let _ = writeln!(text, "COMMENT ON TABLE {of} IS {};", literal(table.meaning()));
    for column in table.columns() {
        let _ = writeln!(text, "COMMENT ON COLUMN {of}.{} IS {};", name(column.name), literal(&comment(column)));
    }
}

fn comment(column: &TableColumn) -> String {
    match column.unit {
        "" => column.meaning.to_owned(),
        unit => format!("{} Unit: {unit}.", column.meaning),
    }
}

/// In quotation marks, as `type` and others are key words somewhere. Names are in lower case, so the marks change none.
fn name(name: &str) -> String {
    format!("\"{name}\"")
}

/// No text has a backslash, which ClickHouse would take for an escape.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_dialect_looks_like_this() {
        insta::assert_snapshot!("standard", sql(Some(Table::SenderReports), SqlDialect::Standard));
        insta::assert_snapshot!("clickhouse", sql(Some(Table::SenderReports), SqlDialect::ClickHouse));
    }

    #[test]
    fn all_tables_are_those_of_each_one_by_one() {
        for dialect in [SqlDialect::Standard, SqlDialect::ClickHouse] {
            let head = sql(None, dialect).lines().next().unwrap_or_default().len() + 1;
            let one_by_one: String = Table::ALL.map(|table| sql(Some(table), dialect)[head..].to_owned()).concat();
            assert_eq!(sql(None, dialect)[head..], one_by_one);
        }
    }

    #[test]
    fn texts_have_nothing_that_would_have_to_be_escaped_otherwise() {
        for table in Table::ALL {
            for text in table.columns().iter().map(|column| column.meaning).chain([table.meaning()]) {
                assert!(!text.contains(['\\', '\n']), "{text}");
            }
            assert!(table.columns().iter().all(|column| !column.name.contains('"')));
        }
    }

    #[test]
    fn what_a_csv_file_may_leave_empty_may_be_null() {
        let text = sql(Some(Table::Streams), SqlDialect::Standard);
        for definition in ["\"url\" VARCHAR NULL", "\"track\" BIGINT NULL", "\"lost\" BIGINT NOT NULL"] {
            assert!(text.contains(definition), "{definition} in {text}");
        }
    }
}
