//! Literal dialogues of real servers, and some that servers may well lead, played to `rtsp-rec` over loopback TCP.
//!
//! Each `.txt` beside this file is a transcript; `transcript` says how it is written. A scripted server answers as the
//! recorded one did, with media made anew, and notes each byte that passes. The capture must hold them all.
//!
//! | module | what for |
//! |---|---|
//! | `transcript`, `media`, `gate`, `server` | the scripted server |
//! | `recorder`, `scene`, `checks` | running `rtsp-rec`; what must hold of every recording |
//! | `replayed` | what must hold of a replay of it |
//! | `halved` | what is found without the first half of it |
//! | `certificates`, `front`, `web_socket` | TLS, HTTP tunnels and WebSockets before the scripted server |
//! | `carried` `vendors` `cases` `endings` `keep_alive` `reruns` `quirks` `probes` `halves` | the tests |

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of this crate is test code: a panic is how it reports"
)]

mod certificates;
mod checks;
mod front;
mod gate;
#[path = "../halved/mod.rs"]
mod halved;
mod media;
mod recorder;
mod replayed;
mod scene;
mod server;
mod transcript;
mod web_socket;

mod carried;
mod cases;
mod endings;
mod halves;
mod keep_alive;
mod late;
mod probes;
mod quirks;
mod reruns;
mod vendors;
