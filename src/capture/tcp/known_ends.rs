//! Which connection the segments between two ends belong to.
//!
//! Addresses and ports tell connections apart, but for networks that are apart themselves: two tenants of a data centre, two
//! VLANs, may have the same ones. That a packet has another tag proves nothing: a switch adds and takes tags and changes
//! them, and a router sends each direction of a connection in a VLAN of its own (RFC 9135, section 4, does so with VNIs). So a segment in a network
//! where its ends were not seen is of the connection that they have elsewhere, unless it contradicts that.

use std::collections::HashMap;
use std::net::SocketAddr;

use foldhash::fast::RandomState;

use crate::capture::encapsulation::NetworkId;
use crate::capture::udp::port_pairs::slot_of;
use crate::trace::Direction;

/// Places for what was looked up of late.
const RECENT: usize = 16;
/// Networks in which the same ends are told apart.
const MAX_NETWORKS: usize = 64;

/// Sender and receiver.
pub(in crate::capture) type AddressPair = (SocketAddr, SocketAddr);

/// The number of a connection, and the direction of a segment.
pub(in crate::capture) type NumberedDirection = (u64, Direction);

/// All ends that are known.
#[derive(Debug, Default)]
pub(in crate::capture) struct KnownEnds {
    /// By sender and receiver as written.
    all: HashMap<AddressPair, EndsConnections, RandomState>,
    /// What was looked up there of late, at a place that the ends tell: packets of one connection come in rows.
    recent: [Option<(AddressPair, NetworkId, NumberedDirection)>; RECENT],
}

/// Where segments between two ends belong.
#[derive(Debug)]
struct EndsConnections {
    first: SeenConnection,
    /// In other networks.
    others: Vec<SeenConnection>,
}

/// A connection's direction, and a network in which it was seen; `None` before its first segment.
#[derive(Clone, Copy, Debug)]
struct SeenConnection {
    network: Option<NetworkId>,
    place: NumberedDirection,
}

/// Where a segment was found to belong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::capture) enum FoundConnection {
    /// Its ends are known in its network.
    Known(NumberedDirection),
    /// They are known in others, of which this is none that contradicts it.
    Elsewhere(NumberedDirection),
    /// It is of a connection that was not seen before.
    New,
}

impl EndsConnections {
    fn all(&self) -> impl Iterator<Item = &SeenConnection> {
        std::iter::once(&self.first).chain(&self.others)
    }

    fn is_seen_in(&self, network: NetworkId) -> Option<NumberedDirection> {
        self.all().find(|seen| seen.network == Some(network)).map(|seen| seen.place)
    }

    /// A direction was seen in a network.
    fn see(&mut self, network: NetworkId, place: NumberedDirection) {
        let mut all = std::iter::once(&mut self.first).chain(&mut self.others);
        if let Some(unseen) = all.find(|seen| seen.network.is_none() && seen.place == place) {
            unseen.network = Some(network);
        } else if self.others.len() < MAX_NETWORKS {
            self.others.push(SeenConnection { network: Some(network), place });
        }
    }
}

impl KnownEnds {
    /// Where a segment belongs that was seen in this network. `fits` is asked whether it can be of a connection, and told in
    /// which network that was seen in this direction.
    #[inline]
    pub(in crate::capture) fn find(
        &mut self,
        (from, to): (&SocketAddr, &SocketAddr),
        network: NetworkId,
        fits: impl Fn(NumberedDirection, Option<NetworkId>) -> bool,
    ) -> FoundConnection {
        // Compared where they stand: they were written just now, field by field, and a copy of them as a whole would have to
        // wait for that.
        let slot = slot_of(from, to) % RECENT;
        if let Some(Some(((sender, receiver), known, place))) = self.recent.get(slot)
            && sender == from
            && receiver == to
            && *known == network
        {
            return FoundConnection::Known(*place);
        }
        let found = self.search((*from, *to), network, fits);
        if let (FoundConnection::Known(place) | FoundConnection::Elsewhere(place), Some(recent)) =
            (found, self.recent.get_mut(slot))
        {
            *recent = Some(((*from, *to), network, place));
        }
        found
    }

    fn search(
        &mut self,
        ends: AddressPair,
        network: NetworkId,
        fits: impl Fn(NumberedDirection, Option<NetworkId>) -> bool,
    ) -> FoundConnection {
        let reverse = self.all.get(&(ends.1, ends.0)).and_then(|places| places.is_seen_in(network));
        let Some(places) = self.all.get_mut(&ends) else { return FoundConnection::New };
        if let Some(place) = places.is_seen_in(network) {
            return FoundConnection::Known(place);
        }
        // What the other side says in this network is answered here first of all.
        let answers = |seen: &&SeenConnection| reverse.is_some_and(|(number, _)| number == seen.place.0);
        let suits = |seen: &&SeenConnection| fits(seen.place, seen.network);
        let alone = places.others.is_empty() && places.first.network.is_none();
        let found = if alone { Some(&places.first) } else { places.all().filter(answers).find(suits) };
        let Some(place) = found.or_else(|| places.all().find(suits)).map(|seen| seen.place) else {
            return FoundConnection::New;
        };
        places.see(network, place);
        FoundConnection::Elsewhere(place)
    }

    /// A new connection, whose first segment goes in this direction in this network.
    pub(in crate::capture) fn add(
        &mut self,
        ends: AddressPair,
        network: NetworkId,
        (number, direction): NumberedDirection,
    ) {
        self.recent = [None; RECENT];
        let seen = [(ends, Some(network), direction), ((ends.1, ends.0), None, direction.reverse())];
        for (ends, network, direction) in seen {
            let seen = SeenConnection { network, place: (number, direction) };
            let places = self.all.entry(ends).or_insert(EndsConnections { first: seen, others: Vec::new() });
            if places.first.place.0 == number {
                continue;
            }
            // The latest counts where there are too many.
            places.others.truncate(MAX_NETWORKS - 1);
            places.others.push(seen);
        }
    }

    /// A connection is forgotten.
    pub(in crate::capture) fn remove(&mut self, number: u64, (client, server): AddressPair) {
        self.recent = [None; RECENT];
        for ends in [(client, server), (server, client)] {
            let Some(places) = self.all.get_mut(&ends) else { continue };
            places.others.retain(|seen| seen.place.0 != number);
            if places.first.place.0 == number {
                if places.others.is_empty() {
                    self.all.remove(&ends);
                } else {
                    places.first = places.others.remove(0);
                }
            }
        }
    }

    /// Where segments between these ends belong, in this network if they were seen there.
    pub(in crate::capture) fn get(&self, ends: &AddressPair, network: NetworkId) -> Option<NumberedDirection> {
        let places = self.all.get(ends)?;
        places.is_seen_in(network).or(Some(places.first.place))
    }

    /// All connections that these ends have or had.
    pub(in crate::capture) fn all_of(&self, ends: &AddressPair) -> impl Iterator<Item = NumberedDirection> {
        self.all.get(ends).into_iter().flat_map(EndsConnections::all).map(|seen| seen.place)
    }
}
