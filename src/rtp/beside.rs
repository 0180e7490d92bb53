//! Sequence numbers that packets of other payload types of the same source took.
//!
//! Forward error correction may count on in the numbers of its media (RFC 5109, section 4), as telephone events do (RFC
//! 4733, section 2.1): such a number between two of the media is not lost. Some cameras send packets of a private type that
//! have the number of the packet to come (Uniview, type 50): those numbers say nothing.

/// So many of the latest are remembered.
const MAX_NUMBERS: usize = 64;

/// The latest of these numbers.
#[derive(Clone, Debug, Default)]
pub struct BesideNumbers {
    latest: Vec<u16>,
    /// Where the next one goes.
    next: usize,
    /// One came with media as well.
    repeats: bool,
}

impl BesideNumbers {
    /// A packet of another payload type has this number.
    pub fn note(&mut self, number: u16) {
        if self.latest.len() < MAX_NUMBERS {
            self.latest.push(number);
        } else if let Some(oldest) = self.latest.get_mut(self.next) {
            *oldest = number;
        }
        self.next = (self.next + 1) % MAX_NUMBERS;
    }

    /// A packet of the media has this number.
    pub fn media(&mut self, number: u16) {
        self.repeats |= self.latest.contains(&number);
    }

    /// How many numbers between two of the media they took.
    pub fn between(&self, before: u16, number: u16) -> u16 {
        let distance = number.wrapping_sub(before);
        let taken = |place: usize, foreign: &u16| {
            let ahead = foreign.wrapping_sub(before);
            let known = self.latest.iter().take(place).any(|earlier| earlier == foreign);
            !self.repeats && !known && ahead > 0 && ahead < distance
        };
        let count = self.latest.iter().enumerate().filter(|(place, foreign)| taken(*place, foreign)).count();
        u16::try_from(count).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(numbers: &[u16]) -> BesideNumbers {
        let mut foreign = BesideNumbers::default();
        for number in numbers {
            foreign.note(*number);
        }
        foreign
    }

    #[test]
    fn numbers_between_are_counted_once_across_the_wrap() {
        let foreign = noted(&[65535, 0, 0, 7, 3]);
        assert_eq!(foreign.between(65534, 1), 2);
        assert_eq!((foreign.between(1, 3), foreign.between(2, 8), foreign.between(3, 7)), (0, 2, 0));
    }

    #[test]
    fn numbers_that_the_media_has_as_well_say_nothing() {
        let mut foreign = noted(&[5, 6]);
        foreign.media(4);
        assert_eq!(foreign.between(4, 7), 2);
        foreign.media(6);
        assert_eq!(foreign.between(4, 7), 0);
    }

    #[test]
    fn the_latest_are_remembered() {
        let foreign = noted(&(0..100).collect::<Vec<_>>());
        assert_eq!((foreign.between(35, 100), foreign.between(0, 36)), (64, 0));
        assert_eq!(foreign.latest.len(), MAX_NUMBERS);
    }
}
