//! `zoom-sim`: the simulator as a process. Prints its URL, then serves until it
//! is interrupted. All else is asked and done under `/_sim` (see the README).

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use zoom_sim::{App, Config, Plan, Reuse, Sim};

/// A Zoom that can fail on demand.
///
/// Prints its URL and serves until it is interrupted. Faults, time, counts and
/// seeds are under /_sim of that URL.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// The plan of every account.
    #[arg(long, value_enum, default_value = "pro")]
    plan: PlanName,
    /// Creates and updates a user and day; 0 is without limit. 100 unless the plan is unlimited.
    #[arg(long, value_name = "N")]
    user_day: Option<u32>,
    /// Reaction to a used refresh token: strict, tolerant:N or revoke-family.
    #[arg(long, default_value = "strict", value_parser = reuse)]
    tokens: Reuse,
    /// Life of an access token, in seconds.
    #[arg(long, default_value_t = 3_599, value_name = "SECONDS")]
    access_ttl: i64,
    /// The client id of the app.
    #[arg(long, default_value = "sim-client", value_name = "ID")]
    client_id: String,
    /// A file with the client secret of the app ("sim-secret" without).
    #[arg(long, value_name = "FILE")]
    client_secret_file: Option<PathBuf>,
    /// New meetings are listed only after so many milliseconds.
    #[arg(long, default_value_t = 0, value_name = "MS")]
    list_lag: i64,
    /// Maximum number of meetings to keep.
    #[arg(long, value_name = "N")]
    keep_meetings: Option<usize>,
    /// Makes ids, tokens and chances repeatable.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// A whole configuration as JSON, in place of all the above but the address.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum PlanName {
    Free,
    Pro,
    Business,
    Unlimited,
}

fn reuse(text: &str) -> Result<Reuse, String> {
    match text.split_once(':') {
        None if text == "strict" => Ok(Reuse::Strict),
        None if text == "revoke-family" => Ok(Reuse::RevokeFamily),
        Some(("tolerant", times)) => times.parse().map(Reuse::Tolerant).map_err(|e| e.to_string()),
        _ => Err("one of strict, tolerant:N, revoke-family".into()),
    }
}

impl Args {
    fn into_config(self) -> Result<Config, String> {
        let read = |path: &PathBuf| {
            std::fs::read_to_string(path)
                .map_err(|e| format!("cannot read {}: {e}", path.display()))
        };
        let mut config = match &self.config {
            Some(path) => serde_json::from_str(&read(path)?).map_err(|e| e.to_string())?,
            None => Config::default(),
        };
        config.listen = self.listen;
        if self.config.is_some() {
            return Ok(config);
        }
        let secret = match &self.client_secret_file {
            Some(path) => read(path)?.trim().to_owned(),
            None => "sim-secret".into(),
        };
        let client_secret = Some(secret);
        config.apps = vec![App { client_id: self.client_id, client_secret, ..App::default() }];
        config.seed = self.seed;
        let rules = &mut config.rules;
        (rules.limits.plan, rules.limits.user_day) = match self.plan {
            PlanName::Free => (Plan::Free, Some(100)),
            PlanName::Pro => (Plan::Pro, Some(100)),
            PlanName::Business => (Plan::Business, Some(100)),
            PlanName::Unlimited => (Plan::Unlimited, None),
        };
        if let Some(most) = self.user_day {
            rules.limits.user_day = Some(most).filter(|n| *n > 0);
        }
        rules.tokens.reuse = self.tokens;
        rules.tokens.access_ttl_ms = self.access_ttl * 1_000;
        rules.list.lag_ms = self.list_lag;
        if let Some(most) = self.keep_meetings {
            rules.keep.meetings = most;
        }
        Ok(config)
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    let run = || -> Result<(), String> {
        let config = args.into_config()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| e.to_string())?;
        runtime.block_on(serve(config))
    };
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            let _ = writeln!(std::io::stderr(), "zoom-sim: {why}");
            ExitCode::from(2)
        }
    }
}

async fn serve(config: Config) -> Result<(), String> {
    let sim = Sim::try_start(config).await.map_err(|e| e.to_string())?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", sim.url()).and_then(|()| out.flush()).map_err(|e| e.to_string())?;
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .map_err(|e| e.to_string())?;
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
        () = sim.ended() => {}
    }
    sim.stop();
    Ok(())
}
