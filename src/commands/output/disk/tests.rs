use std::fs::File;
use std::io::Read;
use std::time::Duration;

use super::*;
use crate::commands::output::{FileCare, Names};
use crate::net::{Clock, EventLoop};
use crate::session::Client;

const OVERWRITING: FileCare = FileCare { overwrite: true, private: false, sync: false };

/// Asks again and again, as the event loop's ticks do.
fn until(disk: &Disk, mut done: impl FnMut() -> bool) {
    for _ in 0..10_000 {
        if done() {
            return;
        }
        disk.tick();
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("it never comes to be");
}

#[test]
fn a_file_that_is_stuck_holds_up_no_other_and_takes_its_share_only() {
    let folder = tempfile::tempdir().unwrap();
    let [pipe, plain] = ["pipe", "plain"].map(|name| folder.path().join(name));
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    // Opened for both, it blocks nobody.
    let mut reader = File::options().read(true).write(true).open(&pipe).unwrap();
    let event_loop = EventLoop::<Client>::new(Clock::start()).unwrap();
    let disk = Disk::start(event_loop.waker()).unwrap();
    let [mut stuck, mut other] =
        [&pipe, &plain].map(|path| disk.add(Output::create(Names::one(path.clone()), OVERWRITING).unwrap()));
    let mut taken = 0;
    while stuck.readiness() == Readiness::More {
        stuck.take(&mut vec![7; 1 << 20]).unwrap();
        taken += 1 << 20;
    }
    assert_eq!((stuck.readiness(), taken), (Readiness::Wait, LIMIT / 2));
    assert_eq!(other.readiness(), Readiness::More);
    other.take(&mut vec![7; 100]).unwrap();
    other.finish();
    let mut end = None;
    until(&disk, || {
        end = end.take().or_else(|| other.end());
        end.is_some()
    });
    assert_eq!(end.unwrap().0.bytes, 100);
    assert!(stuck.end().is_none() && disk.settling() != SettlingState::Settled);
    assert_eq!(disk.settling(), SettlingState::Stuck);

    stuck.finish();
    reader.read_exact(&mut vec![0; taken]).unwrap();
    until(&disk, || disk.settling() == SettlingState::Settled);
    assert_eq!((stuck.end().unwrap().0.bytes, stuck.queued()), (taken as u64, 0));
}

#[test]
fn a_file_that_fails_wants_nothing_any_more() {
    let event_loop = EventLoop::<Client>::new(Clock::start()).unwrap();
    let disk = Disk::start(event_loop.waker()).unwrap();
    let mut full = disk.add(Output::create(Names::one("/dev/full".into()), OVERWRITING).unwrap());
    full.take(&mut vec![7; 100]).unwrap();
    until(&disk, || full.readiness() == Readiness::Stop);
    full.take(&mut vec![7; 100]).unwrap();
    assert!(disk.settling() == SettlingState::Settled && full.end().unwrap().1.is_err());
}
