//! The payload types that RFC 3551 assigns for good: what a number means when no SDP `rtpmap` says so.

/// What a static payload type stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaticFormat {
    /// Encoding name as RFC 3551 spells it, such as `PCMU`.
    pub encoding: &'static str,
    /// Rate of the RTP timestamp in Hz.
    pub clock_rate_hz: u32,
    /// Audio channels; `None` for video, and for MPA, whose stream carries the number itself.
    pub channels: Option<u32>,
}

/// The format of a static payload type (RFC 3551, section 6, tables 4 and 5); `None` where the number is
/// dynamic, reserved or unassigned.
pub const fn static_format(payload_type: u8) -> Option<StaticFormat> {
    Some(match payload_type {
        0 => audio("PCMU", 8000, 1),
        3 => audio("GSM", 8000, 1),
        4 => audio("G723", 8000, 1),
        5 => audio("DVI4", 8000, 1),
        6 => audio("DVI4", 16000, 1),
        7 => audio("LPC", 8000, 1),
        8 => audio("PCMA", 8000, 1),
        // G.722 samples at 16 kHz; its clock rate is 8000 by an old mistake that was kept (RFC 3551, section 4.5.2).
        9 => audio("G722", 8000, 1),
        10 => audio("L16", 44100, 2),
        11 => audio("L16", 44100, 1),
        12 => audio("QCELP", 8000, 1),
        13 => audio("CN", 8000, 1),
        14 => video("MPA"),
        15 => audio("G728", 8000, 1),
        16 => audio("DVI4", 11025, 1),
        17 => audio("DVI4", 22050, 1),
        18 => audio("G729", 8000, 1),
        25 => video("CelB"),
        26 => video("JPEG"),
        28 => video("nv"),
        31 => video("H261"),
        32 => video("MPV"),
        33 => video("MP2T"),
        34 => video("H263"),
        _ => return None,
    })
}

const fn audio(encoding: &'static str, clock_rate_hz: u32, channels: u32) -> StaticFormat {
    StaticFormat { encoding, clock_rate_hz, channels: Some(channels) }
}

/// Everything on the 90 kHz clock, MPEG audio too.
const fn video(encoding: &'static str) -> StaticFormat {
    StaticFormat { encoding, clock_rate_hz: 90_000, channels: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_ones() {
        assert_eq!(static_format(0), Some(StaticFormat { encoding: "PCMU", clock_rate_hz: 8000, channels: Some(1) }));
        assert_eq!(static_format(9).unwrap().clock_rate_hz, 8000);
        assert_eq!(static_format(10).unwrap().channels, Some(2));
        assert_eq!(static_format(14).unwrap().clock_rate_hz, 90_000);
        assert_eq!(static_format(26).unwrap().encoding, "JPEG");
        // live555 and MediaMTX send MPEG-TS without an rtpmap.
        assert_eq!(static_format(33), Some(StaticFormat { encoding: "MP2T", clock_rate_hz: 90_000, channels: None }));
    }

    #[test]
    fn twenty_four_are_assigned() {
        assert_eq!((0..=255).filter(|&number| static_format(number).is_some()).count(), 24);
        assert_eq!(static_format(96), None);
        assert_eq!(static_format(1), None);
    }
}
