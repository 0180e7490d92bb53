//! Many at work, one voice: what several workers write comes out in the order of the captures.
//!
//! Each capture has a lane; that of one which follows another stays empty. Rows of the lane whose turn it is go straight
//! out; those of lanes behind it wait in memory, and beyond a limit in temporary files.

use std::collections::BTreeMap;
use std::io::{self, Seek, Write};
use std::sync::{Condvar, Mutex};

use tempfile::SpooledTempFile;

use crate::analysis::rows::Table;
use crate::commands::locks::{lock, wait};
use crate::report::Document;

/// Bytes that wait in memory, for each table of a lane; more go to a temporary file.
const MAX_IN_MEMORY: usize = 256 << 10;
/// So many lanes may be open or wait for their turn.
const MAX_AHEAD: usize = 16;

/// Where a table goes in the end.
pub(super) type Output = Document<Box<dyn Write + Send>, SpooledTempFile>;

/// A place where rows may wait.
pub(super) fn waiting_room() -> SpooledTempFile {
    SpooledTempFile::new(MAX_IN_MEMORY)
}

/// What may be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// This number is taken.
    Take(usize),
    /// Nothing yet.
    Wait,
    /// All is taken.
    Nothing,
}

/// All lanes and what they lead to.
pub(super) struct OrderedWriter {
    turn: Mutex<WriteOrder>,
    moved: Condvar,
    /// The tables that somebody wants.
    wanted: Vec<Table>,
    outputs: Mutex<BTreeMap<Table, Output>>,
}

#[derive(Default)]
struct WriteOrder {
    /// The lane that may write.
    current: usize,
    /// Lanes that were finished before their turn came.
    waiting: BTreeMap<usize, Vec<(Table, SpooledTempFile)>>,
    /// The run is over before its end; and why, if somebody knows.
    stopped: bool,
    failure: Option<io::Error>,
}

impl OrderedWriter {
    pub(super) fn new(outputs: BTreeMap<Table, Output>) -> Self {
        let wanted = outputs.keys().copied().collect();
        Self { turn: Mutex::default(), moved: Condvar::new(), wanted, outputs: Mutex::new(outputs) }
    }

    /// Opens the lane that `choose` takes, which is told the first number that is too far ahead and asked again when
    /// something has changed. `None` if there is nothing left, or the run has to stop.
    pub(super) fn open_next(&self, mut choose: impl FnMut(usize) -> Choice) -> Option<CaptureRows<'_>> {
        let mut turn = lock(&self.turn);
        while !turn.stopped {
            match choose(turn.current.saturating_add(MAX_AHEAD)) {
                Choice::Take(number) => return Some(self.open(number)),
                Choice::Nothing => return None,
                Choice::Wait => turn = wait(&self.moved, turn),
            }
        }
        None
    }

    /// Opens a lane; each number is opened once.
    pub(super) fn open(&self, number: usize) -> CaptureRows<'_> {
        CaptureRows { lanes: self, number, finished: false }
    }

    /// What those who wait to open a lane choose from has changed.
    pub(super) fn changed(&self) {
        let _turn = lock(&self.turn);
        self.moved.notify_all();
    }

    /// Writes the ends of the tables, if there is anything that has an end.
    pub(super) fn finish(self, anything: bool) -> io::Result<()> {
        if let Some(failure) = lock(&self.turn).failure.take() {
            return Err(failure);
        }
        let mut outputs = lock(&self.outputs);
        if anything { outputs.values_mut().try_for_each(Output::finish) } else { Ok(()) }
    }

    fn is_turn_of(&self, number: usize) -> io::Result<bool> {
        let turn = lock(&self.turn);
        if turn.stopped { Err(io::Error::other("stopped")) } else { Ok(turn.current == number) }
    }

    fn with_output(&self, table: Table, write: impl FnOnce(&mut Output) -> io::Result<()>) -> io::Result<()> {
        lock(&self.outputs).get_mut(&table).map_or(Ok(()), write)
    }

    /// A lane is finished: writes what waits in it if its turn has come, and then the lanes that waited for it.
    fn advance(&self, number: usize, parts: Vec<(Table, SpooledTempFile)>) -> io::Result<()> {
        let mut turn = lock(&self.turn);
        turn.waiting.insert(number, parts);
        if turn.current != number {
            return Ok(());
        }
        loop {
            let current = turn.current;
            let Some(parts) = turn.waiting.remove(&current) else { return Ok(()) };
            // Writing may take its time, and others only have to look whose turn it is.
            drop(turn);
            for (table, mut rows) in parts {
                self.with_output(table, |output| drain(&mut rows, output))?;
            }
            turn = lock(&self.turn);
            turn.current += 1;
            self.moved.notify_all();
        }
    }

    fn stop(&self, failure: Option<io::Error>) {
        let mut turn = lock(&self.turn);
        turn.stopped = true;
        turn.failure = turn.failure.take().or(failure);
        self.moved.notify_all();
    }
}

/// The lane of one capture and of those that follow it. One that is dropped unfinished stops the run.
pub(super) struct CaptureRows<'l> {
    lanes: &'l OrderedWriter,
    number: usize,
    finished: bool,
}

impl<'l> CaptureRows<'l> {
    pub(super) fn number(&self) -> usize {
        self.number
    }

    /// Where the rows of a table go, if anybody wants them.
    pub(super) fn part(&self, table: Table) -> Option<TablePart<'l>> {
        let (lanes, number) = (self.lanes, self.number);
        let part = || TablePart { lanes, number, table, rows: waiting_room(), waits: false };
        lanes.wanted.contains(&table).then(part)
    }

    /// Its work is done: these are its rows, or why they could not be written, which stops the run.
    pub(super) fn finish(mut self, parts: io::Result<Vec<TablePart<'_>>>) {
        let waiting = |part: TablePart<'_>| part.waits.then_some((part.table, part.rows));
        let parts = parts.map(|parts| parts.into_iter().filter_map(waiting).collect());
        if let Err(failure) = parts.and_then(|parts| self.lanes.advance(self.number, parts)) {
            self.lanes.stop(Some(failure));
        }
        self.finished = true;
    }
}

impl Drop for CaptureRows<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.lanes.stop(None);
        }
    }
}

/// The rows of one table in one lane.
pub(super) struct TablePart<'l> {
    lanes: &'l OrderedWriter,
    number: usize,
    table: Table,
    /// Rows that wait.
    rows: SpooledTempFile,
    waits: bool,
}

impl Write for TablePart<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.lanes.is_turn_of(self.number)? {
            self.waits = true;
            return self.rows.write(bytes).map_err(temporary);
        }
        self.release()?;
        self.lanes.with_output(self.table, |output| output.write_all(bytes))?;
        Ok(bytes.len())
    }

    /// Rows whose turn has not come go on waiting.
    fn flush(&mut self) -> io::Result<()> {
        if !self.lanes.is_turn_of(self.number)? {
            return Ok(());
        }
        self.release()?;
        self.lanes.with_output(self.table, Output::flush)
    }
}

impl TablePart<'_> {
    /// The turn has come: the rows that wait go out.
    fn release(&mut self) -> io::Result<()> {
        if !std::mem::take(&mut self.waits) {
            return Ok(());
        }
        let mut rows = std::mem::replace(&mut self.rows, waiting_room());
        self.lanes.with_output(self.table, |output| drain(&mut rows, output))
    }
}

fn drain(rows: &mut SpooledTempFile, output: &mut Output) -> io::Result<()> {
    rows.rewind().map_err(temporary)?;
    io::copy(rows, output).map(|_| ())
}

/// The output is not to blame.
#[expect(clippy::needless_pass_by_value, reason = "the form that map_err wants")]
fn temporary(error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("its temporary file: {error}"))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, mpsc};
    use std::thread;

    use super::*;
    use crate::report::Format;

    /// What was written, for all to see.
    #[derive(Clone, Default)]
    struct Seen(Arc<Mutex<Vec<u8>>>);

    impl Write for Seen {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            lock(&self.0).write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// An output that is gone.
    struct Gone;

    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn lanes(out: impl Write + Send + 'static) -> OrderedWriter {
        let output = Document::new(Table::Packets, Format::Json, Box::new(out) as Box<_>, waiting_room());
        OrderedWriter::new(BTreeMap::from([(Table::Packets, output)]))
    }

    fn part<'l>(lane: &CaptureRows<'l>) -> TablePart<'l> {
        lane.part(Table::Packets).unwrap()
    }

    /// The lane that has to wait for the first.
    fn late(lanes: &OrderedWriter) -> Option<CaptureRows<'_>> {
        lanes.open_next(|limit| if MAX_AHEAD < limit { Choice::Take(MAX_AHEAD) } else { Choice::Wait })
    }

    #[test]
    fn rows_wait_for_their_turn() {
        let seen = Seen::default();
        let lanes = lanes(seen.clone());
        let [first, second, third] = [0, 1, 2].map(|number| lanes.open(number));
        let [mut a, mut b, mut c] = [part(&first), part(&second), part(&third)];
        let long = vec![b'c'; 2 * MAX_IN_MEMORY];
        c.write_all(&long).unwrap();
        third.finish(Ok(vec![c]));
        b.write_all(b"b1 ").unwrap();
        a.write_all(b"a1 ").unwrap();
        assert_eq!(*lock(&seen.0), b"a1 ");
        a.write_all(b"a2 ").unwrap();
        b.flush().unwrap();
        assert_eq!(*lock(&seen.0), b"a1 a2 ", "a flush does not put rows out of turn");
        first.finish(Ok(vec![a]));
        b.flush().unwrap();
        assert_eq!(*lock(&seen.0), b"a1 a2 b1 ");
        b.write_all(b"b2 ").unwrap();
        assert_eq!(*lock(&seen.0), b"a1 a2 b1 b2 ");
        second.finish(Ok(vec![b]));
        lanes.finish(true).unwrap();
        assert_eq!(*lock(&seen.0), [b"a1 a2 b1 b2 ".as_slice(), &long].concat());
    }

    #[test]
    fn only_wanted_tables_have_a_place() {
        let lanes = lanes(io::sink());
        assert!(lanes.open(0).part(Table::Streams).is_none());
    }

    #[test]
    fn nobody_runs_too_far_ahead() {
        let lanes = &lanes(io::sink());
        let open: Vec<_> = (0..MAX_AHEAD).map(|number| lanes.open(number)).collect();
        let (told, limits) = mpsc::channel();
        let choose = move |limit| {
            told.send(limit).unwrap();
            if MAX_AHEAD < limit { Choice::Take(MAX_AHEAD) } else { Choice::Wait }
        };
        thread::scope(|scope| {
            scope.spawn(|| lanes.open_next(choose).unwrap().finish(Ok(Vec::new())));
            assert_eq!(limits.recv().unwrap(), MAX_AHEAD);
            for lane in open {
                lane.finish(Ok(Vec::new()));
            }
        });
        assert!(limits.iter().last().unwrap() > MAX_AHEAD);
    }

    #[test]
    fn an_output_that_fails_stops_all() {
        let lanes = lanes(Gone);
        let [first, second] = [0, 1].map(|number| lanes.open(number));
        let (mut a, mut b) = (part(&first), part(&second));
        b.write_all(b"b").unwrap();
        let failure = a.write_all(b"a").unwrap_err();
        first.finish(Err(failure));
        assert!(b.write_all(b"b").is_err());
        second.finish(Ok(vec![b]));
        assert!(late(&lanes).is_none());
        assert_eq!(lanes.finish(true).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn a_worker_that_gives_up_wakes_those_that_wait() {
        let lanes = lanes(io::sink());
        let first = lanes.open(0);
        thread::scope(|scope| {
            let waits = scope.spawn(|| late(&lanes).is_none());
            drop(first);
            assert!(waits.join().unwrap());
        });
    }
}
