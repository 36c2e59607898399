//! Where Zoom is. Owns the check that a token is sent only over TLS, or to this
//! machine, and only to hosts that are Zoom's.

use std::net::IpAddr;

use url::{Host, Url};

/// The bases of the REST API and of the OAuth pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    api: Url,
    oauth: Url,
}

/// An address that is not one to send tokens to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// Not an absolute http or https address with a host.
    #[error("not an http(s) address: {0}")]
    NotHttp(String),
    /// Plain http to a host that is not this machine.
    #[error("plain http to {0} would show tokens to the network")]
    PlainHttp(String),
    /// User name, password, query or fragment.
    #[error("an address with credentials, query or fragment is not a base: {0}")]
    Extra(String),
    /// A host that is neither the configured one nor Zoom's.
    #[error("not a host of zoom: {0}")]
    ForeignHost(String),
}

impl Endpoints {
    /// Checks both bases. `allow_http` lets plain http go to other machines too.
    pub fn new(api: &str, oauth: &str, allow_http: bool) -> Result<Self, EndpointError> {
        Ok(Self { api: base(api, allow_http)?, oauth: base(oauth, allow_http)? })
    }

    /// Zoom's global hosts.
    pub fn zoom() -> Self {
        let parse = |text| Url::parse(text).expect("a constant address");
        Self { api: parse("https://api.zoom.us/v2"), oauth: parse("https://zoom.us/") }
    }

    /// The base of the REST API, without a slash at its end (unless it is the root).
    pub fn api(&self) -> &Url {
        &self.api
    }

    /// Base of `/oauth/…`.
    pub fn oauth(&self) -> &Url {
        &self.oauth
    }

    pub(crate) fn oauth_url(&self, leaf: &str) -> Url {
        let mut url = self.oauth.clone();
        let path = format!("{}/oauth/{leaf}", self.oauth.path().trim_end_matches('/'));
        url.set_path(&path);
        url
    }

    /// The REST base named by the `api_url` of a token reply, where a token may go
    /// there: a host of Zoom's over https. An API host set by hand stays: what
    /// was pointed at a stand-in must not wander off to Zoom itself.
    pub fn regional_api(&self, api_url: &str) -> Result<Url, EndpointError> {
        let mut url = base(api_url, true)?;
        if !is_zooms(&self.api) || url.origin() == self.api.origin() {
            return Ok(self.api.clone());
        }
        if !is_zooms(&url) {
            let host = url.host_str().unwrap_or_default();
            return Err(EndpointError::ForeignHost(host.to_owned()));
        }
        if !url.path().ends_with("/v2") {
            let path = format!("{}/v2", url.path().trim_end_matches('/'));
            url.set_path(&path);
        }
        Ok(url)
    }
}

fn is_zooms(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    url.scheme() == "https"
        && url.port().is_none()
        && (host == "zoom.us" || host.ends_with(".zoom.us"))
}

impl Default for Endpoints {
    fn default() -> Self {
        Self::zoom()
    }
}

fn base(text: &str, allow_http: bool) -> Result<Url, EndpointError> {
    let shown = || text.split(['?', '#']).next().unwrap_or_default().to_owned();
    let mut url = Url::parse(text).map_err(|_| EndpointError::NotHttp(shown()))?;
    let Some(host) = url.host() else {
        return Err(EndpointError::NotHttp(shown()));
    };
    match url.scheme() {
        "https" => {}
        "http" if allow_http || is_loopback(&host) => {}
        "http" => return Err(EndpointError::PlainHttp(host.to_string())),
        _ => return Err(EndpointError::NotHttp(shown())),
    }
    let extra = !url.username().is_empty()
        || url.password().is_some()
        || url.query().is_some()
        || url.fragment().is_some();
    if extra {
        return Err(EndpointError::Extra(host.to_string()));
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(ip) => IpAddr::V4(*ip).is_loopback(),
        Host::Ipv6(ip) => IpAddr::V6(*ip).is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_goes_to_this_machine_only() {
        let new = |api: &str, allow| Endpoints::new(api, "https://zoom.us", allow);
        for ok in [
            "http://127.0.0.1:9/v2",
            "http://localhost/v2",
            "http://[::1]:1/v2",
            "http://a.localhost/",
        ] {
            assert!(new(ok, false).is_ok(), "{ok}");
        }
        assert_eq!(
            new("http://api.zoom.us/v2", false),
            Err(EndpointError::PlainHttp("api.zoom.us".into()))
        );
        assert!(new("http://sim:8080/v2", true).is_ok());
    }

    #[test]
    fn only_bases_are_accepted_and_secrets_not_shown() {
        for bad in [
            "https://u:pw@zoom.us",
            "https://zoom.us/?token=abc",
            "https://zoom.us/#abc",
            "ftp://zoom.us/?token=abc",
            "zoom.us?token=abc",
            "unix:/a?token=abc",
            "",
        ] {
            let error = Endpoints::new(bad, "https://zoom.us", true).unwrap_err();
            let text = error.to_string();
            assert!(!text.contains("abc") && !text.contains("pw"), "{text}");
        }
    }

    #[test]
    fn oauth_pages_lie_below_the_base() {
        let plain = Endpoints::zoom();
        assert_eq!(plain.oauth_url("token").as_str(), "https://zoom.us/oauth/token");
        let deep = Endpoints::new("https://a/v2/", "https://a/zoom/", false).unwrap();
        assert_eq!(deep.oauth_url("token").as_str(), "https://a/zoom/oauth/token");
        assert_eq!(deep.api().as_str(), "https://a/v2");
    }

    #[test]
    fn a_token_goes_to_zoom_or_to_the_configured_host() {
        let regional = |text: &str| {
            let base = Endpoints::zoom().regional_api(text);
            base.map(|url| url.to_string())
        };
        for ok in
            ["https://api-eu.zoom.us", "https://api-eu.zoom.us/", "https://api-eu.zoom.us/v2/"]
        {
            assert_eq!(regional(ok).unwrap(), "https://api-eu.zoom.us/v2");
        }
        assert_eq!(regional("https://api.zoom.us").unwrap(), "https://api.zoom.us/v2");
        for bad in [
            "https://evilzoom.us",
            "https://zoom.us.evil.example",
            "http://api-eu.zoom.us",
            "https://api.zoom.us:8443",
            "http://127.0.0.1:81",
            "api-eu.zoom.us",
        ] {
            assert!(regional(bad).is_err(), "{bad}");
        }
        let stand_in = Endpoints::new("http://127.0.0.1:80/v2", "https://zoom.us", false).unwrap();
        for any in ["https://api-eu.zoom.us", "https://evil.example"] {
            assert_eq!(stand_in.regional_api(any).unwrap().as_str(), "http://127.0.0.1/v2");
        }
    }
}
