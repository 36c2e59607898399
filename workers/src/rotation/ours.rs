//! Rule I: grants that are the configured app's, and where their tokens go.

use zoom_api::{App, Client};
use zoomd_store::grants::{GrantKind, GrantRecord};

use crate::consent::issuer;

/// The configured app and Zoom.
#[derive(Debug, Clone)]
pub(crate) struct Ours {
    pub(crate) client: Client,
    pub(crate) app: Option<App>,
    pub(crate) issuer: String,
}

impl Ours {
    pub(crate) fn new(client: Client, app: Option<App>) -> Self {
        let issuer = issuer(&client);
        Self { client, app, issuer }
    }

    /// True if a grant was made by the configured app and Zoom. A server-to-server
    /// grant brings its own app.
    pub(crate) fn made(&self, kind: GrantKind, grant: &GrantRecord) -> bool {
        let app = kind == GrantKind::ServerToServer || self.is_app(&grant.client_id);
        app && grant.issuer == self.issuer
    }

    pub(crate) fn is_app(&self, client_id: &str) -> bool {
        self.app.as_ref().is_some_and(|app| app.client_id == client_id)
    }

    /// The client for the API host that Zoom named, where a token may go there:
    /// a Zoom configured to be elsewhere (a simulator) is not left for zoom.us.
    pub(crate) fn client_at(&self, api_url: Option<&str>) -> Client {
        let configured = self.client.settings().endpoints.api().host_str().unwrap_or_default();
        let zoom = configured == "zoom.us" || configured.ends_with(".zoom.us");
        let named = api_url.filter(|_| zoom).map(|url| self.client.with_api_url(url));
        match named {
            Some(Ok(client)) => client,
            _ => self.client.clone(),
        }
    }
}
