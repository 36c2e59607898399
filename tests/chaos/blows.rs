//! Faults: how each is injected, and how the world recovers from it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use zoom_sim::{Fault, When};

use crate::plan::{Blow, Kind};
use crate::world::World;

/// Return of a Redis that was rolled back or stopped.
pub enum Back {
    /// It is away until then.
    Away(Instant),
    /// It goes on then.
    Stopped(Instant),
    /// At that moment it loses what its log has beyond this length.
    Cut(Instant, PathBuf, u64),
    /// At that moment these files take the place of its own.
    Files(Instant, PathBuf),
}

impl World {
    pub(crate) async fn strike(&mut self, whom: usize, blow: Blow) {
        match blow {
            Blow::Kill => self.kill_whoever_works(whom),
            Blow::Stop(time) => self.stop(whom, time, "stopped: anywhere"),
            Blow::Fault(fault) => {
                let row = self.plan.kind.window().map(ToOwned::to_owned);
                self.note(&row.unwrap_or_else(|| fault_row(&fault)));
                self.sim.fault(fault);
            }
            Blow::Clock(ms) => {
                let way = if ms < 0 { "back" } else { "forward" };
                self.note(&format!("clock of redis: {way}"));
                std::fs::write(self.dir.path().join("clock"), ms.to_string()).expect("written");
            }
            Blow::WayToRedis(way, time) => {
                self.note(&format!("network to redis: {way:?}").to_lowercase());
                self.daemons[whom].to_redis.set(way);
                self.daemons[whom].open_at = Some(Instant::now() + time);
            }
            Blow::WayToZoom(way, time) => {
                let row = self.plan.kind.window().map(ToOwned::to_owned);
                let row = row.unwrap_or(format!("network to zoom: {way:?}").to_lowercase());
                self.note(&row);
                self.daemons[whom].to_zoom.set(way);
                self.daemons[whom].open_at = Some(Instant::now() + time);
            }
            Blow::RedisKilled(_) | Blow::RedisStopped(_) | Blow::TailCut(_) | Blow::OldFiles(_)
                if self.back.is_some() => {}
            Blow::RedisKilled(time) => {
                self.note("redis: killed");
                self.redis.kill();
                self.back = Some(Back::Away(Instant::now() + time));
            }
            Blow::RedisStopped(time) => {
                self.note("redis: stopped");
                self.redis.signal(Signal::STOP);
                self.back = Some(Back::Stopped(Instant::now() + time));
            }
            Blow::TailCut(time) => {
                let log = log_of(self.redis.dir());
                let length = std::fs::metadata(&log).map_or(0, |meta| meta.len());
                self.back = Some(Back::Cut(Instant::now() + time, log, length));
            }
            Blow::OldFiles(time) => {
                let kept = self.dir.path().join(format!("old-{}", self.round));
                copy(&files_of(self.redis.dir()), &kept);
                self.back = Some(Back::Files(Instant::now() + time, kept));
            }
        }
    }

    fn note(&self, row: &str) {
        let names = self.daemons.iter().flat_map(|daemon| self.in_hand(daemon.boot()));
        let names: Vec<_> = names.collect();
        self.books.open().strike(row, false, false, &names);
    }

    fn stop(&mut self, whom: usize, time: Duration, row: &str) {
        self.daemons[whom].signal(Signal::STOP);
        self.daemons[whom].goes_on_at = Some(Instant::now() + time);
        let names = self.in_hand(self.daemons[whom].boot());
        self.books.open().strike(row, false, false, &names);
    }

    /// Kills the first daemon, from `whom` on, that has work in flight.
    fn kill_whoever_works(&mut self, whom: usize) {
        let daemons = self.daemons.len();
        for whom in (0..daemons).map(|n| (whom + n) % daemons) {
            let daemon = &mut self.daemons[whom];
            if self.kills >= self.scale.kills || daemon.is_dead() || daemon.goes_on_at.is_some() {
                continue;
            }
            // Held while it is looked at, so that what is seen is what is hit.
            daemon.signal(Signal::STOP);
            let names = self.in_hand(self.daemons[whom].boot());
            if names.is_empty() {
                self.daemons[whom].signal(Signal::CONT);
                continue;
            }
            self.daemons[whom].kill();
            self.books.open().strike("killed: anywhere", true, false, &names);
            self.kills += 1;
            return self.start_again(whom, true);
        }
    }

    /// Restarts a daemon with a failpoint, in rounds where none dies by itself.
    pub(crate) fn arm(&mut self) {
        if self.plan.kind.window().is_some()
            || matches!(self.plan.kind, Kind::RolledBack | Kind::Rotations)
        {
            self.disarm(self.daemons.len());
        }
        let first = match self.plan.kind {
            Kind::StoppedAfterLook => 1,
            Kind::Rotations => self.daemons.len(),
            _ => 0,
        };
        for whom in 0..first {
            self.daemons[whom].kill();
            self.start_again(whom, true);
        }
    }

    fn start_again(&mut self, whom: usize, storm: bool) {
        let seam = if storm && self.kills < self.scale.kills {
            self.plan.seams.pop().unwrap_or_default()
        } else {
            String::new()
        };
        self.daemons[whom].restart(&seam);
    }

    /// Looks after whoever died, stopped, or may go on.
    pub(crate) async fn tick(&mut self, storm: bool) {
        let now = Instant::now();
        self.come_back(now);
        for whom in 0..self.daemons.len() {
            let daemon = &mut self.daemons[whom];
            if daemon.open_at.is_some_and(|at| at <= now) {
                daemon.open_ways();
            }
            if daemon.goes_on_at.is_some_and(|at| at <= now) {
                daemon.goes_on_at = None;
                daemon.signal(Signal::CONT);
            }
            if daemon.is_dead() {
                let names = self.in_hand(self.daemons[whom].boot());
                let seam = self.daemons[whom].seam.split(':').next().unwrap_or_default().to_owned();
                let row = match seam.as_str() {
                    "" => "died by itself".to_owned(),
                    seam => format!("killed: {seam}"),
                };
                self.books.open().strike(&row, true, !seam.is_empty(), &names);
                self.kills += 1;
                self.start_again(whom, storm);
            } else if daemon.seam.contains(":stop")
                && daemon.goes_on_at.is_none()
                && daemon.is_stopped()
            {
                // Past the last look and the second send of whoever takes over.
                let row = self.plan.kind.window().unwrap_or("stopped: leaving");
                self.stop(whom, self.scale.storm + self.scale.storm / 2, row);
                self.daemons[whom].seam = String::new();
            }
        }
    }

    fn come_back(&mut self, now: Instant) {
        let at = match &self.back {
            Some(Back::Away(at) | Back::Stopped(at)) => at,
            Some(Back::Cut(at, ..) | Back::Files(at, _)) => at,
            None => return,
        };
        if *at > now {
            return;
        }
        match self.back.take() {
            Some(Back::Stopped(_)) => return self.redis.signal(Signal::CONT),
            Some(Back::Cut(_, log, length)) => {
                self.note("redis: tail of the log cut");
                self.redis.kill();
                let file = std::fs::OpenOptions::new().write(true).open(log).expect("the log");
                file.set_len(length).expect("cut");
            }
            Some(Back::Files(_, kept)) => {
                self.note("redis: old files");
                self.redis.kill();
                let files = files_of(self.redis.dir());
                std::fs::remove_dir_all(&files).expect("removed");
                std::fs::rename(kept, files).expect("put in place");
            }
            Some(Back::Away(_)) | None => {}
        }
        self.redis.restart().expect("redis starts again");
    }

    /// The storm is over: everybody lives, all ways are open.
    pub(crate) async fn calm(&mut self) {
        self.sim.clear_faults();
        self.sim.rules(|rules| rules.list.lag_ms = 0);
        self.come_back(Instant::now() + Duration::from_secs(3600));
        for daemon in &mut self.daemons {
            daemon.open_ways();
            if daemon.goes_on_at.take().is_some() {
                daemon.signal(Signal::CONT);
            }
        }
        // At default times one more death would put off the end by minutes; else all
        // but one may die yet, for a job that meets three deaths is given up.
        let all = self.plan.kind == Kind::StoppedAfterLook || self.scale.pace == 1;
        self.disarm(if all { self.daemons.len() } else { 1 });
    }

    /// The first `count` daemons do not wait any more for a seam to come by.
    fn disarm(&mut self, count: usize) {
        for daemon in self.daemons[..count].iter_mut().filter(|daemon| !daemon.seam.is_empty()) {
            daemon.signal(Signal::STOP);
        }
        for whom in 0..count {
            if !self.daemons[whom].seam.is_empty() {
                let names = self.in_hand(self.daemons[whom].boot());
                self.daemons[whom].kill();
                self.books.open().strike("killed: anywhere", true, false, &names);
                self.daemons[whom].restart("");
            }
        }
    }

    /// Ids of jobs and entries that the daemon of this id has in hand.
    fn in_hand(&self, boot: Option<String>) -> Vec<String> {
        let Some(boot) = boot else { return Vec::new() };
        if matches!(self.back, Some(Back::Away(_) | Back::Stopped(_))) {
            return Vec::new();
        }
        let owned = self.redis.ask(&["HGETALL", "zoomd:v1:owner"]).unwrap_or_default();
        let mut words = owned.lines().filter(|line| !line.starts_with(['$', '*']));
        let mut names = Vec::new();
        while let (Some(id), Some(own)) = (words.next(), words.next()) {
            if own.strip_prefix(&boot).is_some_and(|rest| rest.starts_with('.')) {
                names.push(id.to_owned());
            }
        }
        let pending = ["XPENDING", "zoomd:jobs", "zoomd", "-", "+", "1000", &boot];
        let pending = self.redis.ask(&pending).unwrap_or_default();
        let entry = |line: &&str| line.split('-').all(|part| part.parse::<u64>().is_ok());
        names.extend(pending.lines().filter(|l| l.contains('-')).filter(entry).map(Into::into));
        names
    }
}

fn fault_row(fault: &Fault) -> String {
    let side = match fault.when {
        When::Before => "before",
        When::After => "after",
    };
    format!("zoom: {:?} fails {side} the deed", fault.at).to_lowercase()
}

fn files_of(dir: &Path) -> PathBuf {
    dir.join("appendonlydir")
}

/// The file that what Redis writes now goes to.
fn log_of(dir: &Path) -> PathBuf {
    let files = std::fs::read_dir(files_of(dir)).expect("redis has files");
    let names = files.filter_map(|file| Some(file.ok()?.path()));
    let logs = names.filter(|path| path.to_string_lossy().ends_with(".incr.aof"));
    logs.max().expect("redis has a log")
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for file in std::fs::read_dir(from).expect("a folder").filter_map(Result::ok) {
        std::fs::copy(file.path(), to.join(file.file_name())).expect("copied");
    }
}
