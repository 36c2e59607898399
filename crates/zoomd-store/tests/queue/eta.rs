//! Predicted and actual time of a waiting job: on the real scripts, over random plans, queues,
//! hosts and accounts. Nobody else uses the budgets, and no jobs come after the prediction.

use std::collections::{BTreeMap, HashMap};

use redis_local::Options;
use zoomd_store::clock::{DAY_MS, day_name};
use zoomd_store::inspect::Ops;
use zoomd_store::limits::{Budgets, PlanLimits, Rate};
use zoomd_store::queue::{Admission, Admitted, QueueSettings, Settlement, Ticket, WaitReason};

use crate::bench::{Bench, done, job};
use crate::model::Dice;

/// Worlds that are tried; many more when asked for.
fn worlds() -> u64 {
    std::env::var("ZOOMD_ETA_WORLDS").ok().and_then(|n| n.parse().ok()).unwrap_or(40)
}

/// Jobs of a world that are asked about, at most.
const ASKED: usize = 24;
/// Distance by which a time may lie off: a tenth of the wait, and one second's slots.
const SLOT_MS: i64 = 1_500;
/// Relations between the accounts of a world.
const KINDS: [&str; 6] = ["second", "host day", "label day", "family", "family day", "all"];

struct World {
    bench: Bench,
    ops: Ops,
    dice: Dice,
    now_ms: i64,
    start_ms: i64,
    /// Time of each job's run.
    went: HashMap<String, i64>,
    log: Vec<String>,
}

fn budgets(dice: &mut Dice, kind: &str) -> Budgets {
    let mut roll = |least: u64, more: u64| u32::try_from(least + dice.below(more)).expect("small");
    let by_host = matches!(kind, "host day" | "family" | "all");
    let by_label = matches!(kind, "label day" | "family day" | "all");
    // Hosts have four jobs at a visit: another rate would leave less to some of them.
    let light =
        Rate { per_second: 4 * roll(1, 5), per_day: if by_label { roll(20, 80) } else { 0 } };
    let host_day = if by_host { roll(5, 30) } else { 0 };
    let mut budgets = Budgets { share: 1.0, ..Budgets::default() };
    budgets.plans.insert("drawn".into(), PlanLimits { light, host_day, ..PlanLimits::default() });
    budgets
}

impl World {
    /// Accounts, some of one Zoom account; their used budgets; gates.
    async fn new(seed: u64) -> (Self, Vec<(String, Vec<String>)>, &'static str) {
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let kind = *dice.pick(&KINDS);
        let budgets = budgets(&mut dice, kind);
        let log = vec![format!("{seed}: {kind} {:?}", budgets.plans["drawn"])];
        let settings = QueueSettings { budgets: budgets.clone(), ..QueueSettings::default() };
        let bench = Bench::with(Options { aof: None, ..Options::default() }, settings).await;
        let ops = Ops::new(bench.store.clone()).within(budgets);
        // One in six begins in the last minute of a day.
        let late = if dice.below(6) == 0 { 86_340_000 } else { 0 };
        let within = if late > 0 { 60_000 } else { 86_000_000 };
        let start_ms = 20_833 * DAY_MS + i64::try_from(late + dice.below(within)).expect("ms");
        let mut world =
            Self { bench, ops, dice, now_ms: start_ms, start_ms, went: HashMap::new(), log };
        let family = kind.starts_with("family") || kind == "all" && world.dice.below(2) == 0;
        let count = if family { 2 + world.dice.below(3) } else { 1 + world.dice.below(2) };
        let mut accounts = Vec::new();
        for number in 0..count {
            let name = format!("acc{number}");
            world.bench.account(&name, "drawn").await;
            if family {
                world.bench.cmd(&format!("HSET zoomd:v1:account:{name} z Zboth")).await;
            }
            let hosts = (0..=world.dice.below(4)).map(|host| format!("U{number}{host}"));
            let mut hosts: Vec<_> = hosts.collect();
            if family && world.dice.below(2) == 0 {
                hosts.push("Uboth".to_owned());
            }
            accounts.push((name, hosts));
        }
        world.spend(&accounts, family).await;
        (world, accounts, kind)
    }

    /// Uses up random parts of the previous day, and closes gates as Zoom does.
    async fn spend(&mut self, accounts: &[(String, Vec<String>)], family: bool) {
        let day = day_name(self.now_ms);
        for (name, hosts) in accounts {
            let zoom = if family { "Zboth".to_owned() } else { format!("Z{name}") };
            for host in hosts {
                let used = self.dice.below(15);
                self.bench.cmd(&format!("HSET zoomd:v1:ledger:{day}:{zoom} h:{host} {used}")).await;
            }
            let used = self.dice.below(30);
            self.bench.cmd(&format!("HSET zoomd:v1:ledger:{day}:{zoom} l:light {used}")).await;
            let (closed, host) = (self.dice.below(8), &hosts[0]);
            let until = self.now_ms + i64::try_from(self.dice.below(600_000)).expect("ms");
            let field = match closed {
                0 => "light".to_owned(),
                1 => format!("h:{host}"),
                2 => "day:light".to_owned(),
                _ => continue,
            };
            self.log.push(format!("{zoom} {field} closed for {} ms", until - self.now_ms));
            self.bench.cmd(&format!("HSET zoomd:v1:gate:{zoom} {field} {until}")).await;
        }
    }

    /// All jobs come in batches at one time.
    async fn fill(&mut self, accounts: &[(String, Vec<String>)], kind: &str) -> Vec<String> {
        let mut wanted = Vec::new();
        for (account, hosts) in accounts {
            for host in hosts {
                for _ in 0..self.dice.below(60) {
                    wanted.push((account.clone(), host.clone()));
                }
            }
        }
        // Spread over hosts.
        for last in (1..wanted.len()).rev() {
            wanted.swap(last, usize::try_from(self.dice.below(last as u64 + 1)).expect("small"));
        }
        let entries = self.bench.arrive(wanted.len()).await;
        let mut jobs = Vec::new();
        for ((account, host), entry) in wanted.iter().zip(&entries) {
            let priority = u8::try_from(self.dice.below(3)).expect("small");
            let not_before_ms = (kind == "second" && self.dice.below(12) == 0)
                .then(|| self.now_ms + i64::try_from(self.dice.below(200_000)).expect("ms"));
            jobs.push(Admission { priority, not_before_ms, ..job(account, host, entry) });
        }
        let mut waiting = Vec::new();
        for batch in jobs.chunks(64) {
            let mut flown = Vec::new();
            for (job, admitted) in batch.iter().zip(self.bench.admit(batch).await) {
                match admitted {
                    Admitted::Go(ticket) => flown.push(ticket),
                    Admitted::Waits { .. } => waiting.push(job.job_id.to_string()),
                    other => panic!("{other:?}"),
                }
            }
            self.answered(flown).await;
        }
        waiting
    }

    async fn answered(&mut self, tickets: Vec<Ticket>) {
        let items: Vec<_> = tickets.into_iter().map(|t| Settlement::new(t, done())).collect();
        if !items.is_empty() {
            let batch = self.bench.queue.settle_batch(items, Vec::new());
            self.bench.queue.settle(&batch).await.expect("settle");
        }
    }

    fn stop_clock(&self) {
        self.bench.store.clock().stop_at_ms(self.now_ms);
    }

    /// Claims like a daemon until all jobs have run.
    async fn run(&mut self, jobs: usize) {
        while self.went.len() < jobs {
            self.stop_clock();
            let claimed =
                self.bench.queue.claim(&self.bench.queue.fence(), 128).await.expect("claim");
            let mut flown = Vec::new();
            for job in claimed.jobs {
                self.went.insert(job.ticket.job_id.to_string(), self.now_ms);
                flown.push(job.ticket);
            }
            self.answered(flown).await;
            if !claimed.more && self.went.len() < jobs {
                let next = claimed.next_wake_ms.expect("something wakes");
                assert!(next - self.start_ms < 60 * DAY_MS, "{:?}", self.log);
                self.now_ms = next.max(self.now_ms + 1);
            }
        }
    }
}

/// One job: why it waits, for how long it was said to, and for how long it did.
#[derive(Debug)]
struct Wait {
    why: WaitReason,
    said_ms: i64,
    took_ms: i64,
}

impl Wait {
    fn off_ms(&self) -> i64 {
        (self.said_ms - self.took_ms).abs()
    }

    fn is_far_off(&self) -> bool {
        self.off_ms() > self.took_ms / 10 + SLOT_MS
    }
}

/// Predicted and actual waits of the jobs of a world, and a description of the world.
async fn waits_of(seed: u64) -> (Vec<(String, Wait)>, Vec<String>) {
    let (mut world, accounts, kind) = World::new(seed).await;
    world.stop_clock();
    let waiting = world.fill(&accounts, kind).await;
    let mut said = Vec::new();
    // A few of each world: each prediction is computed separately.
    for id in waiting.iter().step_by(1 + waiting.len() / ASKED) {
        let view = world.ops.job(id).await.expect("redis").expect("it waits");
        let said_ms = view.until_ms.expect("a time") - world.start_ms;
        let of = format!("{id} of {:?} at {:?}, place {:?}", view.account, view.host, view.place);
        said.push((id.clone(), of, view.why.expect("a reason"), said_ms));
    }
    world.run(waiting.len()).await;
    let waits = said.into_iter().map(|(id, of, why, said_ms)| {
        let took_ms = world.went[&id] - world.start_ms;
        (of, Wait { why, said_ms, took_ms })
    });
    (waits.collect(), world.log)
}

/// Days of some dozen calls, as these are, make every job one next to the end of a day: the
/// days that people have are the test of zoomd-model.
#[tokio::test]
async fn what_was_said_of_a_wait_comes_true() {
    let (mut met, mut off) = (BTreeMap::<WaitReason, u64>::new(), Vec::new());
    for seed in 1..=worlds() {
        let (waits, world) = waits_of(seed).await;
        for (of, wait) in waits {
            *met.entry(wait.why).or_default() += 1;
            if wait.is_far_off() {
                off.push(format!("{of}: {wait:?} {world:?}"));
            }
        }
    }
    let all = [
        WaitReason::NotBefore,
        WaitReason::Turn,
        WaitReason::Second,
        WaitReason::LabelDay,
        WaitReason::HostDay,
        WaitReason::Limited,
    ];
    for why in all {
        assert!(met.get(&why).is_some_and(|jobs| *jobs > 10), "{why:?} {met:?}");
    }
    let asked: u64 = met.values().sum();
    assert!(off.len() as u64 * 8 <= asked, "{} of {asked}: {off:#?}", off.len());
}
