//! What the tables look like, as JSON Schema (draft 2020-12): for whoever reads `--format json`, or makes a table of it in
//! a database.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::analysis::rows::{ColumnKind, Table, TableColumn};

const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";
/// Rises with each change of the columns.
pub(super) const VERSION: u32 = 1;

/// The schema of a row of a table, or of all tables where none is named: one for each below `$defs`.
///
/// # Errors
/// If it can't be written.
pub fn schema(table: Option<Table>) -> serde_json::Result<String> {
    let mut text = match table {
        Some(table) => serde_json::to_string_pretty(&TableSchema { draft: Some(DRAFT), ..TableSchema::of(table) })?,
        None => serde_json::to_string_pretty(&AllTables {
            draft: DRAFT,
            title: "rtsp-rec analyze",
            version: VERSION,
            tables: TableDefinitions,
        })?,
    };
    text.push('\n');
    Ok(text)
}

#[derive(Serialize)]
struct AllTables {
    #[serde(rename = "$schema")]
    draft: &'static str,
    title: &'static str,
    #[serde(rename = "x-version")]
    version: u32,
    #[serde(rename = "$defs")]
    tables: TableDefinitions,
}

/// The tables by their names.
struct TableDefinitions;

impl Serialize for TableDefinitions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(Table::ALL.map(|table| (table.name(), TableSchema::of(table))))
    }
}

#[derive(Serialize)]
struct TableSchema {
    #[serde(rename = "$schema", skip_serializing_if = "Option::is_none")]
    draft: Option<&'static str>,
    title: &'static str,
    #[serde(rename = "x-version")]
    version: u32,
    #[serde(rename = "type")]
    kind: &'static str,
    properties: ColumnSchemas,
    required: Vec<&'static str>,
}

impl TableSchema {
    fn of(table: Table) -> Self {
        let columns = table.columns();
        let required = columns.iter().map(|column| column.name).collect();
        Self {
            draft: None,
            title: table.name(),
            version: VERSION,
            kind: "object",
            properties: ColumnSchemas(columns),
            required,
        }
    }
}

/// Columns, in the order of the table.
struct ColumnSchemas(&'static [TableColumn]);

impl Serialize for ColumnSchemas {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for column in self.0 {
            map.serialize_entry(column.name, &ColumnSchema::of(column))?;
        }
        map.end()
    }
}

#[derive(Serialize)]
struct ColumnSchema {
    #[serde(rename = "type")]
    kind: JsonTypes,
    #[serde(rename = "enum", skip_serializing_if = "Option::is_none")]
    words: Option<WordsSchema>,
    #[serde(skip_serializing_if = "Option::is_none")]
    minimum: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pattern: Option<&'static str>,
    /// No keyword of JSON Schema; who does not know it passes it over, as the standard demands.
    #[serde(rename = "x-unit", skip_serializing_if = "str::is_empty")]
    unit: &'static str,
    /// Another one: digits behind the point.
    #[serde(rename = "x-decimals", skip_serializing_if = "Option::is_none")]
    decimals: Option<usize>,
    description: &'static str,
}

/// The type of a value, or its type and null.
#[derive(Serialize)]
#[serde(untagged)]
enum JsonTypes {
    One(&'static str),
    OrNull([&'static str; 2]),
}

/// What a value may be, where it is one of a few words; null is a value as well.
#[derive(Serialize)]
#[serde(transparent)]
struct WordsSchema(Vec<Option<&'static str>>);

impl WordsSchema {
    fn of(column: &TableColumn) -> Option<Self> {
        let ColumnKind::Word { words } = column.kind else { return None };
        let null = column.may_be_empty.then_some(None);
        Some(Self(words.iter().map(|word| Some(*word)).chain(null).collect()))
    }
}

impl ColumnSchema {
    fn of(column: &TableColumn) -> Self {
        let kind = match column.kind {
            ColumnKind::Integer { .. } => "integer",
            ColumnKind::Decimal { .. } => "number",
            ColumnKind::Text | ColumnKind::Word { .. } | ColumnKind::Time | ColumnKind::Ssrc => "string",
        };
        Self {
            kind: if column.may_be_empty { JsonTypes::OrNull([kind, "null"]) } else { JsonTypes::One(kind) },
            words: WordsSchema::of(column),
            minimum: matches!(column.kind, ColumnKind::Integer { signed: false }).then_some(0),
            format: (column.kind == ColumnKind::Time).then_some("date-time"),
            pattern: (column.kind == ColumnKind::Ssrc).then_some("^0x[0-9a-f]{8}$"),
            unit: column.unit,
            decimals: if let ColumnKind::Decimal { decimals } = column.kind { Some(decimals) } else { None },
            description: column.meaning,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_table_and_all_tables() {
        insta::assert_snapshot!(schema(Some(Table::ReportBlocks)).unwrap());
        let all: serde_json::Value = serde_json::from_str(&schema(None).unwrap()).unwrap();
        for table in Table::ALL {
            let one: serde_json::Value = serde_json::from_str(&schema(Some(table)).unwrap()).unwrap();
            assert_eq!(all["$defs"][table.name()]["properties"], one["properties"]);
            assert_eq!(one["required"].as_array().map(Vec::len), Some(table.columns().len()));
        }
    }

    #[test]
    fn words_are_listed_and_null_where_a_cell_may_be_empty() {
        let findings: serde_json::Value = serde_json::from_str(&schema(Some(Table::Findings)).unwrap()).unwrap();
        let words = |column: &str| findings["properties"][column]["enum"].clone();
        assert_eq!(words("severity"), serde_json::json!(["error", "warning", "note"]));
        assert_eq!(words("code"), serde_json::json!(crate::analysis::findings::FindingCode::WORDS));
        assert_eq!(words("detail"), serde_json::Value::Null);
    }
}
