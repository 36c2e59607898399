//! Access tokens that live for seconds, two daemons, calls without end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use zoom_sim::Config;
use zoomd_store::calls::{Begun, Calls};
use zoomd_store::limits::{Budgets, Label};
use zoomd_wire::AccountName;
use zoomd_workers::tokens::{Refused, Tokens, Usable};

use crate::house::House;

const ACCOUNTS: usize = 20;
const STORM: Duration = Duration::from_secs(6);

#[tokio::test]
async fn no_spent_and_no_dead_token_is_used_in_a_storm() {
    let mut config = Config::unlimited();
    config.rules.tokens.access_ttl_ms = 2_000;
    config.rules.keep.requests = 10;
    let house = House::new(config).await;
    let mut accounts = Vec::new();
    for number in 0..ACCOUNTS {
        accounts.push(house.import(&format!("user{number}")).await);
    }
    let daemons = [house.tokens("one").await, house.tokens("two").await];
    let calls = Calls::new(house.store(), Budgets::default());
    let done = Arc::new(AtomicU64::new(0));
    let until = Instant::now() + STORM;
    let mut jobs = Vec::new();
    for (tokens, account) in daemons.iter().flat_map(|t| accounts.iter().map(move |a| (t, a))) {
        for _ in 0..2 {
            let caller = Caller {
                tokens: tokens.clone(),
                calls: calls.clone(),
                account: account.clone(),
                done: Arc::clone(&done),
            };
            jobs.push(tokio::spawn(caller.run(until)));
        }
    }
    for job in jobs {
        job.await.expect("a caller");
    }
    for tokens in &daemons {
        tokens.shutdown().await;
    }
    let counters = house.sim.counters();
    assert!(counters.broken.none(), "{:?} {:?}", counters.broken, house.sim.violations());
    assert_eq!(counters.rotations, counters.arrived.token, "no call in vain");
    assert!(done.load(Ordering::Relaxed) > 1_000);
    for (number, account) in accounts.iter().enumerate().take(ACCOUNTS) {
        let rotations = house.sim.rotations(&format!("user{number}"));
        let stored = house.look(account).await.grant.expect("a grant").version;
        assert_eq!(stored.generation, rotations, "one rotation a generation");
        assert!(rotations >= 2, "user{number} was rotated {rotations} times");
    }
}

/// Calls Zoom as the pipeline does: an entry in flight, a token, one exchange.
struct Caller {
    tokens: Tokens,
    calls: Calls,
    account: AccountName,
    done: Arc<AtomicU64>,
}

impl Caller {
    async fn run(self, until: Instant) {
        while Instant::now() < until {
            let begun = self.calls.begin(&self.account, Label::Light, Duration::from_secs(5));
            let Ok(Begun::Go(call)) = begun.await else {
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            };
            let life = Duration::from_millis(50);
            let usable = self.tokens.usable(self.account.as_str(), call.version, life).await;
            let Usable::Token(token) = usable else {
                call.end().await.expect("redis");
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            };
            let answer = token.client.users_me(&token.access).await.expect("an answer");
            call.end().await.expect("redis");
            if answer.status == 401 {
                let refused = self.tokens.refused(self.account.as_str(), token.version).await;
                assert_eq!(refused, Refused::Replaced);
            } else {
                self.done.fetch_add(1, Ordering::Relaxed);
            }
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
    }
}
