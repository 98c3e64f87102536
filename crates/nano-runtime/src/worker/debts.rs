//! What an isolate owes to the clients of its requests. It is kept outside of the isolate, so that it can be paid when
//! the isolate is lost.
//!
//! Mostly the thread that brings a request runs its first turn, and the request is answered in there. Such a debt is
//! known to that thread alone. All others are in the isolate's book, each with the channel that its client waits at.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::exchange::{BodyError, Failure, Outcome, Unserved};
use super::pipe::Pipe;
use super::state::{IdMap, RequestId};

/// What there is for a request when its first turn is over.
pub(crate) enum Answer {
    Now(Outcome),
    Later(oneshot::Receiver<Outcome>),
}

/// The debt to the one who runs the request's first turn and will ask when it is over.
struct Fresh {
    id: RequestId,
    paid: Option<Outcome>,
}

thread_local! {
    static FRESH: RefCell<Option<Fresh>> = const { RefCell::new(None) };
}

/// The debts of one isolate.
#[derive(Default)]
pub(crate) struct Debts {
    book: Mutex<Book>,
    /// How many are in the book: read without its lock.
    count: AtomicUsize,
    /// Paid, and delivered when the work that paid is over: whoever has its answer finds nothing of it half done.
    paid: Mutex<Vec<Delivery>>,
    /// Something is there to be delivered: read without its lock.
    has_paid: AtomicBool,
}

type Delivery = (oneshot::Sender<Outcome>, Outcome);

#[derive(Default)]
struct Book {
    owed: IdMap<Owed>,
    /// The isolate has ended: nothing is owed from then on.
    failed: Option<Failure>,
}

/// A debt in the book.
struct Owed {
    /// `None` once it is paid; what is left is to break the stream if the isolate ends.
    reply: Option<oneshot::Sender<Outcome>>,
    pipe: Option<Weak<Pipe>>,
}

impl Debts {
    /// Owes for a request whose first turn the calling thread is about to run. It asks with [`Debts::claim`] before
    /// another thread can run a turn.
    pub(super) fn begin_here(id: RequestId) {
        FRESH.set(Some(Fresh { id, paid: None }));
    }

    /// What came of [`Debts::begin_here`].
    pub(super) fn claim(&self, id: RequestId) -> Answer {
        match FRESH.take() {
            Some(Fresh { id: fresh, paid: Some(outcome) }) if fresh == id => Answer::Now(outcome),
            _ => self.begin(id),
        }
    }

    /// Owes to a client that waits.
    pub(super) fn begin(&self, id: RequestId) -> Answer {
        self.with_book(|book| {
            if let Some(failure) = &book.failed {
                return Answer::Now(Err(Unserved::Failed(failure.clone())));
            }
            let (sender, receiver) = oneshot::channel();
            book.owed.insert(id, Owed { reply: Some(sender), pipe: None });
            Answer::Later(receiver)
        })
    }

    /// Pays a request's client. `false`: nobody waits any more.
    pub(super) fn pay(&self, id: RequestId, outcome: Outcome, pipe: Option<&Arc<Pipe>>) -> bool {
        let pipe = pipe.map(Arc::downgrade);
        let outcome = match pay_here(id, outcome) {
            Here::Paid => {
                if pipe.is_some() {
                    self.with_book(|book| book.owed.insert(id, Owed { reply: None, pipe }));
                }
                return true;
            }
            Here::PaidBefore => return false,
            Here::NotOwed(outcome) => outcome,
        };
        let sender = self.with_book(|book| {
            let entry = book.owed.get_mut(&id)?;
            let sender = entry.reply.take()?;
            entry.pipe = pipe;
            if entry.pipe.is_none() {
                book.owed.remove(&id);
            }
            Some(sender)
        });
        let Some(sender) = sender.filter(|sender| !sender.is_closed()) else { return false };
        self.paid.lock().push((sender, outcome));
        self.has_paid.store(true, Ordering::Release);
        true
    }

    /// Gives what was paid to those who wait.
    pub(super) fn deliver(&self) {
        if !self.has_paid.swap(false, Ordering::AcqRel) {
            return;
        }
        // Nobody is woken, and nothing dropped, under the lock.
        let paid = std::mem::take(&mut *self.paid.lock());
        for (sender, outcome) in paid {
            let _ = sender.send(outcome);
        }
    }

    /// The request has ended in its isolate: nothing more is owed than what its client has yet to fetch.
    pub(super) fn settle(&self, id: RequestId) {
        self.with_book(|book| {
            if book.owed.get(&id).is_some_and(|owed| owed.reply.is_none()) {
                book.owed.remove(&id);
            }
        });
    }

    /// The client is gone.
    pub(super) fn forget(&self, id: RequestId) {
        self.with_book(|book| book.owed.remove(&id));
    }

    /// The isolate has ended: pays what is still open with `failure`, and breaks the streams.
    pub(super) fn fail_all(&self, failure: &Failure) {
        let owed = self.with_book(|book| {
            book.failed.get_or_insert_with(|| failure.clone());
            std::mem::take(&mut book.owed)
        });
        for owed in owed.into_values() {
            if let Some(pipe) = owed.pipe.and_then(|pipe| pipe.upgrade()) {
                pipe.end(Err(BodyError::Stopped(failure.fault)));
            }
            if let Some(sender) = owed.reply {
                let _ = sender.send(Err(Unserved::Failed(failure.clone())));
            }
        }
        self.deliver();
    }

    /// Debts in the book.
    pub(super) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    fn with_book<R>(&self, f: impl FnOnce(&mut Book) -> R) -> R {
        let mut book = self.book.lock();
        let result = f(&mut book);
        self.count.store(book.owed.len(), Ordering::Relaxed);
        result
    }
}

/// Whether a debt was the calling thread's own.
enum Here {
    Paid,
    PaidBefore,
    NotOwed(Outcome),
}

fn pay_here(id: RequestId, outcome: Outcome) -> Here {
    FRESH.with_borrow_mut(|fresh| match fresh {
        Some(Fresh { id: fresh, paid }) if *fresh == id => match paid {
            None => {
                *paid = Some(outcome);
                Here::Paid
            }
            Some(_) => Here::PaidBefore,
        },
        _ => Here::NotOwed(outcome),
    })
}

#[cfg(test)]
mod tests {
    use super::{Answer, Debts, Unserved};
    use crate::worker::Fault;

    fn failure(fault: Fault) -> super::Outcome {
        Err(Unserved::Failed(fault.into()))
    }

    fn is_failure(outcome: &super::Outcome, fault: Fault) -> bool {
        matches!(outcome, Err(Unserved::Failed(failure)) if failure.fault == fault)
    }

    #[test]
    fn a_debt_is_paid_once() {
        let debts = Debts::default();
        Debts::begin_here(1);
        assert!(debts.pay(1, failure(Fault::Timeout), None));
        assert!(!debts.pay(1, failure(Fault::Exception), None));
        let Answer::Later(mut waiting) = debts.begin(2) else { unreachable!("the isolate lives") };
        assert!(debts.pay(2, failure(Fault::Draining), None));
        assert!(!debts.pay(2, failure(Fault::Exception), None));
        assert!(waiting.try_recv().is_err(), "the work that paid is not over");
        debts.fail_all(&Fault::MemoryLimit.into());
        assert!(matches!(debts.claim(1), Answer::Now(outcome) if is_failure(&outcome, Fault::Timeout)));
        assert!(waiting.try_recv().is_ok_and(|outcome| is_failure(&outcome, Fault::Draining)));
        assert_eq!(debts.count(), 0);
    }

    #[test]
    fn what_is_not_paid_in_the_first_turn_is_owed_to_one_who_waits() {
        let debts = Debts::default();
        Debts::begin_here(1);
        assert!(!debts.pay(2, failure(Fault::Timeout), None), "it is another's");
        let Answer::Later(mut waiting) = debts.claim(1) else { unreachable!("nothing was paid") };
        assert_eq!(debts.count(), 1);
        assert!(debts.pay(1, failure(Fault::Timeout), None));
        debts.deliver();
        assert!(waiting.try_recv().is_ok_and(|outcome| is_failure(&outcome, Fault::Timeout)));
        assert_eq!(debts.count(), 0);
    }

    #[test]
    fn those_who_wait_are_paid_when_the_isolate_ends() {
        let debts = Debts::default();
        Debts::begin_here(2);
        let Answer::Later(mut waiting) = debts.begin(1) else { unreachable!("the isolate lives") };
        debts.fail_all(&Fault::CpuLimit.into());
        assert!(waiting.try_recv().is_ok_and(|outcome| is_failure(&outcome, Fault::CpuLimit)));
        assert!(matches!(debts.claim(2), Answer::Now(outcome) if is_failure(&outcome, Fault::CpuLimit)));
        assert_eq!(debts.count(), 0);
    }
}
