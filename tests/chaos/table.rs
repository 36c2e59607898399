//! Results of rounds: rows that add up, a file of them, and the table.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::book::{Book, Outcome};
use crate::plan::Kind;

/// Results of one kind of fault.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Row {
    /// Number of times it was injected.
    pub blows: u64,
    /// Kills among them that hit a process with work in flight.
    pub kills: u64,
    /// Jobs in hand then.
    pub jobs: u64,
    /// Of those, without an outcome.
    pub lost: u64,
    /// Of those, with more meetings than one, or outcomes.
    pub doubled: u64,
    /// Jobs with more meetings or outcomes than one, in rounds that open one of the contract's
    /// windows.
    pub twins: u64,
    /// The longest from a blow to the outcome of a job it hit last.
    pub worst_ms: u64,
}

/// Results of a campaign.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Rows {
    pub seed: u64,
    pub scale: String,
    /// Rounds by kind.
    pub rounds: BTreeMap<String, u64>,
    /// Rounds by how Zoom was read in them.
    pub readings: BTreeMap<String, u64>,
    /// Jobs by what they ended as.
    pub ends: BTreeMap<String, u64>,
    /// Jobs by kind, and by what they did or why they failed.
    pub kinds: BTreeMap<String, u64>,
    /// Meetings that were changed, each of which Zoom showed as its jobs say.
    pub targets: u64,
    /// Calls of rounds in which nothing holds a call up, and those among them that were
    /// over Zoom's limit per second.
    pub paced: (u64, u64),
    /// Rules of Zoom that the daemons broke, with counts.
    pub broken: BTreeMap<String, u64>,
    /// By blow.
    pub rows: BTreeMap<String, Row>,
}

impl Rows {
    /// Adds a round.
    pub fn add(&mut self, kind: Kind, book: &Book, twins: &HashMap<&str, usize>) {
        *self.rounds.entry(format!("{kind:?}")).or_default() += 1;
        for outcomes in book.jobs.values() {
            let end = outcomes.first().map_or("lost", |o| o.code.as_deref().unwrap_or("succeeded"));
            *self.ends.entry(end.to_owned()).or_default() += 1;
            if let Some(Outcome { kind, code, effect, .. }) = outcomes.first() {
                let did = code.as_deref().or(effect.as_deref()).unwrap_or("created");
                *self.kinds.entry(format!("{kind} {did}")).or_default() += 1;
            }
        }
        let mut last = HashMap::new();
        for struck in &book.struck {
            last.extend(struck.jobs.iter().map(|key| (key.as_str(), struck.at)));
        }
        for struck in &book.struck {
            let row = self.rows.entry(struck.row.clone()).or_default();
            row.blows += 1;
            row.kills += u64::from(struck.counts);
            row.jobs += struck.jobs.len() as u64;
            for key in &struck.jobs {
                let outcomes = book.jobs.get(key).map_or(&[][..], Vec::as_slice);
                let doubled = u64::from(twins.contains_key(key.as_str()));
                row.lost += u64::from(outcomes.is_empty());
                if kind.window().is_none() {
                    row.doubled += doubled;
                }
                let end = outcomes.iter().map(|o| o.at).find(|at| *at >= struck.at);
                if let Some(end) = end.filter(|_| last[key.as_str()] == struck.at) {
                    row.worst_ms = row.worst_ms.max((end - struck.at).as_millis() as u64);
                }
            }
        }
        if let Some(window) = kind.window() {
            let all: usize = twins.values().sum();
            self.rows.entry(window.to_owned()).or_default().twins += all as u64;
        }
    }

    /// Notes what Zoom is like in a round.
    pub fn read(&mut self, readings: &[&'static str]) {
        for name in readings {
            *self.readings.entry((*name).to_owned()).or_default() += 1;
        }
    }

    /// Adds another campaign of the same scale.
    pub fn merge(&mut self, other: &Self) {
        for (kind, rounds) in &other.rounds {
            *self.rounds.entry(kind.clone()).or_default() += rounds;
        }
        for (name, rounds) in &other.readings {
            *self.readings.entry(name.clone()).or_default() += rounds;
        }
        for (end, jobs) in &other.ends {
            *self.ends.entry(end.clone()).or_default() += jobs;
        }
        for (kind, jobs) in &other.kinds {
            *self.kinds.entry(kind.clone()).or_default() += jobs;
        }
        self.targets += other.targets;
        self.paced.0 += other.paced.0;
        self.paced.1 += other.paced.1;
        for (rule, times) in &other.broken {
            *self.broken.entry(rule.clone()).or_default() += times;
        }
        for (name, more) in &other.rows {
            let row = self.rows.entry(name.clone()).or_default();
            row.blows += more.blows;
            row.kills += more.kills;
            row.jobs += more.jobs;
            row.lost += more.lost;
            row.doubled += more.doubled;
            row.twins += more.twins;
            row.worst_ms = row.worst_ms.max(more.worst_ms);
        }
    }

    /// Kills that hit a process with work in flight.
    pub fn kills(&self) -> u64 {
        self.rows.values().map(|row| row.kills).sum()
    }

    /// The table, as the documents have it.
    pub fn table(&self) -> String {
        let jobs: u64 = self.ends.values().sum();
        let rounds: u64 = self.rounds.values().sum();
        let mut out = format!(
            "{} times: {rounds} rounds, {jobs} jobs, {} meetings that were changed, {} kills that hit \
             work in flight\n\n",
            self.scale,
            self.targets,
            self.kills()
        );
        out += "| what struck | times | kills that count | jobs in hand | lost | doubled | duplicates in windows | worst recovery |\n";
        out += "|---|---|---|---|---|---|---|---|\n";
        for (name, r) in &self.rows {
            let worst = r.worst_ms as f64 / 1000.0;
            let _ = writeln!(
                out,
                "| {name} | {} | {} | {} | {} | {} | {} | {worst:.1} s |",
                r.blows, r.kills, r.jobs, r.lost, r.doubled, r.twins
            );
        }
        let _ = writeln!(
            out,
            "\nrounds: {:?}\nreadings of zoom: {:?}\nends: {:?}\nby kind: {:?}\nat zoom: {:?}",
            self.rounds, self.readings, self.ends, self.kinds, self.broken
        );
        out
    }
}

/// Adds a campaign to a file, a line of JSON for each; answers the sum of all
/// of the same scale.
pub fn add_to(file: &Path, rows: &Rows) -> std::io::Result<Rows> {
    let mut to = std::fs::OpenOptions::new().create(true).append(true).open(file)?;
    writeln!(to, "{}", serde_json::to_string(rows)?)?;
    let mut sum = Rows { scale: rows.scale.clone(), ..Rows::default() };
    for line in std::fs::read_to_string(file)?.lines() {
        let one: Rows = serde_json::from_str(line)?;
        if one.scale == rows.scale {
            sum.merge(&one);
        }
    }
    Ok(sum)
}
