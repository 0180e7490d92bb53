//! The descriptions of tracks, within a limit.

use crate::rtsp::sdp::{Format, Media};

/// Bytes that the descriptions of all tracks together may take.
const MAX_DESCRIPTIONS: usize = 8 << 20;

/// Bytes that the descriptions of all tracks take.
#[derive(Debug, Default)]
pub(super) struct DescribedBytes(usize);

impl DescribedBytes {
    /// The description, or none where all are too long to keep.
    pub(super) fn keep(&mut self, media: Media) -> Media {
        let size = size(&media);
        if self.0 + size > MAX_DESCRIPTIONS {
            return Media::default();
        }
        self.0 += size;
        media
    }

    pub(super) fn forget(&mut self, media: &Media) {
        self.0 = self.0.saturating_sub(size(media));
    }
}

/// About how many bytes of memory a description takes.
fn size(media: &Media) -> usize {
    let texts = [Some(&media.kind), Some(&media.protocol), media.control.as_ref(), media.range.as_ref()];
    let own: usize = texts.into_iter().flatten().map(String::len).sum();
    let formats = media.formats.iter().flat_map(|format| [format.encoding.as_ref(), format.fmtp.as_ref()]);
    own + formats.flatten().map(String::len).sum::<usize>() + media.formats.len() * size_of::<Format>()
}
