//! Trace events to pcapng and back. No socket and no file: whatever reads and writes bytes is handed in.
//!
//! How a capture is read:
//!
//! `capture::Source` reads packets of any capture and tells connections apart by their addresses, and by a SYN that
//! does not belong to the connection that these addresses had before. Where several virtual networks have the same
//! addresses `KnownEnds` tells them apart, by what contradicts. What a connection speaks is told by its content
//! (`RtspEvidence`): an RTSP message at the very beginning of a direction whose SYN was captured is enough. Elsewhere
//! another sign has to agree with it, as a web page, a log or a copied capture quotes RTSP as well: a request and its
//! answer, a second message behind the first, or frames. Frames alone are enough if three of one channel and SSRC are
//! in sequence and twelve follow each other with nothing between them, or nothing more comes. Until then what may be
//! the session's waits (`Trial`, 256 KiB a connection), and is then told with its own times. What shows no RTSP in 256
//! KiB is not looked at any more; at most 8,192 connections without RTSP are remembered at a time.
//!
//! Without its SYN a connection began before the capture (`BeginningMissing`). Media over UDP that it set up before are
//! found by their shape: three packets of one SSRC, in sequence, or two compound reports of one, between the same
//! hosts. They wait for the connection to show (`UnclaimedMedia`, 16 MiB, the oldest are passed over), then they become
//! its, as if SETUP had named their ports.
//!
//! An `Assembler` puts one direction together: segments in any order, repeated, overlapping (the first copy counts).
//! What is in order passes through as a slice; up to 256 KiB wait behind a hole, then the hole is given up and becomes
//! a `Gap` of its length. A PDU has the time of the packet that holds its last byte, or of the packet that filled the
//! hole before it.
//!
//! A GET or POST with an `x-sessioncookie` opens a half of an HTTP tunnel. `Tunnels` remembers which session each
//! cookie belongs to (10,000 at most). The server's side is the connection of the GET, which is read as if there were
//! no tunnel, but for its sessions, which are the tunnel's: several may share it. Behind the head of a POST the
//! connection's bytes go through a base64 `Decoder` to the demuxer of the tunnel, which is one for all its POSTs. Nothing waits for the other half: whichever comes first opens the session,
//! and when the GET comes, `Opened` is told again with its addresses. Bytes missing in a POST are passed on as the gap
//! that they leave in the decoded stream. Once the head of a POST has passed, its connection keeps no bytes but those
//! behind a TCP hole; a capture may have 32,768 of them. The decoder is own code: the crates end at the first padding,
//! and none goes on behind a hole.
//!
//! What lies between TCP and RTSP behind a head of HTTP, the frames of a WebSocket or chunks, is a `Layer` of its
//! direction. It tells what each stretch of bytes is, and copies none: what is carried goes on to the demuxer of that
//! direction, whose places count from there on what is carried. It holds a header at most. After a hole that hid a
//! header it looks for the next place that can only be one.
//!
//! Captures that follow each other go through one `Source` and one `Analyzer`, so that whatever is half done goes on in
//! the next file. `Queue` hands captures to workers. Before, it has read the first packets of each file (`Beginning`);
//! when a worker has read a capture to its end, `Source::is_continued_by` tells whether one that still waits goes on
//! there. So no file is read twice, and compressed ones need no end to be looked at. A capture that begins in the
//! middle of something waits until those before it in time are read.
//!
//! A file may begin with what the one before it ended with. Bytes with sequence numbers before those that follow are
//! known already and make no events. This is how a recording that begins a new file can repeat its dialogue there
//! without being counted twice: in segments that end, in each direction, where the stream goes on. A SYN must not stand
//! before them: it says that nothing comes before.
//!
//! `ConnectionSessions` follows the messages of a connection, or of both connections of a tunnel, and tells whose each PDU
//! is, by session identifiers, URLs, sequence numbers and channels; from there on everything sees as many flows as there are sessions. Of texts it keeps
//! digests alone.
//!
//! The answer to SETUP tells the UDP ports of a session. Datagrams between them become events of that session's
//! connection.

pub mod beginning;
mod block_type;
mod checksum;
mod control_bits;
mod copies;
mod cut_packets;
mod encapsulation;
mod fragments;
mod interface;
mod ip;
mod ip_protocol;
mod link;
pub mod reader;
pub mod rewrite;
mod sink;
pub mod source;
mod strip;
mod tcp;
mod udp;
mod unreadable;
pub mod writer;

pub use beginning::Beginning;
pub use link::LinkType;
pub use sink::BlockSink;
pub use source::Source;
pub use udp::bare::{BareMedia, RtcpFlow};
pub use udp::named::{NamedMedia, NamedPort};
pub use udp::rtp_like::RtpFlow;
pub use writer::block::whole_blocks;
pub use writer::{Writer, WriterOptions};
