//! What a capture holds, in the forms of other tools: media as UDP for Wireshark, elementary streams, rtpdump. Pure: bytes
//! go out, whoever calls puts them somewhere.

mod described;
pub mod media;
mod reorder;
pub mod rtpdump;
mod tracks;
mod view;

pub use tracks::{MediaPacket, MediaSink, Selection, Track, Tracks};
pub use view::View;

#[cfg(test)]
mod tests;
