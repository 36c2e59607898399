//! A request body that leaves only while a condition holds.
//!
//! Owns the answer to "did the request leave?". The HTTP connection asks for
//! the body after it is connected and ready, on a task of its own, so the
//! condition is looked at where the bytes go to the socket, not where the call
//! began. Both halves share one state that moves once, away from `ARMED`:
//! either the connection took the bytes, or the caller (by an error, a time-out
//! or by being dropped) closed the way first. So `Sent::No` is exact, also
//! when caller and connection run at the same moment.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::error::Sent;

const ARMED: u8 = 0;
const YIELDED: u8 = 1;
const WITHHELD: u8 = 2;
const CLOSED: u8 = 3;

struct Gate<F: ?Sized> {
    state: AtomicU8,
    condition: F,
}

type SharedGate = Arc<Gate<dyn Fn() -> bool + Send + Sync>>;

/// Bytes to send, and the condition under which they may leave.
pub struct SendBody {
    bytes: Bytes,
    gate: SharedGate,
}

impl SendBody {
    /// Body that is sent only if `condition` holds at that time. The condition must be cheap: it
    /// runs on the connection's task.
    pub fn new(
        bytes: impl Into<Bytes>,
        condition: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Self {
        Self {
            bytes: bytes.into(),
            gate: Arc::new(Gate { state: AtomicU8::new(ARMED), condition }),
        }
    }

    /// A body that leaves whenever the connection is ready.
    pub fn always(bytes: impl Into<Bytes>) -> Self {
        Self::new(bytes, || true)
    }

    pub(crate) fn split(self) -> (Departure, GuardedBody) {
        let departure = Departure(Arc::clone(&self.gate));
        (departure, GuardedBody(Some((self.bytes, self.gate))))
    }
}

impl std::fmt::Debug for SendBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SendBody").field("len", &self.bytes.len()).finish_non_exhaustive()
    }
}

/// The caller's half: knows whether the body left, and can stop it for good.
pub(crate) struct Departure(SharedGate);

impl Departure {
    /// Closes the way and says whether the body had left before.
    pub(crate) fn close(&self) -> Sent {
        match self.0.shift(CLOSED) {
            Ok(()) | Err(WITHHELD | CLOSED) => Sent::No,
            Err(_) => Sent::Maybe,
        }
    }

    pub(crate) fn was_withheld(&self) -> bool {
        self.0.state.load(Ordering::Acquire) == WITHHELD
    }
}

impl Drop for Departure {
    fn drop(&mut self) {
        self.close();
    }
}

impl<F: ?Sized> Gate<F> {
    fn shift(&self, to: u8) -> Result<(), u8> {
        self.state.compare_exchange(ARMED, to, Ordering::AcqRel, Ordering::Acquire).map(drop)
    }
}

/// The connection's half; empty for a call without a body.
#[derive(Default)]
pub(crate) struct GuardedBody(Option<(Bytes, SharedGate)>);

#[derive(Debug, thiserror::Error)]
#[error("body withheld")]
pub(crate) struct Withheld;

impl Body for GuardedBody {
    type Data = Bytes;
    type Error = Withheld;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Withheld>>> {
        let Some((bytes, gate)) = self.0.take() else { return Poll::Ready(None) };
        let to = if (gate.condition)() { YIELDED } else { WITHHELD };
        match gate.shift(to) {
            Ok(()) if to == YIELDED => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            _ => Poll::Ready(Some(Err(Withheld))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.as_ref().map_or(0, |(bytes, _)| bytes.len() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll(body: &mut GuardedBody) -> Option<Result<Bytes, Withheld>> {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        match Pin::new(body).poll_frame(&mut cx) {
            Poll::Ready(frame) => frame.map(|frame| {
                frame.map(|frame| frame.into_data().expect("only data frames are made"))
            }),
            Poll::Pending => panic!("never pending"),
        }
    }

    #[test]
    fn yields_once_and_says_so() {
        let (departure, mut body) = SendBody::always("abc").split();
        assert_eq!(body.size_hint().exact(), Some(3));
        assert_eq!(poll(&mut body).unwrap().unwrap(), "abc");
        assert!(poll(&mut body).is_none());
        assert_eq!(departure.close(), Sent::Maybe);
        assert!(!departure.was_withheld());
    }

    #[test]
    fn a_false_condition_withholds() {
        let (departure, mut body) = SendBody::new("abc", || false).split();
        assert!(poll(&mut body).unwrap().is_err());
        assert!(departure.was_withheld());
        assert_eq!(departure.close(), Sent::No);
    }

    #[test]
    fn a_closed_way_stays_closed() {
        let (departure, mut body) = SendBody::always("abc").split();
        assert_eq!(departure.close(), Sent::No);
        assert!(poll(&mut body).unwrap().is_err());
        assert_eq!(departure.close(), Sent::No);
    }

    #[test]
    fn a_dropped_caller_closes_the_way() {
        let (departure, mut body) = SendBody::always("abc").split();
        drop(departure);
        assert!(poll(&mut body).unwrap().is_err());
    }
}
