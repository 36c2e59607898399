//! `zoomd account login`: consent in the browser.
//!
//! Prints the page to open (and on a terminal opens it), waits for the browser
//! to come back to the redirect URL, and stores the grant. On a machine the
//! browser cannot come back to, the address it ends at can be pasted instead.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use secrecy::SecretString;
use tokio::sync::mpsc;
use zoom_api::scopes;
use zoomd_store::grants::{Conflict, Grants, Plan};
use zoomd_wire::AccountName;
use zoomd_workers::consent::{Asked, Consented, Consents, Outcome, Wanted};

use super::redirect::{self, Arrival, Back, Place};
use super::{open, show};
use crate::cli::ctx::Ctx;
use crate::cli::error::{CliError, CliResult};
use crate::cli::output::count;
use crate::exit::Exit;

/// `account login`.
#[derive(Debug, Args)]
pub struct LoginArgs {
    /// The account's name
    #[arg(value_name = "ACCOUNT")]
    account: AccountName,
    /// Zoom's plan: free, pro, business or unlimited (default: as it is, or pro)
    #[arg(long, value_name = "PLAN", value_parser = super::plan)]
    plan: Option<Plan>,
    /// Only print the page's address
    #[arg(long)]
    no_browser: bool,
    /// Take the Zoom user from the account it is connected as
    #[arg(long)]
    take_over: bool,
    /// How long to wait for the consent
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = patience)]
    timeout: Duration,
}

fn patience(text: &str) -> Result<Duration, String> {
    crate::config::units::time(text).ok_or_else(|| "expected a time like 90s or 10m".to_owned())
}

/// Connects the account.
pub(super) async fn run(ctx: &Ctx, args: LoginArgs) -> CliResult {
    let app = open::app(ctx)?;
    let grants = open::grants(ctx).await?;
    let redirect = &ctx.config.zoom.redirect_url;
    let journal = open::journal(ctx, &grants);
    let consents = Consents::new(ctx.zoom()?, app, redirect.as_str(), grants.clone(), journal);
    let asked = Arc::new(consents.ask()?);
    let (sender, mut arrivals) = mpsc::channel(4);
    let place = Place::of(redirect);
    let door = match &place {
        Place::Here(addresses) => {
            redirect::listen(redirect, addresses, Arc::clone(&asked), sender.clone()).await?
        }
        Place::Elsewhere => redirect::Listening::default(),
    };
    invite(ctx, &args, &asked, &place, sender)?;

    let wanted = Wanted {
        account: args.account.clone(),
        plan: args.plan,
        conflict: if args.take_over { Conflict::TakeOver } else { Conflict::Refuse },
    };
    let arrival = tokio::select! {
        arrival = arrivals.recv() => arrival,
        () = tokio::time::sleep(args.timeout) => None,
        _ = tokio::signal::ctrl_c() => return Err(CliError::interrupted()),
    };
    let Some(arrival) = arrival else {
        let hint = format!("zoomd account login {} starts again", args.account);
        return Err(CliError::consent("no consent came back in time").code("timeout").hint(hint));
    };
    let finished = finish(&consents, &asked, &arrival.back, &wanted).await;
    match &finished {
        Ok(consented) => {
            let good = matches!(consented.outcome, Outcome::Stored { .. });
            arrival.answer(good, &summary(&args.account, consented));
        }
        Err(error) => arrival.answer(false, &error.message),
    }
    door.close().await;
    report(ctx, &grants, &args, &finished?).await
}

/// Says what to do, opens the page on a terminal, and takes a pasted answer.
fn invite(
    ctx: &Ctx,
    args: &LoginArgs,
    asked: &Arc<Asked>,
    place: &Place,
    sender: mpsc::Sender<Arrival>,
) -> Result<(), CliError> {
    let terminal = ctx.out.is_interactive();
    if *place == Place::Elsewhere && !std::io::stdin().is_terminal() {
        let text = "the redirect URL is not an http address of this machine, so the consent cannot come back here";
        return Err(CliError::config(text).code("redirect").hint(
            "run this on a terminal and paste the address, or use zoomd account connect-link",
        ));
    }
    ctx.out.tell(format!("Open this page to connect {}:\n\n  {}\n", args.account, asked.page));
    if terminal && !args.no_browser {
        open_browser(asked.page.as_str());
    }
    if std::io::stdin().is_terminal() {
        ctx.out.tell("If the browser cannot come back here, paste the address it ends at:");
        let asked = Arc::clone(asked);
        // A thread of its own: a read of the terminal cannot be given up.
        std::thread::spawn(move || {
            for line in std::io::stdin().lines().map_while(Result::ok) {
                let back = Back::from_address(&line).filter(|b| asked.is_answered_by(&b.state));
                if let Some(back) = back {
                    let _ = sender.blocking_send(Arrival::pasted(back));
                }
            }
        });
    } else {
        ctx.out.tell("Waiting for the consent …");
    }
    Ok(())
}

fn open_browser(page: &str) {
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    // No browser is no error: the address is on the screen.
    let _ = std::process::Command::new(opener)
        .arg(page)
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn();
}

async fn finish(
    consents: &Consents,
    asked: &Asked,
    back: &Back,
    wanted: &Wanted,
) -> Result<Consented, CliError> {
    if let Some(error) = &back.error {
        let more = back.error_description.as_deref().map(|d| format!(": {d}")).unwrap_or_default();
        let text = format!("no consent was given ({error}{more})");
        return Err(CliError::consent(crate::cli::table::one_line(&text)).code("denied"));
    }
    let Some(code) = &back.code else {
        return Err(CliError::failed("zoom sent the browser back without a code"));
    };
    Ok(consents.finish(asked, &SecretString::from(code.as_str()), wanted).await?)
}

fn summary(name: &AccountName, consented: &Consented) -> String {
    match &consented.outcome {
        Outcome::Stored { .. } => format!("{name} is connected. You may close this window."),
        Outcome::KeptFor { account } => format!(
            "This Zoom user is connected as {account} already. {account} goes on with this \
             consent; {name} is not connected."
        ),
        Outcome::Older => format!("A later consent of {name} is stored; it stays."),
    }
}

async fn report(
    ctx: &Ctx,
    grants: &Grants,
    args: &LoginArgs,
    consented: &Consented,
) -> Result<Exit, CliError> {
    let name = &args.account;
    match &consented.outcome {
        Outcome::Stored { before, waiting, .. } => {
            let again = if before.is_some() { " again" } else { "" };
            ctx.out.note(format!("{name} is connected{again}"));
            if *waiting > 0 {
                ctx.out
                    .note(format!("{} that waited for it: on the way now", count(*waiting, "job")));
            }
        }
        Outcome::KeptFor { account } => {
            let text = format!(
                "this Zoom user is connected as {account}, which goes on with the new consent; {name} was not connected"
            );
            return Err(CliError::failed(text).code("held").hint(format!(
                "consent as another Zoom user, or move this one: zoomd account login {name} --take-over"
            )));
        }
        Outcome::Older => {
            let text = format!("a later consent of {name} was stored meanwhile; it stays");
            return Err(CliError::failed(text).code("older"));
        }
    }
    let scope = consented.scope.as_deref().unwrap_or_default();
    if consented.scope.is_some()
        && let Some((missing, effect)) = scopes::lacking(scope)
    {
        ctx.out.warn(format!("the app lacks {}; {effect}", missing.join(" and ")));
    }
    show::one(ctx, grants, name).await
}
