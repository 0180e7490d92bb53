//! What the core costs in memory alone, next to a plain copy of the same bytes: `cargo bench`.
//!
//! The figures are bytes for each second; take the ratios to `copy`, not the absolutes. tests/bench/cost.sh measures
//! the whole recorder.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark that panics has failed, as it should")]

use std::borrow::Cow;
use std::hint::black_box;
use std::io;
use std::time::Duration;

use divan::Bencher;
use divan::counter::BytesCount;
use pcap_file::DataLink;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::InterfaceDescriptionBlock;
use pcap_file::pcapng::{PcapNgReader, PcapNgWriter};
use rtsp_rec::analysis::{Analyzer, AnalyzerOptions};
use rtsp_rec::capture::{Source, Writer, WriterOptions};
use rtsp_rec::rtsp::demux::Demuxer;
use rtsp_rec::time::Timestamp;
use rtsp_rec::trace::{Direction, Flow, Payload, Tap, TraceEvent};

/// RTP packet sizes: video, and audio.
const SIZES: [usize; 2] = [1400, 280];
/// As much as one read brings.
const CHUNK: usize = 256 << 10;
const CHUNKS: usize = 64;

fn main() {
    divan::main();
}

/// Chunks of a stream of RTP frames of one size, cut where a read would cut it.
fn stream(size: usize) -> Vec<u8> {
    let mut stream = Vec::with_capacity(CHUNK * CHUNKS + size);
    for number in 0u32.. {
        if stream.len() >= CHUNK * CHUNKS {
            break;
        }
        let frame = stream.len();
        let length = u16::try_from(size).unwrap();
        stream.extend_from_slice(&[b'$', 0]);
        stream.extend_from_slice(&length.to_be_bytes());
        stream.extend_from_slice(&[0x80, 96]);
        stream.extend_from_slice(&u16::try_from(number & 0xffff).unwrap().to_be_bytes());
        stream.extend_from_slice(&number.wrapping_mul(3600).to_be_bytes());
        stream.resize(frame + 4 + size, 0xa5);
    }
    stream
}

fn flow() -> Flow {
    let (client, server) = ("127.0.0.1:50001".parse().unwrap(), "127.0.0.1:554".parse().unwrap());
    Flow { id: 0, session: 0, url: String::new(), client, server }
}

/// Puts a stream through a demuxer and a tap, as the event loop does.
fn pass(stream: &[u8], tap: &mut impl Tap) {
    let (mut demuxer, flow, direction) = (Demuxer::new(), flow(), Direction::ServerToClient);
    for (number, chunk) in (0i64..).zip(stream.chunks(CHUNK)) {
        let at = Timestamp::from_nanos(number * 1_000_000);
        let mut pdus = demuxer.feed(chunk);
        while let Some(pdu) = pdus.next_pdu() {
            let payload = Payload::Pdu(&pdu);
            tap.event(&TraceEvent { at, flow: &flow, direction, frame_number: None, payload }).unwrap();
        }
        drop(pdus);
        let payload = Payload::ReadEnd;
        tap.event(&TraceEvent { at, flow: &flow, direction, frame_number: None, payload }).unwrap();
    }
}

fn measure(bencher: Bencher<'_, '_>, size: usize, job: impl Fn(&[u8]) + Sync) {
    let stream = stream(size);
    bencher.counter(BytesCount::new(stream.len())).bench(|| job(black_box(&stream)));
}

/// The baseline: the same bytes, copied once.
#[divan::bench(args = SIZES)]
fn copy(bencher: Bencher<'_, '_>, size: usize) {
    measure(bencher, size, |stream| {
        let mut to = vec![0; CHUNK];
        for chunk in stream.chunks(CHUNK) {
            to.clear();
            to.extend_from_slice(chunk);
            black_box(&to);
        }
    });
}

#[divan::bench(args = SIZES)]
fn demux(bencher: Bencher<'_, '_>, size: usize) {
    measure(bencher, size, |stream| pass(stream, &mut ()));
}

#[divan::bench(args = SIZES)]
fn demux_and_analyze(bencher: Bencher<'_, '_>, size: usize) {
    measure(bencher, size, |stream| pass(stream, &mut Analyzer::new(AnalyzerOptions::default(), ())));
}

#[divan::bench(args = SIZES)]
fn demux_and_write(bencher: Bencher<'_, '_>, size: usize) {
    measure(bencher, size, |stream| {
        pass(stream, &mut Writer::new(io::sink(), WriterOptions::default()).unwrap());
    });
}

/// The same frames, as packets of a capture that pcap-file writes: block.rs says why it does not.
#[divan::bench(args = SIZES)]
fn write_with_pcap_file(bencher: Bencher<'_, '_>, size: usize) {
    measure(bencher, size, |stream| {
        let mut writer = PcapNgWriter::new(io::sink()).unwrap();
        writer.write_pcapng_block(InterfaceDescriptionBlock::new(DataLink::ETHERNET, 0)).unwrap();
        for (number, frame) in (0..).zip(stream.chunks(size + 4)) {
            let original_len = u32::try_from(frame.len()).unwrap();
            let options = vec![EnhancedPacketOption::Flags(1)];
            let (timestamp, data) = (Duration::from_nanos(number), Cow::Borrowed(frame));
            let packet = EnhancedPacketBlock { interface_id: 0, timestamp, original_len, data, options };
            writer.write_pcapng_block(packet).unwrap();
        }
    });
}

/// The same capture read by pcap-file, which then still has everything before it that [`read_and_analyze`] does.
#[divan::bench(args = SIZES)]
fn read_with_pcap_file(bencher: Bencher<'_, '_>, size: usize) {
    let mut writer = Writer::new(Vec::new(), WriterOptions::default()).unwrap();
    pass(&stream(size), &mut writer);
    let capture = writer.into_inner().unwrap();
    bencher.counter(BytesCount::new(capture.len())).bench(|| {
        let mut reader = PcapNgReader::new(black_box(capture.as_slice())).unwrap();
        while let Some(block) = reader.next_block() {
            black_box(block.unwrap());
        }
    });
}

/// A capture of the stream, read back and analyzed.
#[divan::bench(args = SIZES)]
fn read_and_analyze(bencher: Bencher<'_, '_>, size: usize) {
    let mut writer = Writer::new(Vec::new(), WriterOptions::default()).unwrap();
    pass(&stream(size), &mut writer);
    let capture = writer.into_inner().unwrap();
    bencher.counter(BytesCount::new(capture.len())).bench(|| {
        let mut analyzer = Analyzer::new(AnalyzerOptions::default(), ());
        Source::read(black_box(capture.as_slice()), &mut analyzer).unwrap();
        black_box(analyzer.streams().count());
    });
}
