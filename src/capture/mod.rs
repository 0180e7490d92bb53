//! Trace events to pcapng and back. No socket and no file: whatever reads and writes bytes is handed in.

mod base64;
pub mod beginning;
mod block;
mod checksum;
mod connection;
mod connections;
mod content;
mod flows;
mod fragments;
mod framed;
mod interface;
mod ip;
mod layer;
mod link;
mod outlet;
mod packet;
mod ports;
pub mod reader;
mod reassembly;
mod repeat;
pub mod rewrite;
mod sink;
pub mod source;
mod strip;
mod tcp;
mod tunnel;
mod udp;
pub mod writer;

pub use beginning::Beginning;
pub use block::whole_blocks;
pub use link::LinkType;
pub use sink::BlockSink;
pub use source::Source;
pub use writer::{Writer, WriterOptions};
