//! `rtsp-rec analyze`: captures to tables.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::num::NonZero;
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::analysis::rows::{Row, Sink, Table};
use crate::analysis::{Analyzer, AnalyzerOptions};
use crate::capture::reader::{CaptureError, FileEnd};
use crate::capture::{NamedMedia, Source};
use crate::cli::{self, AnalyzeArgs};
use crate::commands::hurried::HurriedInput;
use crate::commands::inputs::{CUT, open_capture};
use crate::commands::named::{list, named, nothing};
use crate::commands::ordered_writer::{CaptureRows, OrderedWriter, Output, TablePart, waiting_room};
use crate::commands::progress::Progress;
use crate::commands::queue::Queue;
use crate::commands::terminal::{complain, redraws, stdout, stdout_is_piped, takes_colour};
use crate::error::Error;
use crate::report::{Condition, Conditions, Document, Format, Tables};

/// Analyzes the captures, several at a time, and puts their rows into the order given.
pub(super) fn run(args: &AnalyzeArgs) -> Result<(), Error> {
    let conditions = conditions(&args.fail_if)?;
    let media = named(&args.named)?;
    let lanes = OrderedWriter::new(outputs(args)?);
    let progress = Progress::of_files(&args.captures, bar_is_wanted(args));
    let inputs = GroupInputs {
        queue: &Queue::new(&args.captures),
        named: media.as_ref(),
        progress: &progress,
        buffer: args.buffer,
    };
    let results = analyze_all(&inputs, &lanes, format(args.format), &conditions);
    drop(progress);
    let anything = results.iter().any(|result| result.anything);
    lanes.finish(anything).map_err(|error| output_error(args, error))?;
    conclude(results, conditions)
}

/// What is read, and how.
pub(super) struct GroupInputs<'a> {
    pub(super) queue: &'a Queue,
    pub(super) named: Option<&'a Arc<NamedMedia>>,
    pub(super) progress: &'a Progress,
    /// What a player holds back.
    pub(super) buffer: Duration,
}

/// What became of a capture and those that follow it, besides its rows.
#[derive(Default)]
pub(super) struct GroupResult {
    /// Something could be read.
    pub(super) anything: bool,
    /// What the user should know all the same.
    notes: Vec<String>,
    /// Why captures could not be read to their end, or that there was nothing in them.
    errors: Vec<Error>,
    conditions: Conditions,
}

/// Analyzes the captures on all cores. The results stand in their order; if the output failed, some lack.
fn analyze_all(
    inputs: &GroupInputs<'_>,
    lanes: &OrderedWriter,
    format: Format,
    conditions: &Conditions,
) -> Vec<GroupResult> {
    let queue = inputs.queue;
    let work = || {
        let mut results = Vec::new();
        while let Some(lane) = lanes.open_next(|limit| queue.take(limit)) {
            results.push((lane.number(), in_lane(lane, inputs, lanes, format, conditions.clone())));
        }
        results
    };
    let workers = thread::available_parallelism().map_or(1, NonZero::get).min(queue.len());
    let mut results: Vec<(usize, GroupResult)> = thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    });
    results.sort_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}

/// Analyzes a capture and those that follow it; their rows go into its lane.
fn in_lane(
    lane: CaptureRows<'_>,
    inputs: &GroupInputs<'_>,
    lanes: &OrderedWriter,
    format: Format,
    conditions: Conditions,
) -> GroupResult {
    // Rows go in while a packet is analyzed, and out of the buffers while the next is waited for: never both at once.
    let tables = RefCell::new(Tables::new(format, |table| lane.part(table)));
    let mut rows = Rows { tables: &tables, conditions, any: false };
    let mut result = GroupResult::default();
    let moved = |follower: Option<usize>| {
        lanes.changed();
        if let Some(follower) = follower {
            lanes.open(follower).finish(Ok(Vec::new()));
        }
    };
    let done = analyze_group(lane.number(), inputs, &mut rows, &mut result, moved, || tables.borrow_mut().flush());
    result.anything |= rows.any;
    result.conditions = rows.conditions;
    lane.finish(done.and_then(|()| tables.into_inner().finish()));
    result
}

/// Analyzes a capture and those that follow it as one. What can't be read stops nothing: the rows of what stands before a
/// damage come all the same. `moved` is told after each of them which one follows it; `flush` is called before standard
/// input may have to be waited for.
pub(super) fn analyze_group(
    first: usize,
    inputs: &GroupInputs<'_>,
    rows: &mut impl Sink,
    result: &mut GroupResult,
    moved: impl Fn(Option<usize>),
    flush: impl Fn() -> io::Result<()>,
) -> io::Result<()> {
    let GroupInputs { queue, named, progress, buffer } = *inputs;
    let options = AnalyzerOptions {
        closely: [Table::Streams, Table::Frames].iter().any(|table| rows.wants(*table)),
        buffer,
        ..AnalyzerOptions::default()
    };
    let (mut source, mut analyzer) = (Source::with_named(named.cloned()), Analyzer::new(options, rows));
    let mut next = Some(first);
    while let Some(number) = next {
        let path = queue.path(number);
        analyzer.next_capture(&path.display().to_string());
        match read(path, progress, &mut source, &mut analyzer, &flush) {
            Ok(end) => result.read(path, end),
            Err(Error::Capture { source: CaptureError::Tap(failure), .. }) => return Err(failure),
            Err(error) => result.errors.push(error),
        }
        next = queue.follow(number, &source);
        moved(next);
    }
    let bare = source.bare_media();
    source.finish(&mut analyzer)?;
    if result.anything && !analyzer.has_sessions() {
        result.notes.extend(list(queue.path(first), &bare));
        result.errors.push(nothing(queue.path(first), &bare));
    }
    analyzer.finish().map(|_| ())
}

fn read<S: Sink>(
    path: &Path,
    progress: &Progress,
    source: &mut Source,
    analyzer: &mut Analyzer<S>,
    flush: &impl Fn() -> io::Result<()>,
) -> Result<FileEnd, Error> {
    let failed = |source| Error::Capture { path: path.to_owned(), source };
    let input = progress.count(open(path)?);
    if !is_stdin(path) {
        return source.read_part(input, analyzer).map_err(failed);
    }
    let mut input = HurriedInput::new(input, flush);
    let done = source.read_part(&mut input, analyzer);
    // A flush that failed says more than the read that it stopped.
    input.failure().map_or(done, |failure| Err(CaptureError::Tap(failure))).map_err(failed)
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

impl GroupResult {
    fn read(&mut self, path: &Path, end: FileEnd) {
        self.anything = true;
        if end.cut {
            let note = format!("{CUT}; what stands before it is analyzed");
            self.notes.push(format!("{}: {note}", path.display()));
        }
    }
}

/// Where the rows of a group go.
struct Rows<'a, 'l> {
    tables: &'a RefCell<Tables<TablePart<'l>>>,
    conditions: Conditions,
    any: bool,
}

impl Sink for Rows<'_, '_> {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        self.any = true;
        self.conditions.row(row)?;
        self.tables.borrow_mut().row(row)
    }

    fn wants(&self, table: Table) -> bool {
        self.conditions.wants(table) || self.tables.borrow().wants(table)
    }
}

/// Says which conditions hold and what went wrong; the last of that decides on the exit code.
pub(super) fn conclude(results: Vec<GroupResult>, mut conditions: Conditions) -> Result<(), Error> {
    let mut failures = Vec::new();
    for result in results {
        for note in result.notes {
            complain(&note);
        }
        conditions.append(result.conditions);
        failures.extend(result.errors);
    }
    let mut errors: Vec<Error> = conditions.held().map(Error::Condition).chain(failures).collect();
    let last = errors.pop();
    for error in errors {
        complain(&error.to_string());
    }
    last.map_or(Ok(()), Err)
}

pub(super) fn open(path: &Path) -> Result<Box<dyn Read>, Error> {
    if is_stdin(path) {
        return Ok(Box::new(io::stdin()));
    }
    Ok(Box::new(open_capture(path)?))
}

fn conditions(expressions: &[String]) -> Result<Conditions, Error> {
    let parse =
        |text: &String| text.parse::<Condition>().map_err(|error| Error::Usage(format!("--fail-if '{text}': {error}")));
    expressions.iter().map(parse).collect::<Result<Vec<_>, _>>().map(Conditions::new)
}

/// Whether a bar can be drawn that nothing tears: neither rows on the same terminal, nor whoever reads them from a pipe
/// and may draw there as well, like `less`. Those of the table for people come when the bar has gone.
fn bar_is_wanted(args: &AnalyzeArgs) -> bool {
    let at_the_end = args.format == cli::Format::Table;
    let (terminal, pipe) = (io::stdout().is_terminal(), stdout_is_piped());
    redraws() && (args.output.is_some() || !pipe && (at_the_end || !terminal))
}

/// The tables that are asked for, each with the place where it goes.
fn outputs(args: &AnalyzeArgs) -> Result<BTreeMap<Table, Output>, Error> {
    let format = format(args.format);
    let Some(folder) = &args.output else {
        let table = args.table;
        // The table for people has colours, and spells out what steers by itself.
        let out = if args.format == cli::Format::Table { Box::new(io::stdout()) } else { stdout() };
        let output = Document::new(table, format, out, waiting_room()).coloured(takes_colour(&io::stdout()));
        return Ok(BTreeMap::from([(table, output)]));
    };
    let failed = |action| move |source| Error::File { action, path: folder.clone(), source };
    std::fs::create_dir_all(folder).map_err(failed("create"))?;
    let file = |table: Table| -> io::Result<(Table, Output)> {
        let file = File::create(folder.join(table.name()).with_extension(format.extension()))?;
        let file: Box<dyn Write + Send> = Box::new(file);
        Ok((table, Document::new(table, format, file, waiting_room())))
    };
    Table::ALL.into_iter().map(file).collect::<io::Result<_>>().map_err(failed("write to"))
}

fn output_error(args: &AnalyzeArgs, source: io::Error) -> Error {
    match &args.output {
        Some(folder) => Error::Write { path: folder.clone(), source },
        None => Error::Stdout(source),
    }
}

const fn format(format: cli::Format) -> Format {
    match format {
        cli::Format::Csv => Format::Csv,
        cli::Format::CsvSafe => Format::CsvSafe,
        cli::Format::Json => Format::Json,
        cli::Format::Table => Format::Table,
    }
}
