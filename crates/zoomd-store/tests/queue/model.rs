//! The model of the budgets and the real scripts, step by step.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use redis_local::Options;
use zoomd_model::limits::{Ask, LimitsModel, Verdict};
use zoomd_store::clock::DAY_MS;
use zoomd_store::limits::{Budgets, PlanLimits, Rate, SECOND_MS};
use zoomd_store::queue::{
    Admitted, Close, Purpose, QueueSettings, Record, Settled, Settlement, Then, Ticket, WaitReason,
};

use crate::bench::{Bench, done, job};

const ACCOUNTS: [(&str, &str, &str); 3] =
    [("acme", "Z1", "free"), ("beta", "Z1", "free"), ("solo", "Z2", "tiny")];
const HOSTS: [&str; 3] = ["U1", "U2", "U3"];

/// A small generator of numbers: the same seed, the same walk.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        let last = of.len() as u64;
        &of[usize::try_from(self.below(last)).expect("small")]
    }
}

pub fn budgets() -> Budgets {
    let mut budgets = Budgets::default();
    let tiny = PlanLimits {
        light: Rate { per_second: 2, per_day: 40 },
        host_day: 15,
        ..PlanLimits::default()
    };
    budgets.plans.insert("tiny".into(), tiny);
    let few = PlanLimits { host_day: 6, ..PlanLimits::default() };
    budgets.plans.insert("few".into(), few);
    budgets.share = 1.0;
    budgets
}

struct Walk {
    bench: Bench,
    model: LimitsModel,
    dice: Dice,
    now_ms: i64,
    held: Vec<(Ticket, &'static str, &'static str)>,
    log: String,
    /// Times when calls were granted, by Zoom account, with their host.
    granted: HashMap<&'static str, Vec<(i64, &'static str)>>,
    /// Number of occurrences of each wait reason.
    whys: BTreeMap<WaitReason, u64>,
}

impl Walk {
    async fn start(seed: u64) -> Self {
        let settings = QueueSettings { budgets: budgets(), ..QueueSettings::default() };
        let send_ms = i64::try_from(settings.send_within.as_millis()).expect("ms");
        let options = Options { aof: None, ..Options::default() };
        let bench = Bench::with(options, settings).await;
        for (name, zoom, plan) in ACCOUNTS {
            bench.account(name, plan).await;
            bench.cmd(&format!("HSET zoomd:v1:account:{name} z {zoom}")).await;
        }
        Self {
            bench,
            model: LimitsModel::new(budgets(), send_ms),
            dice: Dice(seed),
            now_ms: 1_800_000_000_000,
            held: Vec::new(),
            log: String::new(),
            granted: HashMap::new(),
            whys: BTreeMap::new(),
        }
    }

    async fn step(&mut self) {
        self.bench.store.clock().stop_at_ms(self.now_ms);
        match self.dice.below(10) {
            0..6 => self.admit().await,
            6..8 if !self.held.is_empty() => self.settle().await,
            _ => self.advance(),
        }
    }

    fn advance(&mut self) {
        let tod = self.now_ms.rem_euclid(DAY_MS);
        self.now_ms += match self.dice.below(20) {
            // To just before the next midnight, or well into the day.
            0 => {
                (DAY_MS - 17_000 - tod).max(0) + i64::try_from(self.dice.below(4_000)).expect("ms")
            }
            1 => 3_600_000,
            2..8 => i64::try_from(self.dice.below(4_000)).expect("ms"),
            _ => i64::try_from(self.dice.below(600)).expect("ms"),
        };
    }

    async fn admit(&mut self) {
        let (account, zoom, plan) = *self.dice.pick(&ACCOUNTS);
        let host = *self.dice.pick(&HOSTS);
        let count = 1 + self.dice.below(5);
        let entries = self.bench.arrive(usize::try_from(count).expect("small")).await;
        let jobs: Vec<_> = entries.iter().map(|entry| job(account, host, entry)).collect();
        let answers = self.bench.admit(&jobs).await;
        let now_ms = self.now_ms;
        let _ = writeln!(self.log, "{now_ms} {account} {host} {answers:?}");
        let ask = Ask { account, zoom, plan, host, now_ms };
        let mut waited = false;
        for answer in answers {
            match (self.model.ask(ask), answer) {
                (Verdict::Go, Admitted::Go(ticket)) => {
                    assert!(!waited, "{}", self.log);
                    self.granted.entry(zoom).or_default().push((now_ms, host));
                    self.held.push((ticket, zoom, host));
                }
                (
                    Verdict::Waits { why, until_ms },
                    Admitted::Waits { why: said, until_ms: till },
                ) => {
                    assert_eq!((why, until_ms), (said, till), "{}", self.log);
                    *self.whys.entry(why).or_default() += 1;
                    waited = true;
                }
                (expected, answer) => panic!("{expected:?}, but {answer:?}\n{}", self.log),
            }
        }
        if waited {
            self.empty_rooms().await;
        }
    }

    /// The walk is about budgets: who waits is forgotten.
    async fn empty_rooms(&self) {
        let script = "for _, k in ipairs(redis.call('KEYS', 'zoomd:v1:*')) do \
            if string.find(k, '^zoomd:v1:room') or string.find(k, '^zoomd:v1:payload:') or string.find(k, '^zoomd:v1:line:') then redis.call('DEL', k) end end \
            redis.call('DEL', 'zoomd:v1:ring', 'zoomd:v1:asleep', 'zoomd:v1:due', 'zoomd:v1:deadline', 'zoomd:events')";
        self.bench.conn.value(redis::cmd("EVAL").arg(script).arg(0)).await.expect("empty");
    }

    async fn settle(&mut self) {
        let index = usize::try_from(self.dice.below(self.held.len() as u64)).expect("small");
        let (ticket, zoom, host) = self.held.swap_remove(index);
        let (granted_ms, now_ms) = (ticket.granted_ms, self.now_ms);
        let mut settlement = Settlement::new(ticket, done());
        match self.dice.below(8) {
            0 | 1 => {
                settlement = Settlement::back(settlement.ticket);
                self.model.give_back(zoom, host, granted_ms, now_ms);
            }
            2 => {
                let until_ms = now_ms + i64::try_from(self.dice.below(5_000)).expect("ms");
                let (close, second) = match self.dice.below(3) {
                    0 => (Close::HostDay { until_ms }, false),
                    1 => (Close::LabelDay { label: "light", until_ms }, false),
                    _ => (Close::Second { label: "light", until_ms }, true),
                };
                match close {
                    Close::HostDay { .. } => self.model.close_host_day(zoom, host, until_ms),
                    _ if second => self.model.close_second(zoom, until_ms, now_ms),
                    _ => self.model.close_label_day(zoom, until_ms),
                }
                let record = Record::default();
                settlement.then = Then::Sleep {
                    until_ms: now_ms + 1,
                    purpose: Purpose::Attempt,
                    record,
                    event: None,
                };
                settlement.closes = vec![close];
                self.model.answered(zoom, host, granted_ms, now_ms);
            }
            _ => self.model.answered(zoom, host, granted_ms, now_ms),
        }
        let _ = writeln!(self.log, "{now_ms} settle {settlement:?}");
        let batch = self.bench.queue.settle_batch(vec![settlement], Vec::new());
        assert_eq!(self.bench.queue.settle(&batch).await.expect("settle"), [Settled::Done]);
        self.empty_rooms().await;
    }

    /// In no sliding second and no day was more granted than there is.
    fn check(&self) {
        for (zoom, calls) in &self.granted {
            let rate = if *zoom == "Z1" { 4 } else { 2 };
            for window in calls.windows(rate + 1) {
                let span = window[rate].0 - window[0].0;
                assert!(span >= SECOND_MS, "{} calls of {zoom} within {span} ms", rate + 1);
            }
        }
    }
}

/// Steps of one walk: many more are taken when asked for.
pub fn steps() -> u64 {
    std::env::var("ZOOMD_MODEL_STEPS").ok().and_then(|n| n.parse().ok()).unwrap_or(1_500)
}

#[tokio::test]
async fn model_and_scripts_decide_alike() {
    for seed in [1, 2] {
        let mut walk = Walk::start(seed).await;
        for _ in 0..steps() {
            walk.step().await;
            if walk.log.len() > 100_000 {
                walk.log.clear();
            }
        }
        walk.check();
        let calls: usize = walk.granted.values().map(Vec::len).sum();
        assert!(calls > 100, "{calls} calls");
        let met: Vec<_> = walk.whys.keys().copied().collect();
        assert_eq!(
            met,
            [WaitReason::Second, WaitReason::LabelDay, WaitReason::HostDay, WaitReason::Limited],
            "{:?}",
            walk.whys
        );
    }
}
