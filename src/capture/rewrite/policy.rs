//! Who decides what stands in the place of a capture's contents, and what it is told and gives.

use std::fmt::Debug;
use std::io;
use std::net::IpAddr;

use crate::rtsp::demux::Pdu;
use crate::time::Timestamp;
use crate::trace::{Direction, UdpPath};

/// What stands for blank bytes of a payload: no start of an RTSP message or frame, and a letter of base64.
pub const FILL: u8 = b'x';

/// A sequence of bytes that a policy is asked of: one direction of a connection, or of a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ByteSequence(pub(super) u32);

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
pub trait RewritePolicy: Debug {
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

/// There is more in a capture than a plan may keep.
pub(in crate::capture) fn too_much() -> io::Error {
    io::Error::other(
        "more messages and packets than can be kept in mind (512 MiB); cut the capture with editcap -c first",
    )
}
