//! `zoomd account add`: one account from a refresh token that is there already,
//! or from the credentials of a server-to-server app. Presents nothing to Zoom.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use serde::Serialize;
use zoomd_store::grants::{NewGrant, Plan, Put};
use zoomd_wire::AccountName;
use zoomd_workers::consent::issuer;

use super::open;
use crate::cli::ctx::Ctx;
use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::input;
use crate::text::count;

/// `account add`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("what").required(true).args(["refresh_token_file", "server_to_server"])))]
pub struct AddArgs {
    /// The account's name
    #[arg(value_name = "ACCOUNT")]
    account: AccountName,
    /// File with the refresh token, or - for standard input
    #[arg(long, value_name = "FILE")]
    refresh_token_file: Option<PathBuf>,
    /// The Zoom account id of a server-to-server app
    #[arg(long, value_name = "ZOOM_ACCOUNT_ID", requires = "client_id")]
    #[arg(requires = "client_secret_file")]
    server_to_server: Option<String>,
    /// The client id of that app
    #[arg(long, value_name = "ID", requires = "server_to_server")]
    client_id: Option<String>,
    /// A file with the secret of that app, or - for standard input
    #[arg(long, value_name = "FILE", requires = "server_to_server")]
    client_secret_file: Option<PathBuf>,
    /// Zoom's plan: free, pro, business or unlimited (default: pro)
    #[arg(long, value_name = "PLAN", value_parser = super::plan)]
    plan: Option<Plan>,
    /// Maximum concurrent requests to Zoom for this account
    #[arg(long, value_name = "N")]
    cap: Option<u32>,
    /// Replace an existing token even if it still works
    #[arg(long)]
    replace: bool,
}

/// Output of the command: the new account.
#[derive(Debug, Serialize)]
pub(super) struct Added<'a> {
    pub account: &'a str,
    pub status: &'static str,
    pub state: &'static str,
    pub kind: &'static str,
    pub waiting: u64,
}

/// Adds the account.
pub(super) async fn run(ctx: &Ctx, args: AddArgs) -> CliResult {
    let zoom = ctx.zoom()?;
    let mut new = match (&args.refresh_token_file, &args.server_to_server) {
        (Some(file), _) => {
            let client_id = open::client_id(ctx)?;
            let token = open::secret(file, "--refresh-token-file")?;
            NewGrant::imported(args.account.clone(), token, &issuer(&zoom), &client_id)
        }
        (None, Some(zoom_account)) => {
            let (Some(id), Some(file)) = (&args.client_id, &args.client_secret_file) else {
                return Err(CliError::usage("a server-to-server app has a client id and a secret"));
            };
            let secret = open::secret(file, "--client-secret-file")?;
            let id = input::word(id, "--client-id")?;
            let zoom_account = input::word(zoom_account, "--server-to-server")?;
            let account = args.account.clone();
            NewGrant::server_to_server(account, zoom_account, id, secret, &issuer(&zoom))
        }
        (None, None) => return Err(CliError::usage("there is neither a token nor an app")),
    };
    new.plan = args.plan;
    new.cap = args.cap;
    let grants = open::grants(ctx).await?;
    let put = grants.add(&new, args.replace).await?;
    let name = args.account.as_str();
    let kind = new.kind.as_str();
    let (status, state, waiting) = match put {
        Put::Stored { before, waiting, .. } => {
            (if before.is_some() { "replaced" } else { "added" }, "active", waiting)
        }
        Put::There { state } => ("unchanged", state.as_str(), 0),
        other => return Err(refused(&args.account, other)),
    };
    if status != "unchanged" {
        let outcome = format!("{kind} {status}");
        ctx.hand_on(&grants).record("account.add", name, "", &outcome).await;
    }
    ctx.out.show(&Added { account: name, status, state, kind, waiting }, || match status {
        "unchanged" => format!("{name} already has this token ({state})\n"),
        _ if waiting > 0 => format!("{name} {status}; {} waited for it\n", count(waiting, "job")),
        _ => format!("{name} {status}\n"),
    })?;
    if status != "unchanged" {
        ctx.out.hint(format!(
            "zoomd account refresh {name} tests it at Zoom and shows missing scopes"
        ));
    } else if state != "active" {
        ctx.out.hint(format!("Zoom rejected this token before; see zoomd account explain {name}"));
    }
    Ok(Exit::Done)
}

/// Error for a grant that was not stored.
pub(super) fn refused(name: &AccountName, put: Put) -> CliError {
    match put {
        Put::Kept { state } => {
            CliError::failed(format!("{name} has another token, which is {state}; it was kept"))
                .code("exists")
                .hint("--replace replaces it")
        }
        Put::HeldBy { account } => {
            CliError::failed(format!("this Zoom user already belongs to account {account}"))
                .code("held")
        }
        Put::Broken { key } => {
            CliError::failed(format!("the key {key} in Redis has an unexpected type"))
                .code("wrong_type")
                .hint("zoomd doctor")
        }
        _ => CliError::failed(format!("{name} was connected by someone else in the meantime"))
            .code("older")
            .hint(format!("zoomd account show {name}")),
    }
}
