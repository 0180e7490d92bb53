//! The virtual network that a packet was seen in: tags of VLANs, identifiers of overlays.

/// What a header says of the network that what is in it belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::capture) enum NetworkField {
    #[default]
    Nothing,
    /// A tag, label or session, which switches and routers put before packets and change.
    Tag(u32),
    /// The identifier of an overlay, within which all addresses may be those of another one (RFC 7348, section 4; RFC 8926, section 3.4;
    /// RFC 7637, section 3.2).
    Overlay(u32),
}

/// The network of a packet, by all headers around it. Nothing is around most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(in crate::capture) struct NetworkId {
    overlay: u32,
    tags: u32,
}

impl NetworkId {
    /// The packet stands behind a header that says this.
    pub(in crate::capture) fn enter(&mut self, field: NetworkField) {
        // So different orders differ, and an identifier of 0 from none.
        let mix = |known: u32, id: u32| known.rotate_left(9).wrapping_add(id).wrapping_add(1).wrapping_mul(0x9e37_79b1);
        match field {
            NetworkField::Nothing => {}
            NetworkField::Tag(id) => self.tags = mix(self.tags, id),
            NetworkField::Overlay(id) => self.overlay = mix(self.overlay, id),
        }
    }

    pub(in crate::capture) fn digest(self) -> u64 {
        u64::from(self.overlay) << 32 | u64::from(self.tags)
    }

    /// Whether both are overlays, and different ones.
    pub(in crate::capture) const fn is_another_overlay(self, other: Self) -> bool {
        self.overlay != 0 && other.overlay != 0 && self.overlay != other.overlay
    }
}
