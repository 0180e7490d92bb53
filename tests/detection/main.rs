//! What is a session, and what is none: other protocols by the thousand, and captures that begin late.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed, as it should")]

mod begun_late;
mod connections;
mod cut_packets;
mod elsewhere;
mod groups;
mod left_open;
mod mirrored;
mod networks;
mod one_connection;
mod one_direction;
mod one_side_stops;
mod other_protocols;
mod same_ports;
