//! Servers that say anything: real dialogues with chance mutations, against the recorder.
//!
//! Whatever comes, `record` must not panic, must end when its timeouts say so, and must have in its capture every byte that
//! it received, in its order. Most cases run on virtual time, thousands a minute; some over loopback TCP against the
//! program itself.
//!
//! `FUZZ_SECONDS=600 cargo test --release --test fuzzed_server -- --ignored --nocapture` goes on for so long. A case is
//! known by its number: `FUZZ_CASE=17` runs that one alone.
//!
//! | module | what for |
//! |---|---|
//! | `transcript`, `media` | the dialogues, shared with `tests/dialogs` |
//! | `mutation` | what chance does to messages and bytes |
//! | `server` | answers as the transcript does, mutated |
//! | `world` | a recording on virtual time |
//! | `sockets` | one by the program |

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of this crate is test code: a panic is how it reports"
)]

#[allow(dead_code, reason = "shared with the dialogs, which use all of it")]
#[path = "../dialogs/media.rs"]
mod media;
mod mutation;
mod server;
mod sockets;
#[allow(dead_code, reason = "shared with the dialogs, which use all of it")]
#[path = "../dialogs/transcript.rs"]
mod transcript;
mod world;

use std::path::Path;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use transcript::Transcript;

/// One case in so many is played to the program.
const CASES_FOR_A_PROGRAM: u64 = 500;

/// Every dialogue of the folder, except those of servers that play together.
static TRANSCRIPTS: LazyLock<Vec<Transcript>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialogs");
    let files = std::fs::read_dir(folder).expect("the folder").map(|file| file.expect("a file").path());
    let mut names: Vec<String> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned())
        .collect();
    names.sort();
    names.iter().map(|name| Transcript::load(name)).collect()
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_server_is_recorded(case: u64) {
        world::check(case);
    }
}

#[test]
fn any_server_is_recorded_by_the_program() {
    (0..12).for_each(sockets::check);
}

#[test]
#[ignore = "runs for FUZZ_SECONDS"]
fn for_a_while() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    if let Some(case) = number("FUZZ_CASE") {
        world::check(case);
        return sockets::check(case);
    }
    let (started, first) = (Instant::now(), fastrand::u64(..u64::MAX / 2));
    let limit = Duration::from_secs(number("FUZZ_SECONDS").unwrap_or(10));
    let (mut cases, mut totals, mut programs) = (0, world::Totals::default(), 0);
    while started.elapsed() < limit {
        let case = first + cases;
        // What is captured of it is printed where it panics.
        println!("case {case}");
        totals.add(world::check(case));
        if cases % CASES_FOR_A_PROGRAM == 0 {
            sockets::check(case);
            programs += 1;
        }
        cases += 1;
    }
    eprintln!(
        "{cases} cases from {first} on in {:?}, {programs} of them by the program too; {totals:?}",
        started.elapsed()
    );
}
