//! Access tokens for somebody who is no job: by the same rotation as the daemon's jobs, since
//! nobody but zoomd may rotate.

use zoom_api::TokenRefusal;
use zoomd_store::grants::{GrantKind, Grants};
use zoomd_workers::journal::JournalError;
use zoomd_workers::tokens::{CommandTokens, NoToken, TokensConfig};

use crate::config::Config;
use crate::error::CliError;
use crate::health::correct_app;
use crate::zoom::{configured_app, zoom_client};

/// Instruction for the user where no OAuth app is configured.
pub const NO_APP: &str = "set ZOOMD_CLIENT_ID and ZOOMD_CLIENT_SECRET_FILE to the app of \
    marketplace.zoom.us; zoomd init asks for them in a new installation";

/// The tokens of the namespace, for one act.
pub fn tokens(config: &Config, grants: &Grants) -> Result<CommandTokens, CliError> {
    Ok(CommandTokens::new(TokensConfig {
        store: grants.store().clone(),
        client: zoom_client(config)?,
        vault: grants.vault().clone(),
        app: configured_app(config),
        daemon: format!("cli-{:016x}", rand::random::<u64>()).into(),
        data_dir: config.data_dir.clone(),
        settings: Default::default(),
        supervisor: Default::default(),
        tracer: Default::default(),
    }))
}

/// Error for an account without a token, whose grant is of this kind.
pub fn refused(name: &str, kind: GrantKind, error: NoToken) -> CliError {
    let text = format!("{name}: {error}");
    match error {
        NoToken::NoAccount => {
            CliError::not_found(text).code("unknown_account").hint("zoomd account list")
        }
        NoToken::State { ref state, .. } if state == "removed" => {
            CliError::not_found(text).code("unknown_account").hint("zoomd account list")
        }
        NoToken::State { .. } => {
            CliError::consent(text).hint(format!("see zoomd account explain {name}"))
        }
        NoToken::Store(error) => error.into(),
        NoToken::Sealed(error) => error.into(),
        NoToken::NoApp => CliError::config(text).hint(NO_APP),
        NoToken::OtherApp => CliError::config(text).code("wrong_app").hint(format!(
            "set the ZOOMD_CLIENT_ID it was connected with, or zoomd account login {name}"
        )),
        NoToken::DaemonKey(why) if why.contains("damaged") => CliError::failed(text)
            .code("damaged")
            .hint(format!("zoomd account login {name} connects the account again")),
        NoToken::DaemonKey(_) => CliError::unreachable(text).code("encryption_key").hint(
            "give the daemon the key that encrypted the tokens, as ZOOMD_ENCRYPTION_KEY or among \
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
            "wait, or run zoomd account refresh {name} --probe, which asks Zoom immediately and \
             names the risk"
        )),
        _ => CliError::unreachable(text)
            .code("no_token")
            .hint(format!("see zoomd account explain {name}")),
    }
}
