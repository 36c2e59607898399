//! A month of ten thousand accounts in virtual time, through the pure model.

use std::collections::{BTreeMap, HashMap, VecDeque};

use zoomd_model::fair_queue::{Arrival, FairQueue, place};
use zoomd_model::limits::Verdict;
use zoomd_store::clock::DAY_MS;
use zoomd_store::limits::Budgets;

use crate::model::Dice;

const ALONE: u64 = 9_000;
/// Of these, those that are noisy at times.
const NOISY: u64 = 100;
/// Zoom accounts with four accounts of ours each, on the free plan.
const GROUPS: u64 = 250;
const SIBLINGS: u64 = 4;
/// Calls a second and a day of that plan, after the share.
const FREE: (usize, u32) = (3, 6_000);
const HOUR_MS: i64 = 3_600_000;

struct Month {
    turns: FairQueue,
    dice: Dice,
    /// Coming jobs, by time.
    coming: BTreeMap<i64, Vec<Arrival>>,
    /// Waiting jobs: their account, host, and since when.
    waits: HashMap<String, (String, String, i64)>,
    jobs: u64,
    granted: u64,
    seconds: HashMap<String, VecDeque<i64>>,
    by_host: HashMap<(String, String, i64), u32>,
    by_label: HashMap<(String, i64), u32>,
    /// Calls of each sibling since who waits last changed.
    shares: HashMap<String, (Vec<String>, BTreeMap<String, i64>)>,
    unfair: i64,
    longest_quiet_ms: i64,
}

fn zoom_of(account: &str) -> String {
    account.split_once('/').map_or(account, |(zoom, _)| zoom).to_owned()
}

impl Month {
    fn new(seed: u64) -> Self {
        let mut turns = FairQueue::new(Budgets::default(), 10_000);
        for n in 0..ALONE {
            turns.account(&format!("a{n}"), &format!("a{n}"), "pro");
        }
        for (group, n) in (0..GROUPS).flat_map(|group| (0..SIBLINGS).map(move |n| (group, n))) {
            turns.account(&format!("z{group}/{n}"), &format!("z{group}"), "free");
        }
        Self {
            turns,
            dice: Dice(seed),
            coming: BTreeMap::new(),
            waits: HashMap::new(),
            jobs: 0,
            granted: 0,
            seconds: HashMap::new(),
            by_host: HashMap::new(),
            by_label: HashMap::new(),
            shares: HashMap::new(),
            unfair: 0,
            longest_quiet_ms: 0,
        }
    }

    fn roll(&mut self, below: u64) -> i64 {
        i64::try_from(self.dice.below(below)).expect("small")
    }

    fn comes(&mut self, at: i64, account: String, host: String, count: i64) {
        let jobs = (0..count)
            .map(|n| {
                self.jobs += 1;
                (format!("j{}", self.jobs), place(1, at, n))
            })
            .collect();
        self.coming.entry(at).or_default().push(Arrival { account, host, jobs });
    }

    /// Quiet ones all over, a flood of one account's, and families that share.
    fn plan_hour(&mut self, from: i64) {
        for _ in 0..200 {
            let (at, n) = (from + self.roll(3_600_000), self.dice.below(ALONE - NOISY));
            let host = format!("u{}", self.dice.below(3));
            self.comes(at, format!("a{n}"), host, 1);
        }
        if self.dice.below(4) == 0 {
            let (at, n) = (from + self.roll(3_600_000), ALONE - 1 - self.dice.below(NOISY));
            for host in 0..4 {
                let count = self.roll(200);
                self.comes(at, format!("a{n}"), format!("u{host}"), count);
            }
        }
        for _ in 0..1 {
            let (at, group) = (from + self.roll(3_500_000), self.dice.below(GROUPS));
            for n in 0..SIBLINGS {
                let waves = self.roll(6);
                for _ in 0..waves {
                    let (at, host) = (at + self.roll(12_000), format!("u{}", self.dice.below(9)));
                    let count = self.roll(8) + 1;
                    self.comes(at, format!("z{group}/{n}"), host, count);
                }
            }
        }
    }

    fn run(&mut self, from: i64, until: i64) {
        let (mut now, mut planned) = (from, from);
        let mut wake = None;
        while now < until {
            while planned <= now {
                self.plan_hour(planned);
                planned += HOUR_MS;
            }
            let next = self.coming.first_key_value().map(|(at, _)| *at);
            now = [next, wake, Some(planned)].into_iter().flatten().min().expect("some").max(now);
            if let Some(arrivals) = self.coming.remove(&now) {
                self.admit(now, &arrivals);
            }
            loop {
                let served = self.turns.claim(now, 512);
                for id in &served.jobs {
                    self.serve(now, id);
                }
                if !served.jobs.is_empty() {
                    self.weigh(now);
                }
                wake = served.next_wake_ms.map(|at| at.max(now + 1));
                if !served.more {
                    break;
                }
            }
        }
    }

    fn admit(&mut self, now: i64, arrivals: &[Arrival]) {
        let mut verdicts = self.turns.admit(now, arrivals).into_iter();
        for Arrival { account, host, jobs } in arrivals {
            for (id, _) in jobs {
                match verdicts.next().expect("one each") {
                    Verdict::Go => self.grant(now, account, host),
                    Verdict::Waits { .. } => {
                        self.waits.insert(id.clone(), (account.clone(), host.clone(), now));
                    }
                }
            }
        }
    }

    fn serve(&mut self, now: i64, id: &str) {
        let (account, host, since) = self.waits.remove(id).expect("it waits");
        self.grant(now, &account, &host);
        let quiet = account[1..].parse().is_ok_and(|n: u64| n < ALONE - NOISY);
        if quiet {
            self.longest_quiet_ms = self.longest_quiet_ms.max(now - since);
        }
    }

    /// No limit of any second or day is broken.
    fn grant(&mut self, now: i64, account: &str, host: &str) {
        self.granted += 1;
        let (zoom, day) = (zoom_of(account), now.div_euclid(DAY_MS));
        let of_host = self.by_host.entry((zoom.clone(), host.to_owned(), day)).or_default();
        *of_host += 1;
        assert!(*of_host <= 100, "{zoom} {host}");
        if account.starts_with('z') {
            let of_label = self.by_label.entry((zoom.clone(), day)).or_default();
            *of_label += 1;
            assert!(*of_label <= FREE.1, "{zoom}");
        }
        let rate = if account.starts_with('z') { FREE.0 } else { 24 };
        let second = self.seconds.entry(zoom.clone()).or_default();
        second.push_back(now);
        if second.len() > rate {
            let first = second.pop_front().expect("some");
            assert!(now - first >= 1_000, "{} calls of {zoom} in {} ms", rate + 1, now - first);
        }
        if let Some(count) = self.shares.get_mut(&zoom).and_then(|(_, c)| c.get_mut(account)) {
            *count += 1;
        }
    }

    /// Of siblings that all wait none is served much more than another.
    fn weigh(&mut self, now: i64) {
        let (day, tod) = (now.div_euclid(DAY_MS), now.rem_euclid(DAY_MS));
        if !(30_000..DAY_MS - 30_000).contains(&tod) {
            self.shares.clear();
            return;
        }
        let mut families: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (account, host, _) in self.waits.values().filter(|(a, ..)| a.starts_with('z')) {
            let zoom = zoom_of(account);
            let spent = self.by_host.get(&(zoom.clone(), host.clone(), day));
            let family = families.entry(zoom).or_default();
            // A job of a used-up host, or one that may be, waits for the day alone.
            if !family.contains(account) && spent.is_none_or(|calls| *calls < 100) {
                family.push(account.clone());
            }
        }
        self.shares.retain(|zoom, _| families.contains_key(zoom));
        for (zoom, mut family) in families {
            family.sort();
            let (known, counts) = self.shares.entry(zoom).or_default();
            if *known != family {
                *counts = family.iter().map(|name| (name.clone(), 0)).collect();
                *known = family;
            }
            let (most, least) = (counts.values().max(), counts.values().min());
            if let (Some(most), Some(least)) = (most, least) {
                self.unfair = self.unfair.max(most - least);
            }
        }
    }
}

#[test]
fn a_month_of_ten_thousand_accounts_breaks_no_limit_and_starves_nobody() {
    let from = 1_800_000_000_000 - 1_800_000_000_000 % DAY_MS;
    let mut month = Month::new(7);
    month.run(from, from + 30 * DAY_MS);
    let told = format!(
        "{} jobs, {} granted, {} wait; between siblings {}; quiet {} ms",
        month.jobs,
        month.granted,
        month.waits.len(),
        month.unfair,
        month.longest_quiet_ms
    );
    assert!(month.granted > 150_000 && month.waits.len() < 5_000, "{told}");
    assert!(month.unfair <= 8, "{told}");
    assert!(month.longest_quiet_ms <= 20_000, "{told}");
}
