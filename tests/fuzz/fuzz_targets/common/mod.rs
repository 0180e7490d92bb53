//! What several targets share.
#![allow(dead_code, reason = "each target uses its part")]

use std::io;

use rtsp_rec::analysis::{Analyzer, AnalyzerOptions, Row, Sink, Table};
use rtsp_rec::capture::Source;
use rtsp_rec::report::{Format, Tables};

/// Counts the rows that it passes on.
struct Counted<S>(S, usize);

impl<S: Sink> Sink for Counted<S> {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        self.1 += 1;
        self.0.row(row)
    }

    fn wants(&self, table: Table) -> bool {
        self.0.wants(table)
    }
}

/// Analyzes a capture to all tables. There are never more rows than its size can account for.
pub fn analyze(file: &[u8]) {
    let tables = Tables::new(Format::Csv, |_| Some(io::sink()));
    let options = AnalyzerOptions { capture: "fuzz".to_owned(), closely: true, ..AnalyzerOptions::default() };
    let mut analyzer = Analyzer::new(options, Counted(tables, 0));
    let _ = Source::read(file, &mut analyzer);
    let rows = analyzer.finish().expect("the sink takes all").1;
    let compressed = file.starts_with(&[0x1f, 0x8b]) || file.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]);
    assert!(compressed || rows <= file.len() + 64, "{rows} rows of {} bytes", file.len());
}

/// A pcap file.
pub struct Pcap(pub Vec<u8>, u32);

impl Pcap {
    pub fn new(link: u32) -> Self {
        let head = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 262_144, link];
        Self(head.iter().flat_map(|word: &u32| word.to_le_bytes()).collect(), 0)
    }

    pub fn packet(&mut self, wait_ms: u32, missing: u32, bytes: &[u8]) {
        self.1 += wait_ms;
        let len = u32::try_from(bytes.len()).unwrap_or(0);
        let head = [1_700_000_000 + self.1 / 1000, self.1 % 1000 * 1000, len, len + missing];
        self.0.extend(head.iter().flat_map(|word: &u32| word.to_le_bytes()));
        self.0.extend_from_slice(bytes);
    }

    /// A TCP segment over IPv4. Bit 0 of `which` is the direction, bits 1 and 2 the connection.
    pub fn segment(&mut self, which: u8, flags: u8, seq: u32, payload: &[u8]) {
        let len = u16::try_from(40 + payload.len()).unwrap_or(0).to_be_bytes();
        let (client, server) = ([10, 0, 0, 1], [10, 0, 0, 2]);
        let (client_port, server_port) = ([0xc0, which >> 1 & 3], 554_u16.to_be_bytes());
        let ends = [(client, client_port), (server, server_port)];
        let [(from, from_port), (to, to_port)] = if which & 1 == 0 { ends } else { [ends[1], ends[0]] };
        let ip = [&[0x45, 0, len[0], len[1], 0, 0, 0, 0, 64, 6, 0, 0], &from[..], &to[..]].concat();
        let tcp = [&from_port[..], &to_port, &seq.to_be_bytes(), &[0; 4], &[0x50, flags, 0xff, 0xff, 0, 0, 0, 0]];
        self.packet(u32::from(which >> 3), 0, &[&ip, &tcp.concat(), payload].concat());
    }
}
