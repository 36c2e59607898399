//! The place a request is for and the site it comes from: guards against a page of
//! another site that sends a browser here.

use std::net::IpAddr;

use hyper::{HeaderMap, Method, header};

/// True if `Host` names this machine's loopback, or one of `hosts`. A name of another
/// site that was made to lead here (DNS rebinding) is neither.
pub(super) fn is_ours(headers: &HeaderMap, hosts: &[String]) -> bool {
    let mut all = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (all.next().and_then(|value| value.to_str().ok()), all.next()) else {
        return false;
    };
    let name = without_port(host);
    is_loopback(name) || hosts.iter().any(|known| known.eq_ignore_ascii_case(name))
}

fn without_port(host: &str) -> &str {
    match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    }
}

fn is_loopback(name: &str) -> bool {
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// True if the request changes nothing, or a browser says that a page of ours sent it,
/// or no browser did. One that brings a cookie must say it.
pub(super) fn is_same(method: &Method, headers: &HeaderMap, cookie: bool) -> bool {
    if method.is_safe() {
        return true;
    }
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST).unwrap_or_default();
    match (headers.contains_key(header::ORIGIN), text(header::ORIGIN)) {
        (true, origin) => {
            let place = origin.and_then(|origin| origin.split_once("://")).map(|(_, place)| place);
            place.is_some_and(|place| place.eq_ignore_ascii_case(host))
        }
        (false, _) => match headers.get("sec-fetch-site") {
            Some(site) => site == "same-origin" || site == "none",
            None => !cookie,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            (name.parse().expect("a name"), value.parse().expect("a value"))
        };
        let mut headers = HeaderMap::new();
        for (name, value) in pairs.iter().map(pair) {
            let name: header::HeaderName = name;
            headers.append(name, value);
        }
        headers
    }

    #[test]
    fn loopback_and_configured_hosts_are_ours_and_nothing_else_is() {
        let hosts = ["zoomd.example.com".to_owned()];
        for (host, ours) in [
            ("localhost", true),
            ("LOCALHOST:9464", true),
            ("127.0.0.1:9464", true),
            ("127.9.9.9", true),
            ("[::1]:9464", true),
            ("Zoomd.Example.com:443", true),
            ("example.com", false),
            ("localhost.example.com", false),
            ("127.0.0.1.example.com", false),
            ("10.0.0.5:9464", false),
            ("0.0.0.0", false),
            ("", false),
        ] {
            assert_eq!(is_ours(&headers(&[("host", host)]), &hosts), ours, "{host}");
        }
        assert!(!is_ours(&headers(&[]), &hosts), "no host");
        let two = headers(&[("host", "localhost"), ("host", "evil.example")]);
        assert!(!is_ours(&two, &hosts), "two hosts");
    }

    #[test]
    fn a_write_comes_from_our_own_pages_or_from_no_browser() {
        let host = ("host", "localhost:9464");
        for (sent, cookie, same) in [
            (&[host][..], false, true),
            (&[host], true, false),
            (&[host, ("origin", "http://localhost:9464")], true, true),
            (&[host, ("origin", "https://localhost:9464")], true, true),
            (&[host, ("origin", "http://localhost:1")], false, false),
            (&[host, ("origin", "http://evil.example")], false, false),
            (&[host, ("origin", "null")], false, false),
            (&[host, ("sec-fetch-site", "same-origin")], true, true),
            (&[host, ("sec-fetch-site", "none")], true, true),
            (&[host, ("sec-fetch-site", "same-site")], true, false),
            (&[host, ("sec-fetch-site", "cross-site")], false, false),
        ] {
            assert_eq!(is_same(&Method::POST, &headers(sent), cookie), same, "{sent:?} {cookie}");
            assert!(is_same(&Method::GET, &headers(sent), cookie));
        }
    }
}
