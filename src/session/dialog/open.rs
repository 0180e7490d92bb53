//! A description whose length the server does not tell.

use crate::rtsp::demux::MAX_BODY;
use crate::rtsp::message::Message;

/// What has come of it; `None` where none is awaited.
#[derive(Debug, Default)]
pub(super) struct OpenDescription(Option<Vec<u8>>);

impl OpenDescription {
    /// An answer to DESCRIBE came.
    pub(super) fn answered(&mut self, response: &Message<'_>) {
        let is_open = response.body().is_empty() && response.header("Content-Length").is_none();
        self.0 = is_open.then(Vec::new);
    }

    pub(super) fn is_awaited(&self) -> bool {
        self.0.is_some()
    }

    /// More of it.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if let Some(body) = &mut self.0 {
            let room = MAX_BODY.saturating_sub(body.len());
            body.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        }
    }

    /// No more will come. Whatever came.
    pub(super) fn end(&mut self) -> Option<Vec<u8>> {
        self.0.take().filter(|body| !body.is_empty())
    }

    /// Bytes of memory for it.
    pub(super) fn held(&self) -> usize {
        self.0.as_ref().map_or(0, Vec::capacity)
    }
}
