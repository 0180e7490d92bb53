//! `rtsp-rec export`: the media of a capture for other tools.

mod dump;
mod files;
mod media;
mod tracks;
mod view;

use crate::cli::ExportArgs;
use crate::commands::inputs::raise_file_limit;
use crate::commands::output::is_stdout;
use crate::error::Error;

use files::Files;

/// Exports in the form that is asked for.
pub(super) fn run(args: &ExportArgs) -> Result<(), Error> {
    if args.view.is_some() {
        return view::run(args);
    }
    if is_stdout(&args.output) && args.track.is_none() {
        return Err(Error::Usage("-o - takes one track: --track N says which".to_owned()));
    }
    raise_file_limit();
    let files = Files::new(args)?;
    if args.media { media::run(args, files) } else { dump::run(args, files) }
}
