//! Hosts as keys hold them, and the grant in an answer.

use std::sync::Arc;

use crate::StoreError;
use crate::accounts::grants::GrantVersion;
use crate::redis::script_reply::ScriptReply;

/// The grant a lease was taken under: none yet, or this version.
pub type Grants = Option<GrantVersion>;

/// Reads the grant that a lease was taken under.
pub(crate) fn grant(reply: &mut ScriptReply) -> Result<Grants, StoreError> {
    let (epoch, generation) = (reply.next()?, reply.next()?);
    let version = epoch.parse().ok().zip(generation.parse().ok());
    Ok(version.map(|(epoch, generation)| GrantVersion { epoch, generation }))
}

/// A host's name as keys can hold it: no `|`, no space at the ends; a name that
/// begins with `?` would be taken for a room of ours.
pub(crate) fn host_name(host: &str) -> std::borrow::Cow<'_, str> {
    if host.starts_with('?') || host.contains(['|', '\n', '\r']) {
        let mut clean = host.replace(['|', '\n', '\r'], "_");
        if clean.starts_with('?') {
            clean.replace_range(0..1, "_");
        }
        return clean.into();
    }
    host.into()
}

/// [`host_name`] of a host that is shared; a clean name is shared on.
pub(crate) fn shared_host(host: &Arc<str>) -> Arc<str> {
    match host_name(host) {
        std::borrow::Cow::Borrowed(_) => Arc::clone(host),
        std::borrow::Cow::Owned(clean) => clean.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::host_name;

    #[test]
    fn a_host_is_no_room_of_ours() {
        assert_eq!(host_name("?x|y"), "_x_y");
        assert_eq!(host_name("a b@x"), "a b@x");
    }
}
