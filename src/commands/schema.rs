//! `rtsp-rec schema`: what the tables of `analyze` look like, for programs.

use std::io::{self, Write};

use crate::cli::SchemaArgs;
use crate::error::Error;
use crate::report::schema::schema;

/// Prints the schema.
pub(super) fn run(args: &SchemaArgs) -> Result<(), Error> {
    let text = schema(args.table).map_err(|error| Error::Stdout(error.into()))?;
    io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()).map_err(Error::Stdout)
}
