//! The only code with sockets and the clock.
//!
//! What holds for every socket:
//!
//! - Readiness is edge-triggered, so a peer reads until nothing is left. After 1 MiB it has to stand in line again: a
//!   fast camera does not starve the others.
//! - A read takes up to 256 KiB. Each costs a look at the clock behind it, which is the time of every PDU that it
//!   completes, and one before it, to know how long what comes may have waited.
//! - What the socket does not take stays in an outbox. While more than 256 KiB wait there, the machine is not asked for
//!   more, and nothing is read: who does not fetch its answers can't ask for more of them. After 1 MiB written the
//!   others have their turn.
//! - A server's connection ends when the client has what waits for it: the outbox is drained, the sending side shut
//!   down, and what still comes is read until the client closes too, at most a minute without progress, a second after
//!   Ctrl-C. A close with unread bytes would be a reset, which takes from the client what it has not read yet.
//! - Clients that were accepted leave their place when they are done. Where there is no file descriptor for the next
//!   one, it is tried again at the next tick.
//! - A client's UDP sockets are its own: a pair for each track on the address of its connection, RTP on an even port.
//!   All of one peer have one token (a peer's tokens are 2i for its connection, 2i+1 for its datagrams). Nothing is
//!   read before the answer to SETUP has told where media comes from: what comes sooner waits in the kernel, with its
//!   time. On an event the sockets are read until nothing is left, always the one whose next datagram is the oldest, so
//!   that a backlog keeps its order over all of them. After 1 MiB the others have their turn. An ICMP error (a port
//!   that nobody listens on) is passed over.
//! - Of each socket one datagram is read; where one was there, up to 32 more with one `recvmmsg`. `UDP_GRO` is not
//!   asked for: the kernel would join datagrams, and tell one time for all of them.
//! - The kernel's time of a datagram (`SO_TIMESTAMPNS`) is of the system's clock. Each round of reading measures how
//!   far that is from `Clock`. A time that is before the socket was last seen empty, or in the future, is one of a
//!   clock that was set meanwhile: then the time of reading counts.
//! - `SO_RXQ_OVFL` tells how many datagrams the kernel dropped: a `Note` before the next one.
//! - A server's UDP goes out from a pair of sockets for each track, which all clients of a server share; what comes
//!   there belongs to the client to whose address something went.
//! - `poll` counts whole milliseconds. A loop that serves (`be_precise`) sleeps the rest of the way to a deadline.
//! - `Clock` reads the wall clock once and goes on with the monotonic clock. A step of the system's clock does not show
//!   as a gap in the recording.
//! - An `RtspStream` lies below each connection: plain TCP, TLS (rustls), or a tunnel of two such channels. It stands when
//!   the last of its handshakes is done, within one `--connect-timeout`. From there on nobody above can tell it from
//!   TCP; demuxers and tap see decoded RTSP. A read of TLS takes ciphertext into the back half of the loop's buffer
//!   with one system call and decrypts into its front, so it needs no buffer for each connection and costs no call for
//!   each record. What a tunnel sends is encoded write by write, as players do it. If the server closes the POST, the
//!   next write opens another.
//! - Certificates are judged by rustls and webpki, behind a `CertificateVerifier` of our own, which knows those given by `--tls-ca`
//!   and tells what `--insecure` passed over.
//! - `ReadLag` tells when reading was late: docs/findings.md has the rule. A connection that was empty a moment ago
//!   costs nothing; else one `recvmsg` with `MSG_PEEK` a read. `PollTimer` measures how late the loop woke up. At the end
//!   of a client's connection the system is asked for its `tcp_info`, by netlink, as `getsockopt` has no safe wrapper
//!   that gives all of it.
//! - Names are resolved in threads of their own, as the system's resolver blocks.
//! - A file that fails shows as the `Readiness` of its sessions, which are torn down in good order. `FusedTap` keeps the
//!   first error of a tap that has no such thing; the tap is left alone from then on, and the run ends with that error,
//!   all sessions torn down.

pub mod clock;
mod connection;
mod datagrams;
mod deadlines;
pub mod event_loop;
mod fused;
mod listener;
mod logged;
mod media;
mod multicast;
mod peer;
mod poll_timer;
mod ports;
mod public_key;
mod read_lag;
mod receiving;
mod resolver;
#[cfg(target_os = "linux")]
mod sock_diag;
mod stream;
pub mod tls;
mod waker;

pub use clock::Clock;
pub use event_loop::{EventLoop, SettlingLimits, SettlingState};
pub use listener::Accepted;
pub use tls::{Roots, Trust};
pub use waker::LoopWaker;
