//! Which capture is read next, and which of them follow each other.
//!
//! Captures of one session, as rotation leaves them, are read one after the other by one worker, in the order of time;
//! all others side by side. Whether a capture follows another is known when that one has been read to its end. So one
//! that begins in the middle of something waits until those before it in time have been read; if then it follows
//! none, it stands alone.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::capture::{Beginning, Source};
use crate::commands::locks::lock;
use crate::commands::ordered_writer::Choice;

/// The captures of a run.
pub(super) struct Queue {
    captures: Vec<Capture>,
    states: Mutex<Vec<State>>,
}

struct Capture {
    path: PathBuf,
    /// Its place in the order of time; `None` where its beginning can't be read beforehand.
    rank: Option<usize>,
    beginning: Option<Beginning>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Running,
    Done,
}

impl Queue {
    /// Looks into the captures, if there are several.
    pub(super) fn new(paths: &[PathBuf]) -> Self {
        let look = |path: &PathBuf| if paths.len() > 1 { beginning(path) } else { None };
        Self::of(paths.iter().map(|path| (path.clone(), look(path))).collect())
    }

    fn of(captures: Vec<(PathBuf, Option<Beginning>)>) -> Self {
        let ranks = ranks(&captures.iter().map(|(_, beginning)| beginning.as_ref()).collect::<Vec<_>>());
        let states = Mutex::new(vec![State::Waiting; captures.len()]);
        let captures = captures.into_iter().zip(ranks);
        let captures = captures.map(|((path, beginning), rank)| Capture { path, rank, beginning }).collect();
        Self { captures, states }
    }

    pub(super) fn len(&self) -> usize {
        self.captures.len()
    }

    pub(super) fn path(&self, number: usize) -> &Path {
        self.captures.get(number).map_or(Path::new(""), |capture| &capture.path)
    }

    /// Takes the next capture that follows none, the first of those before `limit` on the command line. One behind it
    /// only where nothing else is left to do.
    pub(super) fn take(&self, limit: usize) -> Choice {
        let mut states = lock(&self.states);
        let open = self.captures.iter().zip(&*states).filter(|(_, state)| **state != State::Done);
        let earliest = open.filter_map(|(capture, _)| capture.rank).min();
        let mut free = self.captures.iter().zip(&*states).enumerate().filter(|(_, (capture, state))| {
            **state == State::Waiting && (!capture.is_under_way() || capture.rank <= earliest)
        });
        let idle = !states.contains(&State::Running);
        let number = free.next().map(|(number, _)| number).filter(|number| idle || *number < limit);
        let Some(number) = number else {
            return if states.contains(&State::Waiting) { Choice::Wait } else { Choice::Nothing };
        };
        if let Some(state) = states.get_mut(number) {
            *state = State::Running;
        }
        Choice::Take(number)
    }

    /// A capture was read to its end: takes the one that follows it.
    pub(super) fn follow(&self, number: usize, source: &Source) -> Option<usize> {
        let mut states = lock(&self.states);
        if let Some(state) = states.get_mut(number) {
            *state = State::Done;
        }
        let waiting =
            self.captures.iter().enumerate().filter(|(number, _)| states.get(*number) == Some(&State::Waiting));
        let follows = |capture: &Capture| capture.beginning.as_ref().is_some_and(|next| source.is_continued_by(next));
        let (next, _) = waiting.filter(|(_, capture)| follows(capture)).min_by_key(|(_, capture)| capture.rank)?;
        if let Some(state) = states.get_mut(next) {
            *state = State::Running;
        }
        Some(next)
    }
}

impl Capture {
    fn is_under_way(&self) -> bool {
        self.beginning.as_ref().is_some_and(Beginning::is_under_way)
    }
}

/// The beginning of a file that can be read twice. What is wrong with others shows when they are read.
fn beginning(path: &Path) -> Option<Beginning> {
    if !path.metadata().ok()?.is_file() {
        return None;
    }
    Beginning::read(File::open(path).ok()?).ok()?
}

/// The order of time. Of the same time is first what the others go on from; else the order given counts.
fn ranks(beginnings: &[Option<&Beginning>]) -> Vec<Option<usize>> {
    let places = beginnings.iter().enumerate();
    let mut order: Vec<_> = places.filter_map(|(place, beginning)| Some((place, (*beginning)?))).collect();
    order.sort_by_key(|(_, beginning)| beginning.first());
    for same in order.chunk_by_mut(|(_, first), (_, second)| first.first() == second.first()) {
        for sorted in 0..same.len() {
            let rest = same.get_mut(sorted..).unwrap_or_default();
            let is_first = |(place, one): &(usize, &Beginning)| {
                !rest.iter().any(|(other_place, other)| other_place != place && other.is_before(one))
            };
            let first = rest.iter().position(is_first).unwrap_or(0);
            if let Some(front) = rest.get_mut(..=first) {
                front.rotate_right(1);
            }
        }
    }
    let mut ranks = vec![None; beginnings.len()];
    for (rank, (place, _)) in order.into_iter().enumerate() {
        if let Some(entry) = ranks.get_mut(place) {
            *entry = Some(rank);
        }
    }
    ranks
}
