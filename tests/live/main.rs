//! `rtsp-rec` against servers, tools and troubles that others made: GStreamer, aio-rtsp-toolkit, VLC; tshark and tcpdump;
//! full disks and killed processes.
//!
//! The tests need Debian packages, media files and a Python venv, which `tests/run` brings; it also sets `RTSP_REC_PEERS`
//! to the folder that holds them. That's why a plain `cargo test` leaves these tests out. Everything listens on loopback.
//! Most tests wait for seconds to pass, so several run side by side; those of `many` want the machine for themselves.
//!
//! | module | what for |
//! |---|---|
//! | `process`, `peers`, `link`, `wire`, `flood`, `browser` | starting, watching and ending what a test runs |
//! | `article` | a capture made of a transcript |
//! | `recorder`, `judges`, `streams` | running `rtsp-rec`; what others say of its captures |
//! | `servers` `carriers` `udp` `auth` `addresses` `endings` `killed` `crashes` `files` `shortage` `many` `memory` `demo` | the tests: `record`, `demo` |
//! | `probes` | the tests: `probe` |
//! | `compared` | the tests: `compare` |
//! | `exports` | the tests: `export` |
//! | `reference` `rotation` `wireshark` `unusual` `replay` `reruns` `redacted` | the tests: `analyze`, `replay`, `redact` |
//! | `pages` | the tests: `report` |

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of this crate is test code: a panic is how it reports"
)]

mod browser;
mod flood;
mod judges;
mod link;
mod peers;
mod process;
mod recorder;
mod streams;
mod wire;

mod addresses;
mod article;
mod auth;
mod carriers;
mod compared;
mod crashes;
mod demo;
mod endings;
mod exports;
mod files;
mod killed;
mod many;
mod memory;
mod pages;
mod probes;
mod redacted;
mod reference;
mod replay;
mod reruns;
mod rotation;
mod segments;
mod servers;
mod shortage;
mod udp;
mod unusual;
mod wireshark;
