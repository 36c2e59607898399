//! Places of connections: who waits for bytes of a request, since when, and who must go.
//!
//! Invariant: there are never more than `most` seats. A connection whose request is being
//! answered is not asked to leave.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use hyper::Request;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use tokio::sync::Notify;
use tokio::time::Instant;

/// State of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Waits for its client since then: for a head or for the rest of a body.
    Waiting(Instant),
    /// A request of the connection is being answered.
    Answering,
}

#[derive(Debug)]
struct Place {
    state: State,
    leave: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Table {
    next: u64,
    taken: HashMap<u64, Place>,
}

#[derive(Debug)]
struct Shared {
    table: Mutex<Table>,
    /// A place came free, or a connection began to wait.
    changed: Notify,
}

impl Shared {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, seat: u64, state: State) {
        if let Some(place) = self.table().taken.get_mut(&seat) {
            place.state = state;
        }
        if state != State::Answering {
            self.changed.notify_one();
        }
    }
}

/// All places of a port.
#[derive(Debug)]
pub(super) struct Seats {
    shared: Arc<Shared>,
    most: usize,
}

impl Seats {
    pub(super) fn new(most: usize) -> Self {
        let shared = Shared { table: Mutex::default(), changed: Notify::new() };
        Self { shared: Arc::new(shared), most }
    }

    /// Waits for a free place; where there is none, the connection that has waited longest
    /// for its client leaves.
    pub(super) async fn make_room(&self) {
        while !self.has_room() {
            self.shared.changed.notified().await;
        }
    }

    fn has_room(&self) -> bool {
        let mut table = self.shared.table();
        if table.taken.len() < self.most {
            return true;
        }
        let waiting = table.taken.iter().filter_map(|(seat, place)| match place.state {
            State::Waiting(since) => Some((since, *seat)),
            State::Answering => None,
        });
        let Some((_, seat)) = waiting.min() else { return false };
        let gone = table.taken.remove(&seat);
        gone.inspect(|place| place.leave.notify_one()).is_some()
    }

    pub(super) fn take(&self) -> Seat {
        let leave = Arc::new(Notify::new());
        let mut table = self.shared.table();
        table.next += 1;
        let number = table.next;
        let state = State::Waiting(Instant::now());
        table.taken.insert(number, Place { state, leave: Arc::clone(&leave) });
        Seat { shared: Arc::clone(&self.shared), number, leave }
    }
}

/// The place of one connection, free when it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    shared: Arc<Shared>,
    number: u64,
    leave: Arc<Notify>,
}

impl Seat {
    /// Told when the connection has to leave.
    pub(super) fn leave(&self) -> Arc<Notify> {
        Arc::clone(&self.leave)
    }

    /// A request whose head is here; the connection waits until its body is, too.
    pub(super) fn begins(&self, request: Request<Incoming>) -> (Request<Arriving>, Busy) {
        let busy = Busy { shared: Arc::clone(&self.shared), number: self.number };
        if request.body().is_end_stream() {
            self.shared.set(self.number, State::Answering);
        }
        let shared = Arc::clone(&self.shared);
        let number = self.number;
        (request.map(|body| Arriving { body, shared, number }), busy)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.shared.table().taken.remove(&self.number);
        self.shared.changed.notify_one();
    }
}

/// The body of a request. Its connection may be closed until it is whole.
#[derive(Debug)]
pub struct Arriving {
    body: Incoming,
    shared: Arc<Shared>,
    number: u64,
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        let frame = Pin::new(&mut this.body).poll_frame(cx);
        if this.body.is_end_stream() || matches!(frame, Poll::Ready(None)) {
            this.shared.set(this.number, State::Answering);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// An answer on its way; its connection waits for the next request when it is dropped.
#[derive(Debug)]
pub(super) struct Busy {
    shared: Arc<Shared>,
    number: u64,
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.shared.set(self.number, State::Waiting(Instant::now()));
    }
}

/// The body of an answer, with what ends when it is sent.
#[derive(Debug)]
pub(super) struct Tracked<B> {
    body: B,
    _busy: Busy,
}

impl<B> Tracked<B> {
    pub(super) fn new(body: B, busy: Busy) -> Self {
        Self { body, _busy: busy }
    }
}

impl<B: Body + Unpin> Body for Tracked<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_connection_that_waited_longest_makes_room_and_one_that_is_answered_stays() {
        let seats = Seats::new(2);
        let (first, second) = (seats.take(), seats.take());
        first.shared.set(first.number, State::Answering);
        assert!(seats.has_room(), "the second one waits for its client");
        second.leave().notified().await;
        let third = seats.take();
        third.shared.set(third.number, State::Answering);
        assert!(!seats.has_room(), "both are answered");
        drop(Busy { shared: Arc::clone(&first.shared), number: first.number });
        seats.make_room().await;
        first.leave().notified().await;
        drop((first, second));
        assert_eq!(seats.shared.table().taken.len(), 1, "a seat is given back once");
        drop(third);
        assert!(seats.has_room());
    }
}
