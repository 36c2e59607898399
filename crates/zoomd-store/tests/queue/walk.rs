//! The model of rooms and turns and the real scripts, step by step.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use redis_local::Options;
use zoomd_model::fair_queue::{Arrival, FairQueue, place};
use zoomd_model::limits::Verdict;
use zoomd_store::clock::DAY_MS;
use zoomd_store::queue::{
    Admission, Admitted, Close, Purpose, QueueSettings, Record, Settled, Settlement, Then, Ticket,
};

use crate::bench::{Bench, done, job};
use crate::model::{Dice, budgets, steps};

const ACCOUNTS: [(&str, &str, &str); 5] = [
    ("acme", "Z1", "free"),
    ("beta", "Z1", "free"),
    ("corp", "Z1", "free"),
    ("solo", "Z2", "tiny"),
    ("many", "Z3", "few"),
];
const HOSTS: [&str; 3] = ["U1", "U2", "U3"];

struct Walk {
    bench: Bench,
    model: FairQueue,
    dice: Dice,
    now_ms: i64,
    flying: Vec<Ticket>,
    paused: HashMap<&'static str, bool>,
    log: String,
    /// Number of times each case occurred.
    met: BTreeMap<&'static str, u64>,
}

fn zoom_of(account: &str) -> &'static str {
    ACCOUNTS.iter().find(|(name, ..)| *name == account).expect("known").1
}

fn place_of(priority: u8, entry: &str) -> i64 {
    let (ms, seq) = entry.split_once('-').expect("an entry");
    place(priority, ms.parse().expect("ms"), seq.parse().expect("seq"))
}

impl Walk {
    async fn start(seed: u64) -> Self {
        let settings = QueueSettings { budgets: budgets(), ..QueueSettings::default() };
        let send_ms = i64::try_from(settings.send_within.as_millis()).expect("ms");
        let options = Options { aof: None, ..Options::default() };
        let bench = Bench::with(options, settings).await;
        let mut model = FairQueue::new(budgets(), send_ms);
        for (name, zoom, plan) in ACCOUNTS {
            bench.account(name, plan).await;
            bench.cmd(&format!("HSET zoomd:v1:account:{name} z {zoom}")).await;
            model.account(name, zoom, plan);
        }
        Self {
            bench,
            model,
            dice: Dice(seed),
            now_ms: 1_800_000_000_000,
            flying: Vec::new(),
            paused: HashMap::new(),
            log: String::new(),
            met: BTreeMap::new(),
        }
    }

    async fn step(&mut self) {
        self.bench.store.clock().stop_at_ms(self.now_ms);
        match self.dice.below(20) {
            0..6 => self.admit().await,
            6..11 => self.claim().await,
            11..15 if !self.flying.is_empty() => self.settle().await,
            15 => self.pause().await,
            _ => self.advance(),
        }
    }

    fn roll(&mut self, below: u64) -> i64 {
        i64::try_from(self.dice.below(below)).expect("small")
    }

    fn advance(&mut self) {
        let tod = self.now_ms.rem_euclid(DAY_MS);
        self.now_ms += match self.dice.below(40) {
            0 => (DAY_MS - 17_000 - tod).max(0) + self.roll(30_000),
            1 => 3_600_000,
            2..10 => self.roll(4_000),
            _ => self.roll(600),
        };
    }

    fn note(&mut self, what: &'static str) {
        *self.met.entry(what).or_default() += 1;
    }

    /// A batch of up to three groups.
    async fn admit(&mut self) {
        let (mut arrivals, mut jobs): (Vec<Arrival>, Vec<Admission>) = Default::default();
        for _ in 0..=self.dice.below(3) {
            let (account, ..) = *self.dice.pick(&ACCOUNTS);
            let host = *self.dice.pick(&HOSTS);
            if arrivals.iter().any(|a| a.account == account && a.host == host) {
                continue;
            }
            let count = usize::try_from(self.roll(7) + 1).expect("small");
            let mut arrival =
                Arrival { account: account.into(), host: host.into(), jobs: Vec::new() };
            for entry in self.bench.arrive(count).await {
                let priority = u8::try_from(self.roll(3)).expect("small");
                arrival.jobs.push((entry.to_string(), place_of(priority, &entry)));
                jobs.push(Admission { priority, ..job(account, host, &entry) });
            }
            arrivals.push(arrival);
        }
        let answers = self.bench.admit(&jobs).await;
        let _ = writeln!(self.log, "{} {arrivals:?}\n  {answers:?}", self.now_ms);
        let expected = self.model.admit(self.now_ms, &arrivals);
        assert_eq!(expected.len(), answers.len());
        for (expected, answer) in expected.into_iter().zip(answers) {
            match (expected, answer) {
                (Verdict::Go, Admitted::Go(ticket)) => {
                    self.note("go");
                    self.flying.push(ticket);
                }
                (
                    Verdict::Waits { why, until_ms },
                    Admitted::Waits { why: said, until_ms: till },
                ) => {
                    assert_eq!((why, until_ms), (said, till), "{}", self.log);
                    self.note(why.as_str());
                }
                (expected, answer) => panic!("{expected:?}, but {answer:?}\n{}", self.log),
            }
        }
    }

    async fn claim(&mut self) {
        let most = usize::try_from(1 + self.roll(40)).expect("small");
        let claimed = self.bench.queue.claim(&self.bench.queue.fence(), most).await.expect("claim");
        let expected = self.model.claim(self.now_ms, most);
        let ids: Vec<_> = claimed.jobs.iter().map(|job| job.ticket.job_id.to_string()).collect();
        let _ = writeln!(self.log, "{} claim {most} {ids:?}", self.now_ms);
        assert_eq!(expected.jobs, ids, "{}", self.log);
        assert_eq!(
            (expected.more, expected.next_wake_ms),
            (claimed.more, claimed.next_wake_ms),
            "{}",
            self.log
        );
        if claimed.jobs.len() > 1 {
            self.note("several claimed");
        }
        self.flying.extend(claimed.jobs.into_iter().map(|job| job.ticket));
    }

    async fn pause(&mut self) {
        let (name, ..) = *self.dice.pick(&ACCOUNTS);
        let paused = !self.paused.get(name).copied().unwrap_or(false) && self.dice.below(3) == 0;
        self.paused.insert(name, paused);
        if paused {
            self.bench.cmd(&format!("HSET zoomd:v1:account:{name} paused x")).await;
        } else {
            self.bench.cmd(&format!("HDEL zoomd:v1:account:{name} paused")).await;
            // As account_set.lua wakes its lane.
            let wake = "if redis.call('ZREM', KEYS[2], ARGV[1]) == 1 then \
                local last = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES') \
                redis.call('ZADD', KEYS[1], 'NX', last[2] and tonumber(last[2]) + 1 or 1, ARGV[1]) end";
            let mut cmd = redis::cmd("EVAL");
            cmd.arg(wake).arg(2).arg("zoomd:v1:ring").arg("zoomd:v1:asleep").arg(name);
            self.bench.conn.value(&cmd).await.expect("wake");
        }
        self.model.pause(name, paused);
        let _ = writeln!(self.log, "{} pause {name} {paused}", self.now_ms);
    }

    async fn settle(&mut self) {
        let index = usize::try_from(self.dice.below(self.flying.len() as u64)).expect("small");
        let ticket = self.flying.swap_remove(index);
        let (account, host) = (ticket.account.to_string(), ticket.host.to_string());
        let (zoom, id) = (zoom_of(&account), ticket.job_id.to_string());
        let score = place_of(ticket.priority, &ticket.entry);
        let (granted_ms, now_ms) = (ticket.granted_ms, self.now_ms);
        let mut settlement = Settlement::new(ticket, done());
        match self.dice.below(8) {
            0 => {
                settlement = Settlement::back(settlement.ticket);
                self.model.budgets.give_back(zoom, &host, granted_ms, now_ms);
                self.model.to_room(&id, &account, &host, score);
            }
            1 | 2 => {
                let until_ms = now_ms + self.roll(5_000);
                let record = Record::default();
                let until = now_ms + 1 + self.roll(3_000);
                settlement.then =
                    Then::Sleep { until_ms: until, purpose: Purpose::Attempt, record, event: None };
                self.model.sleep(&id, &account, &host, score, until);
                let close = match self.dice.below(8) {
                    0 => Some(Close::HostDay { until_ms }),
                    1 => Some(Close::LabelDay { label: "light", until_ms }),
                    2 => Some(Close::Second { label: "light", until_ms }),
                    _ => None,
                };
                let budgets = &mut self.model.budgets;
                match close {
                    Some(Close::HostDay { .. }) => budgets.close_host_day(zoom, &host, until_ms),
                    Some(Close::LabelDay { .. }) => budgets.close_label_day(zoom, until_ms),
                    Some(_) => budgets.close_second(zoom, until_ms, now_ms),
                    None => {}
                }
                settlement.closes = close.into_iter().collect();
                budgets.answered(zoom, &host, granted_ms, now_ms);
            }
            _ => self.model.budgets.answered(zoom, &host, granted_ms, now_ms),
        }
        let _ = writeln!(self.log, "{now_ms} settle {settlement:?}");
        let batch = self.bench.queue.settle_batch(vec![settlement], Vec::new());
        assert_eq!(self.bench.queue.settle(&batch).await.expect("settle"), [Settled::Done]);
    }
}

#[tokio::test]
async fn rooms_and_turns_are_served_alike() {
    for seed in [3, 4] {
        let mut walk = Walk::start(seed).await;
        for _ in 0..steps() {
            walk.step().await;
            if walk.log.len() > 100_000 {
                walk.log.clear();
            }
        }
        let met: Vec<_> = walk.met.keys().copied().collect();
        let all = [
            "go",
            "host_day",
            "label_day",
            "limited",
            "paused",
            "second",
            "several claimed",
            "turn",
        ];
        assert_eq!(met, all, "{:?}", walk.met);
    }
}
