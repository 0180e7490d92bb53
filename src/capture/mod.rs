//! Trace events to pcapng and back. No socket and no file: whatever reads and writes bytes is handed in.

mod block;
mod checksum;
mod interface;
mod packet;
pub mod reader;
pub mod source;
pub mod writer;

pub use source::Source;
pub use writer::{Writer, WriterOptions};
