//! Counts over time: how many jobs succeeded and failed in each minute of the last hour and
//! in each hour of the last week, and how many waited.
//!
//! A daemon notes the counters of the namespace every few seconds; the last note of a step
//! stays. Costs no command a job. Bounded: each window has a fixed number of fields, which
//! are rewritten in turn. Several daemons note the same.

use std::collections::{BTreeMap, HashMap};

use redis::from_redis_value;

use super::Ops;
use crate::StoreError;

/// A stretch of time up to now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// The last hour, by minute.
    Hour,
    /// The last week, by hour.
    Week,
}

/// The counts of one step of a window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Point {
    /// The time at which the step began, ms.
    pub at_ms: i64,
    /// Jobs that succeeded in it.
    pub succeeded: u64,
    /// Jobs that failed in it.
    pub failed: u64,
    /// Jobs that waited or slept at its end.
    pub waiting: u64,
}

/// The counters as they stood at one time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Note {
    done: u64,
    failed: u64,
    waiting: u64,
}

impl Window {
    const ALL: [Self; 2] = [Self::Hour, Self::Week];

    /// The length of a step, ms.
    #[must_use]
    pub fn step_ms(self) -> i64 {
        match self {
            Self::Hour => 60_000,
            Self::Week => 3_600_000,
        }
    }

    #[must_use]
    pub fn steps(self) -> u32 {
        match self {
            Self::Hour => 60,
            Self::Week => 168,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Hour => "by_minute",
            Self::Week => "by_hour",
        }
    }

    /// The field in which the step at this time is noted: one more than there are steps, for
    /// the first is counted from the one before it.
    fn field(self, now_ms: i64) -> i64 {
        now_ms.div_euclid(self.step_ms()).rem_euclid(i64::from(self.steps()) + 1)
    }

    fn start(self, now_ms: i64) -> i64 {
        now_ms - now_ms.rem_euclid(self.step_ms())
    }

    /// The points of this window, the oldest first, from what was noted.
    fn points(self, now_ms: i64, noted: &HashMap<String, String>) -> Vec<Point> {
        let notes: BTreeMap<i64, Note> = noted.values().filter_map(|text| read(text)).collect();
        let steps = i64::from(self.steps());
        let first = self.start(now_ms) - (steps - 1) * self.step_ms();
        let point = |step: i64| {
            let at_ms = first + step * self.step_ms();
            let Some(note) = notes.get(&at_ms) else { return Point { at_ms, ..Point::default() } };
            let before = notes.range(..at_ms).next_back().map_or(*note, |(_, before)| *before);
            Point {
                at_ms,
                // They are less only when Redis went back.
                succeeded: note.done.saturating_sub(before.done),
                failed: note.failed.saturating_sub(before.failed),
                waiting: note.waiting,
            }
        };
        (0..steps).map(point).collect()
    }
}

/// A note and the start of its step, from `<start ms> <done> <failed> <waiting>`.
fn read(text: &str) -> Option<(i64, Note)> {
    let mut words = text.split(' ');
    let start = words.next()?.parse().ok()?;
    let mut number = || words.next()?.parse().ok();
    Some((start, Note { done: number()?, failed: number()?, waiting: number()? }))
}

impl Ops {
    /// Notes how the counters stand now.
    pub async fn note_counts(&self) -> Result<(), StoreError> {
        let (keys, conn) = (self.store.keys(), self.store.connection());
        let now_ms = self.store.now_ms().await?;
        let mut reads = redis::pipe();
        reads.cmd("HMGET").arg(keys.stats()).arg(&["done", "failed"]);
        reads.cmd("ZCARD").arg(keys.deadlines());
        for window in Window::ALL {
            let fields = [now_ms - window.step_ms(), now_ms].map(|ms| window.field(ms));
            reads.cmd("HMGET").arg(keys.counter(window.name())).arg(&fields);
        }
        let mut values = conn.values(&reads).await?.into_iter();
        let mut next = || values.next().unwrap_or(redis::Value::Nil);
        let [done, failed]: [Option<u64>; 2] = from_redis_value(next())?;
        let waiting: u64 = from_redis_value(next())?;
        let (done, failed) = (done.unwrap_or(0), failed.unwrap_or(0));
        let mut writes = redis::pipe();
        for window in Window::ALL {
            let mut write = |at_ms: i64| {
                let note = format!("{} {done} {failed} {waiting}", window.start(at_ms));
                let key = keys.counter(window.name());
                writes.cmd("HSET").arg(key).arg(window.field(at_ms)).arg(note);
            };
            let last_ms = now_ms - window.step_ms();
            let noted: Vec<Option<String>> = from_redis_value(next())?;
            let is_noted = |at: usize, ms: i64| {
                let note = noted.get(at).and_then(|text| read(text.as_deref()?));
                note.is_some_and(|(start, _)| start == window.start(ms))
            };
            // The first note of a while: what comes in this step is counted from now.
            if !is_noted(0, last_ms) && !is_noted(1, now_ms) {
                write(last_ms);
            }
            write(now_ms);
        }
        for answer in conn.values(&writes).await? {
            answer.extract_error().map_err(StoreError::from)?;
        }
        Ok(())
    }

    /// The counts of a window, the oldest first.
    pub async fn history(&self, window: Window) -> Result<Vec<Point>, StoreError> {
        let now_ms = self.store.now_ms().await?;
        let command =
            redis::cmd("HGETALL").arg(self.store.keys().counter(window.name())).to_owned();
        let noted = from_redis_value(self.store.connection().value(&command).await?)?;
        Ok(window.points(now_ms, &noted))
    }
}

#[cfg(test)]
mod tests {
    use redis_local::RedisServer;

    use super::*;
    use crate::{Store, StoreConfig};

    fn noted(notes: &[&str]) -> HashMap<String, String> {
        let fields = notes.iter().enumerate();
        fields.map(|(field, note)| (field.to_string(), (*note).to_owned())).collect()
    }

    #[test]
    fn a_step_counts_what_came_since_the_one_before() {
        let at = |minute: i64| minute * 60_000;
        let notes = noted(&[
            &format!("{} 5 1 7", at(100)),
            &format!("{} 9 1 3", at(101)),
            // Minute 102 was not noted. Redis went back before 104.
            &format!("{} 12 4 0", at(103)),
            &format!("{} 2 4 1", at(104)),
            "not ours",
        ]);
        let points = Window::Hour.points(at(105) + 7_000, &notes);
        assert_eq!((points.len(), points[59].at_ms), (60, at(105)));
        let count = |minute: i64| {
            let point = points.iter().find(|point| point.at_ms == at(minute)).expect("a point");
            (point.succeeded, point.failed, point.waiting)
        };
        let counts: Vec<_> = (99..=105).map(count).collect();
        let expected =
            [(0, 0, 0), (0, 0, 7), (4, 0, 3), (0, 0, 0), (3, 3, 0), (0, 0, 1), (0, 0, 0)];
        assert_eq!(counts, expected);
    }

    #[test]
    fn a_window_has_as_many_fields_as_it_needs() {
        for window in Window::ALL {
            let fields: std::collections::BTreeSet<_> =
                (0..1_000).map(|step| window.field(step * window.step_ms())).collect();
            assert_eq!(fields.len(), window.steps() as usize + 1);
        }
    }

    #[tokio::test]
    async fn what_was_noted_comes_back_and_does_not_grow() {
        let redis = RedisServer::start().expect("redis-server");
        let store = Store::connect(&StoreConfig::new(redis.url(), "t")).await.expect("store");
        let ops = Ops::new(store.clone());
        redis.ask(&["HSET", "t:v1:stats", "done", "3"]).expect("redis");
        ops.note_counts().await.expect("noted");
        // Counts in the first interval are included, too.
        redis.ask(&["HSET", "t:v1:stats", "done", "7"]).expect("redis");
        ops.note_counts().await.expect("noted");
        let first = ops.history(Window::Hour).await.expect("read");
        let all: u64 = first.iter().map(|point| point.succeeded).sum();
        assert_eq!(all, 4);
        for step in 1..200_i64 {
            store.clock().set_ms(step * 60_000);
            let done = (7 + step).to_string();
            redis.ask(&["HSET", "t:v1:stats", "done", &done, "failed", "1"]).expect("redis");
            ops.note_counts().await.expect("noted");
        }
        let points = ops.history(Window::Hour).await.expect("read");
        assert!(points.iter().all(|point| point.succeeded == 1 && point.failed == 0), "{points:?}");
        let week = ops.history(Window::Week).await.expect("read");
        let all: u64 = week.iter().map(|point| point.succeeded).sum();
        assert_eq!(all, 4 + 199);
        let fields = redis.ask(&["HLEN", "t:v1:counter:by_minute"]).expect("redis");
        assert_eq!(fields.trim(), ":61");
    }
}
