//! What a rerun did, held against what was recorded.

use crate::analysis::comparison::{Comparison, Fate, Login, Request};
use crate::session::rerun::{self, Performed, Rerun};

impl Comparison {
    /// The requests of a rerun. The streams are for others to add.
    pub fn of(rerun: &Rerun) -> Self {
        let mut comparison = Self { notes: rerun.notes().to_vec(), ..Self::default() };
        for performed in rerun.performed() {
            comparison.request(&request(rerun, performed), [rerun.script().url(), rerun.asked_url()]);
        }
        comparison
    }
}

fn request<'a>(rerun: &'a Rerun, performed: &'a Performed) -> Request<'a> {
    let recorded = performed.exchange.and_then(|index| rerun.script().exchanges().get(index));
    let known = recorded.is_some_and(|exchange| exchange.request().header("Authorization").is_some());
    let then = recorded.map_or(Fate::Nothing, |exchange| match exchange.answer() {
        Some(answer) => {
            Fate::Answered { status: answer.status(), latency: exchange.latency().unwrap_or(0), message: Some(answer) }
        }
        None => Fate::NoAnswer,
    });
    Request {
        number: performed.exchange.map(|index| index + 1),
        at: performed.at,
        method: &performed.method,
        url: &performed.url,
        then,
        now: now(performed),
        login: match performed {
            Performed { challenged: true, .. } => Login::Asked { known },
            Performed { repeated: true, .. } => Login::Given,
            _ => Login::None,
        },
        moved: performed.moved,
    }
}

fn now(performed: &Performed) -> Fate<'_> {
    match &performed.fate {
        rerun::Fate::NoAnswer => Fate::NoAnswer,
        rerun::Fate::Answered(reply) => {
            Fate::Answered { status: reply.status, latency: reply.latency, message: reply.message() }
        }
        rerun::Fate::LeftOut(why) => Fate::LeftOut(why),
        rerun::Fate::NotSent(why) => Fate::NotSent(why),
    }
}
