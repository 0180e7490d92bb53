//! Session descriptions, and the URLs of their tracks.
#![no_main]

use std::hint::black_box;

use libfuzzer_sys::fuzz_target;
use rtsp_rec::rtsp::control::join_control;
use rtsp_rec::rtsp::sdp::{SessionDescription, npt_end};

fuzz_target!(|data: &[u8]| {
    let description = SessionDescription::parse(data);
    for media in &description.media {
        black_box(join_control("rtsp://camera/live", media.control.as_deref()));
        for payload_type in 0..=127 {
            black_box(media.format(payload_type));
        }
    }
    black_box(npt_end(&String::from_utf8_lossy(data)));
});
