//! An operation of Zoom's, as metrics and stories name it.

/// An operation of Zoom's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoint {
    /// Its name.
    pub name: &'static str,
    /// The HTTP status of a success.
    pub success: &'static str,
}
