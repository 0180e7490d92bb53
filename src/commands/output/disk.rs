//! Threads that write to the disk, so that the event loop never waits for it.
//!
//! Each file has a queue of its own, and at most one thread works on it. One thread does for all of them as long as it
//! comes on; where it is stuck (a pipe that nobody reads) another one goes on with the others. What finds no room on a full disk is
//! tried again with each tick, until there is room.

mod spare;

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use crate::capture::BlockSink;
use crate::commands::locks::{lock, wait};
use crate::commands::output::{Output, Written};
use crate::net::{LoopWaker, SettlingState};
use crate::trace::Readiness;

use spare::SpareBuffers;

/// Bytes that wait for the disk, of all files together. With none waiting of its own a file has room all the same, so
/// that those that are stuck do not stop the others.
const LIMIT: usize = 64 << 20;
/// Of one file where there are many.
const MIN_SHARE: usize = 256 << 10;
/// So many files that found no room are tried again with each tick.
const RETRIES: usize = 16;
/// So many threads sync files side by side: a disk syncs many in hardly more time than one, and where all files are rotated
/// at the same time the others need not wait for a thousand.
const SYNCING: usize = 16;
/// The threads.
pub(in crate::commands) struct Disk {
    shared: Arc<Shared>,
}

/// A file that they write.
pub(in crate::commands) struct DiskFile {
    shared: Arc<Shared>,
    slot: Arc<Slot>,
}

struct Shared {
    pool: Mutex<Pool>,
    work_to_do: Condvar,
    waker: LoopWaker,
    /// Bytes that wait.
    queued: AtomicUsize,
    files: AtomicUsize,
    /// Files that are not finished.
    open: AtomicUsize,
    /// The event loop was told that there is no room.
    awaited: AtomicBool,
    /// Files that a thread is completing, which takes a slow disk long.
    completing: AtomicUsize,
    /// Counts what was done; how much of it was told.
    done: AtomicUsize,
    told: AtomicUsize,
    spare: Mutex<SpareBuffers>,
}

#[derive(Default)]
struct Pool {
    /// Files with work to do that no thread works on.
    ready: VecDeque<Arc<Slot>>,
    /// Files for which the disk has no room.
    full: VecDeque<Arc<Slot>>,
    threads: usize,
    /// Of them, those that wait for something to do.
    idle: usize,
    /// Something was done since the last tick.
    moving: bool,
    closing: bool,
}

struct Slot {
    /// Bytes that wait.
    queued: AtomicUsize,
    failed: AtomicBool,
    /// The disk has no room for it.
    full: AtomicBool,
    work: Mutex<Work>,
}

#[derive(Default)]
struct Work {
    jobs: VecDeque<Job>,
    /// Not here while a thread works with it.
    output: Option<Output>,
    /// A thread works on it, or it stands in line.
    scheduled: bool,
    end: Option<End>,
}

/// What was written, and whether that is all.
type End = (Written, io::Result<()>);

enum Job {
    Blocks(Vec<u8>),
    NextFile,
    Finish,
}

/// What came of a job.
enum JobOutcome {
    Done,
    /// The rest of it is to be tried again.
    NoRoom(Job),
    End(End),
}

impl Disk {
    /// Starts the first thread. The loop is woken when there is room again, and when a file fails or is finished.
    pub(in crate::commands) fn start(waker: LoopWaker) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            pool: Mutex::default(),
            work_to_do: Condvar::new(),
            waker,
            queued: AtomicUsize::new(0),
            files: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            awaited: AtomicBool::new(false),
            completing: AtomicUsize::new(0),
            done: AtomicUsize::new(0),
            told: AtomicUsize::new(0),
            spare: Mutex::default(),
        });
        spawn(&shared, &mut lock(&shared.pool))?;
        Ok(Self { shared })
    }

    /// One more file to write.
    pub(in crate::commands) fn add(&self, output: Output) -> DiskFile {
        self.shared.files.fetch_add(1, Ordering::Relaxed);
        self.shared.open.fetch_add(1, Ordering::Relaxed);
        let work = Mutex::new(Work { output: Some(output), ..Work::default() });
        let [failed, full] = [false; 2].map(AtomicBool::new);
        let slot = Arc::new(Slot { queued: AtomicUsize::new(0), failed, full, work });
        DiskFile { shared: Arc::clone(&self.shared), slot }
    }

    /// Called now and then: where all threads are stuck while files wait, another one is started. What found no room is tried
    /// again.
    pub(in crate::commands) fn tick(&self) {
        let mut pool = lock(&self.shared.pool);
        let stuck = !std::mem::replace(&mut pool.moving, false) && !pool.ready.is_empty();
        if stuck && pool.threads < self.shared.files.load(Ordering::Relaxed) {
            // Where there can't be one more, the others wait.
            let _ = spawn(&self.shared, &mut pool);
        }
        if self.shared.completing.load(Ordering::Relaxed) > 0 {
            let more = pool.ready.len().min(SYNCING.saturating_sub(pool.threads));
            (0..more).for_each(|_| drop(spawn(&self.shared, &mut pool)));
        }
        for _ in 0..RETRIES {
            let Some(slot) = pool.full.pop_front() else { break };
            pool.ready.push_back(slot);
            self.shared.work_to_do.notify_one();
        }
    }

    /// Whether every file is finished, or has failed; if not, whether something was done since this was asked last.
    pub(in crate::commands) fn settling(&self) -> SettlingState {
        let Shared { open, done, told, completing, .. } = &*self.shared;
        let done = done.load(Ordering::Acquire);
        let moved = told.swap(done, Ordering::Relaxed) != done;
        match open.load(Ordering::Acquire) {
            0 => SettlingState::Settled,
            _ if moved || completing.load(Ordering::Relaxed) > 0 => SettlingState::Moving,
            _ => SettlingState::Stuck,
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        lock(&self.shared.pool).closing = true;
        self.shared.work_to_do.notify_all();
    }
}

impl DiskFile {
    /// Whether there is room for more. If not, the loop is woken when there is.
    pub(in crate::commands) fn readiness(&self) -> Readiness {
        if self.slot.failed.load(Ordering::Acquire) {
            return Readiness::Stop;
        }
        if self.shared.has_room(&self.slot, 1) {
            return Readiness::More;
        }
        self.shared.awaited.store(true, Ordering::SeqCst);
        // It may have been made just before the threads were told.
        if self.shared.has_room(&self.slot, 1) { Readiness::More } else { Readiness::Wait }
    }

    /// Nothing more comes.
    pub(in crate::commands) fn finish(&self) {
        self.shared.submit(&self.slot, Job::Finish);
    }

    /// Whether what waits found no room on the disk.
    pub(in crate::commands) fn is_full(&self) -> bool {
        self.slot.full.load(Ordering::Relaxed)
    }

    /// Bytes that wait.
    pub(in crate::commands) fn queued(&self) -> usize {
        self.slot.queued.load(Ordering::Relaxed)
    }

    /// What came of it, once it is finished or has failed.
    pub(in crate::commands) fn end(&self) -> Option<End> {
        lock(&self.slot.work).end.take()
    }
}

impl BlockSink for DiskFile {
    /// One that failed takes everything: [`DiskFile::readiness`] tells of it.
    fn take(&mut self, blocks: &mut Vec<u8>) -> io::Result<()> {
        if self.slot.failed.load(Ordering::Acquire) {
            blocks.clear();
        } else if !blocks.is_empty() {
            let empty = lock(&self.shared.spare).take();
            self.shared.submit(&self.slot, Job::Blocks(std::mem::replace(blocks, empty)));
        }
        Ok(())
    }

    fn next_file(&mut self) -> io::Result<()> {
        self.shared.submit(&self.slot, Job::NextFile);
        Ok(())
    }
}

impl Shared {
    /// Whether a file may have more in line; to be called room again it must have some more of it (`part` of it).
    fn has_room(&self, slot: &Slot, part: usize) -> bool {
        let own = slot.queued.load(Ordering::SeqCst);
        let share = (LIMIT / self.files.load(Ordering::Relaxed).max(1)).max(MIN_SHARE);
        own == 0 || (own < share / part && self.queued.load(Ordering::SeqCst) < LIMIT / part)
    }

    fn submit(self: &Arc<Self>, slot: &Arc<Slot>, job: Job) {
        slot.queued.fetch_add(job.len(), Ordering::SeqCst);
        self.queued.fetch_add(job.len(), Ordering::SeqCst);
        let mut work = lock(&slot.work);
        work.jobs.push_back(job);
        if !std::mem::replace(&mut work.scheduled, true) {
            drop(work);
            self.schedule(slot);
        }
    }

    fn schedule(&self, slot: &Arc<Slot>) {
        lock(&self.pool).ready.push_back(Arc::clone(slot));
        self.work_to_do.notify_one();
    }

    /// A thread's life.
    fn work(&self) {
        while let Some(slot) = self.next() {
            let (job, output) = {
                let mut work = lock(&slot.work);
                (work.jobs.pop_front(), work.output.take())
            };
            let (Some(job), Some(mut output)) = (job, output) else { continue };
            let len = job.len();
            let failed = slot.failed.load(Ordering::Acquire);
            let outcome = if failed { JobOutcome::Done } else { self.perform(job, &mut output) };
            self.done(&slot, len, output, outcome);
        }
    }

    /// The next file with work to do; `None` when there is none and none comes.
    fn next(&self) -> Option<Arc<Slot>> {
        let mut pool = lock(&self.pool);
        loop {
            if let Some(slot) = pool.ready.pop_front() {
                return Some(slot);
            }
            // One idle thread is enough: the others were started while some were stuck.
            if pool.closing || pool.idle > 0 {
                pool.threads -= 1;
                return None;
            }
            pool.idle += 1;
            pool = wait(&self.work_to_do, pool);
            pool.idle -= 1;
        }
    }

    /// Does a job.
    fn perform(&self, mut job: Job, output: &mut Output) -> JobOutcome {
        let used = job.len();
        let done = match &mut job {
            Job::Blocks(blocks) => output.write(blocks),
            Job::NextFile => self.completing(|| output.next_file()),
            Job::Finish => match self.completing(|| output.finish()) {
                Ok(written) => return JobOutcome::End((written, Ok(()))),
                Err(error) => Err(error),
            },
        };
        match (done, job) {
            (Ok(()), Job::Blocks(blocks)) => lock(&self.spare).put(blocks, used),
            (Ok(()), _) => {}
            (Err(error), job) if output.may_go_on(&error) => return JobOutcome::NoRoom(job),
            // What came before is complete.
            (Err(error), _) => return JobOutcome::End((output.finish().unwrap_or_default(), Err(error))),
        }
        JobOutcome::Done
    }

    /// A file is being completed.
    fn completing<T>(&self, complete: impl FnOnce() -> T) -> T {
        self.completing.fetch_add(1, Ordering::Relaxed);
        let done = complete();
        self.completing.fetch_sub(1, Ordering::Relaxed);
        done
    }

    /// A job of this length was done, or all of it that could be.
    fn done(&self, slot: &Arc<Slot>, len: usize, output: Output, outcome: JobOutcome) {
        let (again, end) = match outcome {
            JobOutcome::Done => (None, None),
            JobOutcome::NoRoom(job) => (Some(job), None),
            JobOutcome::End(end) => (None, Some(end)),
        };
        let (full, ended) = (again.is_some(), end.is_some());
        if matches!(end, Some((_, Err(_)))) {
            slot.failed.store(true, Ordering::Release);
        }
        let written = len.saturating_sub(again.as_ref().map_or(0, Job::len));
        slot.queued.fetch_sub(written, Ordering::SeqCst);
        self.queued.fetch_sub(written, Ordering::SeqCst);
        let mut work = lock(&slot.work);
        work.output = Some(output);
        if let Some(job) = again {
            work.jobs.push_front(job);
        }
        if ended {
            work.end = end;
            self.open.fetch_sub(1, Ordering::Release);
        }
        work.scheduled = !work.jobs.is_empty();
        let more = work.scheduled;
        drop(work);
        self.proceed(slot, full, more);
        if !full || written > 0 {
            self.done.fetch_add(1, Ordering::Release);
            lock(&self.pool).moving = true;
        }
        let room = self.awaited.load(Ordering::SeqCst) && self.has_room(slot, 2);
        if room {
            self.awaited.store(false, Ordering::SeqCst);
        }
        if room || ended {
            self.waker.wake();
        }
    }

    /// A file that has more to do stands in line: at once, or where it is full until there is room.
    fn proceed(&self, slot: &Arc<Slot>, full: bool, more: bool) {
        let was_full = slot.full.swap(full, Ordering::Relaxed);
        if full {
            lock(&self.pool).full.push_back(Arc::clone(slot));
        } else if more {
            self.schedule(slot);
        }
        if was_full && !full {
            // So the others may have room as well.
            let mut pool = lock(&self.pool);
            let others = std::mem::take(&mut pool.full);
            pool.ready.extend(others);
            self.work_to_do.notify_one();
        }
    }
}

impl Job {
    fn len(&self) -> usize {
        match self {
            Self::Blocks(blocks) => blocks.len(),
            Self::NextFile | Self::Finish => 0,
        }
    }
}

fn spawn(shared: &Arc<Shared>, pool: &mut Pool) -> io::Result<()> {
    let worker = Arc::clone(shared);
    std::thread::Builder::new().name("disk".to_owned()).spawn(move || worker.work())?;
    pool.threads += 1;
    Ok(())
}

#[cfg(test)]
mod tests;
