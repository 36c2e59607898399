//! Users of Zoom as jobs name them.

use super::invalid::InvalidJob;
use super::limits::MAX_USER;

/// A user stands in the path of a URL and in keys of ours.
pub(crate) fn check_user(field: &'static str, user: &str) -> Result<(), InvalidJob> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || c == '|';
    // Nearly every user is plain ASCII and needs no check by Unicode.
    let plain = user.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'|');
    let sound = !user.is_empty() && user != "." && user != ".." && (plain || !user.contains(odd));
    if sound && user.len() <= MAX_USER {
        return Ok(());
    }
    let message = format!(
        "`{field}` must be `me`, a Zoom user id or an e-mail address, of at most {MAX_USER} bytes"
    );
    Err(InvalidJob::new(field, message))
}

/// Mail addresses are one user in any case of letters; ids are not.
pub(crate) fn host(user: &str, schedule_for: Option<&str>) -> Box<str> {
    let host = schedule_for.unwrap_or(user);
    if host.contains('@') { host.to_lowercase().into() } else { host.into() }
}
