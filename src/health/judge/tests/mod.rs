//! Healthy facts, for the tests to change: `rows` has one test for each code, `rules` the rest.

mod jobs;
mod redis;
mod rows;
mod rules;

use std::collections::BTreeMap;

use zoomd_store::ErrorKind;
use zoomd_store::inspect::Paused;
use zoomd_store::inspect::{
    AccountVitals, AppStop, DaemonLine, Held, Left, Level, Presence, Problem, Ready, Refusal,
    Vitals,
};
use zoomd_store::probe::ServerFacts;
use zoomd_store::queue::WaitReason;
use zoomd_store::rekey::Survey;
use zoomd_store::rotation::{Doubt, OpenIntent};

use super::*;
use crate::health::facts::Accounts;
use crate::health::stuck::Stuck;
use crate::health::tools::Tools;

const NOW: i64 = 1_900_000_000_000;

fn daemon(id: &str, silent_ms: i64) -> DaemonLine {
    let presence = Presence {
        id: id.to_owned(),
        host: "m1".to_owned(),
        pid: 42,
        version: "1".to_owned(),
        started_ms: NOW - 3_600_000 - silent_ms,
        problems: Vec::new(),
    };
    DaemonLine { presence, seen_ms: NOW - silent_ms, alive: silent_ms < 4_000 }
}

fn account(name: &str) -> AccountVitals {
    AccountVitals {
        name: name.to_owned(),
        state: "active".to_owned(),
        waiting: 7,
        issuer: "https://zoom.us".to_owned(),
        client_id: "app".to_owned(),
        ..AccountVitals::default()
    }
}

/// A namespace in which nothing is wrong: one daemon, one account.
fn well() -> Found {
    let server = ServerFacts { aof: true, persists: true, ..ServerFacts::default() };
    let vitals = Vitals {
        now_ms: NOW,
        server,
        used: true,
        daemons: vec![daemon("d1", 500)],
        stream: 3,
        ..Vitals::default()
    };
    let accounts = Accounts(BTreeMap::from([("acme".to_owned(), account("acme"))]));
    Found { vitals, accounts, ..Found::default() }
}

fn here() -> Here {
    Here {
        namespace: "zoomd".to_owned(),
        redis: "redis://db:6379".to_owned(),
        machine: "m1".to_owned(),
        hold_ms: 60_000,
        tools: Tools { redis_cli: true, ..Tools::default() },
        ..Here::default()
    }
}

fn judged(found: Found) -> Judgement {
    judge(&Facts { here: here(), own: Vec::new(), found: Ok(Box::new(found)) })
}

fn of_acme(found: &mut Found) -> &mut AccountVitals {
    found.accounts.0.get_mut("acme").expect("it is there")
}

fn intent(doubt: Option<Doubt>) -> OpenIntent {
    OpenIntent {
        account: zoomd_wire::AccountName::new("acme").expect("a name"),
        id: "i".to_owned(),
        host: "d0".to_owned(),
        version: None,
        fp: None,
        at_ms: NOW - 40_000,
        doubt,
        due_ms: Some(NOW + 600_000),
        probe: false,
    }
}

fn stop() -> AppStop {
    AppStop {
        issuer: "https://zoom.us".to_owned(),
        client_id: "app".to_owned(),
        since_ms: Some(NOW - 5_000),
        until_ms: NOW - 1,
        mass: false,
        why: "zoom does not accept the app (status 401)".to_owned(),
    }
}

fn refusal(kind: ErrorKind, section: &'static str) -> Refusal {
    Refusal { kind, what: "it takes no writes".to_owned(), section, certain: true }
}

fn stuck() -> Stuck {
    let room = Ready {
        account: "acme".to_owned(),
        host: "me".to_owned(),
        jobs: 3,
        first: "first".to_owned(),
        oldest: "old".to_owned(),
        oldest_ms: NOW - 600_000,
    };
    Stuck { since_ms: NOW - 70_000, room }
}

fn host_day(why: WaitReason) -> Held {
    let (account, host) = ("acme".to_owned(), "ann".to_owned());
    let counted_as = "Uann".to_owned();
    Held { account, host, counted_as, why, jobs: 5, until_ms: Some(NOW + 3_600_000) }
}
