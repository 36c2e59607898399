//! The machinery: daemons, Redis, token refreshes, versions.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::Console;
use super::answer::{Made, Refused};
use super::asked::Asked;
use super::overview::{Daemon, daemons, refreshed};
use super::shell::{Shell, Tab};
use super::show::{length, number, sentence};
use crate::http::Ready;
use crate::views::status::Numbers;

#[derive(Template)]
#[template(path = "system.html")]
struct Page<'a> {
    shell: Shell,
    checks: Vec<(String, bool, String)>,
    daemons: Vec<Daemon<'a>>,
    redis: Vec<(&'static str, String, &'static str)>,
    tokens: Vec<(&'static str, String)>,
}

/// Facts of Redis: name, value, and the tone of one that is no good.
fn redis(found: &crate::views::status::Found) -> Vec<(&'static str, String, &'static str)> {
    let server = &found.vitals.server;
    let mib = |bytes: u64| format!("{} MiB", number(bytes >> 20));
    let memory = match server.max_memory {
        0 => format!("{} (no limit is set)", mib(server.used_memory)),
        most => format!("{} of {}", mib(server.used_memory), mib(most)),
    };
    let fsync = server.fsync.as_deref().unwrap_or("not known");
    let file = if server.aof { format!("yes, fsync {fsync}") } else { "no".to_owned() };
    let keeps = server.policy == "noeviction";
    let mut facts = vec![
        ("Server", format!("{} {}", server.product, server.version), ""),
        ("Running for", length(server.uptime_s), ""),
        ("Memory", memory, ""),
        ("When it is full", server.policy.clone(), if keeps { "" } else { "bad" }),
        ("Append-only file", file, if server.aof { "" } else { "warn" }),
        ("Replicas", server.replicas.to_string(), ""),
        ("Cluster", if server.cluster { "yes" } else { "no" }.to_owned(), ""),
    ];
    if let Some(refusal) = &found.vitals.refusal {
        facts.push(("Refuses writes", refusal.what.clone(), "bad"));
    }
    facts
}

fn tokens(numbers: &Numbers<'_>) -> Vec<(&'static str, String)> {
    let of = &numbers.rotations;
    let line = refreshed(numbers).unwrap_or_else(|| format!("none in {} days", of.days));
    let mut facts = vec![("Refreshes", line)];
    for (name, count) in [
        ("Late", of.late),
        ("Recovered from the journal", of.repaired),
        ("Refused by Zoom", of.refused),
        ("In doubt now", of.in_doubt),
    ] {
        facts.extend((count > 0).then(|| (name, number(count))));
    }
    facts
}

fn checks(ready: &Ready) -> Vec<(String, bool, String)> {
    let check = |(name, check): (&&str, &crate::http::Check)| {
        let why = check.why.as_deref().map(sentence).unwrap_or_default();
        let name = match *name {
            "redis" => "Redis answers",
            "intake" => "Reads new jobs",
            "draining" => "Takes work",
            "journal" => "Keeps its journal",
            "parts" => "All parts run",
            other => other,
        };
        (sentence(name), check.ok, why)
    };
    ready.checks.iter().map(check).collect()
}

async fn page(console: &Console, shell: Shell) -> Made {
    let ready = console.0.health.ready().await;
    let look = shell.look.clone().ok_or(Refused::Away)?;
    let found = look.numbers.as_ref().ok_or(Refused::Away)?;
    let numbers = Numbers::of(found);
    let page = Page {
        shell,
        checks: checks(&ready),
        daemons: daemons(&numbers),
        redis: redis(found),
        tokens: tokens(&numbers),
    };
    Ok(page.render()?)
}

pub(super) async fn show(State(console): State<Console>, asked: Asked) -> Response {
    let of = console.clone();
    console.answer(asked, Tab::System, "System", async move |shell| page(&of, shell).await).await
}
