//! Which pictures a viewer sees damaged. Pictures are made from those before them, so a loss damages each one until a
//! complete one needs none before it: a key frame, or the end of an intra refresh. A picture that no other is made from
//! damages itself alone.

use std::collections::VecDeque;

use crate::time::Timestamp;

/// The latest stretches of damage that are remembered.
const MAX_SPANS: usize = 64;

/// A picture, as far as damage is concerned.
#[derive(Clone, Copy, Debug)]
pub(super) struct PictureState {
    pub(super) first_at: Timestamp,
    pub(super) last_at: Timestamp,
    pub(super) complete: bool,
    /// Pictures are missing right before it.
    pub(super) lacks: bool,
    /// No picture is made from it.
    pub(super) disposable: bool,
    /// Decoding can begin with it, and so many pictures later all is right; `None` if it can't.
    pub(super) entry: Option<u32>,
}

/// A stretch of damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::analysis) struct DamageSpan {
    pub(in crate::analysis) from: Timestamp,
    /// When a picture was whole again; while it goes on, the end of the latest one.
    pub(in crate::analysis) to: Timestamp,
    pub(in crate::analysis) pictures: u64,
}

/// The damage to the pictures of a stream.
#[derive(Clone, Debug, Default)]
pub(in crate::analysis) struct PictureDamage {
    pictures: u64,
    nanos: i64,
    open: Option<DamageSpan>,
    /// What is open ends with the next picture.
    alone: bool,
    /// So many pictures are still to come until an intra refresh has mended all.
    refresh: Option<u32>,
    spans: VecDeque<DamageSpan>,
}

impl PictureDamage {
    /// Takes the next picture.
    pub(super) fn picture(&mut self, picture: PictureState) {
        let PictureState { first_at, last_at, complete, lacks, disposable, entry } = picture;
        if self.alone || complete && entry == Some(0) {
            self.end(last_at);
        }
        if complete && entry == Some(0) {
            return;
        }
        if !complete || lacks {
            if self.open.is_none() {
                self.alone = disposable && !lacks;
                self.open = Some(DamageSpan { from: first_at, to: last_at, pictures: 0 });
            }
            // A picture that is needed for the refresh is broken.
            if lacks || !disposable {
                self.refresh = None;
            }
        }
        self.refresh = match (entry, self.refresh) {
            (Some(pictures), _) if complete => Some(pictures),
            (_, left) => left.map(|left| left.saturating_sub(u32::from(!disposable))),
        };
        if self.refresh == Some(0) && complete {
            return self.end(last_at);
        }
        if let Some(open) = &mut self.open {
            (open.to, open.pictures) = (last_at, open.pictures + 1);
            self.pictures += 1;
        }
    }

    /// A picture is whole again, or another part of the media begins.
    pub(super) fn end(&mut self, at: Timestamp) {
        (self.alone, self.refresh) = (false, None);
        let Some(open) = self.open.take() else { return };
        let span = DamageSpan { to: at, ..open };
        self.nanos = self.nanos.saturating_add(span.length());
        if self.spans.len() == MAX_SPANS {
            self.spans.pop_front();
        }
        self.spans.push_back(span);
    }

    /// How many pictures were damaged.
    pub(in crate::analysis) fn pictures(&self) -> u64 {
        self.pictures
    }

    /// For how many nanoseconds.
    pub(in crate::analysis) fn nanos(&self) -> i64 {
        self.nanos.saturating_add(self.open.map_or(0, |open| open.length()))
    }

    /// Pictures and nanoseconds of the damage that a loss between these times did, and whether it went on to the end.
    pub(in crate::analysis) fn since(&self, from: Timestamp, to: Timestamp) -> Option<(u64, i64, bool)> {
        let touches = |span: &&DamageSpan| span.from <= to && from <= span.to;
        let all = self.spans.iter().chain(&self.open).filter(touches);
        let (pictures, nanos) = all.fold((0u64, 0i64), |(pictures, nanos), span| {
            (pictures.saturating_add(span.pictures), nanos.saturating_add(span.length()))
        });
        (pictures > 0).then(|| (pictures, nanos, self.open.as_ref().is_some_and(|open| touches(&open))))
    }
}

impl DamageSpan {
    fn length(&self) -> i64 {
        self.to.nanos_since(self.from).max(0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: i64 = 1_000_000;

    /// A letter for each picture, 40 ms apart: I is a key frame, P is made from the one before, B is disposable; r begins a
    /// refresh of three pictures. Small letters of I, P and B are incomplete; `_` is a picture that is missing as a whole.
    fn damage(pictures: &str) -> PictureDamage {
        let (mut damage, mut lacks) = (PictureDamage::default(), false);
        for (letter, place) in pictures.chars().zip(0i64..) {
            if letter == '_' {
                lacks = true;
                continue;
            }
            let at = |ms| Timestamp::from_nanos((40 * place + ms) * MS);
            let entry = match letter {
                'I' | 'i' => Some(0),
                'r' => Some(3),
                _ => None,
            };
            damage.picture(PictureState {
                first_at: at(0),
                last_at: at(10),
                complete: !matches!(letter, 'i' | 'p' | 'b'),
                lacks: std::mem::take(&mut lacks),
                disposable: matches!(letter, 'B' | 'b'),
                entry,
            });
        }
        damage
    }

    fn told(pictures: &str) -> (u64, i64) {
        let damage = damage(pictures);
        (damage.pictures(), damage.nanos() / MS)
    }

    #[test]
    fn from_a_loss_to_the_next_key_frame() {
        assert_eq!(told("IPPPIPPP"), (0, 0));
        assert_eq!(told("IPpPPIPP"), (3, 3 * 40 + 10));
        assert_eq!(told("IP_PPIPP"), (2, 2 * 40 + 10), "a whole picture is missing");
        assert_eq!(told("IPP_IPPP"), (0, 0), "right before a key frame");
        assert_eq!(told("IPPiPPPI"), (4, 4 * 40 + 10), "a key frame that is incomplete mends nothing");
        assert_eq!(told("IPPpPPPP"), (5, 4 * 40 + 10), "to the end");
        assert_eq!(told("IpPIpPIP"), (4, 2 * (2 * 40 + 10)));
        assert_eq!(told("iiIiI"), (3, 2 * 40 + 10 + 40 + 10), "JPEG: each picture stands alone");
    }

    #[test]
    fn a_picture_that_no_other_needs() {
        assert_eq!(told("IBPbPBPB"), (1, 40 + 10));
        assert_eq!(told("IBPbbPBP"), (2, 2 * (40 + 10)));
        assert_eq!(told("IPpBbPI"), (4, 4 * 40 + 10), "within other damage");
        assert_eq!(told("IB_PBPI"), (3, 3 * 40 + 10), "nobody knows what is missing");
    }

    #[test]
    fn a_refresh_mends_picture_by_picture() {
        assert_eq!(told("IPpPrPPPPP"), (5, 5 * 40 + 10));
        assert_eq!(told("IPpPrPpPPPPP"), (10, 9 * 40 + 10), "broken again");
        assert_eq!(told("IPpPrPpPrPPPPP"), (9, 9 * 40 + 10), "until the next");
        assert_eq!(told("rPPPPPrPPP"), (0, 0));
    }

    #[test]
    fn which_damage_a_loss_did() {
        let damage = damage("IPpPIPpPPP");
        let at = |ms: i64| Timestamp::from_nanos(ms * MS);
        assert_eq!(damage.since(at(85), at(85)), Some((2, 90 * MS, false)));
        assert_eq!(damage.since(at(245), at(245)), Some((4, 130 * MS, true)));
        assert_eq!(damage.since(at(190), at(200)), None);
    }

    proptest! {
        #[test]
        fn a_complete_key_frame_mends_all(before in "[IiPpBbr_]{0,60}", after in "[PB]{0,20}") {
            let (damaged, all) = (told(&format!("{before}I")), told(&format!("{before}I{after}")));
            prop_assert_eq!(damaged, all);
            let incomplete = before.chars().filter(char::is_ascii_lowercase).filter(|letter| *letter != 'r').count();
            prop_assert!(damaged.0 >= u64::try_from(incomplete).unwrap());
            prop_assert!(damaged.0 <= u64::try_from(before.len()).unwrap());
        }
    }
}
