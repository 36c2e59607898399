//! Rooms and turns as a pure model: what admit.lua and claim.lua decide, in Rust.
//!
//! It holds what Redis holds of one namespace's waiting side, above the model of
//! the budgets, and hands out jobs in the very order of the scripts; a test walks
//! both through the same random steps. It serves to see in virtual time that
//! nobody starves. No clock, no IO. It leaves out what a walk can do without:
//! looks, caps, unknown hosts, second hosts, deadlines.

mod line;
mod restore;
mod zset;

use std::collections::{HashMap, HashSet};

use zoomd_store::limits::Budgets;
use zoomd_store::queue::WaitReason;

use crate::limits::{Ask, LimitsModel, Verdict};
use zset::Zset;

/// The bounds of claim.lua.
const VISITS: i64 = 128;
const HOSTS: usize = 16;
const HOST_TURN: i64 = 4;
const WAKES: usize = 128;
const QUANTUM: i64 = 16;
/// Time for which the lane of a paused account sleeps.
const PAUSE_MS: i64 = 60_000;

#[derive(Debug, Clone)]
struct Account {
    zoom: String,
    plan: String,
    paused: bool,
}

#[derive(Debug, Clone)]
struct Place {
    account: String,
    host: String,
    score: i64,
}

/// Jobs of one account and host that arrive together.
#[derive(Debug, Clone)]
pub struct Arrival {
    pub account: String,
    /// The host's user id.
    pub host: String,
    /// Ids, and their places in a room: see [`place`].
    pub jobs: Vec<(String, i64)>,
}

/// A job's place in its room: priority, then when its entry came.
#[must_use]
pub fn place(priority: u8, entry_ms: i64, entry_seq: i64) -> i64 {
    (i64::from(priority) * 10_000_000_000_000 + entry_ms) * 256 + entry_seq.min(255)
}

/// Jobs that one claim handed out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Served {
    /// Jobs in their order.
    pub jobs: Vec<String>,
    /// True if there is more that may go now.
    pub more: bool,
    /// Time of the next wake-up.
    pub next_wake_ms: Option<i64>,
}

/// The waiting side of a namespace.
#[derive(Debug, Clone)]
pub struct FairQueue {
    /// The budgets; settles of a call go there.
    pub budgets: LimitsModel,
    accounts: HashMap<String, Account>,
    jobs: HashMap<String, Place>,
    rooms: HashMap<String, Zset>,
    hosts: HashMap<String, Zset>,
    lines: HashMap<String, Zset>,
    ring: Zset,
    asleep: Zset,
    due: Zset,
}

/// State that one claim has read of the lines so far.
#[derive(Default)]
struct Glance {
    lined: HashMap<String, bool>,
    parts: HashMap<String, i64>,
    visits: i64,
    left: i64,
    jobs: Vec<String>,
}

/// Time to check a lane again.
enum Again {
    Now,
    At(i64),
    Never,
}

impl FairQueue {
    /// Nobody waits; a call is sent at the latest `send_ms` after its grant.
    #[must_use]
    pub fn new(budgets: Budgets, send_ms: i64) -> Self {
        Self {
            budgets: LimitsModel::new(budgets, send_ms),
            accounts: HashMap::new(),
            jobs: HashMap::new(),
            rooms: HashMap::new(),
            hosts: HashMap::new(),
            lines: HashMap::new(),
            ring: Zset::default(),
            asleep: Zset::default(),
            due: Zset::default(),
        }
    }

    pub fn account(&mut self, name: &str, zoom: &str, plan: &str) {
        let account = Account { zoom: zoom.to_owned(), plan: plan.to_owned(), paused: false };
        self.accounts.insert(name.to_owned(), account);
    }

    /// Pauses or resumes an account; a resume checks its rooms immediately.
    pub fn pause(&mut self, name: &str, paused: bool) {
        if let Some(account) = self.accounts.get_mut(name) {
            account.paused = paused;
        }
        if !paused && self.asleep.remove(name) {
            self.ring.push(name);
        }
    }

    /// Jobs just read, decided in one batch.
    pub fn admit(&mut self, now_ms: i64, arrivals: &[Arrival]) -> Vec<Verdict> {
        let (mut answers, mut waits) = (Vec::new(), Vec::new());
        let mut busy = HashSet::new();
        for Arrival { account, host, jobs } in arrivals {
            let Some(known) = self.accounts.get(account).cloned() else { continue };
            let room = room(account, host);
            let lined = self.lines.contains_key(&known.zoom);
            if self.rooms.contains_key(&room) || self.hosts.contains_key(account) || lined {
                busy.insert(room.clone());
            }
            for (id, score) in jobs {
                let ask = ask(account, &known, host, now_ms);
                let hindrance = self.hindrance(known.paused, ask, busy.contains(&room));
                let Some((why, until_ms, of_room)) = hindrance else {
                    answers.push(self.budgets.ask(ask));
                    continue;
                };
                busy.insert(room.clone());
                answers.push(Verdict::Waits { why, until_ms });
                self.note(id, account, host, *score);
                waits.push((id.clone(), (why != WaitReason::Turn).then_some((until_ms, of_room))));
            }
        }
        self.enter_rooms(waits);
        answers
    }

    /// The first reason why a job must wait, and whether only its room sleeps.
    fn hindrance(&self, paused: bool, ask: Ask<'_>, busy: bool) -> Option<(WaitReason, i64, bool)> {
        if paused {
            return Some((WaitReason::Paused, ask.now_ms + PAUSE_MS, false));
        }
        let of = |left: Option<(i64, WaitReason, i64)>, room| {
            left.filter(|(left, ..)| *left < 1).map(|(_, why, until)| (why, until, room))
        };
        of(self.budgets.left_of_zoom(ask), false)
            .or_else(|| of(self.budgets.left_of_host(ask), true))
            .or(busy.then_some((WaitReason::Turn, 0, false)))
    }

    fn note(&mut self, id: &str, account: &str, host: &str, score: i64) {
        let place = Place { account: account.to_owned(), host: host.to_owned(), score };
        self.jobs.insert(id.to_owned(), place);
    }

    /// A job goes back to its room.
    pub fn to_room(&mut self, id: &str, account: &str, host: &str, score: i64) {
        self.note(id, account, host, score);
        self.enter_rooms(vec![(id.to_owned(), None)]);
    }

    /// A job sleeps.
    pub fn sleep(&mut self, id: &str, account: &str, host: &str, score: i64, until_ms: i64) {
        self.note(id, account, host, score);
        self.due.set(id, until_ms);
    }

    /// Jobs stand in their rooms; rooms that were empty have a turn, or sleep
    /// (alone, or with their account) until a time.
    fn enter_rooms(&mut self, jobs: Vec<(String, Option<(i64, bool)>)>) {
        let mut fresh = Vec::new();
        for (id, sleep) in jobs {
            let Some(place) = self.jobs.get(&id) else { continue };
            let (account, host) = (place.account.clone(), place.host.clone());
            let name = room(&account, &host);
            if !self.rooms.contains_key(&name) {
                fresh.push((account, host, sleep));
            }
            self.rooms.entry(name).or_default().set(&id, place.score);
        }
        for (account, host, sleep) in fresh {
            let name = room(&account, &host);
            if let Some((until, true)) = sleep {
                self.asleep.set(&name, until);
                continue;
            }
            self.asleep.remove(&name);
            self.hosts.entry(account.clone()).or_default().push(&host);
            match sleep {
                Some((until, _)) if !self.ring.has(&account) => self.asleep.add(&account, until),
                None if !self.asleep.has(&account) => self.ring.push(&account),
                _ => {}
            }
        }
    }

    fn wake(&mut self, now_ms: i64) -> usize {
        let due = self.due.take(now_ms, WAKES);
        let names = due.len();
        self.enter_rooms(due.into_iter().map(|id| (id, None)).collect());
        let sleepers = self.asleep.take(now_ms, WAKES);
        for name in &sleepers {
            let Some((account, host)) = name.split_once('|') else {
                self.ring.push(name);
                continue;
            };
            if self.rooms.contains_key(name) {
                self.hosts.entry(account.to_owned()).or_default().push(host);
                if !self.asleep.has(account) {
                    self.ring.push(account);
                }
            }
        }
        names + sleepers.len()
    }

    /// Hands out up to `most` jobs.
    pub fn claim(&mut self, now_ms: i64, most: usize) -> Served {
        let woken = self.wake(now_ms);
        let left = i64::try_from(most).unwrap_or(i64::MAX);
        let mut glance = Glance { left, ..Glance::default() };
        while glance.left > 0 && glance.visits < VISITS {
            let Some(mut lane) = self.ring.first() else { break };
            glance.visits += 1;
            let mut again = self.serve(&lane, now_ms, false, &mut glance);
            if let Err(first) = again {
                self.asleep.remove(&first);
                again = self.serve(&first, now_ms, true, &mut glance);
                lane = first;
            }
            self.ring.remove(&lane);
            match again {
                Ok(Again::Now) => self.ring.push(&lane),
                Ok(Again::At(until)) => self.asleep.set(&lane, until),
                _ => {}
            }
        }
        let wakes = [&self.asleep, &self.due];
        Served {
            jobs: glance.jobs,
            more: woken >= WAKES || !self.ring.is_empty(),
            next_wake_ms: wakes.iter().filter_map(|set| set.order.first()).map(|(at, _)| *at).min(),
        }
    }

    /// A lane's turn; or the lane whose turn it is instead.
    fn serve(
        &mut self,
        lane: &str,
        now_ms: i64,
        called: bool,
        glance: &mut Glance,
    ) -> Result<Again, String> {
        let Some(account) = self.accounts.get(lane).cloned() else { return Ok(Again::Never) };
        if account.paused {
            return Ok(Again::At(now_ms + PAUSE_MS));
        }
        let zoom = &account.zoom;
        let lined = self.lines.contains_key(zoom);
        glance.lined.entry(zoom.clone()).or_insert(lined);
        let before = glance.left;
        let ask = ask(lane, &account, "", now_ms);
        let mut spent = self.held(ask);
        let mut again = spent.map_or(Again::Now, Again::At);
        if spent.is_none() {
            let part = self.part(lane, ask, called, glance)?;
            (again, spent) = self.serve_hosts(lane, part.min(QUANTUM), ask, glance);
        }
        let had = glance.left < before;
        self.go_on_in_line(lane, ask, had, &again, spent.is_some(), glance);
        Ok(again)
    }

    fn held(&self, ask: Ask<'_>) -> Option<i64> {
        let left = self.budgets.left_of_zoom(ask);
        left.filter(|(left, ..)| *left < 1).map(|(_, _, until)| until)
    }

    /// Serves the account's hosts in turn; returns the time until which its budget is used up, if
    /// it is.
    fn serve_hosts(
        &mut self,
        lane: &str,
        mut part: i64,
        ask: Ask<'_>,
        glance: &mut Glance,
    ) -> (Again, Option<i64>) {
        part = part.min(glance.left);
        for _ in 0..HOSTS {
            if part < 1 {
                break;
            }
            let first = self.hosts.get(lane).and_then(Zset::first);
            let Some(host) = first else { return (Again::Never, None) };
            if let Some(until) = self.held(ask) {
                return (Again::At(until), Some(until));
            }
            part -= self.serve_host(lane, &host, part, ask.now_ms, glance);
        }
        (if self.hosts.contains_key(lane) { Again::Now } else { Again::Never }, None)
    }

    fn serve_host(
        &mut self,
        lane: &str,
        host: &str,
        part: i64,
        now_ms: i64,
        glance: &mut Glance,
    ) -> i64 {
        let account = self.accounts[lane].clone();
        let (name, ask) = (room(lane, host), ask(lane, &account, host, now_ms));
        let of_host = self.budgets.left_of_host(ask);
        self.drop_host(lane, host);
        if let Some((left, _, until)) = of_host
            && left < 1
        {
            self.asleep.set(&name, until);
            return 0;
        }
        let left = |left: Option<(i64, WaitReason, i64)>| left.map_or(i64::MAX, |(left, ..)| left);
        let most = part.min(HOST_TURN).min(left(of_host)).min(left(self.budgets.left_of_zoom(ask)));
        let Some(waiting) = self.rooms.get_mut(&name) else { return 0 };
        let jobs = waiting.take(i64::MAX, usize::try_from(most).unwrap_or(0));
        if waiting.is_empty() {
            self.rooms.remove(&name);
        } else {
            self.hosts.entry(lane.to_owned()).or_default().push(host);
        }
        for id in &jobs {
            self.budgets.ask(ask);
            self.jobs.remove(id);
        }
        let served = i64::try_from(jobs.len()).unwrap_or(0);
        glance.left -= served;
        glance.jobs.extend(jobs);
        served
    }

    fn drop_host(&mut self, account: &str, host: &str) {
        let Some(hosts) = self.hosts.get_mut(account) else { return };
        hosts.remove(host);
        if hosts.is_empty() {
            self.hosts.remove(account);
        }
    }
}

fn room(account: &str, host: &str) -> String {
    format!("{account}|{host}")
}

fn ask<'a>(name: &'a str, account: &'a Account, host: &'a str, now_ms: i64) -> Ask<'a> {
    Ask { account: name, zoom: &account.zoom, plan: &account.plan, host, now_ms }
}
