//! Times in which jobs were held back: a pause, or an account without consent.
//!
//! Read from the existing records of accounts and of the namespace, so that a waiting job costs
//! nothing extra. Limited to 200 lines of the account's timeline and the last pauses of the
//! namespace; the result says how far back that reaches.

use redis::from_redis_value;

use super::{Block, JobView, Ops};
use crate::StoreError;
use crate::accounts::grants::Line;
use crate::queue::WaitReason;

/// Lines of an account's timeline that are read: all that are kept.
const LINES: usize = 200;
/// Pauses of the namespace that are kept: `PAUSES` of lua/admin/resume.lua.
const PAUSES: usize = 8;

impl Ops {
    /// Adds to `view` the times in which jobs of its account were held back.
    pub async fn add_blocks(&self, view: &mut JobView) -> Result<(), StoreError> {
        let Some(account) = view.account.as_deref() else { return Ok(()) };
        let keys = self.store.keys();
        let mut reads = redis::pipe();
        reads.cmd("LRANGE").arg(keys.timeline(account)).arg(0).arg(LINES - 1);
        reads.cmd("HMGET").arg(keys.meta()).arg(&["pauses", "paused_at"]);
        let mut values = self.store.connection().values(&reads).await?.into_iter();
        let mut next = || values.next().unwrap_or(redis::Value::Nil);
        let lines: Vec<String> = from_redis_value(next())?;
        let of_all: (Option<String>, Option<i64>) = from_redis_value(next())?;
        let mut blocks = of_account(lines.iter().rev().map(|line| &**line));
        let pauses = of_namespace(of_all.0.as_deref().unwrap_or_default(), of_all.1);
        view.blocks_from_ms = known_from(&lines, &pauses);
        blocks.extend(pauses);
        blocks.sort_by_key(|block| block.from_ms);
        view.blocks = blocks;
        Ok(())
    }
}

/// The time before which such times are not kept; `None`: all are.
fn known_from(lines: &[String], pauses: &[Block]) -> Option<i64> {
    let oldest = lines.get(LINES - 1).map(|line| serde_json::from_str::<Line>(line));
    let of_account = oldest.and_then(|line| i64::try_from(line.ok()?.at).ok());
    let over = pauses.iter().filter(|pause| pause.to_ms.is_some());
    let of_all = pauses.first().filter(|_| over.count() >= PAUSES).map(|pause| pause.from_ms);
    of_account.max(of_all)
}

/// From an account's timeline, oldest first.
fn of_account<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    for line in lines {
        let Ok(line) = serde_json::from_str::<Line>(line) else { continue };
        let at_ms = i64::try_from(line.at).unwrap_or(i64::MAX);
        let (why, begins) = match line.what.as_str() {
            "paused" => (WaitReason::Paused, true),
            "resumed" => (WaitReason::Paused, false),
            "verdict" => (WaitReason::Consent, true),
            "connected" | "imported" | "removed" => (WaitReason::Consent, false),
            _ => continue,
        };
        let open = blocks.iter_mut().find(|block| block.why == why && block.to_ms.is_none());
        match (open, begins) {
            (Some(block), false) => block.to_ms = Some(at_ms),
            (None, true) => blocks.push(Block { why, from_ms: at_ms, to_ms: None }),
            _ => {}
        }
    }
    blocks
}

/// From `<from>-<to> …`, and since when all is paused now.
fn of_namespace(pauses: &str, since_ms: Option<i64>) -> Vec<Block> {
    let over = pauses.split(' ').filter_map(|pause| {
        let (from, to) = pause.split_once('-')?;
        Some((from.parse().ok()?, Some(to.parse().ok()?)))
    });
    over.chain(since_ms.map(|ms| (ms, None)))
        .map(|(from_ms, to_ms)| Block { why: WaitReason::Paused, from_ms, to_ms })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_from_an_accounts_timeline() {
        let lines = [
            r#"{"at":10,"what":"imported"}"#,
            r#"{"at":20,"what":"paused"}"#,
            r#"{"at":25,"what":"paused","detail":"again"}"#,
            r#"{"at":30,"what":"verdict"}"#,
            r#"{"at":40,"what":"resumed"}"#,
            "damaged",
            r#"{"at":50,"what":"connected"}"#,
            r#"{"at":60,"what":"verdict"}"#,
        ];
        let block = |why, from_ms, to_ms| Block { why, from_ms, to_ms };
        let told = [
            block(WaitReason::Paused, 20, Some(40)),
            block(WaitReason::Consent, 30, Some(50)),
            block(WaitReason::Consent, 60, None),
        ];
        assert_eq!(of_account(lines.into_iter()), told);
    }

    #[test]
    fn how_far_back_they_reach_is_known() {
        let lines = |count: u64| -> Vec<String> {
            (0..count).rev().map(|at| format!(r#"{{"at":{},"what":"rotated"}}"#, at + 7)).collect()
        };
        let pauses = |count: i64| -> Vec<Block> {
            let pause =
                |from_ms| Block { why: WaitReason::Paused, from_ms, to_ms: Some(from_ms + 1) };
            (0..count).map(|n| pause(100 + 10 * n)).collect()
        };
        assert_eq!(known_from(&lines(199), &pauses(7)), None);
        assert_eq!(known_from(&lines(200), &pauses(7)), Some(7));
        assert_eq!(known_from(&lines(200), &pauses(8)), Some(100));
        let mut all = pauses(7);
        all.push(Block { why: WaitReason::Paused, from_ms: 900, to_ms: None });
        assert_eq!(known_from(&[], &all), None, "the one that lasts is kept apart");
    }

    #[test]
    fn times_are_read_from_the_namespace() {
        let block = |from_ms, to_ms| Block { why: WaitReason::Paused, from_ms, to_ms };
        let told = [block(1, Some(5)), block(7, Some(9)), block(12, None)];
        assert_eq!(of_namespace("1-5 7-9 x", Some(12)), told);
        assert_eq!(of_namespace("", None), []);
    }
}
