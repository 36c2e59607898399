//! Troubles with credentials that this process met: apps that Zoom refuses, grants
//! that its keys do not open. Told in the log when they begin and end; decides
//! nothing.

use std::time::{Duration, Instant};

use zoom_api::App;
use zoomd_store::grants::GrantKind;
use zoomd_wire::AccountName;

use super::gate::Lease;
use super::{Rotator, lock};
use crate::problems::lasting::Lasting;

/// While jobs wait a refused app is tried again, and a grant is opened again, every
/// minute. What nobody meets for so long holds nothing back.
const STALE: Duration = Duration::from_secs(600);

/// Apps by client id, or by account where the account has an app of its own, and
/// grants by account.
#[derive(Debug)]
pub(crate) struct Credentials {
    /// The configured app, refused.
    pub(crate) app: Lasting,
    /// Apps of accounts of their own, refused.
    pub(crate) own_apps: Lasting,
    /// Grants that do not open.
    pub(crate) grants: Lasting,
}

impl Default for Credentials {
    fn default() -> Self {
        let new = || Lasting::new(STALE);
        Self { app: new(), own_apps: new(), grants: new() }
    }
}

impl Credentials {
    fn apps_of(&mut self, lease: &Lease) -> &mut Lasting {
        match lease.held.account.kind {
            GrantKind::ServerToServer => &mut self.own_apps,
            GrantKind::Oauth => &mut self.app,
        }
    }
}

impl Rotator {
    /// Access to the refused apps and the grants that cannot be decrypted.
    pub(crate) fn credentials<T>(&self, look: impl FnOnce(&mut Credentials) -> T) -> T {
        look(&mut lock(&self.0.credentials))
    }

    /// Zoom refused the app.
    pub(super) fn app_refused(&self, lease: &Lease, app: &App, why: &str) {
        let name = name(lease, app);
        if !lock(&self.0.credentials).apps_of(lease).met(name, why, Instant::now()) {
            return;
        }
        tracing::error!(
            account = %lease.account(), client_id = %app.client_id, why,
            "zoom rejected the app's credentials (client id or client secret); its token refreshes stop until they are fixed, and no account is changed"
        );
    }

    /// Zoom gave a token to the app.
    pub(super) fn app_accepted(&self, lease: &Lease, app: &App) {
        let over = {
            let mut credentials = lock(&self.0.credentials);
            let apps = credentials.apps_of(lease);
            if apps.is_empty() { None } else { apps.over(name(lease, app), Instant::now()) }
        };
        if let Some(lasted) = over {
            tracing::info!(
                client_id = %app.client_id, lasted_s = lasted.as_secs(),
                "zoom accepts the app's credentials again"
            );
        }
    }

    /// The grant does not open with the keys of this process, or it does.
    pub(crate) fn opened(&self, account: &AccountName, error: Option<&str>) {
        let (mut credentials, now) = (lock(&self.0.credentials), Instant::now());
        let grants = &mut credentials.grants;
        match error {
            Some(why) => {
                if grants.met(account.as_str(), why, now) {
                    tracing::error!(
                        %account, why,
                        "cannot decrypt the account's tokens; its jobs wait until the key is configured"
                    );
                }
            }
            None if grants.is_empty() => {}
            None => {
                if grants.over(account.as_str(), now).is_some() {
                    tracing::info!(%account, "the account's tokens can be decrypted again");
                }
            }
        }
    }
}

fn name<'a>(lease: &'a Lease, app: &'a App) -> &'a str {
    match lease.held.account.kind {
        GrantKind::ServerToServer => lease.held.account.name.as_str(),
        GrantKind::Oauth => &app.client_id,
    }
}
