//! `rtsp-rec redact`: a capture that can be given away.

mod digest;
mod verify;
mod written;

use std::fs::File;
use std::io::{self, Write};
use std::slice;
use std::thread;

use crate::analysis::Analyzer;
use crate::capture::reader::{CaptureError, FileEnd, NextChunk};
use crate::capture::rewrite::RewritePlan;
use crate::capture::{BareMedia, Source};
use crate::cli::{APPLICATION, RedactArgs};
use crate::commands::hiding::shown;
use crate::commands::inputs::{CUT, NO_SESSION, open_capture};
use crate::commands::output::Target;
use crate::commands::terminal::complain;
use crate::error::Error;
use crate::redact::Redaction;

use self::digest::{Digest, Fingerprint};
use self::verify::{OPTIONS, Same, verify};
use self::written::{Failure, Output, joined};

/// Writes the capture anew, and looks whether its figures are the same.
pub(super) fn run(args: &RedactArgs) -> Result<(), Error> {
    check(args)?;
    let target = Target::new(&args.output, args.force, slice::from_ref(&args.capture))?;
    let mut file = target.begin().map_err(|error| target.failed(error))?;
    let (end, same, bare) = write(args, &target, file.as_file_mut())?;
    if end.packets == 0 {
        let source = io::Error::other("it holds no packet");
        return Err(Error::File { action: "redact", path: args.capture.clone(), source });
    }
    // Row by row it can be told what differs.
    let same = same.map_or_else(|| verify(&args.capture, file.path()), Ok)?;
    target.keep(file).map_err(|error| target.failed(error))?;
    if end.cut {
        complain(&format!("{}: {CUT}", args.capture.display()));
    }
    if same.messages == 0 {
        complain(&format!("{}: {}", args.capture.display(), no_session(&bare)));
    }
    if args.quiet {
        return Ok(());
    }
    let Same { payloads, messages } = same;
    let (output, packets) = (args.output.display(), end.packets);
    let line =
        format!("{output}: {packets} packets, {payloads} RTP payloads, {messages} messages; the tables are the same");
    writeln!(io::stdout(), "{}", shown(&line)).map_err(Error::Stdout)
}

/// What a capture without a session holds instead.
fn no_session(bare: &BareMedia) -> String {
    let (count, what) = match (bare.rtp.len(), bare.rtcp.len()) {
        (0, 0) => return NO_SESSION.to_owned(),
        (0, count) => (count, "flows of RTCP"),
        (count, _) => (count, "flows that look like RTP"),
    };
    format!(
        "no RTSP session found, but {count} {what} without it: they are blank in what was written, headers too, as all \
         that belongs to no session"
    )
}

/// Refuses what can't be done, before anything is.
fn check(args: &RedactArgs) -> Result<(), Error> {
    for path in [&args.capture, &args.output] {
        if path.as_os_str() == "-" {
            let why = "redact reads the capture twice and verifies what it has written: both must be files, not -";
            return Err(Error::Usage(why.to_owned()));
        }
    }
    Ok(())
}

/// Both passes, and with each of them the analysis of what is read or written. Gives what both have where their tables are
/// the same.
fn write(args: &RedactArgs, target: &Target, file: &mut File) -> Result<(FileEnd, Option<Same>, BareMedia), Error> {
    let failed = |source| match source {
        CaptureError::Tap(source) => Error::File { action: "redact", path: args.capture.clone(), source },
        source => Error::Capture { path: args.capture.clone(), source },
    };
    let (seed, open) = (fastrand::u64(..), || open_capture(&args.capture));
    let (to_plan, policy) = (open()?, Box::new(Redaction::hiding(&args.masking.mask)));
    let (name, len) = (args.output.as_os_str().as_encoded_bytes(), to_plan.metadata().map_or(0, |file| file.len()));
    let output = Output::new(name, file, len).map_err(|error| target.failed(error))?;
    let (plan, planned) = fingerprint(seed, |tap| RewritePlan::beside(to_plan, policy, tap)).map_err(failed)?;
    let (heard, to_write) = ((plan.bare_media().clone(), planned), open()?);
    // Where there are copies, the analysis beside the plan took them for packets of their own.
    let to_analyze = if plan.has_copies() { Some(open()?) } else { None };
    let (written, again) = thread::scope(|scope| {
        let again =
            to_analyze.map(|file| scope.spawn(move || analyzed(seed, |source, tap| source.read_part(file, tap))));
        let verified = |chunks: NextChunk<'_>| analyzed(seed, |source, tap| source.read_chunks(chunks, tap));
        (written::write(plan, to_write, output, &comment(), verified), again.map(joined))
    });
    let (end, redacted) = written.map_err(|failure| match failure {
        Failure::Redact(error) => failed(error),
        Failure::Write(error) => target.failed(error),
    })?;
    let (bare, original) = again.transpose().map_err(failed)?.unwrap_or(heard);
    let same = redacted.ok().filter(|(_, redacted)| *redacted == original).map(|(_, redacted)| redacted.same);
    Ok((end, same, bare))
}

/// What a redacted capture says of itself.
fn comment() -> String {
    format!("Redacted by {APPLICATION}: addresses, names and URLs are others, logins and media are blank.")
}

/// A capture's tables, with what in it looks like RTP of no session.
fn analyzed(
    seed: u64,
    read: impl FnOnce(&mut Source, &mut Analyzer<Digest>) -> Result<FileEnd, CaptureError>,
) -> Result<(BareMedia, Fingerprint), CaptureError> {
    fingerprint(seed, |analyzer| {
        let mut source = Source::new();
        read(&mut source, analyzer)?;
        let bare = source.bare_media();
        source.finish(analyzer).map_err(CaptureError::Tap)?;
        Ok(bare)
    })
}

/// The fingerprint of a capture's tables, with what else its reading gives.
fn fingerprint<T>(
    seed: u64,
    read: impl FnOnce(&mut Analyzer<Digest>) -> Result<T, CaptureError>,
) -> Result<(T, Fingerprint), CaptureError> {
    let mut analyzer = Analyzer::new(OPTIONS, Digest::new(seed));
    let read = read(&mut analyzer)?;
    Ok((read, analyzer.finish().map_err(CaptureError::Tap)?.finish()))
}
