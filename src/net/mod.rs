//! The only code with sockets and the clock.

mod alarm;
pub mod clock;
mod connection;
mod datagrams;
mod deadlines;
pub mod event_loop;
mod fused;
mod lateness;
mod listener;
mod media;
mod multicast;
mod peer;
mod ports;
mod public_key;
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
