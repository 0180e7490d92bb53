//! `rtsp-rec schema`: what the tables of `analyze` look like, for programs and databases.

use std::io::{self, Write};

use crate::cli::{SchemaArgs, SchemaFormat};
use crate::error::Error;
use crate::report::schema::schema;
use crate::report::sql::{SqlDialect, sql};

/// Prints the schema.
pub(super) fn run(args: &SchemaArgs) -> Result<(), Error> {
    let text = match args.format {
        SchemaFormat::Json => schema(args.table).map_err(|error| Error::Stdout(error.into()))?,
        SchemaFormat::Sql => sql(args.table, SqlDialect::Standard),
        SchemaFormat::Clickhouse => sql(args.table, SqlDialect::ClickHouse),
    };
    io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()).map_err(Error::Stdout)
}
