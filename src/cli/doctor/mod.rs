//! `zoomd doctor`: looks at everything zoomd stands on, goes on after a failure,
//! and names the next command to type for each thing that is wrong. Changes
//! nothing anywhere. Exit 1 if anything failed.

mod accounts;
mod health;
mod keys;
mod local;
mod neighbours;
mod public;
mod redis;
pub mod report;
mod rights;
mod traces;
mod zoom;

use clap::Args;
use zoomd_store::Store;

use super::Global;
use crate::config::{Config, ConfigError, Origin, strange_variables};
use crate::error::CliResult;
use crate::exit::Exit;
use crate::health::{Facts, Gatherer};
use crate::output::Output;
use report::{Finding, Report, State};

/// `zoomd doctor`.
#[derive(Debug, Args)]
#[command(after_help = "Each line says PASS, WARN or FAIL. Exit 1 if anything failed.")]
pub struct DoctorArgs {
    /// Do not check the connection to Zoom
    #[arg(long)]
    pub offline: bool,
}

/// Looks, and reports.
pub async fn run(out: &Output, global: &Global, args: DoctorArgs) -> CliResult {
    let flags = global.namespace.iter().map(|n| ("namespace", n.clone(), "--namespace")).collect();
    let report = examine(Config::load(global.config.as_deref(), flags), args.offline).await;
    out.show(&report, || report.text())?;
    Ok(if report.ok { Exit::Done } else { Exit::Failed })
}

/// All findings about a configuration, or about why there is none.
pub async fn examine(config: Result<Config, ConfigError>, offline: bool) -> Report {
    let config = match config {
        Ok(config) => config,
        Err(error) => {
            let next = error.hint.unwrap_or_else(|| "zoomd help config".to_owned());
            return Report::new(vec![Finding::fail("config", error.message, next)]);
        }
    };
    let mut checks = configuration(&config);
    let store = redis::open(&config).await;
    let facts = match &store {
        Ok(store) => Some(Gatherer::of_command(&config, store.clone()).gather(Vec::new()).await),
        Err(_) => None,
    };
    let found = facts.as_ref().and_then(|facts| facts.found.as_deref().ok());
    checks.extend(local::look(&config, found.and_then(|found| found.keys.as_ref())));
    checks.extend(public::look(&config));
    if !offline {
        checks.extend(zoom::look(&config).await);
        checks.extend(traces::look(&config).await);
    }
    match (store, facts) {
        (Ok(store), Some(facts)) => checks.extend(namespace(&config, &store, &facts).await),
        (Err(finding), _) => checks.push(finding),
        (Ok(_), None) => {}
    }
    Report::new(checks)
}

/// Findings about Redis and the namespace.
async fn namespace(config: &Config, store: &Store, facts: &Facts) -> Vec<Finding> {
    let mut checks: Vec<_> = redis::server(facts).into_iter().collect();
    checks.extend(health::look(facts));
    let Ok(found) = &facts.found else { return checks };
    checks.push(redis::namespace(config, store, &facts.here.redis).await);
    let rights = rights::look(store).await;
    // Checks that need scripts would only repeat that scripts are refused.
    let scripts = rights.state != State::Fail;
    checks.push(rights);
    if scripts {
        checks.extend(keys::look(config, store).await);
    }
    checks.extend(accounts::look(config, store, found).await);
    checks.extend(neighbours::look(store).await);
    checks
}

fn configuration(config: &Config) -> Vec<Finding> {
    let given = crate::config::SETTINGS
        .iter()
        .filter_map(|s| config.resolved.get(s.key))
        .filter(|(_, origin)| **origin != Origin::Default);
    let files: std::collections::BTreeSet<String> = given
        .filter_map(|(_, origin)| match origin {
            Origin::File(path) => Some(path.display().to_string()),
            _ => None,
        })
        .collect();
    let from = if files.is_empty() {
        "no file; environment and defaults".to_owned()
    } else {
        files.into_iter().collect::<Vec<_>>().join(", ")
    };
    let mut checks = vec![Finding::pass("config", from)];
    let env = crate::config::environment().unwrap_or_default();
    for (name, near) in strange_variables(&env) {
        let next = near.map_or_else(|| format!("unset {name}"), |n| format!("did you mean {n}?"));
        checks.push(Finding::warn(
            "config",
            format!("{name} is set but is not a known setting"),
            next,
        ));
    }
    if let Err(error) = crate::telemetry::check(&config.log) {
        checks.push(Finding::fail("config", error.message, error.hint.unwrap_or_default()));
    }
    checks
}
