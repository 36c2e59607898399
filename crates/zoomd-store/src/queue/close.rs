//! Effects of a 429.

/// A gate that Zoom closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Close {
    /// The per-second rate of a label, until a time. A second one within ten
    /// seconds also lowers our rate, which then recovers by itself.
    Second {
        /// `light`, `medium` or `heavy`.
        label: &'static str,
        /// End of the closure.
        until_ms: i64,
    },
    LabelDay {
        /// `light`, `medium` or `heavy`.
        label: &'static str,
        /// End of the closure.
        until_ms: i64,
    },
    /// The hundred of this ticket's host.
    HostDay {
        /// End of the closure.
        until_ms: i64,
    },
}

impl Close {
    /// The field of the gates, `@` for the day of the call's host, and the end of the closure.
    pub(crate) fn gate(&self) -> (String, i64) {
        match self {
            Self::Second { label, until_ms } => ((*label).to_owned(), *until_ms),
            Self::LabelDay { label, until_ms } => (format!("day:{label}"), *until_ms),
            Self::HostDay { until_ms } => ("@".to_owned(), *until_ms),
        }
    }
}
