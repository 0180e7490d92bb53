//! A capture written once more with other contents: same container, same packets at the same places and times, with other
//! addresses and payloads of the same length.
//!
//! Two passes. The first reads the capture as analysis does, and asks the [`RewritePolicy`] of every PDU and datagram what shall
//! stand in its place; the second writes. What nobody was asked of is blank: other protocols, connections without RTSP,
//! bytes that never became part of a stream.

mod base64_map;
mod container;
mod headers;
mod packet;
mod pieces;
mod policy;
mod rewrite_map;

use std::io::{self, Read, Write};

use crate::capture::reader::{self, CaptureError, FileEnd, Input};
use crate::capture::source::Source;
use crate::capture::udp::bare::BareMedia;
use crate::trace::Tap;

use self::container::RewrittenCapture;
pub(super) use self::policy::too_much;
pub use self::policy::{ByteSequence, FILL, Late, Patch, RewritePolicy, SessionDatagram};
pub(super) use self::rewrite_map::{PacketPlace, RewriteMap, StreamId};

/// What is known of a capture after the first pass.
#[derive(Debug)]
pub struct RewritePlan {
    rewrite_map: RewriteMap,
    bare: BareMedia,
    has_copies: bool,
}

impl RewritePlan {
    /// The first pass.
    ///
    /// # Errors
    /// If the capture can't be read or is damaged; or if there is too much to keep.
    pub fn new<R: Read>(input: R, policy: Box<dyn RewritePolicy>) -> Result<Self, CaptureError> {
        Self::beside(input, policy, &mut ())
    }

    /// The first pass, with a tap that hears what [`Source::read`] would tell it of the same capture: to read it once costs
    /// less than to read it twice. Where the capture [has copies](Self::has_copies) the tap hears of those as well.
    ///
    /// # Errors
    /// As [`RewritePlan::new`]; or if the tap fails.
    pub fn beside<R: Read>(input: R, policy: Box<dyn RewritePolicy>, tap: &mut impl Tap) -> Result<Self, CaptureError> {
        let (mut rewrite_map, bare, has_copies) = Source::read_into_map(input, RewriteMap::new(policy), tap)?;
        rewrite_map.finish();
        Ok(Self { rewrite_map, bare, has_copies })
    }

    /// Whether packets are copies of others, which analysis passes over. What is written has them as well.
    pub fn has_copies(&self) -> bool {
        self.has_copies
    }

    /// What looks like RTP, or is RTCP, and belongs to no session.
    pub fn bare_media(&self) -> &BareMedia {
        &self.bare
    }

    /// The second pass: writes the capture that was planned. `comment` becomes that of each section.
    ///
    /// # Errors
    /// If the capture can't be read, or the output can't be written; or if the policy has failed.
    pub fn write<R: Read, W: Write>(self, input: R, mut output: W, comment: &str) -> Result<FileEnd, CaptureError> {
        let write = |mut chunk: Vec<u8>| {
            output.write_all(&chunk)?;
            chunk.clear();
            Ok(chunk)
        };
        let end = self.write_chunks(input, write, comment)?;
        output.flush().map_err(CaptureError::Tap)?;
        Ok(end)
    }

    /// The second pass, for who takes chunks of what is written and gives empty ones for them.
    pub(crate) fn write_chunks<R: Read>(
        self,
        input: R,
        full: impl FnMut(Vec<u8>) -> io::Result<Vec<u8>>,
        comment: &str,
    ) -> Result<FileEnd, CaptureError> {
        let mut container = RewrittenCapture::new(self.rewrite_map, full, comment);
        let end = reader::take(Input::new(Box::new(input)), &mut container)?;
        container.finish(end).map_err(CaptureError::Tap)?;
        Ok(end)
    }
}
