//! The only code with sockets and the clock.

pub mod clock;
mod connection;
pub mod event_loop;
mod fused;
mod peer;
mod resolver;

pub use clock::Clock;
pub use event_loop::EventLoop;
