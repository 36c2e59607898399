//! The store that goes back behind the last rotations, while the daemon that made them
//! is silent: it alone has their tokens, in its journal.

use std::path::Path;

use tokio::sync::MutexGuard;

use super::*;

/// The time in which all jobs have their outcomes and no account is closed; a campaign in
/// which too much else is wrong goes on without this blow.
const CALM: Duration = Duration::from_secs(20);
/// The accounts that are rotated.
const ROTATED: usize = 3;

impl House {
    /// With no job in work, `last` rotates some accounts while the others stand still, and
    /// Redis comes back as it was before. The others go on without `last` for a part of
    /// the hold that this costs; then it wakes, or dies and is started again. `false`: it did
    /// not come to that.
    pub(super) async fn store_goes_back(&mut self, last: usize, rng: &mut StdRng) -> bool {
        let work = Arc::clone(&self.work);
        let Ok(rest) = tokio::time::timeout(CALM, self.calm(&work)).await else { return false };
        self.others(last, Signal::STOP);
        let log = self.rig.redis.dir().join("appendonlydir");
        let old = tempfile::tempdir().expect("a folder");
        copy(&log, old.path());
        let before = self.rig.sim.counters().rotations;
        for number in rand::seq::index::sample(rng, self.accounts, ROTATED) {
            let name = account(number);
            tokio::task::block_in_place(|| self.rig.run(&["account", "refresh", name.as_str()]));
        }
        self.daemons[last].signal(Signal::STOP);
        self.forgotten += self.rig.sim.counters().rotations - before;
        self.rig.redis.kill();
        std::fs::remove_dir_all(&log).expect("removed");
        copy(old.path(), &log);
        self.others(last, Signal::CONT);
        self.rig.redis.restart().expect("starts again");
        drop(rest);
        tokio::time::sleep(Duration::from_millis(rng.random_range(200..3_500))).await;
        if rng.random_bool(0.5) {
            self.daemons[last].signal(Signal::CONT);
        } else {
            self.daemons[last].kill();
            self.daemons[last] = self.rig.daemon();
        }
        true
    }

    /// Waits until no job is in work and no account's gate is closed; no job comes in
    /// until the answer is dropped.
    async fn calm<'a>(&mut self, work: &'a Work) -> MutexGuard<'a, ()> {
        let rest = work.stop().await;
        while !work.is_done() {
            self.see_to_consents().await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        for name in self.names() {
            while self.is_closed(&name).await {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        rest
    }

    async fn is_closed(&self, name: &AccountName) -> bool {
        let look = self.rotations.look(name).await.ok().flatten();
        look.is_none_or(|look| look.gate_closed())
    }

    fn others(&self, last: usize, signal: Signal) {
        for (_, daemon) in self.daemons.iter().enumerate().filter(|(number, _)| *number != last) {
            daemon.signal(signal);
        }
    }
}

/// Copies the files of a folder.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for file in std::fs::read_dir(from).expect("a folder") {
        let file = file.expect("a file");
        std::fs::copy(file.path(), to.join(file.file_name())).expect("copied");
    }
}
