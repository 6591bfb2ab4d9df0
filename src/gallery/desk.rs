//! Where questions of many people are answered together.
//!
//! Rows are read once for all questions that wait, so that many cost less at once than one by one. Whoever finds nobody at
//! work answers for all who wait and want as many rows under the same condition; the others find their answers there.
//! Promises: an answer is what the question would get alone, and what is wrong with one question is no other's.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use super::ask::Asked;
use crate::failure::Failure;
use crate::guard;
use crate::progress::Silent;
use crate::query::{Group, Ready, Session};

/// How many questions are answered at once.
const MOST: usize = 256;

pub(super) struct Desk {
    session: Arc<Session>,
    queue: Mutex<Queue>,
}

/// Who waits, and whether somebody is at work.
#[derive(Default)]
struct Queue {
    waiting: Vec<Waiting>,
    at_work: bool,
}

/// A question that waits, and where whoever asked it listens.
struct Waiting {
    asked: Arc<Asked>,
    tell: SyncSender<Told>,
}

/// What somebody who waits is told.
enum Told {
    Answer(Result<Group, Failure>),
    /// That nobody is at work, and this question has waited longest.
    YourTurn,
}

impl Desk {
    pub(super) fn new(session: Arc<Session>) -> Desk {
        Desk { session, queue: Mutex::default() }
    }

    /// Answers a question, and perhaps those of others who wait.
    ///
    /// # Errors
    /// The condition does not suit the table, or the table cannot be read.
    pub(super) fn answer(&self, asked: Arc<Asked>) -> Result<Group, Failure> {
        let (tell, told) = sync_channel(2);
        let is_free = {
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            queue.waiting.push(Waiting { asked, tell });
            !std::mem::replace(&mut queue.at_work, true)
        };
        if is_free {
            self.work();
        }
        self.listen(&told)
    }

    fn listen(&self, told: &Receiver<Told>) -> Result<Group, Failure> {
        loop {
            match told.recv() {
                Ok(Told::Answer(answer)) => return answer,
                Ok(Told::YourTurn) => self.work(),
                Err(_) => return Err(lost()),
            }
        }
    }

    /// Answers the question that has waited longest, and all that want as much; then it is somebody else's turn.
    fn work(&self) {
        let turn = self.next();
        // Whatever happens, those who wait are told, and somebody else goes on.
        let answers = guard::catch(|| self.answers(&turn)).unwrap_or_default();
        let mut answers = answers.into_iter();
        for one in &turn {
            // Whoever does not listen any more has no need to know.
            let _ = one.tell.try_send(Told::Answer(answers.next().unwrap_or_else(|| Err(lost()))));
        }
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        match queue.waiting.first() {
            Some(next) => {
                let _ = next.tell.try_send(Told::YourTurn);
            }
            None => queue.at_work = false,
        }
    }

    /// Those who are answered next.
    fn next(&self) -> Vec<Waiting> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(first) = queue.waiting.first().map(|first| first.asked.clone()) else { return Vec::new() };
        let (mut turn, mut others) = (Vec::new(), Vec::new());
        for one in queue.waiting.drain(..) {
            let alike = turn.len() < MOST && one.asked.wants_alike(&first);
            if alike { turn.push(one) } else { others.push(one) }
        }
        queue.waiting = others;
        turn
    }

    /// Their answers; where something is wrong with one of them each is asked alone.
    fn answers(&self, turn: &[Waiting]) -> Vec<Result<Group, Failure>> {
        let Some(limits) = turn.first().map(|one| &one.asked.limits) else { return Vec::new() };
        let ready: Vec<&Ready> = turn.iter().map(|one| &one.asked.ready).collect();
        match self.session.answer(&ready, limits, &Silent) {
            Ok(groups) => groups.into_iter().map(Ok).collect(),
            Err(failure) if turn.len() == 1 => vec![Err(failure)],
            Err(_) => ready
                .iter()
                .map(|ready| {
                    let group = self.session.answer(&[ready], limits, &Silent);
                    group.and_then(|mut groups| groups.pop().ok_or_else(lost))
                })
                .collect(),
        }
    }
}

fn lost() -> Failure {
    Failure::failed("the answer was lost", None)
}
