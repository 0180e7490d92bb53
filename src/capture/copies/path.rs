//! Which datagrams from one port to another had copies, and the rule in it.

/// How many datagrams before one tell the rule.
const BEFORE: u64 = 7;
/// With so many of them, one copy may lack: a mirror may drop packets.
const MANY_BEFORE: u64 = 4;
/// Every second or third has a copy, and no other: so many datagrams tell it. A network that doubles half of all by chance
/// looks like this once in 4096 times.
const PERIODS: [u64; 2] = [2, 3];
const PERIODIC: u64 = 12;

/// Which datagrams from one port to another had copies.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CopiedPath {
    pub(super) ends: u64,
    /// How many datagrams there were, without copies.
    pub(super) count: u64,
    /// One bit for each of the latest, the latest one lowest.
    copied: u64,
}

impl CopiedPath {
    pub(super) fn new(ends: u64) -> Self {
        Self { ends, ..Self::default() }
    }

    /// A datagram comes.
    #[inline]
    pub(super) fn next(&mut self) {
        self.count += 1;
        self.copied <<= 1;
    }

    /// A copy of that datagram comes.
    pub(super) fn note_copy(&mut self, index: u64) {
        let back = self.back(index);
        if back < u64::from(u64::BITS) {
            self.copied |= 1 << back;
        }
    }

    /// How many came behind it.
    fn back(&self, index: u64) -> u64 {
        self.count.saturating_sub(index + 1)
    }

    fn has_copy(&self, index: u64) -> bool {
        let back = self.back(index);
        back < u64::from(u64::BITS) && self.copied >> back & 1 == 1
    }

    /// Whether those before this one had copies; `None` if there are too few to tell.
    pub(super) fn rule(&self, index: u64) -> Option<bool> {
        let before = index.min(BEFORE);
        if before + self.back(index) + 1 > u64::from(u64::BITS) {
            return Some(false);
        }
        let without = (1..=before).filter(|step| !self.has_copy(index - step)).count();
        if self.is_periodic_before(index) {
            return Some(true);
        }
        match before {
            0..3 => (without > 0).then_some(false),
            3..MANY_BEFORE => Some(without == 0),
            _ => Some(without <= 1),
        }
    }

    /// Whether of those before this one every second or third had a copy, and no other.
    pub(super) fn is_periodic_before(&self, index: u64) -> bool {
        is_periodic(PERIODIC, |step| index.checked_sub(step).is_some_and(|index| self.has_copy(index)))
    }

    /// The same of those behind it; `None` so long as that does not show.
    pub(super) fn is_periodic_behind(&self, index: u64) -> Option<bool> {
        let behind = self.back(index).saturating_sub(1);
        let periodic = is_periodic(behind.min(PERIODIC), |step| self.has_copy(index + step));
        if periodic && behind < PERIODIC { None } else { Some(periodic) }
    }

    /// Whether those behind this one had copies; `None` so long as they do not tell. The copy of the latest may be still to
    /// come.
    pub(super) fn rule_behind(&self, index: u64) -> Option<bool> {
        let behind = self.back(index).saturating_sub(1);
        if behind + 2 > u64::from(u64::BITS) {
            return Some(false);
        }
        let copied = |step: u64| self.has_copy(index + step);
        let without = (1..=behind.min(BEFORE)).filter(|step| !copied(*step)).count();
        if behind >= BEFORE && without <= 1 {
            return Some(true);
        }
        match self.is_periodic_behind(index) {
            Some(false) if without < 2 => None,
            told => told,
        }
    }
}

/// Whether, of so many, every second or every third and no other has a copy.
fn is_periodic(steps: u64, copied: impl Fn(u64) -> bool) -> bool {
    PERIODS.iter().any(|period| (1..=steps).all(|step| copied(step) == (step % period == 0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What those behind the first tell, whose copies are these.
    fn behind(copies: &[u8]) -> Option<bool> {
        let mut path = CopiedPath::new(1);
        for (index, copied) in (0..).zip(copies) {
            path.next();
            if *copied == 1 {
                path.note_copy(index);
            }
        }
        // One more, whose copy may be to come.
        path.next();
        path.rule_behind(0)
    }

    #[test]
    fn those_behind_tell() {
        assert_eq!(behind(&[1]), None);
        assert_eq!(behind(&[1, 1, 1, 1, 1, 1, 1]), None);
        assert_eq!(behind(&[1, 1, 1, 1, 1, 1, 1, 1]), Some(true));
        assert_eq!(behind(&[1, 0, 1, 1, 1, 1, 1, 1]), Some(true), "one may lack");
        assert_eq!(behind(&[1, 0, 0]), None, "it may be every third");
        assert_eq!(behind(&[1, 0, 0, 0]), Some(false));
        assert_eq!(behind(&[1, 0, 1, 0]), None);
        assert_eq!(behind(&[1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1]), Some(true));
        assert_eq!(behind(&[1, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 1]), Some(true));
        assert_eq!(behind(&[1, 0, 1, 0, 1, 1]), Some(false));
        assert_eq!(behind(&[1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]), Some(false), "every fifth");
    }
}
