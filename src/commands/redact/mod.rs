//! `rtsp-rec redact`: a capture that can be given away.

mod digest;
mod verify;
mod written;

use std::fs::File;
use std::io::{self, Read, Write};
use std::slice;
use std::thread;

use crate::analysis::Analyzer;
use crate::capture::reader::{CaptureError, FileEnd};
use crate::capture::rewrite::Plan;
use crate::capture::{BareMedia, Source};
use crate::cli::{APPLICATION, RedactArgs};
use crate::commands::hiding::shown;
use crate::commands::output::Target;
use crate::commands::terminal::complain;
use crate::commands::{CUT, NO_SESSION, open_capture};
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

/// Both passes, and beside them the analysis of what is read and of what is written. Gives what both have where their tables
/// are the same.
fn write(args: &RedactArgs, target: &Target, file: &mut File) -> Result<(FileEnd, Option<Same>, BareMedia), Error> {
    let failed = |source| match source {
        CaptureError::Tap(source) => Error::File { action: "redact", path: args.capture.clone(), source },
        source => Error::Capture { path: args.capture.clone(), source },
    };
    let seed = fastrand::u64(..);
    let (original, input) = (open_capture(&args.capture)?, open_capture(&args.capture)?);
    let output = Output::new(args.output.as_os_str().as_encoded_bytes(), file).map_err(|error| target.failed(error))?;
    let comment =
        format!("Redacted by {APPLICATION}: addresses, names and URLs are others, logins and media are blank.");
    let (written, original) = thread::scope(|scope| {
        let original = scope.spawn(move || fingerprint(original, seed));
        let written = Plan::new(open_capture(&args.capture)?, Box::new(Redaction::hiding(&args.masking.mask)))
            .map_err(Failure::Redact)
            .and_then(|plan| {
                written::write(plan, input, output, &comment, |chunks| {
                    fingerprint(chunks, seed).map(|(print, _)| print)
                })
            });
        Ok((written, joined(original)))
    })?;
    let (end, redacted) = written.map_err(|failure| match failure {
        Failure::Redact(error) => failed(error),
        Failure::Write(error) => target.failed(error),
    })?;
    let (original, bare) = original.map_err(failed)?;
    let same = redacted.ok().filter(|redacted| *redacted == original).map(|redacted| redacted.same);
    Ok((end, same, bare))
}

/// That of a capture's tables, with what in it looks like RTP of no session.
fn fingerprint(capture: impl Read, seed: u64) -> Result<(Fingerprint, BareMedia), CaptureError> {
    let mut analyzer = Analyzer::new(OPTIONS, Digest::new(seed));
    let mut source = Source::new();
    source.read_part(capture, &mut analyzer)?;
    let bare = source.bare_media();
    source.finish(&mut analyzer).map_err(CaptureError::Tap)?;
    Ok((analyzer.finish().map_err(CaptureError::Tap)?.finish(), bare))
}
