//! Sorts the HTTP client's errors. Knows the layers an error is wrapped in;
//! shows the innermost cause only, since the outer ones name the address.

use std::error::Error;
use std::io;

use crate::error::{Sent, TransportError, TransportKind};
use crate::text::scrub;

pub(crate) fn sort(error: &reqwest::Error) -> TransportError {
    let sent = if error.is_connect() { Sent::No } else { Sent::Maybe };
    TransportError::new(kind(error), sent, detail(error))
}

fn kind(error: &reqwest::Error) -> TransportKind {
    if any(error, |cause| cause.is::<rustls::Error>()) {
        return TransportKind::Tls;
    }
    if error.is_dns() || any(error, |cause| cause.to_string() == "dns error") {
        return TransportKind::Dns;
    }
    if error.is_builder() {
        return TransportKind::Request;
    }
    if error.is_connect() {
        return TransportKind::Connect;
    }
    if error.is_timeout() {
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

/// The innermost cause in words.
pub(crate) fn detail(error: &reqwest::Error) -> String {
    let mut last = String::new();
    walk(error, |cause| {
        if !cause.is::<reqwest::Error>() {
            last = cause.to_string();
        }
    });
    scrub(&last, 200)
}

fn any(error: &reqwest::Error, test: impl Fn(&(dyn Error + 'static)) -> bool) -> bool {
    let mut found = false;
    walk(error, |cause| found |= test(cause));
    found
}

/// Visits every cause, also the one inside an `io::Error`, which `source` skips.
fn walk(error: &reqwest::Error, mut visit: impl FnMut(&(dyn Error + 'static))) {
    let mut next = error.source();
    while let Some(cause) = next {
        visit(cause);
        let inner = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match inner {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => cause.source(),
        };
    }
}
