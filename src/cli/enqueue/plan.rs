//! Estimate of the days that a batch takes, behind the jobs that wait already.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde::Serialize;
use zoomd_store::eta::{Backlog, Position, Room};
use zoomd_store::inspect::{AccountFacts, Ops};

use super::read::Sound;
use crate::error::CliError;
use crate::output::columns;
use crate::output::table::Table;
use crate::text::count;

/// Hosts counted; jobs of further ones are planned as if each had one.
const MOST_HOSTS: usize = 100_000;
/// Hosts listed, those that take longest first.
const MOST_LISTED: usize = 1_000;
/// Lines shown to people.
const MOST_SHOWN: usize = 20;

/// Number of creates in a batch, by account and host.
#[derive(Debug, Default)]
pub(super) struct Tally(BTreeMap<String, BTreeMap<String, u64>>, usize);

impl Tally {
    pub(super) fn add(&mut self, job: &Sound) {
        for host in &job.hosts {
            let hosts = self.0.entry(job.account.clone()).or_default();
            if let Some(jobs) = hosts.get_mut(host) {
                *jobs += 1;
            } else if self.1 < MOST_HOSTS {
                hosts.insert(host.clone(), 1);
                self.1 += 1;
            }
        }
    }
}

/// Estimate for a batch.
#[derive(Debug, Default, Serialize)]
pub(super) struct Plan {
    /// UTC days on which something is made, today counted.
    pub(super) days: u64,
    /// Time at which the last job is expected to run.
    pub(super) done_at: Option<Timestamp>,
    /// Jobs that do not run today.
    pub(super) not_today: u64,
    /// Each host, those that take longest first; of many only the first.
    pub(super) hosts: Vec<HostPlan>,
    /// Hosts that are not listed.
    pub(super) more_hosts: usize,
}

/// Estimate for the jobs of one host.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct HostPlan {
    account: String,
    host: String,
    /// Of the batch.
    jobs: u64,
    /// That wait already, before them.
    waiting: u64,
    /// Jobs of the batch that run today.
    today: u64,
    days: u64,
    /// Required action before any of them runs: `unknown_account`, `consent`, `paused`.
    needs: Option<&'static str>,
}

impl Plan {
    /// Reads where the accounts of a batch stand.
    pub(super) async fn of(ops: &Ops, tally: &Tally) -> Result<Self, CliError> {
        let mut plan = Self::default();
        for (account, jobs) in &tally.0 {
            let hosts: Vec<&str> = jobs.keys().map(String::as_str).collect();
            let facts = ops.account_facts(account, &hosts).await?;
            plan.add(account, jobs, facts);
        }
        plan.hosts.sort_by(|a, b| (b.days, b.jobs, &a.host).cmp(&(a.days, a.jobs, &b.host)));
        plan.more_hosts = plan.hosts.len().saturating_sub(MOST_LISTED);
        plan.hosts.truncate(MOST_LISTED);
        Ok(plan)
    }

    fn add(&mut self, account: &str, jobs: &BTreeMap<String, u64>, facts: AccountFacts) {
        let needs = needs(&facts);
        let (line, first) = joined(facts.line, jobs);
        let (today, days) = (line.today(), line.days());
        let mut longest = (0, 0, 0);
        for (host, jobs) in jobs {
            let Some(&at) = first.get(host.as_str()) else { continue };
            let all = line.rooms[at].waiting;
            let waiting = all.saturating_sub(*jobs);
            let today = today[at].saturating_sub(waiting).min(*jobs);
            self.not_today += jobs - today;
            longest = longest.max((days[at], all, at));
            self.hosts.push(HostPlan {
                account: account.to_owned(),
                host: host.clone(),
                jobs: *jobs,
                waiting,
                today,
                days: days[at],
                needs,
            });
        }
        let (days, all, room) = longest;
        if all > 0 {
            self.days = self.days.max(days);
            let last = line.expect(Position { room, ahead: all - 1, due: None });
            self.done_at = self.done_at.max(Timestamp::from_millisecond(last.at_ms).ok());
        }
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        if self.hosts.is_empty() {
            return String::new();
        }
        let at = self.done_at.and_then(|at| Timestamp::from_second(at.as_second()).ok());
        let at = at.map(|at| format!(" (last job at about {at})")).unwrap_or_default();
        let late = if self.not_today == 0 {
            String::new()
        } else {
            format!("; {} are over today's limit", count(self.not_today, "job"))
        };
        let mut table =
            Table::new(["ACCOUNT", "HOST", "JOBS", "WAITING", "TODAY", "DAYS", "NEEDS"])
                .flexible(["ACCOUNT", "HOST"])
                .optional(["TODAY", "WAITING"]);
        for host in self.hosts.iter().take(MOST_SHOWN) {
            table.row([
                host.account.clone(),
                host.host.clone(),
                host.jobs.to_string(),
                host.waiting.to_string(),
                host.today.to_string(),
                host.days.to_string(),
                host.needs.unwrap_or_default().to_owned(),
            ]);
        }
        let days = count(self.days, "day");
        let mut text = format!("will take {days}{at}{late}\n{}", table.render(columns()).text);
        let more = (self.hosts.len() + self.more_hosts).saturating_sub(MOST_SHOWN);
        if more > 0 {
            text.push_str(&format!("and {more} more hosts\n"));
        }
        text
    }
}

/// Action that a person must take before any job of the account runs.
fn needs(facts: &AccountFacts) -> Option<&'static str> {
    match facts.state.as_deref() {
        None | Some("removed") => Some("unknown_account"),
        Some("active") if facts.all_paused || facts.paused.is_some() => Some("paused"),
        Some("active") => None,
        Some(_) => Some("consent"),
    }
}

/// The line with the batch in it; rooms of one host under two names are one. With
/// it where each host stands.
fn joined(line: Backlog, jobs: &BTreeMap<String, u64>) -> (Backlog, HashMap<String, usize>) {
    let mut rooms: Vec<Room> = Vec::with_capacity(line.rooms.len());
    let (mut counted, mut places) = (HashMap::new(), HashMap::new());
    for mut room in line.rooms {
        room.waiting += jobs.get(&room.host).copied().unwrap_or(0);
        let (host, name) = (room.host.clone(), room.counted_as.clone());
        let at = *counted.entry(name).or_insert(rooms.len());
        match rooms.get_mut(at) {
            Some(known) => known.waiting += room.waiting,
            None => rooms.push(room),
        }
        places.insert(host, at);
    }
    (Backlog { rooms, ..line }, places)
}

#[cfg(test)]
mod tests {
    use zoomd_store::eta::{Day, RateWindow};

    use super::*;

    const DAY_MS: i64 = 86_400_000;

    fn facts(rooms: &[(&str, &str, u64, u64)]) -> AccountFacts {
        let rooms = rooms.iter().map(|&(host, counted_as, waiting, used)| Room {
            host: host.into(),
            counted_as: counted_as.into(),
            waiting,
            day: Day { used, most: 100, ..Day::default() },
            ..Room::default()
        });
        let window = RateWindow { rate: 24, ..RateWindow::default() };
        let line =
            Backlog { now_ms: DAY_MS / 2, rooms: rooms.collect(), window, ..Backlog::default() };
        AccountFacts { state: Some("active".into()), line, ..AccountFacts::default() }
    }

    fn plan(rooms: &[(&str, &str, u64, u64)], jobs: &[(&str, u64)]) -> Plan {
        let jobs = jobs.iter().map(|(host, jobs)| ((*host).to_owned(), *jobs)).collect();
        let mut plan = Plan::default();
        plan.add("acme", &jobs, facts(rooms));
        plan
    }

    #[test]
    fn a_batch_is_put_behind_what_waits_and_into_what_is_left() {
        let table = [
            // Rooms as they stand, jobs; days, and those that are not for today.
            (vec![("me", "U", 0, 0)], vec![("me", 100)], 1, 0),
            (vec![("me", "U", 0, 0)], vec![("me", 130)], 2, 30),
            (vec![("me", "U", 0, 90)], vec![("me", 130)], 3, 120),
            (vec![("me", "U", 250, 0)], vec![("me", 1)], 3, 1),
            (vec![("a", "A", 0, 0), ("b", "B", 0, 100)], vec![("a", 90), ("b", 1)], 2, 1),
            // Two names of one host.
            (
                vec![("me", "U", 0, 0), ("u@x.com", "U", 0, 0)],
                vec![("me", 60), ("u@x.com", 60)],
                2,
                40,
            ),
        ];
        for (rooms, jobs, days, not_today) in table {
            let plan = plan(&rooms, &jobs);
            assert_eq!(plan.days, days, "{rooms:?} {jobs:?}: {plan:?}");
            assert!(plan.not_today.abs_diff(not_today) <= 20, "{rooms:?} {jobs:?}: {plan:?}");
            assert_eq!(plan.done_at.map(|at| at.as_second() / 86_400), Some(days as i64 - 1));
        }
    }

    #[test]
    fn what_people_must_do_first_is_said() {
        let state =
            |state: Option<&str>| AccountFacts { state: state.map(Into::into), ..facts(&[]) };
        assert_eq!(needs(&state(None)), Some("unknown_account"));
        assert_eq!(needs(&state(Some("needs_reauth"))), Some("consent"));
        assert_eq!(needs(&state(Some("active"))), None);
        let paused = AccountFacts { all_paused: true, ..state(Some("active")) };
        assert_eq!(needs(&paused), Some("paused"));
    }
}
