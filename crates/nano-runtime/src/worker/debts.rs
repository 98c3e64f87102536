//! What an isolate owes to the clients of its requests. It is kept outside of the isolate, so that it can be paid when
//! the isolate is lost.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::exchange::{BodyError, Failure, Fault, Outcome, Unserved};
use super::pipe::Pipe;
use super::state::{IdMap, RequestId};

struct Owed {
    reply: Debt,
    pipe: Option<Weak<Pipe>>,
}

enum Debt {
    /// The one who brought the request still runs its turn, and will ask.
    Fresh,
    /// Paid before it asked.
    Ready(Box<Outcome>),
    Waiting(oneshot::Sender<Outcome>),
    Paid,
}

/// What there is for a request when its first turn is over.
pub(crate) enum Answer {
    Now(Outcome),
    Later(oneshot::Receiver<Outcome>),
}

/// The debts of one isolate, each under its request's number.
#[derive(Default)]
pub(super) struct Debts {
    owed: Mutex<IdMap<Owed>>,
}

impl Debts {
    pub(super) fn begin(&self, id: RequestId) {
        self.owed.lock().insert(id, Owed { reply: Debt::Fresh, pipe: None });
    }

    /// Asks for the outcome, once.
    pub(super) fn claim(&self, id: RequestId) -> Answer {
        let mut owed = self.owed.lock();
        let Some(entry) = owed.get_mut(&id) else {
            return Answer::Now(Err(Unserved::Failed(Fault::Exception.into())));
        };
        match std::mem::replace(&mut entry.reply, Debt::Paid) {
            Debt::Ready(outcome) => {
                if entry.pipe.is_none() {
                    owed.remove(&id);
                }
                Answer::Now(*outcome)
            }
            _ => {
                let (sender, receiver) = oneshot::channel();
                entry.reply = Debt::Waiting(sender);
                Answer::Later(receiver)
            }
        }
    }

    /// Pays a request's client. `false`: nobody waits any more.
    pub(super) fn pay(&self, id: RequestId, outcome: Outcome, pipe: Option<&Arc<Pipe>>) -> bool {
        let mut owed = self.owed.lock();
        let Some(entry) = owed.get_mut(&id) else { return false };
        match std::mem::replace(&mut entry.reply, Debt::Paid) {
            Debt::Fresh => {
                entry.reply = Debt::Ready(Box::new(outcome));
                entry.pipe = pipe.map(Arc::downgrade);
                true
            }
            Debt::Waiting(sender) => {
                match pipe {
                    Some(pipe) => entry.pipe = Some(Arc::downgrade(pipe)),
                    None => drop(owed.remove(&id)),
                }
                drop(owed);
                sender.send(outcome).is_ok()
            }
            Debt::Ready(first) => {
                entry.reply = Debt::Ready(first);
                false
            }
            Debt::Paid => false,
        }
    }

    /// The request has ended in its isolate: nothing more is owed than what its client has yet to fetch.
    pub(super) fn settle(&self, id: RequestId) {
        let mut owed = self.owed.lock();
        match owed.get_mut(&id) {
            Some(Owed { reply: Debt::Paid, .. }) => {
                owed.remove(&id);
            }
            Some(entry) => entry.pipe = None,
            None => {}
        }
    }

    /// The client is gone.
    pub(super) fn forget(&self, id: RequestId) {
        self.owed.lock().remove(&id);
    }

    /// Pays what is still open with `failure`, and breaks the streams.
    pub(super) fn fail_all(&self, failure: &Failure) {
        let mut failed = Vec::new();
        self.owed.lock().retain(|_, entry| {
            if let Some(pipe) = entry.pipe.take().and_then(|pipe| pipe.upgrade()) {
                pipe.end(Err(BodyError::Broken("the app was stopped".into())));
            }
            match std::mem::replace(&mut entry.reply, Debt::Paid) {
                Debt::Fresh => {
                    entry.reply = Debt::Ready(Box::new(Err(Unserved::Failed(failure.clone()))));
                    true
                }
                Debt::Ready(outcome) => {
                    entry.reply = Debt::Ready(outcome);
                    true
                }
                Debt::Waiting(sender) => {
                    failed.push(sender);
                    false
                }
                Debt::Paid => false,
            }
        });
        for sender in failed {
            let _ = sender.send(Err(Unserved::Failed(failure.clone())));
        }
    }

    pub(super) fn count(&self) -> usize {
        self.owed.lock().len()
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Debts, Unserved};
    use crate::worker::Fault;

    fn is_failure(outcome: &super::Outcome, fault: Fault) -> bool {
        matches!(outcome, Err(Unserved::Failed(failure)) if failure.fault == fault)
    }

    #[test]
    fn a_debt_is_paid_once() {
        let debts = Debts::default();
        debts.begin(1);
        assert!(debts.pay(1, Err(Unserved::Failed(Fault::Timeout.into())), None));
        assert!(!debts.pay(1, Err(Unserved::Failed(Fault::Exception.into())), None));
        debts.fail_all(&Fault::MemoryLimit.into());
        assert!(matches!(debts.claim(1), Answer::Now(outcome) if is_failure(&outcome, Fault::Timeout)));
        assert_eq!(debts.count(), 0);
    }

    #[test]
    fn those_who_wait_are_paid_when_the_isolate_ends() {
        let debts = Debts::default();
        debts.begin(1);
        debts.begin(2);
        let Answer::Later(mut waiting) = debts.claim(1) else { unreachable!("nothing was paid") };
        debts.fail_all(&Fault::CpuLimit.into());
        assert!(waiting.try_recv().is_ok_and(|outcome| is_failure(&outcome, Fault::CpuLimit)));
        assert!(matches!(debts.claim(2), Answer::Now(outcome) if is_failure(&outcome, Fault::CpuLimit)));
        assert_eq!(debts.count(), 0);
    }
}
