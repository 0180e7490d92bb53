//! The media types that something depends on.

/// A media type (RFC 4566, section 5.14; registered payload formats are its subtypes, RFC 4855). Descriptions may name any
/// other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MediaKind {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
    /// Data, as ONVIF's metadata.
    Application,
}

impl MediaKind {
    /// The type of that name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Video, Self::Audio, Self::Application].into_iter().find(|kind| kind.as_str() == name)
    }

    /// Its name in an `m=` line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Application => "application",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_kind() {
        for kind in [MediaKind::Video, MediaKind::Audio, MediaKind::Application] {
            assert_eq!(MediaKind::named(kind.as_str()), Some(kind));
        }
        for other in ["", "text", "message", "image", "vnd.onvif.metadata", "Video"] {
            assert_eq!(MediaKind::named(other), None, "{other}");
        }
    }
}
