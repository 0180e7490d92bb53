//! `rtsp-rec analyze`: captures to tables.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use crate::analysis::{Analyzer, AnalyzerOptions, Table};
use crate::capture::Source;
use crate::capture::reader::CaptureError;
use crate::cli::AnalyzeArgs;
use crate::error::Error;
use crate::report::csv::CsvTables;

/// Analyzes the captures one after the other.
pub(super) fn run(args: &AnalyzeArgs) -> Result<(), Error> {
    let mut tables = match &args.output {
        Some(folder) => in_folder(folder)?,
        None => on_stdout(args.table.into()).map_err(Error::Stdout)?,
    };
    for capture in &args.captures {
        tables = analyze(args, capture, tables)?;
    }
    tables.flush().map_err(|error| output_error(args, error))
}

/// Adds a capture to the tables.
fn analyze(args: &AnalyzeArgs, path: &Path, tables: CsvTables) -> Result<CsvTables, Error> {
    let options = AnalyzerOptions { capture: path.display().to_string(), quantiles: true };
    let mut analyzer = Analyzer::new(options, tables);
    let end = Source::read(open(path)?, &mut analyzer).map_err(|source| match source {
        CaptureError::Tap(error) => output_error(args, error),
        source => Error::Capture { path: path.to_owned(), source },
    })?;
    if end.cut {
        let note = "the file ends in the middle of a packet; what stands before it is analyzed";
        // A note that can't be written is no reason to stop.
        let _ = writeln!(io::stderr(), "rtsp-rec: {}: {note}", path.display());
    }
    analyzer.finish().map_err(|error| output_error(args, error))
}

fn open(path: &Path) -> Result<Box<dyn Read>, Error> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(io::stdin()));
    }
    match File::open(path) {
        Ok(file) => Ok(Box::new(file)),
        Err(source) => Err(Error::File { action: "open", path: path.to_owned(), source }),
    }
}

fn on_stdout(table: Table) -> io::Result<CsvTables> {
    let mut tables = CsvTables::default();
    tables.add(table, Box::new(io::stdout()))?;
    Ok(tables)
}

/// Every table as a file of its own.
fn in_folder(folder: &Path) -> Result<CsvTables, Error> {
    let failed = |action| move |source| Error::File { action, path: folder.to_owned(), source };
    std::fs::create_dir_all(folder).map_err(failed("create"))?;
    let mut tables = CsvTables::default();
    for table in Table::ALL {
        let file = File::create(folder.join(table.name()).with_extension("csv")).map_err(failed("write to"))?;
        tables.add(table, Box::new(file)).map_err(failed("write to"))?;
    }
    Ok(tables)
}

fn output_error(args: &AnalyzeArgs, source: io::Error) -> Error {
    match &args.output {
        Some(folder) => Error::Write { path: folder.clone(), source },
        None => Error::Stdout(source),
    }
}
