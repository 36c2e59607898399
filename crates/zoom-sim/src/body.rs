//! The body of a reply: whole, cut off in the middle, or huge.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

/// Ends a connection without (more of) a reply.
#[derive(Debug, thiserror::Error)]
#[error("cut off on purpose")]
pub(crate) struct Cut;

impl From<Infallible> for Cut {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

#[derive(Debug)]
pub(crate) enum SimBody {
    Whole(Option<Bytes>),
    /// The first bytes; the length promised is that of the whole.
    Half {
        first: Option<Bytes>,
        promised: u64,
        flushed: bool,
    },
    /// Invalid JSON with this number of further bytes.
    Huge {
        left: u64,
        begun: bool,
    },
}

impl Default for SimBody {
    fn default() -> Self {
        Self::Whole(None)
    }
}

static BLOCK: [u8; 16_384] = [b'x'; 16_384];

impl Body for SimBody {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let data = |bytes| Poll::Ready(Some(Ok(Frame::data(bytes))));
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|b| Ok(Frame::data(b)))),
            Self::Half { first, flushed, .. } => match first.take() {
                Some(bytes) if !bytes.is_empty() => data(bytes),
                // The connection writes out what it has when a body has nothing
                // to give, and throws it away when a body fails.
                _ if !std::mem::replace(flushed, true) => {
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
                _ => Poll::Ready(Some(Err(Cut))),
            },
            Self::Huge { left: 0, .. } => Poll::Ready(None),
            Self::Huge { left, begun } => {
                cx.waker().wake_by_ref();
                let first = !std::mem::replace(begun, true);
                let open: &'static [u8] = if first { b"{\"filler\":\"" } else { &BLOCK };
                let size = (open.len() as u64).min(*left);
                *left -= size;
                data(Bytes::from_static(&open[..size as usize]))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None) | Self::Huge { left: 0, .. })
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64))
            }
            Self::Half { promised, .. } => SizeHint::with_exact(*promised),
            Self::Huge { left, .. } => SizeHint::with_exact(*left),
        }
    }
}
