//! Trace events to pcapng and back. No socket and no file: whatever reads and writes bytes is handed in.

mod base64;
pub mod beginning;
mod block;
mod checksum;
mod connection;
mod connections;
mod content;
mod fragments;
mod framed;
mod interface;
mod ip;
mod link;
mod packet;
mod ports;
pub mod reader;
mod reassembly;
pub mod source;
mod tcp;
mod tunnel;
mod udp;
pub mod writer;

pub use beginning::Beginning;
pub use link::LinkType;
pub use source::Source;
pub use writer::{Writer, WriterOptions};
