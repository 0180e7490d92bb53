//! `rtsp-rec report`: captures to one HTML page.

use std::cell::RefCell;
use std::fs::Metadata;
use std::io::{self, Write};

use bytesize::ByteSize;

use crate::cli::ReportArgs;
use crate::commands::analyze::{GroupInputs, GroupResult, analyze_group, conclude};
use crate::commands::hiding::shown;
use crate::commands::named::named;
use crate::commands::ordered_writer::Choice;
use crate::commands::output::{Target, is_stdout};
use crate::commands::progress::Progress;
use crate::commands::queue::Queue;
use crate::commands::terminal::redraws;
use crate::error::Error;
use crate::report::page::{self, CaptureReport};

/// Analyzes the captures and writes the page, which gets its name when it is whole.
pub(super) fn run(args: &ReportArgs) -> Result<(), Error> {
    if args.captures.iter().filter(|path| path.as_os_str() == "-").count() > 1 {
        return Err(Error::Usage("only one of the captures can be standard input".to_owned()));
    }
    let media = named(&args.named)?;
    let target = Target::new(&args.output, args.force, &args.captures)?;
    let progress = Progress::of_files(&args.captures, redraws() && !is_stdout(&args.output));
    let queue = Queue::new(&args.captures);
    let inputs = GroupInputs { queue: &queue, named: media.as_ref(), progress: &progress, buffer: args.buffer };
    let (sections, results) = analyze(&inputs).map_err(|error| target.failed(error))?;
    drop(progress);
    if !sections.is_empty() {
        let written = target.write(|out| write_page(out, &sections));
        written.map_err(|error| target.failed(error))?;
        say(args)?;
    }
    conclude(results, <_>::default())
}

/// Where the page is, and how large.
fn say(args: &ReportArgs) -> Result<(), Error> {
    let file = args.output.metadata().ok().filter(Metadata::is_file);
    let Some(file) = file.filter(|_| !args.quiet && !is_stdout(&args.output)) else { return Ok(()) };
    let size = ByteSize(file.len()).display().si();
    writeln!(io::stdout(), "{}", shown(&format!("{}: one page, {size}", args.output.display()))).map_err(Error::Stdout)
}

/// A part of the page, and what it is about.
struct PageSection {
    /// The captures.
    names: Vec<String>,
    html: String,
}

/// A part for each capture that follows no other. They are read one after the other, so that only one is in memory.
fn analyze(inputs: &GroupInputs<'_>) -> io::Result<(Vec<PageSection>, Vec<GroupResult>)> {
    let queue = inputs.queue;
    let (mut parts, mut results) = (Vec::new(), Vec::new());
    while let Choice::Take(first) = queue.take(usize::MAX) {
        let numbers = RefCell::new(vec![first]);
        let (mut section, mut result) =
            (CaptureReport::new(parts.len()).with_buffer(inputs.buffer), GroupResult::default());
        let moved = |follower| numbers.borrow_mut().extend(follower);
        analyze_group(first, inputs, &mut section, &mut result, moved, || Ok(()))?;
        let names: Vec<String> =
            numbers.into_inner().into_iter().map(|number| queue.path(number).display().to_string()).collect();
        if result.anything {
            // If all captures are joined like this one, there will be so many parts.
            let html = section.render(&names, queue.len().div_ceil(names.len()))?;
            parts.push(PageSection { names, html });
        }
        results.push(result);
    }
    Ok((parts, results))
}

fn write_page(out: &mut dyn Write, parts: &[PageSection]) -> io::Result<()> {
    let names: Vec<Vec<String>> = parts.iter().map(|part| part.names.clone()).collect();
    out.write_all(page::beginning(&names).as_bytes())?;
    for part in parts {
        out.write_all(part.html.as_bytes())?;
    }
    out.write_all(page::end().as_bytes())?;
    out.flush()
}
