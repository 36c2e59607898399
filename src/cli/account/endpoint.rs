//! Login through the public endpoint of a running zoomd: taken where the port of
//! the redirect URL is that endpoint's, so nothing has to be stopped. The command
//! makes a connect link, the daemon takes the consent, and the command waits until
//! the account has a new grant.

use std::net::SocketAddr;
use std::time::Duration;

use url::Url;
use zoomd_store::consent::{Links, NewLink, Nonce};
use zoomd_store::grants::{Epoch, Grants};
use zoomd_wire::AccountName;

use crate::cli::ctx::Ctx;
use crate::cli::healthcheck;
use crate::error::CliError;
use crate::http::public::{Paths, SERVER};

/// Time within which an endpoint on this machine answers.
const PATIENCE: Duration = Duration::from_secs(2);
/// Time between two checks of the account.
const PAUSE: Duration = Duration::from_millis(300);

/// A link on the endpoint, for one login.
#[derive(Debug)]
pub(super) struct Endpoint {
    links: Links,
    grants: Grants,
    token: Nonce,
    account: AccountName,
    before: Option<Epoch>,
    /// Page to open.
    pub(super) page: Url,
}

/// The first of these addresses at which a public endpoint of zoomd answers.
pub(super) async fn find(addresses: &[SocketAddr], redirect: &Url) -> Option<SocketAddr> {
    for address in addresses {
        let asked = healthcheck::ask(*address, redirect.path());
        let Ok(Ok(answer)) = tokio::time::timeout(PATIENCE, asked).await else { continue };
        let head = answer.split("\r\n\r\n").next().unwrap_or_default();
        let mut fields = head.lines().filter_map(|line| line.split_once(':'));
        let ours = |(name, value): (&str, &str)| {
            name.eq_ignore_ascii_case("server") && value.trim() == SERVER
        };
        if fields.any(ours) {
            return Some(*address);
        }
    }
    None
}

impl Endpoint {
    /// Makes the link, and checks that the endpoint knows it.
    pub(super) async fn new(
        ctx: &Ctx,
        grants: &Grants,
        at: SocketAddr,
        link: NewLink,
    ) -> Result<Self, CliError> {
        let redirect = &ctx.config.zoom.redirect_url;
        let (token, links) = (Nonce::generate(), Links::new(grants.store().clone()));
        let account = link.account.clone();
        let before = epoch(grants, &account).await?;
        links.make(&token, &link, grants.vault()).await?;
        // On the host of the redirect URL: the browser shows its cookie to no other.
        let page = Paths::of(&ctx.config).link_at(redirect, &token);
        let endpoint = Self { links, grants: grants.clone(), token, account, before, page };
        let asked = healthcheck::ask(at, endpoint.page.path());
        let known = match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(answer)) => answer.split(' ').nth(1) == Some("200"),
            _ => false,
        };
        if !known {
            endpoint.close().await;
            return Err(foreign(at.port()));
        }
        Ok(endpoint)
    }

    /// Waits until the account has a grant of a new consent.
    pub(super) async fn connected(&self) -> Result<(), CliError> {
        loop {
            let now = epoch(&self.grants, &self.account).await?;
            if now.is_some() && now != self.before {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Ends the link, so that a page that is still open connects nothing later.
    pub(super) async fn close(&self) {
        // It ends by itself, too.
        let _ = self.links.spend(&self.token.digest()).await;
    }
}

async fn epoch(grants: &Grants, account: &AccountName) -> Result<Option<Epoch>, CliError> {
    let account = grants.account(account).await?;
    Ok(account.and_then(|account| account.version).map(|version| version.epoch))
}

fn foreign(port: u16) -> CliError {
    let text = format!(
        "port {port} is the public endpoint of a zoomd that uses another namespace or another Redis"
    );
    CliError::failed(text).code("port_taken").hint(
        "set ZOOMD_NAMESPACE and ZOOMD_REDIS_URL to those of that zoomd, or register another \
         redirect URL with the app and set ZOOMD_REDIRECT_URL to it",
    )
}
