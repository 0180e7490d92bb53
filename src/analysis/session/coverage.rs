//! Which part of a session the capture has: its beginning may lack, messages, or one of its two directions.

use crate::analysis::session::Session;
use crate::rtsp::demux::GapCause;
use crate::time::Timestamp;
use crate::trace::Direction;

impl Session {
    /// The session stood before the capture began.
    #[cold]
    pub(in crate::analysis) fn begins_late(&mut self) {
        self.watch.beginning_missing = true;
        self.dialog.begins_late();
    }

    /// Whether the capture has the beginning of its media: PLAY was granted in it, and nothing lacks that may have been before.
    pub(in crate::analysis) fn has_whole_beginning(&self) -> bool {
        let watch = &self.watch;
        let lacks =
            watch.beginning_missing || watch.without_rtsp || watch.only_side.is_some() || watch.lacks_messages();
        watch.heard.playing && !lacks
    }

    /// The capture lacks bytes of a direction that may have been messages: what they agreed upon is not known.
    #[cold]
    pub(in crate::analysis) fn lacks_messages(&mut self, direction: Direction, at: Timestamp, cause: GapCause) {
        self.cut_messages |= cause == GapCause::SnapLength;
        if !self.watch.lacks_messages() {
            self.dialog.begins_late();
        }
        self.watch.lacks(direction, at);
    }

    /// Of the connection there is one direction alone; or not, after all.
    #[cold]
    pub(in crate::analysis) fn only_side(&mut self, side: Option<Direction>) {
        self.watch.only_side = side;
        self.watch.beginning_missing = side.is_some();
        let answers_alone = side == Some(Direction::ServerToClient);
        self.dialog.hear_answers_alone(answers_alone);
        self.http.hear_answers_alone(answers_alone);
    }
}
