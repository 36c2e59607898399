//! Zoom: can it be reached, and are there credentials to come with.

use url::Url;
use zoom_api::{Client, Endpoints, Proxies, SetupError, TransportError, TransportKind};

use super::report::Finding;
use crate::config::Config;
use crate::zoom::zoom_settings;

/// Looks at Zoom: name, connection, TLS. Sends no request.
pub(super) async fn look(config: &Config) -> Vec<Finding> {
    let mut checks = vec![credentials(config)];
    let client = match Client::new(zoom_settings(config)) {
        Ok(client) => client,
        Err(error) => {
            let next = match &error {
                SetupError::Proxy(error) => format!("unset {}", error.variable),
                _ => "apt-get install ca-certificates, or set SSL_CERT_FILE".to_owned(),
            };
            checks.push(Finding::fail("zoom", error.to_string(), next));
            return checks;
        }
    };
    let endpoints = &config.zoom.endpoints;
    let proxies = &client.settings().proxies;
    checks.push(proxy(proxies, endpoints));
    let (api, oauth) = tokio::join!(client.preflight_api(), client.preflight());
    for (name, url, answer) in
        [("zoom api", endpoints.api(), api), ("zoom oauth", endpoints.oauth(), oauth)]
    {
        let host = server(url);
        let through = used(proxies, url).map(|(proxy, _)| format!(" through {proxy}"));
        let through = through.unwrap_or_default();
        checks.push(match answer {
            Ok(took) => {
                let ms = took.as_millis();
                Finding::pass(name, format!("{host} answers in {ms} ms{through}"))
            }
            Err(error) => {
                // Nothing was to be sent.
                let text = error.to_string();
                let text = text.trim_end_matches(" (not sent)");
                Finding::fail(name, format!("{host}{through}: {text}"), next_for(url, &error))
            }
        });
    }
    checks
}

/// The proxy of calls to `url`, and the variable that names it. One that cannot be
/// used has failed before.
fn used(proxies: &Proxies, url: &Url) -> Option<(String, &'static str)> {
    proxies.of(url).ok().flatten()
}

/// Which proxy each host is reached through.
fn proxy(proxies: &Proxies, endpoints: &Endpoints) -> Finding {
    let told = [endpoints.api(), endpoints.oauth()].map(|url| {
        let host = url.host_str().unwrap_or_default();
        match used(proxies, url) {
            Some((proxy, variable)) => format!("{host} through {proxy} ({variable})"),
            None => format!("{host} directly"),
        }
    });
    let [api, oauth] = &told;
    Finding::pass("proxy", if api == oauth { api.clone() } else { format!("{api}, {oauth}") })
}

/// The server of a URL, with a port that is not the scheme's.
fn server(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn next_for(url: &Url, error: &TransportError) -> String {
    let host = url.host_str().unwrap_or_default();
    match error.kind {
        TransportKind::Dns => format!("getent hosts {host}"),
        TransportKind::Tls => {
            let port = url.port_or_known_default().unwrap_or(443);
            format!("openssl s_client -connect {host}:{port} -servername {host} </dev/null")
        }
        TransportKind::Local => "ulimit -n".to_owned(),
        _ => format!("curl -v {url}"),
    }
}

fn credentials(config: &Config) -> Finding {
    match (&config.zoom.client_id, &config.zoom.client_secret) {
        (Some(_), Some(_)) => Finding::pass("zoom app", "client id and secret are set"),
        (None, None) => Finding::warn(
            "zoom app",
            "no client id and secret: only server-to-server accounts can be used",
            "zoomd init, with an OAuth app of marketplace.zoom.us",
        ),
        (id, _) => {
            let missing = if id.is_some() { "ZOOMD_CLIENT_SECRET" } else { "ZOOMD_CLIENT_ID" };
            Finding::fail("zoom app", format!("{missing} is not set"), format!("set {missing}"))
        }
    }
}
