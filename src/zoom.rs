//! The client of Zoom that the configuration asks for.

use zoom_api::{App, Client, Proxies, Settings, SetupError};

use crate::config::Config;
use crate::error::CliError;

/// A client of Zoom with the configured addresses and time-outs.
pub fn zoom_client(config: &Config) -> Result<Client, CliError> {
    Client::new(zoom_settings(config)).map_err(|error| match error {
        SetupError::Proxy(error) => {
            let hint = format!("unset {} for zoomd, or name an http proxy in it", error.variable);
            CliError::config(error.to_string()).hint(hint)
        }
        error => CliError::failed(format!("cannot set up the client of Zoom: {error}"))
            .hint("see zoomd doctor; SSL_CERT_FILE names other certificates"),
    })
}

/// Settings of the client of Zoom.
pub fn zoom_settings(config: &Config) -> Settings {
    let zoom = &config.zoom;
    Settings {
        connect_timeout: zoom.connect_timeout,
        request_timeout: zoom.request_timeout,
        token_timeout: zoom.token_timeout,
        user_agent: concat!("zoomd/", env!("CARGO_PKG_VERSION")).to_owned(),
        proxies: Proxies::from_env(),
        ..Settings::new(zoom.endpoints.clone())
    }
}

/// The configured OAuth app, when both its halves are there.
pub fn configured_app(config: &Config) -> Option<App> {
    let zoom = &config.zoom;
    Some(App::new(zoom.client_id.clone()?, zoom.client_secret.clone()?))
}
