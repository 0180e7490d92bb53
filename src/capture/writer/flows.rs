//! The connections that a capture is written of.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::capture::writer::repeat::Repeat;
use crate::capture::writer::tcp::WrittenConnection;

/// Those that are open, by the number of their flow.
#[derive(Debug, Default)]
pub(in crate::capture) struct Flows {
    places: Vec<Option<Open>>,
    by_flow: BTreeMap<usize, usize>,
    free: Vec<usize>,
    /// Flow and place that were looked up last: what passes on one flow comes in rows.
    latest: Option<(usize, usize)>,
}

/// A connection.
#[derive(Debug)]
pub(in crate::capture) struct Open {
    pub(in crate::capture) connection: WrittenConnection,
    pub(in crate::capture) repeat: Repeat,
    /// Session and server, which have an interface.
    pub(in crate::capture) interface: (usize, SocketAddr),
    /// As written.
    pub(in crate::capture) ends: (SocketAddr, SocketAddr),
}

impl Flows {
    #[inline]
    pub(in crate::capture) fn get(&mut self, flow: usize) -> Option<&mut Open> {
        let place = match self.latest {
            Some((latest, place)) if latest == flow => place,
            _ => {
                let place = *self.by_flow.get(&flow)?;
                self.latest = Some((flow, place));
                place
            }
        };
        self.places.get_mut(place)?.as_mut()
    }

    pub(in crate::capture) fn insert(&mut self, flow: usize, open: Open) {
        self.remove(flow);
        let place = self.free.pop().unwrap_or(self.places.len());
        self.by_flow.insert(flow, place);
        match self.places.get_mut(place) {
            Some(free) => *free = Some(open),
            None => self.places.push(Some(open)),
        }
    }

    pub(in crate::capture) fn remove(&mut self, flow: usize) {
        self.latest = None;
        if let Some(place) = self.by_flow.remove(&flow)
            && let Some(gone) = self.places.get_mut(place)
        {
            *gone = None;
            self.free.push(place);
        }
    }

    pub(in crate::capture) fn connections(&mut self) -> impl Iterator<Item = &mut WrittenConnection> {
        self.places.iter_mut().flatten().map(|open| &mut open.connection)
    }

    /// The numbers of those that are open, in their order.
    pub(in crate::capture) fn numbers(&self) -> Vec<usize> {
        self.by_flow.keys().copied().collect()
    }
}
