//! The two byte streams of a capture's TCP connection.

use std::collections::BTreeMap;

use crate::judges::Capture;

/// Panics unless the recording holds what the wire carried.
///
/// What the client sent must be the same to the last byte. What the server sent must be the same up to where the
/// recorder stopped reading. That it holds the reply to TEARDOWN is for the caller to see; a server may send more behind
/// that, and the client is free to close without reading it.
pub(crate) fn assert_same_streams(recorded: &Capture, wire: &Capture) {
    let (our_requests, our_replies) = byte_streams(recorded);
    let (requests, replies) = byte_streams(wire);
    assert!(our_requests == requests, "the client's bytes differ: {}", difference(&our_requests, &requests));
    assert!(replies.starts_with(&our_replies), "the server's bytes differ: {}", difference(&our_replies, &replies));
}

/// What the client and what the server sent over the only connection of `capture`.
fn byte_streams(capture: &Capture) -> (Vec<u8>, Vec<u8>) {
    let rows = capture.rows("tcp.len > 0", &["tcp.stream", "tcp.srcport", "tcp.seq", "tcp.payload"]);
    assert!(rows.iter().all(|row| row[0] == "0"), "more than one connection in {}", capture.file.display());
    let server = capture.port.to_string();
    let (from_server, from_client) = rows.into_iter().partition::<Vec<_>, _>(|row| row[1] == server);
    (assemble(&from_client), assemble(&from_server))
}

/// Joins segments by their sequence numbers, which tshark counts from 1; a repeated byte counts once.
fn assemble(rows: &[Vec<String>]) -> Vec<u8> {
    let mut segments = BTreeMap::new();
    for row in rows {
        let sequence: usize = row[2].parse().expect("tshark prints sequence numbers");
        segments.entry(sequence - 1).or_insert_with(|| unhex(&row[3]));
    }
    let mut stream = Vec::new();
    for (start, bytes) in segments {
        assert!(start <= stream.len(), "bytes are missing from {} to {start}", stream.len());
        let known = (stream.len() - start).min(bytes.len());
        stream.extend_from_slice(&bytes[known..]);
    }
    stream
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let byte = |pair| u8::from_str_radix(str::from_utf8(pair).expect("ASCII"), 16).expect("tshark prints hex");
    text.as_bytes().chunks_exact(2).map(byte).collect()
}

/// Where two streams part, for a message.
fn difference(ours: &[u8], wire: &[u8]) -> String {
    let same = ours.iter().zip(wire).take_while(|(our, their)| our == their).count();
    format!("{} bytes recorded, {} on the wire, the first {same} alike", ours.len(), wire.len())
}
