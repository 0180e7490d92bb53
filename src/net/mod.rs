//! The only code with sockets and the clock.

pub mod clock;
mod connection;
mod deadlines;
pub mod event_loop;
mod fused;
mod listener;
mod media;
mod peer;
mod resolver;
mod waker;

pub use clock::Clock;
pub use event_loop::EventLoop;
pub use listener::Accepted;
pub use waker::LoopWaker;
