//! How far a long run is: a bar on the terminal, which is gone when all is done.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar that is drawn is drawn so often.
const PAUSE: Duration = Duration::from_millis(100);
/// What is done within so many pauses needs no bar.
const HIDDEN_PAUSES: usize = 10;

const WITH_TOTAL: &str =
    "{wide_bar} {percent}%  {decimal_bytes} of {decimal_total_bytes}  {decimal_bytes_per_sec}  {eta} left";
const WITHOUT_TOTAL: &str = "{spinner} {decimal_bytes} read  {decimal_bytes_per_sec}";

/// Counts what is read, in any number of threads, and shows it until it is dropped.
pub(super) struct Progress {
    read: Arc<AtomicU64>,
    /// Ends the bar when it is dropped; and the thread that draws it.
    bar: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Progress {
    /// Of reading all these files once. Nothing is shown unless `shown`, nor within the first second.
    pub(super) fn of_files(paths: &[PathBuf], shown: bool) -> Self {
        let read = Arc::new(AtomicU64::new(0));
        let bar = shown.then(|| {
            let (sender, done) = channel();
            let (read, total) = (Arc::clone(&read), total(paths));
            (sender, thread::spawn(move || draw(&bar(total), &read, &done)))
        });
        Self { read, bar }
    }

    /// Counts the bytes of one of them.
    pub(super) fn count<R: Read>(&self, input: R) -> Counted<R> {
        Counted { input, read: Arc::clone(&self.read) }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((sender, thread)) = self.bar.take() {
            drop(sender);
            // One that panicked has nothing to clear.
            let _ = thread.join();
        }
    }
}

/// A reader whose bytes are counted. It is made for large reads: each costs an atomic addition.
pub(super) struct Counted<R> {
    input: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(out)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// The size of all files; `None` if one is no file, such as a pipe.
fn total(paths: &[PathBuf]) -> Option<u64> {
    let size = |path: &Path| path.metadata().ok().filter(std::fs::Metadata::is_file).map(|file| file.len());
    // What is not there has nothing to read.
    let sizes = paths.iter().filter(|path| path.as_os_str() == "-" || path.exists()).map(|path| size(path));
    sizes.sum()
}

fn bar(total: Option<u64>) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::hidden());
    let template = if total.is_some() { WITH_TOTAL } else { WITHOUT_TOTAL };
    let style = ProgressStyle::with_template(template).unwrap_or(ProgressStyle::default_bar());
    bar.with_style(style.progress_chars("=> "))
}

/// Draws until nobody waits for more.
fn draw(bar: &ProgressBar, read: &AtomicU64, done: &Receiver<()>) {
    for pauses in 0.. {
        if done.recv_timeout(PAUSE) != Err(RecvTimeoutError::Timeout) {
            break;
        }
        if pauses == HIDDEN_PAUSES {
            bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        bar.set_position(read.load(Ordering::Relaxed));
        bar.tick();
    }
    bar.finish_and_clear();
}

#[cfg(test)]
mod tests {
    use indicatif::InMemoryTerm;

    use super::*;

    #[test]
    fn bytes_of_all_readers_are_counted() {
        let progress = Progress::of_files(&[], false);
        thread::scope(|scope| {
            for len in [0, 1, 100_000] {
                let mut input = progress.count(io::repeat(7).take(len));
                scope.spawn(move || io::copy(&mut input, &mut io::sink()).unwrap());
            }
        });
        assert_eq!(progress.read.load(Ordering::Relaxed), 100_001);
    }

    #[test]
    fn the_total_is_known_of_files_only() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["a", "b", "missing"].map(|name| folder.path().join(name));
        std::fs::write(&paths[0], [0; 10]).unwrap();
        std::fs::write(&paths[1], [0; 5]).unwrap();
        assert_eq!(total(&paths), Some(15));
        assert_eq!(total(&[paths[0].clone(), PathBuf::from("-")]), None);
        assert_eq!(total(&[PathBuf::from("/dev/null")]), None);
    }

    #[test]
    fn the_bar_fits_a_terminal_and_leaves_nothing_behind() {
        for total in [Some(123_456_789_012), None] {
            let terminal = InMemoryTerm::new(5, 80);
            let bar = bar(total);
            bar.set_draw_target(ProgressDrawTarget::term_like(Box::new(terminal.clone())));
            bar.set_position(98_765_432_109);
            bar.tick();
            let shown = terminal.contents();
            assert!(shown.contains("98.77 GB") && shown.lines().count() == 1, "{shown}");
            bar.finish_and_clear();
            assert_eq!(terminal.contents(), "");
        }
    }
}
