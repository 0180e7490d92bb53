//! Evidence about the recording itself: what the recorder knows of its own delays and losses, so that a reader can tell
//! them from those of the network and the server.
//!
//! A note has a text that stands in the capture as a comment of the packet that it precedes, and that is read back when
//! the capture is analyzed: `rtsp-rec: recorder-late lag_ms=35.210 unread=120000`.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;
use std::time::Duration;

use crate::time::Timestamp;

/// What the text of each note begins with.
pub const PREFIX: &str = "rtsp-rec: ";

/// Something that the recorder knows of its own work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// The system dropped datagrams of this session, since its receive buffer was full.
    KernelDrops {
        /// How many.
        datagrams: u64,
    },
    /// What follows was read late.
    Late {
        /// So long after it had come to this machine.
        lag: Duration,
        /// Bytes that were left in the socket by this read.
        unread: u64,
        /// From when it had come to when it was read. Earlier recordings tell the lag alone.
        span: Option<(Timestamp, Timestamp)>,
    },
    /// What follows waited in the system for a segment that was lost or late on the way here.
    OutOfOrder {
        /// How long its oldest byte had waited.
        waited: Duration,
        /// Segments that came out of order since the system was asked last.
        segments: u64,
        /// Segments that this side sent again since then.
        retransmitted: u64,
    },
    /// Nothing was read for a while, since the disk did not keep up.
    Paused {
        /// How long.
        pause: Duration,
    },
    /// What the system knows of the TCP connection.
    Tcp(TcpState),
    /// The packet was not on the wire now: it repeats one from an earlier file of this recording.
    Repeated {
        /// When it was.
        at: Timestamp,
    },
}

/// The state of a TCP connection at this machine's end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpState {
    /// Smoothed round-trip time (RFC 6298), of what this side sent.
    pub rtt: Duration,
    /// Its mean deviation.
    pub rtt_deviation: Duration,
    /// Segments that this side sent again.
    pub retransmitted: u64,
    /// Segments that came out of order: some before them were lost or late on the way here.
    pub out_of_order: Option<u64>,
}

impl Note {
    /// The stable word by which findings and comments call it.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::KernelDrops { .. } => "kernel-drops",
            Self::Late { .. } => "recorder-late",
            Self::OutOfOrder { .. } => "tcp-out-of-order",
            Self::Paused { .. } => "recorder-paused",
            Self::Tcp(_) => "tcp-info",
            Self::Repeated { .. } => "repeated",
        }
    }

    /// The notes in a comment of a packet, one in a line.
    pub fn all_in(comment: &str) -> impl Iterator<Item = Self> {
        comment.lines().filter_map(|line| line.parse().ok())
    }
}

impl Display for Note {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{} ", self.code())?;
        match self {
            Self::KernelDrops { datagrams } => write!(f, "datagrams={datagrams}"),
            Self::Late { lag, unread, span } => {
                write!(f, "lag_ms={} unread={unread}", Millis(*lag))?;
                span.map_or(Ok(()), |(from, to)| write!(f, " from={from} to={to}"))
            }
            Self::OutOfOrder { waited, segments, retransmitted } => {
                write!(f, "waited_ms={} segments={segments} retransmitted={retransmitted}", Millis(*waited))
            }
            Self::Paused { pause } => write!(f, "pause_ms={}", Millis(*pause)),
            Self::Tcp(state) => write!(f, "{state}"),
            Self::Repeated { at } => write!(f, "at={at}"),
        }
    }
}

impl Display for TcpState {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { rtt, rtt_deviation, retransmitted, out_of_order } = self;
        let (rtt, deviation) = (Millis(*rtt), Millis(*rtt_deviation));
        write!(f, "rtt_ms={rtt} rtt_deviation_ms={deviation} retransmitted={retransmitted}")?;
        out_of_order.map_or(Ok(()), |count| write!(f, " out_of_order={count}"))
    }
}

/// A text that is no note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoNote;

impl FromStr for Note {
    type Err = NoNote;

    fn from_str(text: &str) -> Result<Self, NoNote> {
        let (code, fields) = text.strip_prefix(PREFIX).and_then(|text| text.split_once(' ')).ok_or(NoNote)?;
        Self::parse(code, &Fields(fields)).ok_or(NoNote)
    }
}

impl Note {
    fn parse(code: &str, fields: &Fields<'_>) -> Option<Self> {
        Some(match code {
            "kernel-drops" => Self::KernelDrops { datagrams: fields.value("datagrams")? },
            "recorder-late" => Self::Late {
                lag: fields.millis("lag_ms")?,
                unread: fields.value("unread")?,
                span: fields.value("from").zip(fields.value("to")),
            },
            "tcp-out-of-order" => Self::OutOfOrder {
                waited: fields.millis("waited_ms")?,
                segments: fields.value("segments")?,
                retransmitted: fields.value("retransmitted")?,
            },
            "recorder-paused" => Self::Paused { pause: fields.millis("pause_ms")? },
            "repeated" => Self::Repeated { at: fields.value("at")? },
            "tcp-info" => Self::Tcp(TcpState {
                rtt: fields.millis("rtt_ms")?,
                rtt_deviation: fields.millis("rtt_deviation_ms")?,
                retransmitted: fields.value("retransmitted")?,
                out_of_order: fields.value("out_of_order"),
            }),
            _ => return None,
        })
    }
}

/// `name=value`, with blanks between.
struct Fields<'a>(&'a str);

impl Fields<'_> {
    fn text(&self, name: &str) -> Option<&str> {
        self.0.split(' ').find_map(|field| field.strip_prefix(name)?.strip_prefix('='))
    }

    fn value<T: FromStr>(&self, name: &str) -> Option<T> {
        self.text(name)?.parse().ok()
    }

    /// Milliseconds with at most three digits behind the point.
    fn millis(&self, name: &str) -> Option<Duration> {
        let text = self.text(name)?;
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let micros = format!("{fraction:0<3}").parse::<u64>().ok().filter(|_| fraction.len() <= 3)?;
        Some(Duration::from_micros(whole.parse::<u64>().ok()?.checked_mul(1000)?.checked_add(micros)?))
    }
}

/// Milliseconds with three digits behind the point.
struct Millis(Duration);

impl Display for Millis {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let micros = self.0.as_micros();
        write!(f, "{}.{:03}", micros / 1000, micros % 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn duration() -> impl Strategy<Value = Duration> {
        (0..u64::from(u32::MAX)).prop_map(Duration::from_micros)
    }

    fn time() -> impl Strategy<Value = Timestamp> {
        (0..i64::MAX / 2).prop_map(Timestamp::from_nanos)
    }

    fn note() -> impl Strategy<Value = Note> {
        let tcp = (duration(), duration(), any::<u64>(), any::<Option<u64>>());
        prop_oneof![
            any::<u64>().prop_map(|datagrams| Note::KernelDrops { datagrams }),
            (duration(), any::<u64>(), prop::option::of((time(), time()))).prop_map(|(lag, unread, span)| Note::Late {
                lag,
                unread,
                span
            }),
            (duration(), any::<u64>(), any::<u64>())
                .prop_map(|(waited, segments, retransmitted)| { Note::OutOfOrder { waited, segments, retransmitted } }),
            duration().prop_map(|pause| Note::Paused { pause }),
            tcp.prop_map(|(rtt, rtt_deviation, retransmitted, out_of_order)| {
                Note::Tcp(TcpState { rtt, rtt_deviation, retransmitted, out_of_order })
            }),
            time().prop_map(|at| Note::Repeated { at }),
        ]
    }

    proptest! {
        #[test]
        fn every_note_reads_back(note in note()) {
            prop_assert_eq!(note.to_string().parse(), Ok(note));
        }

        #[test]
        fn no_text_panics(text: String) {
            let _ = Note::all_in(&format!("{PREFIX}recorder-late lag_ms={text} unread=1")).count();
            let _ = Note::all_in(&text).count();
        }
    }

    #[test]
    fn the_text_is_for_people_as_well() {
        let late = Note::Late { lag: Duration::from_micros(35_210), unread: 120_000, span: None };
        // Earlier recordings have no more.
        assert_eq!(late.to_string(), "rtsp-rec: recorder-late lag_ms=35.210 unread=120000");
        assert_eq!("recorder-late lag_ms=1 unread=1".parse::<Note>(), Err(NoNote));
        let both = format!("{late}\nsomebody's comment\n{}", Note::KernelDrops { datagrams: 3 });
        assert_eq!(Note::all_in(&both).collect::<Vec<_>>(), [late, Note::KernelDrops { datagrams: 3 }]);
    }
}
