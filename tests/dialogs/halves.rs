//! Each dialogue as somebody has it who came late: the second half of its recording alone.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Mutex;
use std::thread;

use crate::halved;
use crate::scene::Scene;

/// Most of a recording's time goes by with waiting.
const WORKERS: usize = 6;

/// The names of all transcripts.
fn transcripts() -> Vec<String> {
    let folder = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialogs")).expect("this folder");
    let files = folder.map(|file| file.expect("a file").file_name().to_string_lossy().into_owned());
    files.filter_map(|file| file.strip_suffix(".txt").map(str::to_owned)).collect()
}

#[test]
fn the_second_half_of_each_is_found() {
    let names = transcripts();
    let (left, checked, failures) = (Mutex::new(names.iter()), Mutex::new(0), Mutex::new(Vec::new()));
    let check = |name: &str| {
        let Some(played) = Scene::of(name).by_transcript().try_play(&[]) else { return false };
        File::open(played.recording.file()).is_ok_and(|capture| halved::check(name, capture))
    };
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let Some(name) = left.lock().expect("no panic").next() else { return };
                    match thread::scope(|scope| scope.spawn(|| check(name)).join()) {
                        Ok(is_there) => *checked.lock().expect("no panic") += usize::from(is_there),
                        Err(error) => failures
                            .lock()
                            .expect("no panic")
                            .push(error.downcast_ref::<String>().cloned().unwrap_or_default()),
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("no panic");
    assert!(failures.is_empty(), "{} dialogues:\n{}", failures.len(), failures.join("\n\n"));
    let checked = checked.into_inner().expect("no panic");
    assert!(checked > 100, "{checked} of {} halves have anything in them", names.len());
}
