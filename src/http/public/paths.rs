//! Address of the public endpoint, and the meaning of its paths.

use hyper::Method;
use url::Url;
use zoomd_store::consent::Nonce;

use crate::config::{Config, Origin};

/// The addresses of the public endpoint.
#[derive(Debug, Clone)]
pub struct Paths {
    public: Option<Url>,
    base: String,
    back: String,
}

/// Route of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way<'a> {
    /// A link, by its token.
    Link(&'a str),
    /// A consent that comes back.
    Back,
    /// Zoom's webhook.
    Webhook,
    /// Nothing that is here.
    Nowhere,
}

impl Paths {
    /// The paths of this configuration.
    pub fn of(config: &Config) -> Self {
        Self::new(config.public.url.clone(), config.zoom.redirect_url.path())
    }

    fn new(public: Option<Url>, back: &str) -> Self {
        let base = public.as_ref().map(|url| url.path().trim_end_matches('/').to_owned());
        Self { public, base: base.unwrap_or_default(), back: back.to_owned() }
    }

    /// The address of a link; `None` where the public endpoint has none.
    pub fn link(&self, token: &Nonce) -> Option<Url> {
        self.public.as_ref().map(|public| self.link_at(public, token))
    }

    /// The address of a link on the host of another address of the same endpoint.
    pub fn link_at(&self, other: &Url, token: &Nonce) -> Url {
        let mut url = other.clone();
        url.set_path(&format!("{}/connect/{}", self.base, token.expose()));
        url.set_query(None);
        url.set_fragment(None);
        url
    }

    /// True if the world comes by https, so that cookies may demand it.
    pub(super) fn is_https(&self) -> bool {
        self.public.as_ref().is_some_and(|url| url.scheme() == "https")
    }

    /// The route of a request of this method to this path.
    pub(super) fn way<'a>(&self, method: &Method, path: &'a str) -> Way<'a> {
        let below = path.strip_prefix(&self.base);
        if below == Some("/webhook") && *method == Method::POST {
            return Way::Webhook;
        }
        if path == self.back {
            return Way::Back;
        }
        match below.and_then(|below| below.strip_prefix("/connect/")) {
            Some(token) if !token.contains('/') => Way::Link(token),
            _ if below == Some("/webhook") => Way::Webhook,
            _ => Way::Nowhere,
        }
    }
}

/// A consent comes back to the redirect URL; the browser shows its cookie there
/// only when that is where the link led.
pub fn far_from_home(config: &Config) -> Option<String> {
    let (public, redirect) = (config.public.url.as_ref()?, &config.zoom.redirect_url);
    let said = config.resolved.get("zoom.redirect_url");
    if said.is_none_or(|(_, origin)| *origin == Origin::Default) || at(public) == at(redirect) {
        return None;
    }
    Some(format!(
        "the redirect URL {redirect} is not at {}, where links lead, so authorizations are not \
         recognized when Zoom sends the browser back; set ZOOMD_REDIRECT_URL to a path below \
         ZOOMD_PUBLIC_URL",
        public.origin().ascii_serialization()
    ))
}

fn at(url: &Url) -> (&str, Option<&str>) {
    (url.scheme(), url.host_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(public: &str, back: &str) -> Paths {
        Paths::new(Some(Url::parse(public).expect("a URL")), back)
    }

    #[test]
    fn nothing_is_here_but_three_paths() {
        let root = paths("https://zoomd.example.com", "/zoom");
        let get = |path| root.way(&Method::GET, path);
        assert_eq!(get("/connect/abc"), Way::Link("abc"));
        assert_eq!(get("/zoom"), Way::Back);
        assert_eq!(root.way(&Method::POST, "/webhook"), Way::Webhook);
        for path in
            ["/", "/metrics", "/livez", "/readyz", "/connect", "/connect/a/b", "/zoom/", "/x", "*"]
        {
            assert_eq!(get(path), Way::Nowhere, "{path}");
        }
    }

    #[test]
    fn an_endpoint_below_a_path_has_its_links_there() {
        let below = paths("https://example.com/zoomd/", "/zoomd/zoom?x");
        let token = Nonce::generate();
        let link = below.link(&token).expect("an address");
        assert_eq!(link.as_str(), format!("https://example.com/zoomd/connect/{}", token.expose()));
        assert_eq!(below.way(&Method::GET, link.path()), Way::Link(token.expose()));
        assert_eq!(below.way(&Method::POST, "/zoomd/webhook"), Way::Webhook);
        assert_eq!(below.way(&Method::POST, "/webhook"), Way::Nowhere);
        assert!(Paths::new(None, "/zoom").link(&token).is_none());
    }

    #[test]
    fn where_two_meet_the_method_decides() {
        let both = paths("http://localhost:8080", "/webhook");
        assert_eq!(both.way(&Method::GET, "/webhook"), Way::Back);
        assert_eq!(both.way(&Method::POST, "/webhook"), Way::Webhook);
    }
}
