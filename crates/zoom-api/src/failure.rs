//! Sorts the HTTP client's errors. Knows the layers an error is wrapped in;
//! shows the innermost cause only, since the outer ones name the address.

use std::error::Error;
use std::io;

use rustix::io::Errno;

use crate::error::{Sent, TransportError, TransportKind};
use crate::text::scrub;

/// Prefix of hyper's errors about reaching or using a proxy.
const TUNNEL: &str = "tunnel error: ";
/// Text of hyper's error for a host name that does not resolve.
const DNS: &str = "dns error";

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

/// Of the body of an answer.
pub(crate) fn sort_body(error: &(dyn Error + 'static)) -> TransportError {
    Told { builder: false, connect: false, timeout: false }.sort(error)
}

/// The proxy answered in the place of Zoom.
pub(crate) fn proxy_refused() -> TransportError {
    let why = "it asks for a user and a password (407)";
    TransportError::new(TransportKind::Proxy, Sent::No, why)
}

/// An answer's body is larger than anybody wants it.
pub(crate) fn too_large(limit: usize) -> TransportError {
    let detail = format!("more than {limit} bytes");
    TransportError::new(TransportKind::BodyTooLarge, Sent::Maybe, detail)
}

/// Claims of an error about itself.
struct Told {
    builder: bool,
    connect: bool,
    timeout: bool,
}

impl Told {
    fn sort(&self, error: &(dyn Error + 'static)) -> TransportError {
        let sent = if self.connect { Sent::No } else { Sent::Maybe };
        if let Some(shortage) = shortage(error) {
            return TransportError::new(TransportKind::Local, sent, shortage);
        }
        let kind = kind(error, self);
        TransportError::new(kind, sent, in_words(kind, detail(error)))
    }
}

fn kind(error: &(dyn Error + 'static), told: &Told) -> TransportKind {
    // Within a tunnel's error everything is about the proxy: its name, its TLS.
    if any(error, |cause| cause.to_string().starts_with(TUNNEL)) {
        return TransportKind::Proxy;
    }
    if any(error, |cause| cause.is::<rustls::Error>()) {
        return TransportKind::Tls;
    }
    if any(error, |cause| cause.to_string() == DNS) {
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

/// Local resource that ran out (files or ports), if that caused the error.
fn shortage(error: &(dyn Error + 'static)) -> Option<&'static str> {
    const FILES: &str = "too many open files; raise the limit (LimitNOFILE, ulimit -n)";
    const SYSTEM: &str = "too many open files on the whole machine (fs.file-max)";
    const PORTS: &str =
        "no local address or port is free (net.ipv4.ip_local_port_range; or IPv6 is off)";
    let mut found = None;
    walk(error, |cause| {
        let number = cause.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error);
        found = found.or(match number.map(Errno::from_raw_os_error) {
            Some(Errno::MFILE) => Some(FILES),
            Some(Errno::NFILE) => Some(SYSTEM),
            Some(Errno::ADDRNOTAVAIL) => Some(PORTS),
            _ => None,
        });
    });
    // The resolver needs files too, and calls their lack a failure of the name.
    let unresolved = || any(error, |cause| cause.to_string() == DNS);
    if found.is_none() && unresolved() {
        let opened = std::fs::File::open("/dev/null").err()?;
        return match Errno::from_io_error(&opened)? {
            Errno::MFILE => Some(FILES),
            Errno::NFILE => Some(SYSTEM),
            _ => None,
        };
    }
    found
}

/// The words of a few causes that say too little.
fn in_words(kind: TransportKind, detail: String) -> String {
    match (kind, detail.strip_prefix(TUNNEL)) {
        (_, Some("unsuccessful")) => "it refused CONNECT".to_owned(),
        (_, Some("proxy authorization required")) => proxy_refused().detail,
        (TransportKind::Connect, _) if detail == "operation timed out" => {
            "connecting took too long".to_owned()
        }
        _ => detail,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Outer(&'static str, #[source] io::Error);

    fn sorted(what: &'static str, number: i32) -> TransportError {
        let told = Told { builder: false, connect: true, timeout: false };
        told.sort(&Outer(what, io::Error::from_raw_os_error(number)))
    }

    #[test]
    fn a_lack_of_this_machine_is_not_zooms_trouble() {
        for (number, words) in [
            (24, "too many open files; raise"),
            (23, "on the whole machine"),
            (99, "no local address or port"),
        ] {
            // Also within what the way to a proxy says of it.
            for what in ["tcp open error", "tunnel error: failed to create underlying connection"] {
                let error = sorted(what, number);
                assert_eq!((error.kind, error.sent), (TransportKind::Local, Sent::No), "{error:?}");
                assert!(error.to_string().contains(words), "{error}");
                assert!(!error.is_unreachable() && error.is_retryable());
            }
        }
        let refused = sorted("tcp connect error", 111);
        assert_eq!(refused.kind, TransportKind::Connect);
        assert!(refused.is_unreachable());
        let tunnel = sorted("tunnel error: failed to create underlying connection", 111);
        assert_eq!(tunnel.kind, TransportKind::Proxy);
    }
}
