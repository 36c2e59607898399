//! The ways in which something goes wrong.

use super::*;

/// One thing that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Misfortune {
    StoreGoesBack,
    TokenReplyLost,
    TokenEndpointFails,
    TokenEndpointHangs,
    TokenReplyLate,
    RefreshRolledBack,
    RefreshEndsLate,
    StrayRefusal,
    DaemonStopped,
    DaemonTerminated,
    DaemonKilled,
    RedisStopped,
    RedisKilled,
}

/// The one that takes long first.
pub(super) const ALL: &[Misfortune] = &[
    StoreGoesBack,
    TokenReplyLost,
    TokenEndpointFails,
    TokenEndpointHangs,
    TokenReplyLate,
    RefreshRolledBack,
    RefreshEndsLate,
    StrayRefusal,
    DaemonStopped,
    DaemonTerminated,
    DaemonKilled,
    RedisStopped,
    RedisKilled,
];

impl House {
    /// Makes it go wrong.
    pub(super) async fn strike(&mut self, which: Misfortune, rng: &mut StdRng) {
        let daemon = rng.random_range(0..self.daemons.len());
        let pause = Duration::from_millis(rng.random_range(200..2_500));
        let token = |what| Fault::new(Endpoint::Token, what);
        let fault = |fault| {
            self.rig.sim.fault(fault);
        };
        match which {
            StoreGoesBack => {
                if !self.store_goes_back(daemon, rng).await {
                    return;
                }
            }
            TokenReplyLost => self.lost.push(self.rig.sim.fault(Fault::token_reply_lost())),
            TokenEndpointFails => fault(token(What::Status(503))),
            TokenEndpointHangs => fault(token(What::Hang)),
            TokenReplyLate => fault(token(What::DelayMs(800)).after()),
            // Over before anybody may take the exchange for over.
            RefreshRolledBack => fault(Fault::rolled_back(500, rng.random_range(0..1_000))),
            RefreshEndsLate => fault(Fault::ends_late(503, rng.random_range(0..1_000))),
            StrayRefusal => fault(Fault::new(Endpoint::Create, What::Unauthorized)),
            DaemonStopped => {
                self.daemons[daemon].signal(Signal::STOP);
                tokio::time::sleep(pause).await;
                self.daemons[daemon].signal(Signal::CONT);
            }
            DaemonTerminated => {
                self.daemons[daemon].stop();
                self.daemons[daemon] = self.rig.daemon();
            }
            DaemonKilled => {
                self.daemons[daemon].kill();
                self.daemons[daemon] = self.rig.daemon();
            }
            RedisStopped => {
                self.rig.redis.signal(Signal::STOP);
                tokio::time::sleep(pause).await;
                self.rig.redis.signal(Signal::CONT);
            }
            RedisKilled => {
                self.rig.redis.kill();
                tokio::time::sleep(pause / 4).await;
                self.rig.redis.restart().expect("starts again");
            }
        }
        *self.struck.entry(which).or_default() += 1;
    }
}
