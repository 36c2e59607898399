//! Daemons that keep rotation journals, and the hold after a change of Redis' run id.

use std::time::Duration;

use super::{BEAT, Rotations};
use crate::StoreError;
use crate::clock::ms;
use crate::redis::script_reply::ScriptReply;

/// The report of a process with a journal, about once a second.
#[derive(Debug, Clone)]
pub struct Beat<'a> {
    /// The id of the process.
    pub process: &'a str,
    /// The run id of the server that has all that its journal holds.
    pub committed_to: Option<&'a str>,
    /// The dead processes whose journals it took over; at most 200.
    pub journals: &'a [String],
    /// The processes it saw alive within the last ten minutes; at most 200.
    pub seen: &'a [String],
    /// The last beat it knows of, ms; `None`: it has just begun.
    pub last_ms: Option<i64>,
    /// The longest time of a hold.
    pub hold: Duration,
    /// The run id that its beat before this one heard; empty: it has just begun.
    pub run_id: &'a str,
}

/// The answer to a [`Beat`].
#[derive(Debug, Clone)]
pub struct Heard {
    /// The server's run id.
    pub run_id: String,
    /// The end of the hold, during which no rotation starts; `None`: there is none.
    pub hold_until_ms: Option<i64>,
    /// The time of Redis.
    pub now_ms: i64,
    /// The processes that were heard of, with the time of their last beat.
    pub beats: Vec<(String, i64)>,
    /// Daemons that ended cleanly and left nothing on their disk.
    pub gone: Vec<String>,
}

impl Rotations {
    /// Says that a process with a journal is there, and hears of the others.
    pub async fn beat(&self, beat: &Beat<'_>) -> Result<Heard, StoreError> {
        let list = |ids: &[String]| serde_json::Value::from(ids.to_vec()).to_string();
        let call = self
            .call(&BEAT, beat.process)
            .arg(beat.committed_to.unwrap_or_default())
            .arg(list(beat.journals))
            .arg(list(beat.seen))
            .arg(beat.last_ms.map(|ms| ms.to_string()).unwrap_or_default())
            .arg(ms(beat.hold))
            .arg(beat.run_id);
        let mut answer = ScriptReply::new(self.run(call, "a beat").await?, "a beat")?;
        let (run_id, until_ms, now_ms) = (answer.next()?, answer.number()?, answer.number()?);
        let beats: Vec<(String, f64)> = redis::from_redis_value(answer.value()?)?;
        Ok(Heard {
            run_id,
            hold_until_ms: Some(until_ms).filter(|until| *until > 0),
            now_ms,
            beats: beats.into_iter().map(|(id, at)| (id, at as i64)).collect(),
            gone: redis::from_redis_value(answer.value()?)?,
        })
    }

    /// Says that a process has ended and that its journal holds nothing.
    pub async fn leave(&self, process: &str) -> Result<(), StoreError> {
        let (keys, now_ms) = (self.store.keys(), self.store.now_ms().await?);
        let mut write = redis::pipe();
        write.cmd("ZADD").arg(keys.gone()).arg(now_ms).arg(process);
        write.cmd("ZREM").arg(keys.beats()).arg(process);
        for answer in self.store.connection().values(&write).await? {
            answer.extract_error()?;
        }
        Ok(())
    }
}
