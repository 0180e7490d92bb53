//! The whole analysis of a file, to all tables.
#![no_main]

mod common;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    common::analyze(data);
});
