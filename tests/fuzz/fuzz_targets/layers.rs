//! What follows the HTTP messages that open a WebSocket, or a tunnel in chunks. The first byte says which of them; then for
//! each segment: connection and direction, how many bytes are missing before it, length, bytes.
#![no_main]

mod common;

use libfuzzer_sys::fuzz_target;

const ASKED: &[u8] = b"GET /a HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: rtsp.onvif.org\r\n\r\n";
const UPGRADED: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
const GET: &[u8] = b"GET /a HTTP/1.1\r\nx-sessioncookie: c\r\n\r\n";
const OPENED: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: application/x-rtsp-tunnelled\r\nTransfer-Encoding: chunked\r\n\r\n";
const POST: &[u8] = b"POST /a HTTP/1.1\r\nx-sessioncookie: c\r\nTransfer-Encoding: chunked\r\n\r\n";
const SYN: u8 = 2;
const ACK: u8 = 16;

fuzz_target!(|data: &[u8]| {
    let Some((first, mut rest)) = data.split_first() else { return };
    let (mut file, mut next) = (common::Pcap::new(101), [0_u32; 4]);
    let mut send = |which: u8, missing: u32, bytes: &[u8]| {
        let Some(place) = next.get_mut(usize::from(which & 3)) else { return };
        if *place == 0 {
            file.segment(which, if which & 1 == 0 { SYN } else { SYN | ACK }, 0, b"");
            *place = 1;
        }
        *place += missing;
        file.segment(which, ACK, *place, bytes);
        *place += u32::try_from(bytes.len()).unwrap_or(0);
    };
    match first % 3 {
        0 => [(0, ASKED), (1, UPGRADED)].iter().for_each(|(which, head)| send(*which, 0, head)),
        1 => [(0, GET), (1, OPENED), (2, POST)].iter().for_each(|(which, head)| send(*which, 0, head)),
        // A WebSocket whose beginning is not in the capture.
        _ => {}
    }
    while let Some(([which, missing, l0, l1], behind)) = rest.split_first_chunk() {
        let len = usize::from(u16::from_be_bytes([*l0 & 0x1f, *l1])).min(behind.len());
        let (bytes, behind) = behind.split_at(len);
        rest = behind;
        send(which & 3, u32::from(missing.saturating_sub(200)), bytes);
    }
    common::analyze(&file.0);
});
