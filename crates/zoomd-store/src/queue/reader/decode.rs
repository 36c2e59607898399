//! The answers of `XREADGROUP` and `XAUTOCLAIM`, walked without copies.

use std::sync::Arc;

use bytes::Bytes;
use redis::Value;

use crate::StoreError;
use crate::queue::entry::Entry;

/// Of a malformed entry no more text than this is handed on.
const MOST_TEXT: usize = 64 * 1024;

/// Entries, and the ids of deleted ones.
type Entries = (Vec<Entry>, Vec<Arc<str>>);

fn unexpected() -> StoreError {
    StoreError::unexpected("a read of the jobs stream")
}

/// `nil`, or one stream's entries; with the ids of deleted ones.
pub(super) fn read(answer: Value) -> Result<Entries, StoreError> {
    let streams = match answer {
        Value::Nil => return Ok((Vec::new(), Vec::new())),
        Value::Array(streams) => streams,
        _ => return Err(unexpected()),
    };
    let Some(Value::Array(stream)) = streams.into_iter().next() else {
        return Ok((Vec::new(), Vec::new()));
    };
    let entries = stream.into_iter().nth(1).ok_or_else(unexpected)?;
    all(entries)
}

/// Entries returned by `XAUTOCLAIM`.
#[derive(Debug)]
pub(super) struct Taken {
    /// The next cursor.
    pub(super) next: String,
    /// The entries, and the ids of deleted ones.
    pub(super) entries: Entries,
    /// True if some are gone without their ids: servers before 7.0 put a nil in their
    /// place. They are pending for who took them, and told by its next look back.
    pub(super) unnamed: bool,
}

/// The answer of `XAUTOCLAIM`.
pub(super) fn autoclaim(answer: Value) -> Result<Taken, StoreError> {
    let Value::Array(parts) = answer else { return Err(unexpected()) };
    let mut parts = parts.into_iter();
    let next = text(parts.next().ok_or_else(unexpected)?)?;
    let claimed = parts.next().ok_or_else(unexpected)?;
    let unnamed = matches!(&claimed, Value::Array(all) if all.contains(&Value::Nil));
    let (entries, mut deleted) = all(claimed)?;
    if let Some(Value::Array(ids)) = parts.next() {
        for id in ids {
            deleted.push(text(id)?.into());
        }
    }
    Ok(Taken { next, entries: (entries, deleted), unnamed })
}

fn all(entries: Value) -> Result<Entries, StoreError> {
    let Value::Array(entries) = entries else { return Err(unexpected()) };
    let mut found = Vec::with_capacity(entries.len());
    let mut deleted = Vec::new();
    for entry in entries {
        let Value::Array(parts) = entry else { continue };
        let mut parts = parts.into_iter();
        let id: Arc<str> = text(parts.next().ok_or_else(unexpected)?)?.into();
        match parts.next() {
            Some(Value::Array(fields)) => {
                found.push(Entry { id, body: body(fields), again: false });
            }
            _ => deleted.push(id),
        }
    }
    Ok((found, deleted))
}

fn text(value: Value) -> Result<String, StoreError> {
    redis::from_redis_value(value).map_err(|_| unexpected())
}

fn body(mut fields: Vec<Value>) -> Result<Bytes, Bytes> {
    if let [Value::BulkString(name), Value::BulkString(job)] = fields.as_mut_slice()
        && name == b"job"
    {
        return Ok(std::mem::take(job).into());
    }
    Err(raw(&fields))
}

/// All fields and values of a malformed entry, one `field: value` a line.
fn raw(fields: &[Value]) -> Bytes {
    let mut text = Vec::new();
    for pair in fields.chunks(2) {
        for (value, end) in pair.iter().zip([&b": "[..], b"\n"]) {
            if let Value::BulkString(bytes) = value {
                let room = MOST_TEXT.saturating_sub(text.len());
                text.extend_from_slice(&bytes[..bytes.len().min(room)]);
            }
            text.extend_from_slice(end);
        }
    }
    text.truncate(MOST_TEXT);
    text.into()
}

#[cfg(test)]
mod tests {
    use redis::Value;

    use super::{autoclaim, body, read};

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    #[test]
    fn one_field_named_job_and_no_other() {
        assert_eq!(body(vec![bulk("job"), bulk("{}")]).expect("job"), "{}");
        for (fields, text) in [
            (vec![], ""),
            (vec![bulk("jobs"), bulk("{}")], "jobs: {}\n"),
            (vec![bulk("job"), bulk("{}"), bulk("x"), bulk("1")], "job: {}\nx: 1\n"),
        ] {
            assert_eq!(body(fields).expect_err("malformed"), text);
        }
        let long = vec![bulk("x"), bulk(&"y".repeat(100_000))];
        assert_eq!(body(long).expect_err("malformed").len(), 64 * 1024);
    }

    #[test]
    fn entries_that_are_gone_are_told() {
        let gone = Value::Array(vec![bulk("1-1"), Value::Nil]);
        let here = Value::Array(vec![bulk("1-2"), Value::Array(vec![bulk("job"), bulk("{}")])]);
        let stream = Value::Array(vec![bulk("s"), Value::Array(vec![gone, here.clone()])]);
        let (entries, deleted) = read(Value::Array(vec![stream])).expect("read");
        assert_eq!((&*entries[0].id, &*deleted[0]), ("1-2", "1-1"));
        assert!(read(Value::Nil).expect("nothing").0.is_empty());
        let claimed = Value::Array(vec![bulk("0-0"), Value::Array(vec![Value::Nil, here])]);
        let taken = autoclaim(claimed).expect("claim");
        let (entries, deleted) = taken.entries;
        assert_eq!((taken.next.as_str(), entries.len(), deleted.len()), ("0-0", 1, 0));
        assert!(taken.unnamed, "one is gone without its id");
    }
}
