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
