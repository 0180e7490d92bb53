//! `rtsp-rec redact`: a capture that can be given away.

mod verify;

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::NamedTempFile;

use crate::capture::reader::CaptureError;
use crate::capture::rewrite::Plan;
use crate::cli::{APPLICATION, RedactArgs};
use crate::error::Error;
use crate::redact::Redaction;

use self::verify::verify;

/// zstd's fastest usual level.
const COMPRESSION: i32 = 1;

/// Writes the capture anew, and looks whether its figures are the same.
pub(super) fn run(args: &RedactArgs) -> Result<(), Error> {
    check(args)?;
    let folder = args.output.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = |source| Error::File { action: "create a file in", path: folder.to_owned(), source };
    let mut file = hidden_file(folder).map_err(failed)?;
    let packets = write(args, file.as_file_mut())?;
    let same = verify(&args.capture, file.path())?;
    finish(args, file)?;
    if args.quiet {
        return Ok(());
    }
    let verify::Same { payloads, messages } = same;
    let output = args.output.display();
    let line =
        format!("{output}: {packets} packets, {payloads} RTP payloads, {messages} messages; the tables are the same");
    writeln!(io::stdout(), "{line}").map_err(Error::Stdout)
}

/// A file that no pattern for captures finds, and that vanishes unless it gets a name. Its rights are those of any new one.
fn hidden_file(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".rtsp-rec-").suffix(".part");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

/// Refuses what can't be done, before anything is.
fn check(args: &RedactArgs) -> Result<(), Error> {
    for path in [&args.capture, &args.output] {
        if path.as_os_str() == "-" {
            let why = "redact reads the capture twice and verifies what it has written: both must be files, not -";
            return Err(Error::Usage(why.to_owned()));
        }
    }
    let there = fs::canonicalize(&args.output).ok();
    if there.is_some() && there == fs::canonicalize(&args.capture).ok() {
        return Err(Error::Usage("the output would overwrite the capture; -o takes another file".to_owned()));
    }
    if there.is_some() && !args.force { Err(Error::Exists(args.output.clone())) } else { Ok(()) }
}

fn open(path: &Path) -> Result<File, Error> {
    File::open(path).map_err(|source| Error::File { action: "open", path: path.to_owned(), source })
}

/// Both passes. Gives how many packets there are.
fn write(args: &RedactArgs, file: &mut File) -> Result<u64, Error> {
    let failed = |source| match source {
        CaptureError::Tap(source) => Error::File { action: "redact", path: args.capture.clone(), source },
        source => Error::Capture { path: args.capture.clone(), source },
    };
    let plan = Plan::new(open(&args.capture)?, Box::new(Redaction::default())).map_err(failed)?;
    let comment =
        format!("Redacted by {APPLICATION}: addresses, names and URLs are others, logins and media are blank.");
    let input = open(&args.capture)?;
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
    Ok(end.map_err(failed)?.packets)
}

/// The file gets its name.
fn finish(args: &RedactArgs, file: NamedTempFile) -> Result<(), Error> {
    let failed = |source| Error::File { action: "create", path: args.output.clone(), source };
    file.as_file().sync_all().map_err(failed)?;
    let kept = if args.force { file.persist(&args.output) } else { file.persist_noclobber(&args.output) };
    match kept {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Err(Error::Exists(args.output.clone())),
        Err(error) => Err(failed(error.error)),
    }
}
