//! URLs, what a server makes of them, and its challenges. A line each: URL, base, location, control, challenges.
#![no_main]

use std::hint::black_box;

use libfuzzer_sys::fuzz_target;
use rtsp_rec::rtsp::auth::{Authenticator, is_stale};
use rtsp_rec::rtsp::control::{join_control, resolve_base};
use rtsp_rec::rtsp::mask::masked_text;
use rtsp_rec::rtsp::url::{Credentials, RtspUrl};

fuzz_target!(|data: &str| {
    let mut lines = data.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    let parsed = RtspUrl::parse(line());
    let (base, location, control) = (line(), line(), line());
    if let Ok(url) = parsed {
        // An `@` that is left may look like the end of other credentials.
        if !url.as_str().contains('@') {
            let again = RtspUrl::parse(url.as_str()).expect("a URL without its credentials is one");
            assert_eq!((again.host(), again.port(), again.as_str()), (url.host(), url.port(), url.as_str()));
            assert!(again.credentials().is_none(), "no credentials are left: {}", url.as_str());
        }
        let base = resolve_base(&url, Some(base), Some(location));
        black_box(join_control(&base, Some(control)));
    }
    black_box(masked_text(data));
    let challenges: Vec<&str> = lines.collect();
    black_box(is_stale(challenges.iter().copied()));
    if let Ok(mut authenticator) = Authenticator::from_challenges(challenges.into_iter(), "rtsp://camera/live") {
        let credentials = Credentials { user: base.to_owned(), password: location.to_owned() };
        for method in ["DESCRIBE", "SETUP"] {
            black_box(authenticator.authorization(&credentials, method, control, data.as_bytes()));
        }
    }
});
