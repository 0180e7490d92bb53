//! Which request an answer belongs to: the one with its `CSeq` (RFC 2326, section 12.17).
//!
//! Some servers leave the number out or make one up; then the latest request is meant. An answer to a number
//! that is no longer waited for came twice: it answers nothing.

use std::collections::VecDeque;

/// More requests than anybody has under way at once. Of more, the oldest are forgotten.
pub(crate) const MAX_UNANSWERED: usize = 64;

/// The requests of one side that wait for their answers.
#[derive(Clone, Debug)]
pub(crate) struct UnansweredRequests<T> {
    /// With their numbers.
    waiting: VecDeque<(Option<u32>, T)>,
    /// The highest number that was sent.
    highest: u32,
}

impl<T> Default for UnansweredRequests<T> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), highest: 0 }
    }
}

impl<T> UnansweredRequests<T> {
    /// Takes a request.
    pub(crate) fn ask(&mut self, cseq: Option<u32>, request: T) {
        self.highest = cseq.map_or(self.highest, |cseq| cseq.max(self.highest));
        if self.waiting.len() >= MAX_UNANSWERED {
            self.waiting.pop_front();
        }
        self.waiting.push_back((cseq, request));
    }

    /// Whether a request may have had this number.
    pub(crate) fn has_sent(&self, cseq: u32) -> bool {
        cseq <= self.highest
    }

    /// The place of the request that an answer with this number belongs to. Where several have the number, it is one that
    /// is `preferred`, or else the latest.
    pub(crate) fn place(&self, cseq: Option<u32>, preferred: impl Fn(&T) -> bool) -> Option<usize> {
        let sent = cseq.filter(|cseq| self.has_sent(*cseq));
        if sent.is_none() {
            return self.waiting.len().checked_sub(1);
        }
        let preferred = self.waiting.iter().rposition(|(cseq, request)| *cseq == sent && preferred(request));
        preferred.or_else(|| self.waiting.iter().rposition(|(cseq, _)| *cseq == sent))
    }

    /// The request at a place.
    pub(crate) fn get(&self, place: usize) -> Option<&T> {
        self.waiting.get(place).map(|(_, request)| request)
    }

    /// Its final answer has come.
    pub(crate) fn remove(&mut self, place: usize) -> Option<T> {
        self.waiting.remove(place).map(|(_, request)| request)
    }

    /// In the order in which they were sent.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.waiting.iter().map(|(_, request)| request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(numbers: &[Option<u32>]) -> UnansweredRequests<usize> {
        let mut requests = UnansweredRequests::default();
        numbers.iter().enumerate().for_each(|(place, cseq)| requests.ask(*cseq, place));
        requests
    }

    #[test]
    fn the_number_tells() {
        let requests = asked(&[Some(1), Some(2), Some(3)]);
        assert_eq!(requests.place(Some(2), |_| true), Some(1));
        assert_eq!(asked(&[Some(1), Some(3)]).place(Some(2), |_| true), None, "answered before");
    }

    #[test]
    fn without_a_number_that_was_sent_it_is_the_latest() {
        for cseq in [None, Some(4), Some(u32::MAX)] {
            assert_eq!(asked(&[Some(1), Some(2), Some(3)]).place(cseq, |_| true), Some(2), "{cseq:?}");
            assert_eq!(asked(&[]).place(cseq, |_| true), None);
        }
        assert_eq!(asked(&[Some(7), None]).place(None, |_| true), Some(1), "requests without one as well");
    }

    #[test]
    fn of_one_number_the_preferred_then_the_latest() {
        let requests = asked(&[Some(5), Some(5), Some(5), Some(1)]);
        assert_eq!(requests.place(Some(5), |place| *place == 1), Some(1));
        assert_eq!(requests.place(Some(5), |_| false), Some(2));
        assert_eq!(requests.place(None, |place| *place == 1), Some(3), "no number, no choice");
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let requests = asked(&(0..100).map(Some).collect::<Vec<_>>());
        assert_eq!((requests.iter().count(), requests.place(Some(35), |_| true)), (MAX_UNANSWERED, None));
        assert_eq!(requests.place(Some(36), |_| true), Some(0));
    }
}
