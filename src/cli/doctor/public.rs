//! The public endpoint: can people follow a link to it, and come back; does Zoom
//! reach it. Only what is configured is looked at.

use url::{Host, Url};

use super::report::Finding;
use crate::config::Config;
use crate::http::public::far_from_home;

const CHECK: &str = "public endpoint";

/// Checks its settings; says nothing when no public endpoint is configured.
pub(super) fn look(config: &Config) -> Vec<Finding> {
    let public = &config.public;
    let (Some(url), Some(_)) = (&public.url, public.listen) else {
        return half(config).into_iter().collect();
    };
    let mut found = Vec::new();
    if !is_guarded(url) {
        found.push(Finding::warn(
            CHECK,
            format!("{url} uses plain HTTP: anyone on the network can steal links and authorization codes"),
            "put a proxy with TLS in front, and set ZOOMD_PUBLIC_URL to its https:// address",
        ));
    }
    if let Some(trouble) = far_from_home(config) {
        let back = format!("ZOOMD_REDIRECT_URL={}/zoom", url.as_str().trim_end_matches('/'));
        found.push(Finding::warn(CHECK, trouble, format!("set {back}, and register it")));
    }
    if public.webhook_secret.is_none() {
        found.push(Finding::warn(
            CHECK,
            "no webhook secret: zoomd notices late when a user removes the app",
            "set ZOOMD_WEBHOOK_SECRET_FILE to the app's secret token (Features, Access)",
        ));
    }
    if found.is_empty() {
        found.push(Finding::pass(CHECK, format!("links and webhooks at {url}")));
    }
    found
}

/// Finding for only one of the two settings. A command's machine may have the URL alone.
fn half(config: &Config) -> Option<Finding> {
    config.public.listen?;
    let what = "ZOOMD_PUBLIC_LISTEN is set but ZOOMD_PUBLIC_URL is not, so links cannot be created";
    Some(Finding::warn(CHECK, what, "set ZOOMD_PUBLIC_URL to its public URL"))
}

fn is_guarded(url: &Url) -> bool {
    let here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    url.scheme() == "https" || here
}
