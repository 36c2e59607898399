//! State of the simulated Zoom, behind one mutex: people, apps, grants, meetings, faults, counts.
//! It does no IO; every change happens in one call under the lock, so a request is either before or
//! after another.

use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::codes::Codes;
use crate::config::{App, Config, Hooks, Rules};
use crate::counters::{Counters, Rule, Violation};
use crate::endpoint::Endpoint;
use crate::faults::Faults;
use crate::grants::Grants;
use crate::limits::{Spent, UserDay};
use crate::meetings::Meetings;
use crate::plan::Plan;

/// A Zoom user to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UserSpec {
    /// The e-mail address: what the user is called.
    pub email: String,
    /// The id; made when absent.
    pub id: Option<String>,
    /// The Zoom account; one of its own when absent.
    pub account: Option<String>,
    /// The plan of that account, when it is not the general one.
    pub plan: Option<Plan>,
    /// The time zone; UTC when absent.
    pub timezone: Option<String>,
    /// Others of the account may not schedule for this user.
    pub no_scheduling_for: bool,
}

impl UserSpec {
    /// A user of this name (an e-mail address, or what stands before `@example.com`).
    pub fn named(name: &str) -> Self {
        Self { email: address(name), ..Self::default() }
    }

    /// In this Zoom account.
    pub fn account(mut self, account: &str) -> Self {
        self.account = Some(account.into());
        self
    }

    /// With this plan for the account.
    pub fn plan(mut self, plan: Plan) -> Self {
        self.plan = Some(plan);
        self
    }
}

impl From<&str> for UserSpec {
    fn from(name: &str) -> Self {
        Self::named(name)
    }
}

pub(crate) fn address(name: &str) -> String {
    if name.contains('@') {
        name.to_lowercase()
    } else {
        format!("{}@example.com", name.to_lowercase())
    }
}

/// A Zoom user as others see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserView {
    pub id: String,
    /// The e-mail address.
    pub email: String,
    /// The Zoom account.
    pub account: String,
    /// Creates and updates of this UTC day.
    pub used_today: u32,
    /// Meetings remembered (not deleted).
    pub meetings: usize,
}

pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) email: String,
    pub(crate) account: usize,
    pub(crate) timezone: String,
    pub(crate) pmi: u64,
    pub(crate) no_scheduling_for: bool,
    pub(crate) day: UserDay,
    /// Serials of the meetings it hosts, oldest first.
    pub(crate) meetings: VecDeque<u64>,
}

pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) plan: Option<Plan>,
    pub(crate) owner: Option<usize>,
    pub(crate) spent: Spent,
}

/// Consent that the next visit of the authorization page gives.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Consent {
    /// The user (id, e-mail or name); made when unknown. `sim_user` in the query goes first.
    pub user: Option<String>,
    /// The user says no.
    pub deny: bool,
    /// The scopes granted, when not those of the app.
    pub scope: Option<String>,
}

/// One entry of the request log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestView {
    /// The simulator's time.
    pub at_ms: i64,
    /// Endpoint that was called.
    pub endpoint: Endpoint,
    /// The e-mail address behind the token, when it was good.
    pub user: Option<String>,
    /// The path, without its query.
    pub path: String,
    /// Status of the answer; 0 if the connection was cut.
    pub status: u16,
}

pub(crate) struct World {
    pub(crate) url: String,
    pub(crate) clock: Clock,
    pub(crate) rules: Rules,
    pub(crate) apps: Vec<App>,
    pub(crate) users: Vec<User>,
    user_names: HashMap<String, usize>,
    pub(crate) accounts: Vec<Account>,
    account_ids: HashMap<String, usize>,
    pub(crate) grants: Grants,
    pub(crate) codes: Codes,
    pub(crate) meetings: Meetings,
    pub(crate) faults: Faults,
    pub(crate) consents: VecDeque<Consent>,
    pub(crate) counters: Counters,
    pub(crate) violations: VecDeque<Violation>,
    pub(crate) requests: VecDeque<RequestView>,
    /// Events of meetings that are to be sent.
    pub(crate) outbox: Vec<(Hooks, String)>,
    pub(crate) in_flight: u64,
    /// Requests since the start; never reset.
    pub(crate) arrivals: u64,
    /// The second and the `Date` header of it.
    pub(crate) date: (i64, String),
    seed: u64,
    draws: u64,
}

impl World {
    pub(crate) fn new(config: &Config, url: String) -> Self {
        Self {
            url,
            clock: Clock::default(),
            rules: config.rules.clone(),
            apps: config.apps.clone(),
            users: Vec::new(),
            user_names: HashMap::new(),
            accounts: Vec::new(),
            account_ids: HashMap::new(),
            grants: Grants::default(),
            codes: Codes::new(),
            meetings: Meetings::default(),
            faults: Faults::default(),
            consents: VecDeque::new(),
            counters: Counters::default(),
            violations: VecDeque::new(),
            requests: VecDeque::new(),
            outbox: Vec::new(),
            in_flight: 0,
            arrivals: 0,
            date: (-1, String::new()),
            seed: config.seed.unwrap_or_else(rand::random),
            draws: 0,
        }
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// A number that is always the same for a seed, a purpose and a serial.
    pub(crate) fn mixed(&self, purpose: u64, serial: u64) -> u64 {
        mix(mix(self.seed ^ purpose.rotate_left(32)).wrapping_add(serial))
    }

    /// The next number of the seed's sequence, from 0 to 1.
    pub(crate) fn draw(&mut self) -> f64 {
        self.draws += 1;
        (self.mixed(7, self.draws) >> 11) as f64 / (1u64 << 53) as f64
    }

    pub(crate) fn violate(&mut self, rule: Rule, user: Option<usize>, detail: impl Into<String>) {
        *self.counters.broken.slot(rule) += 1;
        if self.rules.keep.violations == 0 {
            return;
        }
        if self.violations.len() >= self.rules.keep.violations {
            self.violations.pop_front();
        }
        let user = user.map(|u| self.users[u].email.clone());
        let (at_ms, rule, detail) = (self.now_ms(), rule.name().to_owned(), detail.into());
        self.violations.push_back(Violation { at_ms, rule, user, detail });
    }

    /// The user of this id, e-mail address or name.
    pub(crate) fn find_user(&self, name: &str) -> Option<usize> {
        let names = &self.user_names;
        names
            .get(name)
            .or_else(|| names.get(&name.to_lowercase()))
            .or_else(|| names.get(&address(name)))
            .copied()
    }

    pub(crate) fn user_or_new(&mut self, name: &str) -> usize {
        self.find_user(name).unwrap_or_else(|| self.add_user(UserSpec::named(name)))
    }

    /// Makes a user; one of the same address is left as it is.
    pub(crate) fn add_user(&mut self, spec: UserSpec) -> usize {
        let email = address(&spec.email);
        if let Some(known) = self.find_user(&email) {
            return known;
        }
        let serial = self.users.len() as u64;
        let id =
            spec.id.unwrap_or_else(|| readable_id(self.mixed(1, serial), self.mixed(2, serial)));
        let account = spec.account.unwrap_or_else(|| readable_id(self.mixed(3, serial), serial));
        let account = self.account_or_new(&account);
        if spec.plan.is_some() {
            self.accounts[account].plan = spec.plan;
        }
        let index = self.users.len();
        self.accounts[account].owner.get_or_insert(index);
        self.user_names.insert(id.clone(), index);
        self.user_names.insert(email.clone(), index);
        self.users.push(User {
            id,
            email,
            account,
            timezone: spec.timezone.unwrap_or_else(|| "UTC".into()),
            pmi: 5_000_000_000 + serial * 7 + self.mixed(4, serial) % 7,
            no_scheduling_for: spec.no_scheduling_for,
            day: UserDay::default(),
            meetings: VecDeque::new(),
        });
        index
    }

    pub(crate) fn account_or_new(&mut self, id: &str) -> usize {
        if let Some(known) = self.account_ids.get(id) {
            return *known;
        }
        let index = self.accounts.len();
        self.account_ids.insert(id.to_owned(), index);
        let spent = Spent::default();
        self.accounts.push(Account { id: id.to_owned(), plan: None, owner: None, spent });
        index
    }

    /// The owner of an account, made when there is nobody in it.
    pub(crate) fn owner_of(&mut self, account: &str) -> usize {
        let index = self.account_or_new(account);
        self.accounts[index].owner.unwrap_or_else(|| {
            self.add_user(UserSpec::named(&format!("owner-{account}")).account(account))
        })
    }

    pub(crate) fn view_user(&self, index: usize) -> UserView {
        let user = &self.users[index];
        UserView {
            id: user.id.clone(),
            email: user.email.clone(),
            account: self.accounts[user.account].id.clone(),
            used_today: user.day.used(self.now_ms()),
            meetings: user.meetings.iter().filter(|s| self.meetings.live(**s).is_some()).count(),
        }
    }
}

/// SplitMix64's finisher.
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// 22 characters, as Zoom's user and account ids have them.
fn readable_id(a: u64, b: u64) -> String {
    const SET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let (mut rest, mut id) =
        ((u128::from(a) << 64) | u128::from(mix(b)), String::with_capacity(22));
    for _ in 0..22 {
        id.push(char::from(SET[(rest % 62) as usize]));
        rest /= 62;
    }
    id
}
