//! `rtsp-rec redact`: a capture that can be given away.

mod verify;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::slice;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::capture::reader::{CaptureError, FileEnd};
use crate::capture::rewrite::Plan;
use crate::cli::{APPLICATION, RedactArgs};
use crate::commands::output::Target;
use crate::commands::terminal::complain;
use crate::commands::{CUT, NO_SESSION, open_capture};
use crate::error::Error;
use crate::redact::Redaction;

use self::verify::verify;

/// zstd's fastest usual level.
const COMPRESSION: i32 = 1;

/// Writes the capture anew, and looks whether its figures are the same.
pub(super) fn run(args: &RedactArgs) -> Result<(), Error> {
    check(args)?;
    let target = Target::new(&args.output, args.force, slice::from_ref(&args.capture))?;
    let mut file = target.begin().map_err(|error| target.failed(error))?;
    let end = write(args, file.as_file_mut())?;
    if end.packets == 0 {
        let source = io::Error::other("it holds no packet");
        return Err(Error::File { action: "redact", path: args.capture.clone(), source });
    }
    let same = verify(&args.capture, file.path())?;
    target.keep(file).map_err(|error| target.failed(error))?;
    if end.cut {
        complain(&format!("{}: {CUT}", args.capture.display()));
    }
    if same.messages == 0 {
        complain(&format!("{}: {NO_SESSION}", args.capture.display()));
    }
    if args.quiet {
        return Ok(());
    }
    let verify::Same { payloads, messages } = same;
    let (output, packets) = (args.output.display(), end.packets);
    let line =
        format!("{output}: {packets} packets, {payloads} RTP payloads, {messages} messages; the tables are the same");
    writeln!(io::stdout(), "{line}").map_err(Error::Stdout)
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

/// Both passes.
fn write(args: &RedactArgs, file: &mut File) -> Result<FileEnd, Error> {
    let failed = |source| match source {
        CaptureError::Tap(source) => Error::File { action: "redact", path: args.capture.clone(), source },
        source => Error::Capture { path: args.capture.clone(), source },
    };
    let plan = Plan::new(open_capture(&args.capture)?, Box::new(Redaction::default())).map_err(failed)?;
    let comment =
        format!("Redacted by {APPLICATION}: addresses, names and URLs are others, logins and media are blank.");
    let input = open_capture(&args.capture)?;
    let name = args.output.as_os_str().as_encoded_bytes();
    let file = BufWriter::with_capacity(1 << 18, file);
    let end = if name.ends_with(b".zst") {
        let encoder = zstd::Encoder::new(file, COMPRESSION).map_err(CaptureError::Tap).map_err(failed)?;
        plan.write(input, encoder.auto_finish(), &comment)
    } else if name.ends_with(b".gz") {
        plan.write(input, GzEncoder::new(file, Compression::fast()), &comment)
    } else {
        plan.write(input, file, &comment)
    };
    end.map_err(failed)
}
