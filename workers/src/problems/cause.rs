//! Causes of failed calls to Zoom, in the words that people search for.

use zoom_api::{Reply, TransportError, TransportKind};

/// The cause of a call's trouble.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Http(u16),
    Transport(TransportKind, String),
}

impl Cause {
    /// The cause of this answer's trouble, where it is one.
    #[must_use]
    pub fn of(answer: &Result<Reply, TransportError>) -> Option<Self> {
        match answer {
            Ok(reply) => Self::of_status(reply.status),
            Err(error) => Self::of_error(error),
        }
    }

    /// The cause in an HTTP status.
    #[must_use]
    pub fn of_status(status: u16) -> Option<Self> {
        (status >= 500).then_some(Self(Kind::Http(status)))
    }

    /// The cause in an exchange without an answer.
    #[must_use]
    pub fn of_error(error: &TransportError) -> Option<Self> {
        let kind = Kind::Transport(error.kind, error.detail.clone());
        error.is_unreachable().then_some(Self(kind))
    }

    /// The cause as one word: for fields of the log.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match &self.0 {
            Kind::Http(status) => crate::metric::status(*status),
            Kind::Transport(kind, _) => kind.as_str(),
        }
    }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (kind, detail) = match &self.0 {
            Kind::Http(status) => return write!(f, "it answers HTTP {status}"),
            Kind::Transport(kind, detail) => (kind, detail),
        };
        let refused = detail.to_lowercase().contains("connection refused");
        f.write_str(match kind {
            TransportKind::Dns => "its DNS name does not resolve",
            TransportKind::Connect if refused => "connection refused",
            TransportKind::Connect => "no connection",
            TransportKind::Proxy => "no connection through the proxy",
            TransportKind::Tls => "no secure connection (TLS)",
            TransportKind::Timeout => "timeout: it takes the request and does not answer in time",
            TransportKind::Reset => "it closes the connection without an answer",
            _ => "no usable answer",
        })?;
        if detail.is_empty() || refused { Ok(()) } else { write!(f, " ({detail})") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use zoom_api::Sent;

    fn error(kind: TransportKind, detail: &str) -> Result<Reply, TransportError> {
        Err(TransportError { kind, sent: Sent::No, status: None, detail: detail.to_owned() })
    }

    #[test]
    fn each_cause_is_named() {
        use TransportKind::{Connect, Dns, Local, Reset, Timeout, Withheld};
        let reply = |status| Ok(Reply::new(status, &http::HeaderMap::new(), Bytes::new()));
        let table = [
            (reply(200), None),
            (reply(429), None),
            (reply(404), None),
            (reply(503), Some(("503", "it answers HTTP 503"))),
            (reply(520), Some(("5xx", "it answers HTTP 520"))),
            (
                error(Dns, "failed to lookup address information"),
                Some((
                    "dns",
                    "its DNS name does not resolve (failed to lookup address information)",
                )),
            ),
            (
                error(Connect, "Connection refused (os error 111)"),
                Some(("connect", "connection refused")),
            ),
            (
                error(Connect, "connecting took too long"),
                Some(("connect", "no connection (connecting took too long)")),
            ),
            (
                error(Timeout, ""),
                Some(("timeout", "timeout: it takes the request and does not answer in time")),
            ),
            (error(Reset, ""), Some(("reset", "it closes the connection without an answer"))),
            (error(Local, "too many open files"), None),
            (error(Withheld, ""), None),
        ];
        for (answer, expected) in table {
            let cause = Cause::of(&answer);
            let told = cause.as_ref().map(|cause| (cause.word(), cause.to_string()));
            let expected = expected.map(|(word, text)| (word, text.to_owned()));
            assert_eq!(told, expected, "{answer:?}");
        }
    }
}
