//! Holds a capture to limits within a test, as an application's integration tests would: no packet of the network is
//! lost, the jitter stays low, and no finding says that something is broken.
//!
//! ```console
//! $ cargo test --no-default-features --example analyze_in_a_test
//! $ cargo run --no-default-features --example analyze_in_a_test -- live.pcapng
//! ```

use std::error::Error;
use std::fs::File;
use std::io;

use rtsp_rec::analysis::findings::Severity;
use rtsp_rec::analysis::rows::Sink;
use rtsp_rec::analysis::{Analyzer, AnalyzerOptions, Row, Table};
use rtsp_rec::capture::Source;

/// Milliseconds of interarrival jitter (RFC 3550, section 6.4.1) that this application can bear.
const MAX_JITTER_MS: f64 = 30.0;

/// Keeps what is wrong, one sentence each.
#[derive(Default)]
struct Complaints(Vec<String>);

impl Sink for Complaints {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        match row {
            Row::Stream(stream) => {
                if stream.lost > 0 {
                    self.0.push(format!("{} packets are lost", stream.lost));
                }
                let jitter = stream.jitter_max_ms.map_or(0.0, |jitter| jitter.0);
                if jitter > MAX_JITTER_MS {
                    self.0.push(format!("jitter of {jitter:.1} ms"));
                }
            }
            Row::Finding(finding) if finding.severity == Severity::Error => self.0.push(finding.detail.to_string()),
            _ => {}
        }
        Ok(())
    }

    fn wants(&self, table: Table) -> bool {
        matches!(table, Table::Streams | Table::Findings)
    }
}

fn complaints(path: &str) -> Result<Vec<String>, Box<dyn Error>> {
    let mut analyzer = Analyzer::new(AnalyzerOptions::default(), Complaints::default());
    Source::read(File::open(path)?, &mut analyzer)?;
    Ok(analyzer.finish()?.0)
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: analyze_in_a_test FILE")?;
    complaints(&path)?.iter().for_each(|complaint| println!("{complaint}"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_holds_the_limits() -> Result<(), Box<dyn Error>> {
        assert_eq!(complaints("samples/gstreamer_h264_aac.pcapng")?, Vec::<String>::new());
        Ok(())
    }

    #[test]
    fn what_is_no_capture_is_told() {
        let error = complaints("Cargo.toml").map_err(|error| error.to_string());
        assert!(error.is_err_and(|error| error.contains("capture")));
    }
}
