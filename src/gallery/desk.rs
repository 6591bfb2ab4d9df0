//! Where questions of many people are answered together.
//!
//! Rows are read once for all questions that wait, so that many cost less at once than one by one. Whoever finds nobody at
//! work answers for all who wait and want as many rows under the same condition; the others find their answers there.
//! Promises: an answer is what the question would get alone, and what is wrong with one question is no other's.

use std::sync::{Arc, Mutex, PoisonError};

use super::ask::Asked;
use crate::failure::Failure;
use crate::progress::Silent;
use crate::query::{Group, Ready, Session};

/// How many questions are answered at once.
const MOST: usize = 256;

pub(super) struct Desk {
    session: Arc<Session>,
    waiting: Mutex<Vec<Arc<Waiting>>>,
    at_work: Mutex<()>,
}

/// A question that waits, and its answer when it is there.
struct Waiting {
    asked: Arc<Asked>,
    answer: Mutex<Option<Result<Group, Failure>>>,
}

impl Waiting {
    fn answer(&self, answer: Result<Group, Failure>) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
    }

    fn take(&self) -> Option<Result<Group, Failure>> {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Desk {
    pub(super) fn new(session: Arc<Session>) -> Desk {
        Desk { session, waiting: Mutex::default(), at_work: Mutex::default() }
    }

    /// Answers a question, and those of others who wait.
    ///
    /// # Errors
    /// The condition does not suit the table, or the table cannot be read.
    pub(super) fn answer(&self, asked: Arc<Asked>) -> Result<Group, Failure> {
        let own = Arc::new(Waiting { asked, answer: Mutex::default() });
        self.waiting().push(own.clone());
        loop {
            let _turn = self.at_work.lock().unwrap_or_else(PoisonError::into_inner);
            match own.take() {
                Some(answer) => return answer,
                None => self.work(),
            }
        }
    }

    /// Answers the question that has waited longest, and all that want as much.
    fn work(&self) {
        let turn: Vec<Arc<Waiting>> = {
            let mut waiting = self.waiting();
            let Some(first) = waiting.first().cloned() else { return };
            let (mut turn, mut others) = (Vec::new(), Vec::new());
            for one in waiting.drain(..) {
                let alike = turn.len() < MOST && one.asked.wants_alike(&first.asked);
                if alike { turn.push(one) } else { others.push(one) }
            }
            *waiting = others;
            turn
        };
        let Some(limits) = turn.first().map(|one| &one.asked.limits) else { return };
        let ready: Vec<&Ready> = turn.iter().map(|one| &one.asked.ready).collect();
        match self.session.answer(&ready, limits, &Silent) {
            Ok(groups) => turn.iter().zip(groups).for_each(|(one, group)| one.answer(Ok(group))),
            Err(failure) if turn.len() == 1 => turn[0].answer(Err(failure)),
            Err(_) => {
                for one in &turn {
                    let group = self.session.answer(&[&one.asked.ready], limits, &Silent);
                    one.answer(group.map(|mut groups| groups.pop().expect("one question has one answer")));
                }
            }
        }
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Waiting>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
