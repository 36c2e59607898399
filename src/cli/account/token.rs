//! `zoomd account token`: a valid access token for another program, by the same
//! path as the daemon's jobs, since nobody but zoomd may rotate.

use std::time::Duration;

use clap::Args;
use serde::Serialize;
use zoom_api::TokenRefusal;
use zoomd_store::grants::{GrantKind, Grants};
use zoomd_wire::AccountName;
use zoomd_workers::journal::JournalError;
use zoomd_workers::tokens::{CommandTokens, NoToken, TokensConfig};

use super::open;
use crate::cli::ctx::Ctx;
use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::health::correct_app;

/// `account token`.
#[derive(Debug, Args)]
pub struct TokenArgs {
    /// The account's name
    #[arg(value_name = "ACCOUNT")]
    account: AccountName,
    /// The token must live at least so long
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = time)]
    min_life: Duration,
    /// How long to wait for one
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = time)]
    timeout: Duration,
}

/// A length of time on the command line.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    crate::config::units::time(text).ok_or_else(|| "expected a time like 90s or 10m".to_owned())
}

#[derive(Debug, Serialize)]
struct Printed<'a> {
    account: &'a str,
    access_token: &'a str,
    epoch: String,
    generation: u64,
}

/// Prints the token, and nothing else, on stdout.
pub(super) async fn run(ctx: &Ctx, args: TokenArgs) -> CliResult {
    let grants = open::grants(ctx).await?;
    let name = args.account.as_str();
    let kind = open::existing(&grants, &args.account).await?.kind;
    let tokens = tokens(ctx, &grants)?;
    let token = tokens.token(&args.account, args.min_life, args.timeout).await;
    tokens.shutdown().await;
    let token = token.map_err(|error| refused(name, kind, error))?;
    let printed = Printed {
        account: name,
        access_token: token.access.expose(),
        epoch: token.version.epoch.to_string(),
        generation: token.version.generation,
    };
    ctx.out.show(&printed, || format!("{}\n", token.access.expose()))?;
    Ok(Exit::Done)
}

/// The tokens of the namespace, for this one command.
pub(in crate::cli) fn tokens(ctx: &Ctx, grants: &Grants) -> Result<CommandTokens, CliError> {
    Ok(CommandTokens::new(TokensConfig {
        store: grants.store().clone(),
        client: ctx.zoom()?,
        vault: grants.vault().clone(),
        app: open::app(ctx).ok(),
        daemon: format!("cli-{:016x}", rand::random::<u64>()).into(),
        data_dir: ctx.config.data_dir.clone(),
        settings: Default::default(),
        supervisor: Default::default(),
    }))
}

/// Why there is no token for an account whose grant is of this kind.
pub(in crate::cli) fn refused(name: &str, kind: GrantKind, error: NoToken) -> CliError {
    let text = format!("{name}: {error}");
    match error {
        NoToken::NoAccount => {
            CliError::not_found(text).code("unknown_account").hint("zoomd account list")
        }
        NoToken::State { ref state, .. } if state == "removed" => {
            CliError::not_found(text).code("unknown_account").hint("zoomd account list")
        }
        NoToken::State { .. } => {
            CliError::consent(text).hint(format!("zoomd account explain {name} tells why"))
        }
        NoToken::Store(error) => error.into(),
        NoToken::Sealed(error) => error.into(),
        NoToken::NoApp => CliError::config(text).hint(open::NO_APP),
        NoToken::OtherApp => CliError::config(text).code("wrong_app").hint(format!(
            "set the ZOOMD_CLIENT_ID it was connected with, or zoomd account login {name}"
        )),
        NoToken::DaemonKey(why) if why.contains("damaged") => CliError::failed(text)
            .code("damaged")
            .hint(format!("zoomd account login {name} connects the account anew")),
        NoToken::DaemonKey(_) => CliError::unreachable(text).code("encryption_key").hint(
            "give the daemon the key the grant is sealed with, as ZOOMD_ENCRYPTION_KEY or among \
             ZOOMD_ENCRYPTION_KEYS_OLD, and restart it",
        ),
        NoToken::DaemonApp(_) => CliError::unreachable(text).code("wrong_app").hint(
            "set the daemon's ZOOMD_CLIENT_ID and ZOOMD_CLIENT_SECRET to the account's app, and \
             restart it",
        ),
        NoToken::NoDaemon(_) => CliError::unreachable(text).code("journal").hint(
            "run this where the daemon runs, or set ZOOMD_DATA_DIR to a folder that can be written",
        ),
        NoToken::TimedOut(why) if why.contains(TokenRefusal::OF_APP) => {
            CliError::unreachable(text).code("no_token").hint(correct_app(name, kind))
        }
        NoToken::TimedOut(why) if why.contains(JournalError::BEGINS) => CliError::unreachable(text)
            .code("journal")
            .hint("make room in the daemon's ZOOMD_DATA_DIR; zoomd doctor there says more"),
        NoToken::InDoubt { .. } => CliError::unreachable(text).code("in_doubt").hint(format!(
            "wait, or zoomd account refresh {name} --probe asks Zoom at once and says what that \
             risks"
        )),
        _ => CliError::unreachable(text)
            .code("no_token")
            .hint(format!("zoomd account explain {name} tells why")),
    }
}
