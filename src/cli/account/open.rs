//! The way to the accounts, and what is said when there is none.

use std::path::Path;

use secrecy::SecretString;
use zoom_api::{App, TransportError};
use zoomd_store::encryption::{SealError, Vault};
use zoomd_store::grants::{GrantError, Grants};
use zoomd_store::{meta, probe};
use zoomd_workers::consent::ConsentError;
use zoomd_workers::journal::Journal;
use zoomd_workers::tokens::RotationSettings;

use crate::acts::NO_APP;
pub(super) use crate::acts::missing;
use crate::cli::access::Access;
use crate::cli::ctx::Ctx;
use crate::config::RESTORE_KEY;
use crate::error::CliError;
use crate::exit::Exit;
use crate::input;

/// The accounts of the configured namespace, opened with the configured keys. Only
/// a command that may be the first of a namespace creates one.
pub async fn grants(ctx: &Ctx) -> Result<Grants, CliError> {
    let ring = ctx.key_ring()?;
    let store = ctx.store().await?;
    if ctx.access != Access::Creates && probe::namespace(&store).await?.is_none() {
        let name = store.keys().namespace();
        return Err(CliError::not_found(format!("namespace {name} has no accounts"))
            .code("unknown_namespace")
            .hint("check --namespace and ZOOMD_NAMESPACE; zoomd account login NAME starts one"));
    }
    store.check_rights().await?;
    let vault = meta::open(&store, &ring).await?;
    Ok(Grants::new(store, vault))
}

/// The accounts for a command that only reads what is stored: nothing is written,
/// and no key is needed.
pub(super) async fn readable(ctx: &Ctx) -> Result<Grants, CliError> {
    let store = ctx.store().await?;
    meta::check(&store).await?;
    let (namespace, deployment) = (&ctx.config.namespace, &ctx.config.deployment);
    let vault = Vault::new(ctx.key_ring()?, namespace, deployment, None);
    Ok(Grants::new(store, vault))
}

/// The accounts for a trial: new tokens are compared with those that are stored, and
/// nothing is written.
pub(super) async fn peek(ctx: &Ctx) -> Result<Grants, CliError> {
    let store = ctx.store().await?;
    let vault = meta::peek(&store, &ctx.key_ring()?).await?;
    Ok(Grants::new(store, vault))
}

/// The configured OAuth app.
pub fn app(ctx: &Ctx) -> Result<App, CliError> {
    let client_id = client_id(ctx)?;
    let secret = ctx.config.zoom.client_secret.clone().ok_or_else(|| {
        CliError::config("no client secret is configured")
            .hint("set ZOOMD_CLIENT_SECRET, or ZOOMD_CLIENT_SECRET_FILE to a file that contains it")
    })?;
    Ok(App::new(client_id, secret))
}

/// The configured app's id.
pub(super) fn client_id(ctx: &Ctx) -> Result<String, CliError> {
    ctx.config
        .zoom
        .client_id
        .clone()
        .ok_or_else(|| CliError::config("no OAuth app is configured").hint(NO_APP))
}

/// The rotation journal of this command. A consent is worth having without one:
/// only a death of this process before Redis has the tokens would lose them.
pub(super) fn journal(ctx: &Ctx, grants: &Grants) -> Option<Journal> {
    let settings = RotationSettings::default();
    let name = format!("cli-{:016x}", rand::random::<u64>());
    let folder = &ctx.config.data_dir;
    let (limit, keep) = (settings.journal_limit, settings.keep_entries);
    match Journal::open(folder, &name, grants.vault(), limit, keep) {
        Ok(journal) => Some(journal),
        Err(error) => {
            ctx.out.warn(format!("continuing without a journal: {error}"));
            None
        }
    }
}

/// A secret from a file, or from standard input for `-`.
pub(super) fn secret(file: &Path, what: &str) -> Result<SecretString, CliError> {
    Ok(input::word_in_file(file, what)?)
}

impl From<SealError> for CliError {
    fn from(error: SealError) -> Self {
        let hint = match &error {
            SealError::NoKey => {
                "set ZOOMD_ENCRYPTION_KEY_FILE to the key that the daemons use; only a new \
                 installation makes one, with zoomd init or zoomd config key"
            }
            SealError::WrongKey { .. } => {
                "set ZOOMD_ENCRYPTION_KEY_FILE to the key that encrypted the tokens, or add that key \
                 to ZOOMD_ENCRYPTION_KEYS_OLD; zoomd doctor lists the keys in use"
            }
            SealError::Damaged { .. } => "zoomd account login connects the account again",
            _ => RESTORE_KEY,
        };
        let code = match &error {
            SealError::Damaged { .. } => "damaged",
            _ => "encryption_key",
        };
        let exit =
            if matches!(error, SealError::Damaged { .. }) { Exit::Failed } else { Exit::Usage };
        Self::new(exit, code, error.to_string()).hint(hint)
    }
}

impl From<GrantError> for CliError {
    fn from(error: GrantError) -> Self {
        match error {
            GrantError::Store(error) => error.into(),
            GrantError::Seal(error) => error.into(),
            other => Self::failed(other.to_string()),
        }
    }
}

impl From<TransportError> for CliError {
    fn from(error: TransportError) -> Self {
        Self::unreachable(error.to_string()).code("zoom_unreachable").hint("zoomd doctor")
    }
}

impl From<ConsentError> for CliError {
    fn from(error: ConsentError) -> Self {
        use zoom_api::RefusalKind;
        match error {
            ConsentError::Transport(error) => error.into(),
            ConsentError::Grants(error) => error.into(),
            ConsentError::Refused(refusal) => {
                let message = refusal.to_string();
                match refusal.kind {
                    RefusalKind::App => Self::config(message).code("wrong_app").hint(
                        "check ZOOMD_CLIENT_ID and ZOOMD_CLIENT_SECRET against the app's page",
                    ),
                    RefusalKind::DeadGrant | RefusalKind::Refused => Self::consent(message)
                        .hint("start again: the code works once, for 5 minutes"),
                    _ => Self::unreachable(message).code("zoom_unreachable").hint("start again"),
                }
            }
            ConsentError::Journal(error) => Self::failed(error.to_string())
                .code("journal")
                .hint("nothing was sent; make room in ZOOMD_DATA_DIR and start again"),
            other => Self::failed(other.to_string()),
        }
    }
}
