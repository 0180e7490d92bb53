//! `--view udp`: the media as UDP datagrams.

use std::io;
use std::slice;

use crate::capture::{Writer, WriterOptions};
use crate::cli::{APPLICATION, ExportArgs};
use crate::commands::export::tracks::{FallibleSink, failed, read, tell};
use crate::commands::output::{FileCare, Names, Output, complete, refuse_captures, system};
use crate::error::Error;
use crate::export::{MediaPacket, MediaSink, Track, View};

pub(super) fn run(args: &ExportArgs) -> Result<(), Error> {
    refuse_captures(&args.output, slice::from_ref(&args.capture))?;
    let sink = ViewSink { args, view: None, packets: Vec::new(), failure: None };
    let (tracks, ViewSink { view, packets, .. }) = read(args, sink)?;
    let Some(view) = view else { return Ok(()) };
    complete(view.into_inner(), Ok(())).map_err(|error| failed(&args.output, error))?;
    let line = |(track, packets): (&Track, &u64)| format!("{}: {packets} packets", track.name());
    tell(args, &tracks.iter().zip(&packets).map(line).collect::<Vec<_>>())
}

/// The view, which begins with the first packet.
struct ViewSink<'a> {
    args: &'a ExportArgs,
    view: Option<View<Writer<Output>>>,
    /// By track.
    packets: Vec<u64>,
    failure: Option<Error>,
}

impl ViewSink<'_> {
    fn begin(&self) -> Result<Writer<Output>, Error> {
        let ExportArgs { capture, output, force, .. } = self.args;
        let sink = Output::create(Names::one(output.clone()), FileCare { overwrite: *force, ..FileCare::default() })?;
        let comment = format!(
            "The RTP and RTCP packets of {}, as UDP datagrams: {APPLICATION} made up their ports and the announcements.",
            capture.display()
        );
        let options =
            WriterOptions { application: APPLICATION.to_owned(), os: system(), comment, ..WriterOptions::default() };
        Writer::new(sink, options).map_err(|error| failed(output, error))
    }

    fn write(&mut self, track: &Track, packet: &MediaPacket<'_>) -> Result<(), Error> {
        if self.view.is_none() {
            self.view = Some(View::new(self.begin()?));
        }
        let Some(view) = &mut self.view else { return Ok(()) };
        view.packet(track, packet).map_err(|error| failed(&self.args.output, error))?;
        if self.packets.len() <= track.index {
            self.packets.resize(track.index + 1, 0);
        }
        self.packets.get_mut(track.index).into_iter().for_each(|packets| *packets += 1);
        Ok(())
    }
}

impl MediaSink for ViewSink<'_> {
    fn packet(&mut self, track: &Track, packet: &MediaPacket<'_>) -> io::Result<()> {
        self.write(track, packet).map_err(|error| {
            self.failure = Some(error);
            io::ErrorKind::Other.into()
        })
    }
}

impl FallibleSink for ViewSink<'_> {
    fn failure(&mut self) -> Option<Error> {
        self.failure.take()
    }
}
