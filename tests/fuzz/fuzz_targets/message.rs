//! RTSP messages: start line, headers, what the headers hold, what a dialogue learns, and what is masked.
#![no_main]

use std::hint::black_box;

use libfuzzer_sys::fuzz_target;
use rtsp_rec::rtsp::demux::{Demuxer, PduKind};
use rtsp_rec::rtsp::headers::{RtpInfo, Session, Transport, parse_public};
use rtsp_rec::rtsp::mask::MaskRules;
use rtsp_rec::rtsp::message::Message;
use rtsp_rec::session::Dialog;
use rtsp_rec::time::Timestamp;
use rtsp_rec::trace::Direction;

fn look(message: &Message<'_>) {
    black_box((message.start_line(), message.cseq(), message.content_length()));
    for (name, value) in message.fields() {
        // What is no UTF-8 in a name is not there by what it is shown as.
        let found = message.header(&name).is_some();
        assert!(found || name.contains('\u{fffd}'), "a header that is listed is found: {name:?}");
        black_box((Transport::parse_all(&value), Transport::agreed(&value, message.header("Transport").as_deref())));
        black_box((Session::parse(&value), RtpInfo::parse_all(&value), parse_public(&value)));
    }
    let rules = MaskRules::default();
    let mut head = message.head().to_vec();
    rules.mask(&mut head);
    assert_eq!(head.len(), message.head().len());
    let masked = head.clone();
    rules.mask(&mut head);
    assert_eq!(head, masked, "masked twice");
}

fuzz_target!(|data: &[u8]| {
    look(&Message::new(data, &[]));
    let (mut dialog, mut demuxer, at) = (Dialog::new(), Demuxer::new(), Timestamp::default());
    let mut pdus = demuxer.feed(data);
    while let Some(pdu) = pdus.next_pdu() {
        let PduKind::Message { head, body } = pdu.kind else { continue };
        let message = Message::new(head, body);
        look(&message);
        let direction = if message.status().is_some() { Direction::ServerToClient } else { Direction::ClientToServer };
        black_box(dialog.observe(at, direction, &message));
    }
    black_box((dialog.aggregate_url(), dialog.session_timeout(), dialog.range_end(), dialog.unanswered().count()));
    for channel in 0..=255 {
        if let Some((setup, _)) = dialog.channel(channel) {
            black_box((setup.number(), dialog.media(setup.track), dialog.encoding(setup.track, channel)));
        }
    }
});
