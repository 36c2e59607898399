//! `zoomd account login`: consent in the browser.
//!
//! Prints the page to open (and on a terminal opens it), waits for the browser
//! to come back to the redirect URL, and stores the grant. Where a running zoomd
//! has the port, its public endpoint takes the consent. On a machine the browser
//! cannot come back to, the address it ends at can be pasted instead.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use clap::Args;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use tokio::sync::mpsc;
use url::Url;
use zoom_api::scopes;
use zoomd_store::consent::NewLink;
use zoomd_store::grants::{Conflict, Grants, Plan};
use zoomd_store::inspect::Ops;
use zoomd_wire::AccountName;
use zoomd_workers::consent::{Asked, Consented, Consents, Outcome, Wanted};

use super::endpoint::{self, Endpoint};
use super::redirect::{self, Arrival, Back, Place};
use super::{open, paste, show};
use crate::cli::ctx::Ctx;
use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::output::Output;
use crate::text::count;

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
    /// Move the Zoom user here from the account it belongs to now
    #[arg(long)]
    take_over: bool,
    /// Maximum time to wait for the authorization
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
    let way = Way::of(ctx, &args, &grants, &asked, &sender).await?;
    invite(ctx, &args, &asked, &way, sender)?;

    let came = tokio::select! {
        // Without a terminal and a listener nobody sends one.
        Some(arrival) = arrivals.recv() => Some(Some(arrival)),
        connected = way.connected() => connected.map(|()| Some(None))?,
        () = tokio::time::sleep(args.timeout) => None,
        _ = tokio::signal::ctrl_c() => {
            way.close().await;
            return Err(CliError::interrupted());
        }
    };
    let arrival = match came {
        Some(Some(arrival)) => arrival,
        Some(None) => {
            ctx.out.note(format!("{} is connected", args.account));
            audit(ctx, &grants, &args.account, "connected by the public endpoint").await;
            return finally(ctx, &grants, &args.account).await;
        }
        None => {
            way.close().await;
            let hint = format!("zoomd account login {} starts again", args.account);
            return Err(CliError::consent("timed out waiting for the authorization")
                .code("timeout")
                .hint(hint));
        }
    };
    let wanted = Wanted {
        account: args.account.clone(),
        plan: args.plan,
        conflict: if args.take_over { Conflict::TakeOver } else { Conflict::Refuse },
    };
    let finished = finish(&consents, &asked, &arrival.back, &wanted).await;
    match &finished {
        Ok(consented) => {
            let good = matches!(consented.outcome, Outcome::Stored { .. });
            let status = if good { StatusCode::OK } else { StatusCode::CONFLICT };
            arrival.answer(status, &summary(&args.account, consented));
        }
        Err(error) => arrival.answer(status(error), &format!("{}.", error.message)),
    }
    way.close().await;
    let consented = finished?;
    let outcome = match &consented.outcome {
        Outcome::Stored { .. } => "connected".to_owned(),
        Outcome::KeptFor { account } => format!("renewed {account}"),
        Outcome::Older => "a newer authorization was kept".to_owned(),
    };
    audit(ctx, &grants, &args.account, &outcome).await;
    report(ctx, &grants, &args, &consented).await
}

async fn audit(ctx: &Ctx, grants: &Grants, account: &AccountName, outcome: &str) {
    ctx.hand_on(grants).record("account.login", account.as_str(), "", outcome).await;
}

/// Status of the page for a login that failed. Only a Zoom that cannot be reached
/// is a gateway's error.
fn status(error: &CliError) -> StatusCode {
    match error.exit {
        Exit::Consent if error.code == "denied" => StatusCode::FORBIDDEN,
        Exit::Consent => StatusCode::BAD_REQUEST,
        Exit::Unreachable => StatusCode::BAD_GATEWAY,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Place where the consent arrives.
enum Way {
    /// A listener of this command.
    Listener(redirect::Listening),
    /// The public endpoint of a running zoomd, which has the port.
    Endpoint(Box<Endpoint>),
    /// Elsewhere; the address is pasted.
    Paste,
}

impl Way {
    async fn of(
        ctx: &Ctx,
        args: &LoginArgs,
        grants: &Grants,
        asked: &Arc<Asked>,
        sender: &mpsc::Sender<Arrival>,
    ) -> Result<Self, CliError> {
        let redirect = &ctx.config.zoom.redirect_url;
        let Place::Here(addresses) = Place::of(redirect) else { return Ok(Self::Paste) };
        let listening =
            redirect::listen(redirect, &addresses, Arc::clone(asked), sender.clone()).await;
        let error = match listening {
            Ok(listening) => return Ok(Self::Listener(listening)),
            Err(error) => error,
        };
        match endpoint::find(&addresses, redirect).await {
            None => Err(error),
            Some(at) => {
                let link = NewLink {
                    account: args.account.clone(),
                    plan: args.plan,
                    take_over: args.take_over,
                    life: args.timeout,
                    label: None,
                    return_to: None,
                };
                Ok(Self::Endpoint(Box::new(Endpoint::new(ctx, grants, at, link).await?)))
            }
        }
    }

    /// Ends when a running zoomd has taken the consent; never elsewhere.
    async fn connected(&self) -> Result<(), CliError> {
        match self {
            Self::Endpoint(endpoint) => endpoint.connected().await,
            _ => std::future::pending().await,
        }
    }

    async fn close(self) {
        match self {
            Self::Listener(listening) => listening.close().await,
            Self::Endpoint(endpoint) => endpoint.close().await,
            Self::Paste => {}
        }
    }
}

/// Says what to do, opens the page on a terminal, and takes a pasted answer.
fn invite(
    ctx: &Ctx,
    args: &LoginArgs,
    asked: &Arc<Asked>,
    way: &Way,
    sender: mpsc::Sender<Arrival>,
) -> Result<(), CliError> {
    let (out, pastes) = (&ctx.out, std::io::stdin().is_terminal());
    let page = match way {
        Way::Endpoint(endpoint) => {
            let port = endpoint.page.port_or_known_default().unwrap_or(80);
            out.tell(format!(
                "Port {port} is the public endpoint of a running zoomd; the login uses it."
            ));
            &endpoint.page
        }
        Way::Paste if !pastes => {
            let text = "the redirect URL is not an http address of this machine, so this command cannot receive the authorization";
            return Err(CliError::config(text).code("redirect").hint(
                "run this on a terminal and paste the address, or use zoomd account connect-link",
            ));
        }
        _ => &asked.page,
    };
    out.tell(format!("Open this page to connect {}:\n\n  {page}\n", args.account));
    if out.is_interactive() && !args.no_browser {
        open_browser(page.as_str());
    }
    if !pastes {
        out.tell("Waiting for the authorization …");
        return Ok(());
    }
    if let Way::Endpoint(_) = way {
        out.tell(format!(
            "If your browser runs on another machine, open this page there instead:\n\n  {}\n",
            asked.page
        ));
    }
    out.tell("If the browser ends on an error page, paste that page's address here:");
    let (out, asked, redirect) =
        (out.clone(), Arc::clone(asked), ctx.config.zoom.redirect_url.clone());
    // A thread of its own: a read of the terminal cannot be given up.
    std::thread::spawn(move || take_pastes(&out, &asked, &redirect, &sender));
    Ok(())
}

/// Reads the terminal until a line is the answer to this login.
fn take_pastes(out: &Output, asked: &Asked, redirect: &Url, sender: &mpsc::Sender<Arrival>) {
    for line in std::io::stdin().lines().map_while(Result::ok) {
        if line.trim().is_empty() {
            continue;
        }
        match paste::read(&line, redirect, |state| asked.is_answered_by(state)) {
            Ok(back) => drop(sender.blocking_send(Arrival::pasted(back))),
            Err(wrong) => {
                out.warn(wrong);
                out.tell("Paste the address again, or press Ctrl-C:");
            }
        }
    }
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
        let text = paste::refused(error, back.error_description.as_deref());
        return Err(CliError::consent(format!("{text}; nothing was connected"))
            .code("denied")
            .hint(format!("zoomd account login {} starts again", wanted.account)));
    }
    let Some(code) = &back.code else {
        return Err(CliError::failed("Zoom returned no authorization code"));
    };
    Ok(consents.finish(asked, &SecretString::from(code.as_str()), wanted).await?)
}

fn summary(name: &AccountName, consented: &Consented) -> String {
    match &consented.outcome {
        Outcome::Stored { .. } => format!("{name} is connected. You may close this window."),
        Outcome::KeptFor { account } => format!(
            "This Zoom user already belongs to account {account}, whose authorization was renewed. {name} was not connected."
        ),
        Outcome::Older => format!("A newer authorization of {name} already exists and was kept."),
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
                ctx.out.note(format!("{} waiting for it can run now", count(*waiting, "job")));
            }
        }
        Outcome::KeptFor { account } => {
            let text = format!(
                "this Zoom user already belongs to account {account}, whose authorization was renewed; {name} was not connected"
            );
            return Err(CliError::failed(text).code("held").hint(format!(
                "authorize as another Zoom user, or move this one: zoomd account login {name} --take-over"
            )));
        }
        Outcome::Older => {
            let text = format!("a newer authorization of {name} already exists and was kept");
            return Err(CliError::failed(text).code("older"));
        }
    }
    let scope = consented.scope.as_deref().unwrap_or_default();
    if consented.scope.is_some()
        && let Some((missing, effect)) = scopes::lacking(scope)
    {
        ctx.out.warn(format!("the app lacks {}; {effect}", missing.join(" and ")));
    }
    finally(ctx, grants, name).await
}

/// Shows the connected account, and the next step.
async fn finally(ctx: &Ctx, grants: &Grants, name: &AccountName) -> CliResult {
    let exit = show::one(ctx, grants, name).await?;
    // The account is connected, whatever can be said of the daemons.
    let daemons = Ops::new(grants.store().clone()).daemons().await.unwrap_or_default();
    ctx.out.hint(match daemons.iter().any(|daemon| daemon.alive) {
        true => format!("create a meeting: {}", example(name, Timestamp::now())),
        false => "no daemon is running; start one with zoomd run".to_owned(),
    });
    Ok(exit)
}

/// A command that makes a meeting tomorrow.
fn example(name: &AccountName, now: Timestamp) -> String {
    let tomorrow = now + SignedDuration::from_hours(24);
    let start = tomorrow.strftime("%Y-%m-%dT%H:00:00Z");
    format!("zoomd enqueue --account {name} --topic Test --start-time {start} --duration 30 --wait")
}
