//! What is wrong or unusual about a payload.

/// Why a payload is not of its format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// It ends too soon.
    #[error("{len} bytes of payload are too few for {what}")]
    Truncated {
        /// What does not fit.
        what: &'static str,
        /// Bytes there are.
        len: usize,
    },
    /// A type that the format does not define.
    #[error("payload of type {kind}, which {format} does not define")]
    Undefined {
        /// The type.
        kind: u8,
        /// The format.
        format: &'static str,
    },
}

/// What a payload has that its format forbids, or that few receivers read. It is read all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadOddity {
    /// Units are told apart by start codes, as in a file; RFC 6184 and RFC 7798 have none.
    #[error("a start code (Annex B) among the NAL units")]
    StartCode,
    /// A fragmentation unit is the first and the last of its unit (RFC 6184, section 5.8; RFC 7798, section 4.4.3).
    #[error("a fragmentation unit that holds a NAL unit as a whole: it starts and ends there")]
    WholeFragment,
    /// A unit's first fragment is not there, though no packet lacks.
    #[error("{number} begins a picture in the middle of a NAL unit, and no packet lacks before it")]
    FragmentWithoutStart {
        /// The sequence number.
        number: u16,
    },
    /// A unit's last fragment is not there, though no packet lacks.
    #[error("{number} ends a picture in the middle of a NAL unit, and no packet lacks behind it")]
    FragmentWithoutEnd {
        /// The sequence number.
        number: u16,
    },
    /// The fragments of an access unit are not as long as their headers say (RFC 3640, section 3.2.1.1).
    #[error("an access unit of {len} bytes by its header has {came}, and no packet lacks")]
    AccessUnitLength {
        /// What the header says.
        len: u32,
        /// What came.
        came: u64,
    },
    /// An aggregate names a unit of no bytes.
    #[error("an aggregate with a NAL unit of 0 bytes")]
    EmptyUnit,
    /// A type of JPEG that RFC 2435, section 4.1, does not define.
    #[error("JPEG of type {0}, which RFC 2435 does not define")]
    JpegType(u8),
    /// A `Q` that RFC 2435, section 4.2, reserves.
    #[error("JPEG with Q {0}, which RFC 2435 reserves")]
    Quality(u8),
    /// Quantization tables that can't be (RFC 2435, section 3.1.8).
    #[error("JPEG with {len} bytes of quantization tables for Q {q}")]
    Tables {
        /// Their length.
        len: usize,
        /// What the main header says.
        q: u8,
    },
    /// Quantization tables of 16 bits, which baseline JPEG has not.
    #[error("JPEG with quantization tables of 16 bits")]
    LongTables,
    /// A width or height of 0: it is above 2,040 pixels, and told elsewhere (ONVIF puts it into a header extension).
    #[error("JPEG of width or height 0: more than 2,040 pixels, told elsewhere")]
    Size,
    /// Payload content information (RFC 7798, section 4.4.4).
    #[error("a PACI packet, which few receivers read")]
    Paci,
    /// A unit of another layer than the base (`nuh_layer_id`).
    #[error("units of layer {0}, which players leave out")]
    Layer(u8),
}

impl PayloadOddity {
    /// Whether its format allows it.
    pub const fn is_allowed(self) -> bool {
        matches!(self, Self::Paci | Self::Layer(_) | Self::Size)
    }

    /// A number for its kind.
    pub const fn kind(self) -> u8 {
        match self {
            Self::StartCode => 0,
            Self::WholeFragment => 1,
            Self::FragmentWithoutStart { .. } => 2,
            Self::EmptyUnit => 3,
            Self::JpegType(_) => 4,
            Self::Quality(_) => 5,
            Self::Tables { .. } => 6,
            Self::LongTables => 7,
            Self::Size => 8,
            Self::Paci => 9,
            Self::Layer(_) => 10,
            Self::FragmentWithoutEnd { .. } => 11,
            Self::AccessUnitLength { .. } => 12,
        }
    }
}
