//! Ranges of the streams, in pages, each with a bound.

use std::time::{Duration, Instant};

use redis::from_redis_value;

use super::Ops;
use crate::StoreError;

/// Number of entries read in one step.
const PAGE: usize = 1_000;
/// Maximum number of entries that a frequent caller reads where nothing says where a job is.
pub const BLIND_LOOK: usize = 2_000;
/// Number of entries of one step there.
const BLIND_PAGE: usize = 200;
/// Time after which no further step is read there: entries can be large.
const BLIND_TIME: Duration = Duration::from_millis(25);

/// One entry as bytes: a producer may have written anything.
#[derive(Debug, Clone)]
pub(super) struct Raw {
    pub(super) id: String,
    pub(super) fields: Vec<(String, Vec<u8>)>,
}

impl Raw {
    pub(super) fn field(&self, name: &str) -> &[u8] {
        self.fields.iter().find(|(k, _)| k == name).map_or(&[], |(_, v)| v)
    }

    pub(super) fn text(&self, name: &str) -> String {
        String::from_utf8_lossy(self.field(name)).into_owned()
    }

    /// Time of the entry.
    pub(super) fn ms(&self) -> i64 {
        self.id.split('-').next().and_then(|ms| ms.parse().ok()).unwrap_or(0)
    }
}

/// Direction in which a stream is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    OldestFirst,
    NewestFirst,
}

impl Ops {
    pub(super) async fn entry(&self, key: &str, id: &str) -> Result<Option<Raw>, StoreError> {
        let mut command = redis::cmd("XRANGE");
        command.arg(key).arg(id).arg(id);
        Ok(self.raws(&command).await?.into_iter().next())
    }

    /// The first entry from `from` on that `wanted` takes; looks at no more
    /// than `most` entries. A frequent caller's search without a place to begin ends early.
    pub(super) async fn search(
        &self,
        key: &str,
        way: Way,
        from: Option<String>,
        most: usize,
        mut wanted: impl FnMut(&Raw) -> bool,
    ) -> Result<Option<Raw>, StoreError> {
        let mut found = None;
        let each = |raw| {
            let hit = wanted(&raw);
            if hit {
                found = Some(raw);
            }
            !hit
        };
        if self.look == usize::MAX || from.is_some() {
            self.walk(key, way, from, most.min(self.look), each).await?;
        } else {
            let bounds = (most.min(BLIND_LOOK), BLIND_PAGE, Some(Instant::now() + BLIND_TIME));
            self.steps(key, way, from, bounds, each).await?;
        }
        Ok(found)
    }

    /// Shows entries to `each` until it answers false, or `most` were seen.
    /// Answers how many were.
    pub(super) async fn walk(
        &self,
        key: &str,
        way: Way,
        from: Option<String>,
        most: usize,
        each: impl FnMut(Raw) -> bool,
    ) -> Result<usize, StoreError> {
        self.steps(key, way, from, (most, PAGE, None), each).await
    }

    /// As [`walk`](Self::walk), with the entries of one step, and the time after which no
    /// further step is read.
    async fn steps(
        &self,
        key: &str,
        way: Way,
        from: Option<String>,
        (most, step, until): (usize, usize, Option<Instant>),
        mut each: impl FnMut(Raw) -> bool,
    ) -> Result<usize, StoreError> {
        let (name, first, last) = match way {
            Way::OldestFirst => ("XRANGE", "-", "+"),
            Way::NewestFirst => ("XREVRANGE", "+", "-"),
        };
        let mut from = from.unwrap_or_else(|| first.to_owned());
        let mut seen = 0;
        while seen < most && until.is_none_or(|until| Instant::now() < until) {
            let mut command = redis::cmd(name);
            command.arg(key).arg(&from).arg(last).arg("COUNT").arg(step.min(most - seen));
            let page = self.raws(&command).await?;
            let Some(end) = page.last() else { break };
            from = format!("({}", end.id);
            for raw in page {
                seen += 1;
                if !each(raw) {
                    return Ok(seen);
                }
            }
        }
        Ok(seen)
    }

    async fn raws(&self, command: &redis::Cmd) -> Result<Vec<Raw>, StoreError> {
        type Fields = Vec<(Vec<u8>, Vec<u8>)>;
        let value = self.store.connection().value(command).await?;
        let entries: Vec<(String, Option<Fields>)> = from_redis_value(value)?;
        let name = |name: Vec<u8>| String::from_utf8_lossy(&name).into_owned();
        let raw = |(id, fields): (String, Option<Fields>)| {
            let fields = fields?.into_iter().map(|(k, v)| (name(k), v)).collect();
            Some(Raw { id, fields })
        };
        Ok(entries.into_iter().filter_map(raw).collect())
    }
}
