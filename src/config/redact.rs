//! URLs as they may be shown.

/// A URL without user and password.
pub fn without_login(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return "***".to_owned();
    };
    // A query can hold a password too (unix:///path?pass=…).
    let rest = rest.split('?').next().unwrap_or_default();
    match rest.rsplit_once('@') {
        Some((_, place)) => format!("{scheme}://***@{place}"),
        None => format!("{scheme}://{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::without_login;

    #[test]
    fn a_url_is_shown_without_its_login() {
        assert_eq!(without_login("redis://h:1/0"), "redis://h:1/0");
        assert_eq!(without_login("rediss://u:p@ss@h:1"), "rediss://***@h:1");
        assert_eq!(without_login("unix:///run/r.sock?pass=x"), "unix:///run/r.sock");
        assert_eq!(without_login("secret"), "***");
    }
}
