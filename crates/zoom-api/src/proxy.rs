//! Proxies, as the environment names them.
//!
//! Owns the reading of `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`:
//! upper case before lower, an empty one counts as unset. Never does: connect.
//! Invariant: user and password of a proxy are never shown, and a variable that
//! names no usable proxy is an error, not a direct connection.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use http::Uri;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use reqwest::NoProxy;
use url::Url;

/// This machine needs no proxy.
const LOOPBACK: &str = "localhost,127.0.0.0/8,::1";

/// The variables that are read, in the order in which they are documented.
pub const PROXY_VARIABLES: [&str; 4] = ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"];

/// Proxy settings from the environment.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    https: Option<Named>,
    http: Option<Named>,
    except: String,
}

/// A value and the variable it comes from.
#[derive(Clone, PartialEq, Eq)]
struct Named {
    variable: &'static str,
    value: String,
}

/// A variable that names no proxy that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{variable} names no http or https proxy; write it as http://[user:password@]host:port, special characters percent-encoded"
)]
pub struct ProxyError {
    /// Name of the environment variable.
    pub variable: &'static str,
}

impl Proxies {
    /// No proxy for anything.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// As this process' environment has them.
    #[must_use]
    pub fn from_env() -> Self {
        Self::read(|name| std::env::var(name).ok())
    }

    /// As `variables` has them.
    pub fn read(variables: impl Fn(&str) -> Option<String>) -> Self {
        let find = |name: &'static str| {
            let given = [name.to_owned(), name.to_ascii_lowercase()];
            let mut values = given.iter().filter_map(|name| variables(name));
            let value = values.find(|value| !value.trim().is_empty())?;
            Some(Named { variable: name, value: value.trim().to_owned() })
        };
        let except = find("NO_PROXY").map(|named| named.value).unwrap_or_default();
        let all = find("ALL_PROXY");
        Self {
            https: find("HTTPS_PROXY").or_else(|| all.clone()),
            http: find("HTTP_PROXY").or(all),
            except: exceptions(&except),
        }
    }

    /// The proxy that calls to `to` go through, and its variable; without user and password.
    pub fn of(&self, to: &Url) -> Result<Option<(String, &'static str)>, ProxyError> {
        let routes = self.routes()?;
        let to: Option<Uri> = to.as_str().parse().ok();
        let Some(to) = to.filter(|to| routes.proxy_of(to).is_some()) else { return Ok(None) };
        let secure = to.scheme_str() == Some("https");
        let Some(named) = (if secure { &self.https } else { &self.http }) else { return Ok(None) };
        Ok(Some((shown(&named.url()?), named.variable)))
    }

    /// For connections that are made here.
    pub(crate) fn routes(&self) -> Result<Routes, ProxyError> {
        let (https, http) = (address(&self.https)?, address(&self.http)?);
        if https.is_none() && http.is_none() {
            return Ok(Routes(None));
        }
        let text = |url: Option<Url>| url.map(String::from).unwrap_or_default();
        let matcher = Matcher::builder().https(text(https)).http(text(http));
        Ok(Routes(Some(Arc::new(matcher.no(self.except.clone()).build()))))
    }

    /// Proxies in reqwest's form, chosen by the same matcher.
    pub(crate) fn rules(&self) -> Result<Vec<reqwest::Proxy>, ProxyError> {
        let mut rules = Vec::new();
        for (named, secure) in [(&self.https, true), (&self.http, false)] {
            let Some(named) = named else { continue };
            let url = named.url()?;
            let made = if secure { reqwest::Proxy::https(url) } else { reqwest::Proxy::http(url) };
            let made = made.map_err(|_| named.unusable())?;
            rules.push(made.no_proxy(NoProxy::from_string(&self.except)));
        }
        Ok(rules)
    }
}

/// Proxy for each destination.
#[derive(Clone)]
pub(crate) struct Routes(Option<Arc<Matcher>>);

impl Routes {
    pub(crate) fn proxy_of(&self, to: &Uri) -> Option<Intercept> {
        self.0.as_ref()?.intercept(to)
    }

    /// Proxy that forwards a plain request to `to`. It receives user and password with each
    /// request, a tunnel only when it is made.
    pub(crate) fn forwards(&self, to: &Uri) -> Option<Intercept> {
        self.0.as_ref().filter(|_| to.scheme_str() == Some("http"))?;
        self.proxy_of(to)
    }
}

fn address(named: &Option<Named>) -> Result<Option<Url>, ProxyError> {
    named.as_ref().map(Named::url).transpose()
}

impl Named {
    fn unusable(&self) -> ProxyError {
        ProxyError { variable: self.variable }
    }

    fn url(&self) -> Result<Url, ProxyError> {
        let text = match self.value.split_once("://") {
            Some(_) => self.value.clone(),
            None => format!("http://{}", self.value),
        };
        let url = Url::parse(&text).map_err(|_| self.unusable())?;
        // hyper reads it again, by its own grammar.
        let usable = matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.as_str().parse::<Uri>().is_ok();
        if usable { Ok(url) } else { Err(self.unusable()) }
    }
}

/// Hosts that need none, in the form the HTTP client takes: comma-separated,
/// `*.a.b` as `.a.b`, addresses without brackets and ports.
fn exceptions(list: &str) -> String {
    let parts = list.split([',', ' ', '\t']).map(str::trim).filter(|part| !part.is_empty());
    let mut all: Vec<&str> = parts.map(exception).collect();
    all.push(LOOPBACK);
    all.join(",")
}

fn exception(part: &str) -> &str {
    let part = part.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(part);
    if part.parse::<IpAddr>().is_ok() {
        return part;
    }
    let host = match part.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => part,
    };
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

/// Scheme, host and port.
fn shown(proxy: &Url) -> String {
    let host = proxy.host_str().unwrap_or_default();
    match proxy.port_or_known_default() {
        Some(port) => format!("{}://{host}:{port}", proxy.scheme()),
        None => format!("{}://{host}", proxy.scheme()),
    }
}

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |named: &Option<Named>| match named.as_ref().map(Named::url) {
            Some(Ok(url)) => shown(&url),
            Some(Err(_)) => "unusable".to_owned(),
            None => "none".to_owned(),
        };
        f.debug_struct("Proxies")
            .field("https", &show(&self.https))
            .field("http", &show(&self.http))
            .field("except", &self.except)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &[(&str, &str)]) -> Proxies {
        let find = |name: &str| variables.iter().find(|(key, _)| *key == name);
        Proxies::read(|name| find(name).map(|(_, value)| (*value).to_owned()))
    }

    fn of(variables: &[(&str, &str)], to: &str) -> Option<String> {
        let to = Url::parse(to).unwrap();
        proxies(variables).of(&to).unwrap().map(|(proxy, from)| format!("{proxy} {from}"))
    }

    #[test]
    fn each_scheme_has_its_variable() {
        let both = [("HTTPS_PROXY", "http://s:3128"), ("http_proxy", "p")];
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(of(&both, "https://zoom.us"), some("http://s:3128 HTTPS_PROXY"));
        assert_eq!(of(&both, "http://zoom.us"), some("http://p:80 HTTP_PROXY"));
        let all = [("HTTPS_PROXY", " "), ("ALL_PROXY", "https://s")];
        assert_eq!(of(&all, "https://zoom.us"), some("https://s:443 ALL_PROXY"));
        assert_eq!(of(&[("HTTP_PROXY", "http://p")], "https://zoom.us"), None);
        assert_eq!(of(&[], "https://zoom.us"), None);
    }

    #[test]
    fn exceptions_and_this_machine_go_directly() {
        let with = |no: &str, to: &str| of(&[("ALL_PROXY", "http://p"), ("no_proxy", no)], to);
        for direct in
            ["http://127.0.0.1:9", "https://localhost:9", "http://[::1]:9", "http://a.localhost"]
        {
            assert_eq!(with("", direct), None, "{direct}");
        }
        for (no, to) in [
            ("zoom.us", "https://api.zoom.us/v2"),
            (".zoom.us", "https://api.zoom.us"),
            ("a.b *.zoom.us", "https://api.zoom.us"),
            ("zoom.us:443", "https://zoom.us"),
            ("10.0.0.0/8", "https://10.1.2.3"),
            ("fd00::1", "https://[fd00::1]:8443"),
            ("*", "https://zoom.us"),
        ] {
            assert_eq!(with(no, to), None, "{no} {to}");
        }
        for (no, to) in
            [("", "https://zoom.us"), ("us", "https://zoom.usa"), ("oom.us", "https://zoom.us")]
        {
            assert!(with(no, to).is_some(), "{no} {to}");
        }
    }

    #[test]
    fn secrets_are_never_shown_and_nonsense_is_an_error() {
        let given = proxies(&[("HTTPS_PROXY", "http://user:hush%40@p:3128")]);
        let url = Url::parse("https://zoom.us").unwrap();
        let shown = format!("{given:?} {:?}", given.of(&url));
        assert!(shown.contains("http://p:3128"), "{shown}");
        assert!(!shown.contains("hush") && !shown.contains("user"), "{shown}");
        assert_eq!(given.rules().unwrap().len(), 1);
        for bad in ["ftp://u:hush@p", "socks5://p:1080", "http://", "::"] {
            let error = proxies(&[("ALL_PROXY", bad)]).rules().unwrap_err();
            assert_eq!(error.variable, "ALL_PROXY", "{bad}");
            assert!(!error.to_string().contains("hu"), "{error}");
        }
    }
}
