//! What waits for what: the order that the recorded client's requests had, and what it knew when it sent them.

use crate::session::script::Exchange;

/// Answers that may be outstanding at once.
const MAX_OPEN: usize = 64;

/// How the requests of a script hang together.
#[derive(Debug, Default)]
pub(super) struct Plan {
    steps: Vec<Step>,
}

#[derive(Clone, Debug, Default)]
struct Step {
    /// The requests whose answers must have come first, besides those that an earlier request waits for.
    waits_for: Vec<usize>,
    /// The request that this one tries again, after a 401, 407 or 461.
    tries_again: Option<usize>,
    /// The request that tries this one again.
    tried_again: bool,
}

impl Plan {
    pub(super) fn new(exchanges: &[Exchange]) -> Self {
        let mut steps: Vec<Step> = Vec::with_capacity(exchanges.len());
        let mut open: Vec<usize> = Vec::new();
        for (index, exchange) in exchanges.iter().enumerate() {
            let needed = |before: &usize| exchanges.get(*before).is_some_and(|before| needs(exchange, before));
            let (waits_for, rest) = open.into_iter().partition(needed);
            open = rest;
            let tries_again = index.checked_sub(1).filter(|before| {
                exchanges.get(*before).is_some_and(|before| is_refused(before) && is_like(before, exchange))
            });
            if let Some(first) = tries_again.and_then(|first| steps.get_mut(first)) {
                first.tried_again = true;
            }
            steps.push(Step { waits_for, tries_again, tried_again: false });
            // What was never answered then is not waited for now.
            if exchange.status().is_some() {
                open.push(index);
                open.drain(..open.len().saturating_sub(MAX_OPEN));
            }
        }
        Self { steps }
    }

    /// The requests whose answers must have come before this one goes out.
    pub(super) fn waits_for(&self, index: usize) -> &[usize] {
        self.steps.get(index).map(|step| step.waits_for.as_slice()).unwrap_or_default()
    }

    /// The refused request that this one tries again.
    pub(super) fn tries_again(&self, index: usize) -> Option<usize> {
        self.steps.get(index)?.tries_again
    }

    /// Whether the recorded client tried again after it was refused.
    pub(super) fn is_tried_again(&self, index: usize) -> bool {
        self.steps.get(index).is_some_and(|step| step.tried_again)
    }
}

/// A client tries again at once, with credentials or another transport.
fn is_refused(exchange: &Exchange) -> bool {
    matches!(exchange.status(), Some(401 | 407 | 461))
}

fn is_like(one: &Exchange, other: &Exchange) -> bool {
    (&one.method, &one.url) == (&other.method, &other.url)
}

/// Whether a request waits for the answer to one before it: because it did then, or because it can't be made without.
fn needs(request: &Exchange, before: &Exchange) -> bool {
    let answered = before.at.saturating_add(before.latency().unwrap_or(0));
    let known = match before.method.as_str() {
        "DESCRIBE" => request.method == "SETUP",
        "SETUP" => request.method == "PLAY" || request.request().header("Session").is_some(),
        _ => false,
    };
    answered <= request.at || known
}
