//! Sorts the HTTP client's errors. Knows the layers an error is wrapped in;
//! shows the innermost cause only, since the outer ones name the address.

use std::error::Error;
use std::io;

use crate::error::{Sent, TransportError, TransportKind};
use crate::text::scrub;

/// Of a token call.
pub(crate) fn sort(error: &reqwest::Error) -> TransportError {
    let told = Told {
        builder: error.is_builder(),
        connect: error.is_connect(),
        timeout: error.is_timeout(),
    };
    told.sort(error)
}

/// Of an API call, up to the answer's head.
pub(crate) fn sort_pool(error: &hyper_util::client::legacy::Error) -> TransportError {
    Told { builder: false, connect: error.is_connect(), timeout: false }.sort(error)
}

/// Of the body of an API call's answer.
pub(crate) fn sort_body(error: &(dyn Error + 'static)) -> TransportError {
    Told { builder: false, connect: false, timeout: false }.sort(error)
}

/// An answer's body is larger than anybody wants it.
pub(crate) fn too_large(limit: usize) -> TransportError {
    let detail = format!("more than {limit} bytes");
    TransportError::new(TransportKind::BodyTooLarge, Sent::Maybe, detail)
}

/// What an error says of itself.
struct Told {
    builder: bool,
    connect: bool,
    timeout: bool,
}

impl Told {
    fn sort(&self, error: &(dyn Error + 'static)) -> TransportError {
        let sent = if self.connect { Sent::No } else { Sent::Maybe };
        TransportError::new(kind(error, self), sent, detail(error))
    }
}

fn kind(error: &(dyn Error + 'static), told: &Told) -> TransportKind {
    if any(error, |cause| cause.is::<rustls::Error>()) {
        return TransportKind::Tls;
    }
    if any(error, |cause| cause.to_string() == "dns error") {
        return TransportKind::Dns;
    }
    if told.builder {
        return TransportKind::Request;
    }
    if told.connect {
        return TransportKind::Connect;
    }
    if told.timeout || any(error, timed_out) {
        return TransportKind::Timeout;
    }
    let lost = |cause: &(dyn Error + 'static)| {
        cause.is::<io::Error>() || cause.to_string().contains("connection closed")
    };
    let garbled = |cause: &(dyn Error + 'static)| cause.to_string().contains("invalid HTTP");
    if any(error, garbled) {
        TransportKind::Protocol
    } else if any(error, lost) {
        TransportKind::Reset
    } else {
        TransportKind::Protocol
    }
}

/// The system gave up on a connection that was silent for too long.
fn timed_out(cause: &(dyn Error + 'static)) -> bool {
    cause.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::TimedOut)
}

/// The innermost cause in words.
pub(crate) fn detail(error: &(dyn Error + 'static)) -> String {
    let mut last = String::new();
    walk(error, |cause| {
        if !cause.is::<reqwest::Error>() {
            last = cause.to_string();
        }
    });
    scrub(&last, 200)
}

fn any(error: &(dyn Error + 'static), test: impl Fn(&(dyn Error + 'static)) -> bool) -> bool {
    let mut found = false;
    walk(error, |cause| found |= test(cause));
    found
}

/// Visits every cause, also the one inside an `io::Error`, which `source` skips.
fn walk(error: &(dyn Error + 'static), mut visit: impl FnMut(&(dyn Error + 'static))) {
    // reqwest's own text names the address; what it wraps does not.
    let mut next = if error.is::<reqwest::Error>() { error.source() } else { Some(error) };
    while let Some(cause) = next {
        visit(cause);
        let inner = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match inner {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => cause.source(),
        };
    }
}
