//! Authorization codes between their issue and their exchange.

use std::collections::HashMap;

/// An authorization code, until it is used or out of date.
pub(crate) struct Code {
    pub(crate) user: usize,
    pub(crate) app: usize,
    pub(crate) redirect: String,
    pub(crate) challenge: Option<(String, bool)>,
    pub(crate) expires_ms: i64,
    pub(crate) scope: Option<String>,
}

pub(crate) type Codes = HashMap<String, Code>;
