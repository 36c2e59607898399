//! Four concurrent daemons: no second and no day exceeds its limit.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use redis::Value;
use redis_local::Options;
use zoomd_store::clock::DAY_MS;
use zoomd_store::limits::{Budgets, PlanLimits, Rate};
use zoomd_store::queue::{Admitted, Queue, QueueSettings, Settlement, Ticket};
use zoomd_store::{Store, StoreConfig};

use crate::bench::{Bench, done, job};
use crate::model::Dice;

const RATE: usize = 5;
const LABEL_DAY: usize = 60;
const HOST_DAY: usize = 25;
/// Two accounts share each of two Zoom accounts: one is held by its seconds, the
/// other by its days.
const ACCOUNTS: [(&str, &str, &str); 4] =
    [("a", "Zs", "second"), ("b", "Zs", "second"), ("c", "Zd", "day"), ("d", "Zd", "day")];

fn budgets() -> Budgets {
    let mut budgets = Budgets { share: 1.0, ..Budgets::default() };
    let second = Rate { per_second: 5, per_day: 0 };
    let day = Rate { per_second: 0, per_day: 60 };
    for (name, light, host_day) in [("second", second, 0), ("day", day, 25)] {
        budgets.plans.insert(name.into(), PlanLimits { light, host_day, ..Default::default() });
    }
    budgets
}

/// A call: its Zoom account and host, when it was granted, whether it was given back.
type Call = (String, String, i64, bool);

struct Daemon {
    queue: Queue,
    name: String,
    dice: Dice,
    calls: Arc<Mutex<HashMap<String, Call>>>,
    flying: Vec<Ticket>,
}

impl Daemon {
    async fn run(mut self, until: Instant) {
        while Instant::now() < until {
            self.enqueue().await;
            let entries = self.read().await;
            let jobs: Vec<_> = entries
                .iter()
                .map(|e| {
                    let (account, ..) = *self.dice.pick(&ACCOUNTS);
                    job(account, self.dice.pick::<&str>(&["U1", "U2", "U3"]), e)
                })
                .collect();
            for answer in self.queue.admit(&self.queue.fence(), &jobs).await.expect("admit") {
                if let Admitted::Go(ticket) = answer {
                    self.granted(ticket);
                }
            }
            let most = usize::try_from(1 + self.dice.below(20)).expect("small");
            let claimed = self.queue.claim(&self.queue.fence(), most).await.expect("claim");
            claimed.jobs.into_iter().for_each(|job| self.granted(job.ticket));
            self.settle().await;
        }
    }

    async fn enqueue(&mut self) {
        for _ in 0..self.dice.below(6) {
            let mut cmd = redis::cmd("XADD");
            cmd.arg("zoomd:jobs").arg("*").arg("job").arg("{}");
            self.queue.store().connection().value(&cmd).await.expect("xadd");
        }
    }

    async fn read(&self) -> Vec<Arc<str>> {
        let mut cmd = redis::cmd("XREADGROUP");
        cmd.arg("GROUP").arg("zoomd").arg(&self.name).arg("COUNT").arg(8);
        cmd.arg("STREAMS").arg("zoomd:jobs").arg(">");
        let answer = self.queue.store().connection().value(&cmd).await.expect("read");
        if answer == Value::Nil {
            return Vec::new();
        }
        type Entries = Vec<(String, Vec<(String, Vec<String>)>)>;
        let streams: Entries = redis::from_redis_value(answer).expect("entries");
        streams.into_iter().flat_map(|(_, found)| found).map(|(id, _)| id.into()).collect()
    }

    fn granted(&mut self, ticket: Ticket) {
        let zoom = ACCOUNTS.iter().find(|(name, ..)| *name == &*ticket.account).expect("known").1;
        let call = (zoom.to_owned(), ticket.host.to_string(), ticket.granted_ms, false);
        let key = format!("{} {}", ticket.job_id, ticket.fence.as_str());
        self.calls.lock().expect("lock").insert(key, call);
        self.flying.push(ticket);
    }

    async fn settle(&mut self) {
        let mut items = Vec::new();
        for ticket in std::mem::take(&mut self.flying) {
            match self.dice.below(4) {
                0 => {
                    let key = format!("{} {}", ticket.job_id, ticket.fence.as_str());
                    self.calls.lock().expect("lock").get_mut(&key).expect("granted").3 = true;
                    items.push(Settlement::back(ticket));
                }
                1 => self.flying.push(ticket),
                _ => items.push(Settlement::new(ticket, done())),
            }
        }
        if !items.is_empty() {
            let batch = self.queue.settle_batch(items, Vec::new());
            self.queue.settle(&batch).await.expect("settle");
        }
    }
}

#[tokio::test]
async fn four_daemons_grant_no_more_than_there_is() {
    let bench = Bench::with(Options::default(), QueueSettings::default()).await;
    for (name, zoom, plan) in ACCOUNTS {
        bench.account(name, plan).await;
        bench.cmd(&format!("HSET zoomd:v1:account:{name} z {zoom}")).await;
    }
    let calls = Arc::new(Mutex::new(HashMap::new()));
    // Well before a midnight, over it, and well after: a second and a half each.
    for (leg, after) in [-60_000, -750, 60_000].into_iter().enumerate() {
        bench.to_tomorrow(after).await;
        let mut daemons = Vec::new();
        for number in 0..4 {
            let config = StoreConfig::new(bench.server.unix_url(), "zoomd");
            let store = Store::connect(&config).await.expect("connect");
            store.clock().set_ms(bench.store.clock().ms());
            let settings = QueueSettings { budgets: budgets(), ..QueueSettings::default() };
            let name = format!("boot{leg}{number}");
            let daemon = Daemon {
                queue: Queue::new(store, settings, &name),
                name,
                dice: Dice(11 + number),
                calls: Arc::clone(&calls),
                flying: Vec::new(),
            };
            daemons.push(tokio::spawn(daemon.run(Instant::now() + Duration::from_millis(1_500))));
        }
        for daemon in daemons {
            daemon.await.expect("no panic");
        }
        if leg == 1 {
            // The leg after starts on the day that has begun.
            let clock = bench.store.clock();
            clock.set_ms(clock.ms() - DAY_MS);
        }
    }
    check(&calls.lock().expect("lock"));
}

/// The days on which a call may reach Zoom that is sent within ten seconds of its
/// grant, with five seconds for the way.
fn days_of(granted_ms: i64) -> Vec<i64> {
    let (first, last) = (granted_ms - 5_000, granted_ms + 15_000);
    let mut days = vec![first.div_euclid(DAY_MS), last.div_euclid(DAY_MS)];
    days.dedup();
    days
}

fn check(calls: &HashMap<String, Call>) {
    let mut seconds: Vec<i64> =
        calls.values().filter(|(zoom, ..)| zoom == "Zs").map(|(_, _, at, _)| *at).collect();
    seconds.sort_unstable();
    for window in seconds.windows(RATE + 1) {
        assert!(window[RATE] - window[0] >= 1_000, "{window:?}");
    }
    let (mut labels, mut hosts) = (HashMap::<i64, usize>::new(), HashMap::new());
    for (_, host, at, _) in calls.values().filter(|(zoom, _, _, back)| zoom == "Zd" && !back) {
        // Zoom may count it on either.
        for day in days_of(*at) {
            *labels.entry(day).or_default() += 1;
            *hosts.entry((day, host.clone())).or_insert(0_usize) += 1;
        }
    }
    assert!(labels.values().all(|calls| *calls <= LABEL_DAY), "{labels:?}");
    assert!(hosts.values().all(|calls| *calls <= HOST_DAY), "{hosts:?}");
    // It was tried in earnest.
    assert!(seconds.len() > 4 * RATE, "{}", seconds.len());
    assert!(labels.values().any(|calls| *calls > LABEL_DAY / 2), "{labels:?}");
}
