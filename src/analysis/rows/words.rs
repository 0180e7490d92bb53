//! The words of columns that hold nothing else.

word_enum! {
    /// Whether a message asks or answers.
    #[derive(Default)]
    pub enum MessageKind {
        /// A request.
        #[default]
        Request = "request",
        /// A response.
        Response = "response",
    }
}

word_enum! {
    /// What carries a stream.
    #[derive(Default)]
    pub enum StreamTransport {
        /// TCP: interleaved with the messages (RFC 2326, section 10.12).
        #[default]
        Tcp = "tcp",
        /// The same, within an HTTP tunnel or a WebSocket.
        Http = "http",
        /// UDP, to one receiver.
        Udp = "udp",
        /// UDP, to a group.
        Multicast = "multicast",
    }
}

impl StreamTransport {
    /// Whether TCP carries it, which loses nothing.
    pub const fn is_over_tcp(self) -> bool {
        matches!(self, Self::Tcp | Self::Http)
    }
}

word_enum! {
    /// Columns of a stream's format that nothing describes: the packets themselves show what they are.
    pub enum InferredColumns {
        /// The column `encoding`.
        Encoding = "encoding",
        /// The column `clock_rate_hz`.
        ClockRate = "clock_rate_hz",
        /// Both.
        Both = "encoding clock_rate_hz",
    }
}

impl InferredColumns {
    /// Those of the two that are; `None` where both are described.
    pub const fn of(encoding: bool, clock_rate: bool) -> Option<Self> {
        match (encoding, clock_rate) {
            (true, true) => Some(Self::Both),
            (true, false) => Some(Self::Encoding),
            (false, true) => Some(Self::ClockRate),
            (false, false) => None,
        }
    }

    /// The names of the columns.
    pub const fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Encoding => &["encoding"],
            Self::ClockRate => &["clock_rate_hz"],
            Self::Both => &["encoding", "clock_rate_hz"],
        }
    }

    /// Whether the encoding is inferred.
    pub const fn has_encoding(self) -> bool {
        matches!(self, Self::Encoding | Self::Both)
    }

    /// Whether the clock rate is inferred.
    pub const fn has_clock_rate(self) -> bool {
        matches!(self, Self::ClockRate | Self::Both)
    }
}

word_enum! {
    /// How a packet stands in the order of sequence numbers.
    #[derive(Default)]
    pub enum PacketStatus {
        /// In order.
        #[default]
        Ok = "ok",
        /// In order, behind numbers that were skipped.
        Gap = "gap",
        /// Behind one with a higher number.
        Reordered = "reordered",
        /// Its number had come before.
        Duplicate = "duplicate",
        /// Far from all numbers before.
        Restart = "restart",
    }
}

word_enum! {
    /// What a picture is, by its slices.
    pub enum PictureKind {
        /// Decoding can begin with it (H.264, section 7.4.1.2.4; H.265, section 3.67).
        Idr = "idr",
        /// It needs no other picture.
        I = "i",
        /// It needs one before.
        P = "p",
        /// It needs others, also of a later time.
        B = "b",
        /// There are slices whose type is not known.
        Other = "other",
        /// No slices came: parameter sets alone.
        None = "none",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::rows::Table;

    #[test]
    fn inferred_columns_are_columns_of_streams() {
        for inferred in InferredColumns::ALL {
            let columns = inferred.columns();
            assert_eq!(columns.join(" "), inferred.as_str());
            assert_eq!(Some(inferred), InferredColumns::of(inferred.has_encoding(), inferred.has_clock_rate()));
            let is_column = |name: &&str| Table::Streams.columns().iter().any(|column| column.name == *name);
            assert!(columns.iter().all(is_column), "{columns:?}");
        }
        assert_eq!(InferredColumns::of(false, false), None);
    }
}
