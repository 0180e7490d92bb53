//! The capture of what a replay itself sent and received.

use std::io::{self, Write};

use crate::capture::{Writer, WriterOptions};
use crate::cli::{APPLICATION, ReplayArgs};
use crate::commands::hiding::{rules, shown};
use crate::commands::output::{FileCare, Names, Output, complete, system};
use crate::error::Error;
use crate::trace::Direction;

/// Begins it, if it is wanted. `taken_at` is the side on which it is taken.
pub(super) fn begin(args: &ReplayArgs, taken_at: Direction) -> Result<Option<Writer<Output>>, Error> {
    let Some(path) = &args.record else { return Ok(None) };
    let care = FileCare { overwrite: args.force, ..FileCare::default() };
    let output = Output::create(Names::one(path.clone()), care)?;
    let comment = format!("What {APPLICATION} sent and received while it replayed {}.", args.capture.display());
    let application = APPLICATION.to_owned();
    let options =
        WriterOptions { application, os: system(), comment, masking: rules(), taken_at, ..WriterOptions::default() };
    let write_error = |source| Error::Write { path: path.clone(), source };
    let mut writer = Writer::new(output, options).map_err(write_error)?;
    // From here on there is a capture, whatever happens.
    writer.flush().map_err(write_error)?;
    Ok(Some(writer))
}

/// Completes it.
pub(super) fn finish(args: &ReplayArgs, writer: Option<Writer<Output>>, replayed: io::Result<()>) -> Result<(), Error> {
    let (Some(writer), Some(path)) = (writer, &args.record) else { return replayed.map_err(Error::EventLoop) };
    let write_error = |source| Error::Write { path: path.clone(), source };
    let size = complete(writer, replayed).map_err(write_error)?;
    if args.quiet {
        return Ok(());
    }
    let size = bytesize::ByteSize(size).display().si();
    writeln!(io::stderr(), "{}", shown(&format!("{size} written to {}", path.display()))).map_err(Error::Stdout)
}
