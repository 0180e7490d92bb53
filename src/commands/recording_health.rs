//! What a recording says of itself: the answer to *was it your tool?*

use std::time::Duration;

use crate::trace::Note;

/// Sums up the notes of a recording.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RecordingHealth {
    late: u64,
    worst: Duration,
    kernel_drops: u64,
    paused: Duration,
}

impl RecordingHealth {
    pub(super) fn add(&mut self, note: &Note) {
        match note {
            Note::Late { lag, .. } => {
                self.late += 1;
                self.worst = self.worst.max(*lag);
            }
            Note::KernelDrops { datagrams } => self.kernel_drops = self.kernel_drops.saturating_add(*datagrams),
            Note::Paused { pause } => self.paused = self.paused.max(*pause),
            Note::OutOfOrder { .. } | Note::Tcp(_) | Note::Repeated { .. } => {}
        }
    }

    /// A line of the report.
    pub(super) fn line(&self) -> String {
        let mut parts = Vec::new();
        if self.late > 0 {
            let times = if self.late == 1 { "once" } else { &format!("{} times", self.late) };
            parts.push(format!("read late {times}, by up to {:.0} ms", self.worst.as_secs_f64() * 1e3));
        }
        if !self.paused.is_zero() {
            parts.push(format!("paused for up to {:.1} s, as the disk took nothing", self.paused.as_secs_f64()));
        }
        if self.kernel_drops > 0 {
            parts.push(format!("{} datagrams dropped by the system", self.kernel_drops));
        }
        let what = if parts.is_empty() { "kept up".to_owned() } else { parts.join("; ") };
        format!("recorder: {what}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_went_wrong() {
        let mut evidence = RecordingHealth::default();
        assert_eq!(evidence.line(), "recorder: kept up\n");
        evidence.add(&Note::Late { lag: Duration::from_millis(812), unread: 0, span: None });
        assert_eq!(evidence.line(), "recorder: read late once, by up to 812 ms\n");
        evidence.add(&Note::Late { lag: Duration::from_millis(25), unread: 9, span: None });
        evidence.add(&Note::KernelDrops { datagrams: 3 });
        evidence.add(&Note::Paused { pause: Duration::from_millis(1500) });
        let line = "recorder: read late 2 times, by up to 812 ms; paused for up to 1.5 s, as the disk took nothing; 3 datagrams \
                    dropped by the system\n";
        assert_eq!(evidence.line(), line);
    }
}
