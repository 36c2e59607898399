//! The cookie by which a consent that comes back is known to be the browser's
//! that asked for it.

use hyper::HeaderMap;
use hyper::header::COOKIE;
use zoomd_store::consent::{Nonce, STATE_LIFE};

/// Browsers keep a `__Host-` cookie to one host, one path and https.
fn name(https: bool) -> &'static str {
    if https { "__Host-zoomd-consent" } else { "zoomd-consent" }
}

/// `Set-Cookie` for a browser that goes to Zoom now. `Lax`, for it comes back
/// from another site.
pub(super) fn set(browser: &Nonce, https: bool) -> String {
    put(browser.expose(), STATE_LIFE.as_secs(), https)
}

/// `Set-Cookie` for a browser that has come back.
pub(super) fn clear(https: bool) -> String {
    put("", 0, https)
}

fn put(value: &str, seconds: u64, https: bool) -> String {
    let secure = if https { "; Secure" } else { "" };
    let name = name(https);
    format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")
}

/// The cookie a browser brings.
pub(super) fn read(headers: &HeaderMap, https: bool) -> Option<Nonce> {
    let name = name(https);
    let all = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .and_then(|(_, value)| Nonce::parse(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_is_read_back() {
        let browser = Nonce::generate();
        for https in [true, false] {
            let set = set(&browser, https);
            assert_eq!(set.contains("Secure") && set.starts_with("__Host-"), https);
            assert!(set.contains("; HttpOnly; SameSite=Lax") && set.contains("Max-Age=600"));
            let pair = set.split(';').next().expect("a pair");
            let mut headers = HeaderMap::new();
            headers.append(COOKIE, "a=b; c=d".parse().expect("a value"));
            headers.append(COOKIE, format!("e=f; {pair}").parse().expect("a value"));
            let back = read(&headers, https).expect("it is there");
            assert_eq!(back.expose(), browser.expose());
            assert!(read(&headers, !https).is_none());
            assert!(clear(https).contains("=; Path=/; Max-Age=0"));
        }
    }
}
