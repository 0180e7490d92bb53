//! Source descriptions: who sends a stream (RFC 3550, section 6.5).

use std::iter;

use byteorder::{NetworkEndian, ReadBytesExt};

/// A source description (RFC 3550, section 6.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceDescription<'a> {
    pub(super) count: u8,
    pub(super) body: &'a [u8],
}

/// Item type of the canonical name (RFC 3550, section 6.5.1).
pub(super) const CNAME: u8 = 1;

impl<'a> SourceDescription<'a> {
    /// What follows the first four bytes of a packet, with the count in them.
    pub(in crate::rtp) const fn of(count: u8, body: &'a [u8]) -> Self {
        Self { count, body }
    }

    /// Where in the body each chunk begins, as [`chunks`](Self::chunks) reads them.
    pub(in crate::rtp) fn offsets(&self) -> impl Iterator<Item = usize> + use<'a> {
        let (body, mut rest) = (self.body, self.body);
        let next = move || {
            let offset = body.len() - rest.len();
            SdesChunk::take(&mut rest).map(|_| offset)
        };
        iter::from_fn(next).take(usize::from(self.count))
    }

    /// One chunk for each source. A chunk without its END item reaches to the end of the packet; the zeros that align
    /// the next one may be missing.
    pub fn chunks(&self) -> impl Iterator<Item = SdesChunk<'a>> + use<'a> {
        let mut rest = self.body;
        iter::from_fn(move || SdesChunk::take(&mut rest)).take(usize::from(self.count))
    }

    /// The canonical name of the first chunk that has one.
    pub fn cname(&self) -> Option<&'a [u8]> {
        self.chunks().find_map(|chunk| chunk.cname())
    }

    /// The canonical name of `ssrc`.
    pub fn cname_of(&self, ssrc: u32) -> Option<&'a [u8]> {
        self.chunks().filter(|chunk| chunk.ssrc == ssrc).find_map(|chunk| chunk.cname())
    }
}

/// What an SDES packet says of one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SdesChunk<'a> {
    ssrc: u32,
    items: &'a [u8],
    terminated: bool,
}

impl<'a> SdesChunk<'a> {
    fn take(rest: &mut &'a [u8]) -> Option<Self> {
        let ssrc = rest.read_u32::<NetworkEndian>().ok()?;
        let whole = *rest;
        while take_item(rest).is_some() {}
        let items = whole.get(..whole.len() - rest.len()).unwrap_or_default();
        // What stopped the reading is an END, or an item cut short: nothing can follow that.
        let terminated = rest.first() == Some(&0);
        if !terminated {
            *rest = &[];
        }
        let to_boundary = 4 - items.len() % 4;
        let zeros = rest.iter().take(to_boundary).take_while(|&&byte| byte == 0).count();
        *rest = rest.get(zeros..).unwrap_or_default();
        Some(Self { ssrc, items, terminated })
    }

    /// Whether an END stands behind the items, as it must (RFC 3550, section 6.5).
    pub const fn is_terminated(&self) -> bool {
        self.terminated
    }

    /// The source described.
    pub const fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// The items: type (1 is CNAME, 2 NAME, ... RFC 3550, section 6.5) and text, which should be UTF-8.
    pub fn items(&self) -> impl Iterator<Item = (u8, &'a [u8])> + use<'a> {
        let mut rest = self.items;
        iter::from_fn(move || take_item(&mut rest))
    }

    /// The source's canonical name.
    pub fn cname(&self) -> Option<&'a [u8]> {
        self.items().find_map(|(kind, text)| (kind == CNAME).then_some(text))
    }
}

/// The next SDES item; `None`, and nothing taken, at an END, at the end, or where the item is cut short.
fn take_item<'a>(bytes: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (&[kind, len], rest) = bytes.split_first_chunk()?;
    let (text, rest) = rest.split_at_checked(usize::from(len))?;
    if kind == 0 {
        return None;
    }
    *bytes = rest;
    Some((kind, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Items = Vec<(u8, Vec<u8>)>;

    fn chunks(count: u8, body: &[u8]) -> Vec<(u32, Items)> {
        let items = |chunk: SdesChunk<'_>| chunk.items().map(|(kind, text)| (kind, text.to_vec())).collect();
        SourceDescription { count, body }.chunks().map(|chunk| (chunk.ssrc(), items(chunk))).collect()
    }

    #[test]
    fn reads_source_descriptions_with_and_without_end() {
        let one = |ssrc, text: &[u8]| (ssrc, vec![(CNAME, text.to_vec())]);
        let two = [one(7, b"ab"), one(8, b"c")];
        assert_eq!(chunks(2, b"\0\0\0\x07\x01\x02ab\0\0\0\0\0\0\0\x08\x01\x01c\0"), two, "as it should be");
        assert_eq!(
            chunks(2, b"\x01\0\0\x07\x01\x03abc\0\x01\0\0\x08\x01\x01c"),
            [one(0x0100_0007, b"abc"), one(0x0100_0008, b"c")],
            "not aligned"
        );
        assert_eq!(chunks(1, b"\0\0\0\x07\x01\x02ab"), two[..1], "no END");
        assert_eq!(chunks(1, b"\0\0\0\x07\x01\x02ab\x02\x09x"), two[..1], "item cut short");
        assert_eq!(chunks(3, b"\0\0\0\x07\0\0\0\0"), [(7, vec![])], "no items");
    }
}
