//! Buffers that were written, for the next bytes: so that none is made for each block.

/// Bytes of empty buffers that are kept.
const MAX_SPARE: usize = 4 << 20;

/// Buffers that were written.
#[derive(Default)]
pub(super) struct SpareBuffers {
    buffers: Vec<Vec<u8>>,
    bytes: usize,
}

impl SpareBuffers {
    /// The one that was used last, which is the most likely to be in the processor's cache.
    pub(super) fn take(&mut self) -> Vec<u8> {
        let buffer = self.buffers.pop().unwrap_or_default();
        self.bytes = self.bytes.saturating_sub(buffer.capacity());
        buffer
    }

    /// Of what it can hold a buffer has to have held much: else all of them would become large with time.
    pub(super) fn put(&mut self, buffer: Vec<u8>, used: usize) {
        if used >= buffer.capacity() / 2 && self.bytes + buffer.capacity() <= MAX_SPARE {
            self.bytes += buffer.capacity();
            self.buffers.push(buffer);
        }
    }
}
