//! A capture written once more with other contents: same container, same packets at the same places and times, with other
//! addresses and payloads of the same length.
//!
//! Two passes. The first reads the capture as analysis does, and asks the [`Policy`] of every PDU and datagram what shall
//! stand in its place; the second writes. What nobody was asked of is blank: other protocols, connections without RTSP,
//! bytes that never became part of a stream.

mod base64_map;
mod container;
mod headers;
mod packet;
mod pieces;
mod rewrite_map;

use std::fmt::Debug;
use std::io::{self, Read, Write};
use std::net::IpAddr;

use crate::capture::bare::BareMedia;
use crate::capture::reader::{self, CaptureError, FileEnd, Input};
use crate::capture::source::Source;
use crate::rtsp::demux::Pdu;
use crate::time::Timestamp;
use crate::trace::{Direction, Tap, UdpPath};

pub(super) use self::base64_map::Run;
use self::container::RewrittenCapture;
pub(super) use self::rewrite_map::{PacketPlace, RewriteMap, StreamId};

/// What stands for blank bytes of a payload: no start of an RTSP message or frame, and a letter of base64.
pub const FILL: u8 = b'x';

/// A sequence of bytes that a policy is asked of: one direction of a connection, or of a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ByteSequence(u32);

/// What shall stand in the place of a PDU or datagram. What is not put is blank.
#[derive(Clone, Debug, Default)]
pub struct Patch {
    pieces: Vec<(usize, usize)>,
    bytes: Vec<u8>,
}

/// A patch for an earlier PDU or datagram: where, and at which position it begins.
pub type Late = (ByteSequence, u64, Patch);

/// A datagram of media that a session set up.
#[derive(Clone, Copy, Debug)]
pub struct SessionDatagram<'a> {
    /// When it came.
    pub at: Timestamp,
    /// Who sent it.
    pub direction: Direction,
    /// Between which ports.
    pub path: UdpPath,
    /// What it carries.
    pub payload: &'a [u8],
}

/// Who decides what may stay. Told of everything in the order of analysis.
pub trait Policy: Debug {
    /// A PDU of a stream, which belongs to a session once that is known. Gives patches for earlier ones that had to wait.
    fn pdu(
        &mut self,
        place: ByteSequence,
        session: Option<usize>,
        direction: Direction,
        pdu: &Pdu<'_>,
        at: Timestamp,
        patch: &mut Patch,
    ) -> Vec<Late>;

    /// A datagram of a session, at a position of the sequence that all datagrams make up. Gives patches for earlier ones.
    fn datagram(
        &mut self,
        at: (ByteSequence, u64),
        session: usize,
        datagram: &SessionDatagram<'_>,
        patch: &mut Patch,
    ) -> Vec<Late>;

    /// Everything was told: patches that still waited.
    fn finish(&mut self) -> Vec<Late>;

    /// What stands for an address of a packet.
    fn address(&mut self, address: IpAddr) -> IpAddr;

    /// What stands for an address of the link layer.
    fn link_address(&mut self, address: [u8; 6]) -> [u8; 6];

    /// What stands for the URL and server in an interface description of ours: `describe` puts them together again.
    fn url(&mut self, url: &str) -> String;

    /// Why what was made is not to be used.
    fn failure(&self) -> Option<String>;
}

impl Patch {
    /// These bytes stand at this place. Places are told in their order.
    pub fn put(&mut self, at: usize, bytes: &[u8]) {
        match self.pieces.last_mut() {
            _ if bytes.is_empty() => return,
            Some((start, len)) if *start + *len == at => *len += bytes.len(),
            _ => self.pieces.push((at, bytes.len())),
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Nothing is put any more.
    pub(super) fn clear(&mut self) {
        self.pieces.clear();
        self.bytes.clear();
    }

    /// Behind the last piece.
    pub fn end(&self) -> usize {
        self.pieces.last().map_or(0, |(start, len)| start + len)
    }

    /// Where pieces lie, and their bytes.
    pub fn pieces(&self) -> impl Iterator<Item = (usize, &[u8])> {
        let mut rest = self.bytes.as_slice();
        self.pieces.iter().map(move |(at, len)| {
            let (piece, behind) = rest.split_at_checked(*len).unwrap_or((rest, &[]));
            rest = behind;
            (*at, piece)
        })
    }
}

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
    pub fn new<R: Read>(input: R, policy: Box<dyn Policy>) -> Result<Self, CaptureError> {
        Self::beside(input, policy, &mut ())
    }

    /// The first pass, with a tap that hears what [`Source::read`] would tell it of the same capture: to read it once costs
    /// less than to read it twice. Where the capture [has copies](Self::has_copies) the tap hears of those as well.
    ///
    /// # Errors
    /// As [`RewritePlan::new`]; or if the tap fails.
    pub fn beside<R: Read>(input: R, policy: Box<dyn Policy>, tap: &mut impl Tap) -> Result<Self, CaptureError> {
        let mut plan = Source::plan(input, RewriteMap::new(policy), tap)?;
        plan.rewrite_map.finish();
        Ok(plan)
    }

    /// Whether packets are copies of others, which analysis passes over. What is written has them as well.
    pub fn has_copies(&self) -> bool {
        self.has_copies
    }

    /// What looks like RTP, or is RTCP, and belongs to no session.
    pub fn bare_media(&self) -> &BareMedia {
        &self.bare
    }

    pub(super) fn of(rewrite_map: RewriteMap, bare: BareMedia, has_copies: bool) -> Self {
        Self { rewrite_map, bare, has_copies }
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

/// There is more in a capture than a plan may keep.
pub(super) fn too_much() -> io::Error {
    io::Error::other(
        "more messages and packets than can be kept in mind (512 MiB); cut the capture with editcap -c first",
    )
}
