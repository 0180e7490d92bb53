//! Who sends the media, where that is not the server.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;

use crate::analysis::findings::{Finding, FindingCode, ProtocolChecks};
use crate::analysis::stream::StreamKey;
use crate::session::dialog::MediaPath;

impl ProtocolChecks {
    /// A stream turned out to be a stranger's: it was no source of its track.
    pub(in crate::analysis) fn forget_source(&mut self, stream: &StreamKey) {
        let key = (stream.track, stream.channel, stream.direction);
        if self.sources.get(&key).is_some_and(|(ssrc, _)| *ssrc == stream.ssrc) {
            self.sources.remove(&key);
        }
    }

    /// A track was set up once more: whatever comes now begins anew.
    pub(in crate::analysis) fn begin_track(&mut self, track: Option<usize>) {
        self.sources.retain(|(of, ..), _| *of != track);
    }

    /// Who sends, where that is not the server.
    pub(super) fn sender(&mut self, stream: &StreamKey, path: MediaPath) -> Option<Finding> {
        let address = path.stranger()?;
        let channel = u64::from(stream.channel);
        if stream.stranger.is_some() {
            return self.stranger(address, stream.channel);
        }
        let detail = format!("media comes from {address}, not from the server: it was announced, or sends first");
        self.first(FindingCode::SenderDiffers, channel)
            .then(|| Finding::new(FindingCode::SenderDiffers, stream.track, detail))
    }

    /// Packets of somebody else on the ports of a track.
    pub(in crate::analysis) fn stranger(&mut self, address: IpAddr, channel: u16) -> Option<Finding> {
        let mut hasher = DefaultHasher::new();
        (address, channel).hash(&mut hasher);
        let first = self.first(FindingCode::StrangerSends, hasher.finish());
        let detail =
            || format!("{address} sends to the ports of channel {channel}; it is neither the server nor its source");
        first.then(|| Finding::new(FindingCode::StrangerSends, None, detail()))
    }
}
