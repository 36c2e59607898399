//! Errors of the exchange: what went wrong, where, and whether the request can
//! have left. Owns no policy: whether to try again is the caller's decision.

use std::fmt;

use crate::proxy::ProxyError;

/// Knowledge about whether the request reached Zoom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sent {
    /// Certain: nothing that Zoom could act on has left this process, and nothing will.
    No,
    /// It may have arrived, and may have been acted on.
    Maybe,
}

/// Kind of transport error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransportKind {
    /// The condition of a [`SendBody`](crate::SendBody) no longer held when the body was to leave.
    Withheld,
    /// The request could not be put together (an id that is no path segment).
    Request,
    /// The host's name could not be resolved.
    Dns,
    /// No connection could be made.
    Connect,
    /// The proxy could not be reached, or made no connection to Zoom.
    Proxy,
    /// This machine has no file or port left for a connection: not Zoom's trouble.
    Local,
    /// The TLS handshake failed, or TLS failed later.
    Tls,
    /// The time allowed for the exchange ran out.
    Timeout,
    /// The connection ended before the answer was complete.
    Reset,
    /// The answer is larger than the bound.
    BodyTooLarge,
    /// The answer is not HTTP.
    Protocol,
}

impl TransportKind {
    /// Every kind.
    pub const ALL: [Self; 11] = [
        Self::Withheld,
        Self::Request,
        Self::Dns,
        Self::Connect,
        Self::Proxy,
        Self::Local,
        Self::Tls,
        Self::Timeout,
        Self::Reset,
        Self::BodyTooLarge,
        Self::Protocol,
    ];

    /// The kind as one lower-case word, for metrics and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Withheld => "withheld",
            Self::Request => "request",
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Proxy => "proxy",
            Self::Local => "local",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Reset => "reset",
            Self::BodyTooLarge => "body_too_large",
            Self::Protocol => "protocol",
        }
    }
}

/// An exchange with Zoom that brought no complete answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransportError {
    /// Kind of trouble.
    pub kind: TransportKind,
    /// Part of the request that may have reached Zoom.
    pub sent: Sent,
    /// The status line, where one arrived before the trouble.
    pub status: Option<u16>,
    /// The innermost cause in words; no address, query or token in it.
    pub detail: String,
}

impl TransportError {
    pub(crate) fn new(kind: TransportKind, sent: Sent, detail: impl Into<String>) -> Self {
        Self { kind, sent, status: None, detail: detail.into() }
    }

    /// True if the same request may meet a better answer later, all by itself.
    pub fn is_retryable(&self) -> bool {
        !matches!(self.kind, TransportKind::Request)
    }

    /// True if Zoom itself seems out of reach (as against one odd answer).
    pub fn is_unreachable(&self) -> bool {
        matches!(
            self.kind,
            TransportKind::Dns
                | TransportKind::Connect
                | TransportKind::Proxy
                | TransportKind::Tls
                | TransportKind::Timeout
                | TransportKind::Reset
        )
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            TransportKind::Withheld => "request withheld",
            TransportKind::Request => "request cannot be made",
            TransportKind::Dns => "zoom's host name cannot be resolved",
            TransportKind::Connect => "no connection to zoom",
            TransportKind::Proxy => "no connection to zoom through the proxy",
            TransportKind::Local => "no connection can be opened on this machine",
            TransportKind::Tls => "no secure connection to zoom",
            TransportKind::Timeout => "Zoom did not answer in time",
            TransportKind::Reset => "connection to zoom lost",
            TransportKind::BodyTooLarge => "zoom's answer is too large",
            TransportKind::Protocol => "zoom's answer is not http",
        };
        f.write_str(what)?;
        if !self.detail.is_empty() {
            write!(f, ": {}", self.detail)?;
        }
        match self.sent {
            Sent::No => f.write_str(" (not sent)"),
            Sent::Maybe => f.write_str(" (may have been sent)"),
        }
    }
}

impl std::error::Error for TransportError {}

/// An answer that arrived but does not say what it should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unreadable answer from zoom (status {status}): {what}")]
pub struct Unreadable {
    /// The status it came with.
    pub status: u16,
    /// Field or form that was expected and not found; never a part of the body.
    pub what: String,
}

/// A client that cannot be set up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// No trusted certificates, or none that can be used.
    #[error("tls cannot be set up: {0}")]
    Tls(String),
    /// A variable of the environment names no usable proxy.
    #[error(transparent)]
    Proxy(ProxyError),
    /// The HTTP client refused its settings.
    #[error("http client cannot be set up: {0}")]
    Http(String),
}
