//! Answers of Redis as facts.

use std::collections::{BTreeMap, HashMap};

use redis::{Value, from_redis_value};
use zoomd_wire::AccountName;

use super::{AppStop, read};
use crate::accounts::rotation::{OpenIntent, SINCE};

/// The consumer group of the daemons.
const GROUP: &str = "zoomd";
/// Mark of a stop that is about no credentials.
const ANY: &str = "*";

/// The part of the stream of jobs that daemons have read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Group {
    /// The start of what they have not read, as `XRANGE` takes it.
    pub(super) after: String,
    /// The entries that follow.
    pub(super) unread: u64,
}

impl Group {
    /// From `XINFO GROUPS`, of a stream of so many entries. Servers before 7.0 do not
    /// count what is unread; then it is what is not pending.
    pub(super) fn of(answer: Value, stream: u64) -> Self {
        let groups: Vec<HashMap<String, Value>> = read(answer);
        let name = |group: &HashMap<String, Value>| -> String {
            group.get("name").cloned().map(read).unwrap_or_default()
        };
        let Some(group) = groups.into_iter().find(|group| name(group) == GROUP) else {
            return Self { after: "-".to_owned(), unread: stream };
        };
        let field = |name: &str| group.get(name).cloned().unwrap_or(Value::Nil);
        let last: String = read(field("last-delivered-id"));
        let after = if last.is_empty() { "-".to_owned() } else { format!("({last}") };
        let lag: Option<u64> = from_redis_value(field("lag")).ok().flatten();
        let pending: u64 = read(field("pending"));
        Self { after, unread: lag.unwrap_or_else(|| stream.saturating_sub(pending)) }
    }
}

/// Jobs in the hands of each daemon, by its id.
#[derive(Debug, Default)]
pub(super) struct HandCount(pub(super) BTreeMap<String, u64>);

impl HandCount {
    /// From the values of `owner`: `<daemon>.<counter>|…`.
    pub(super) fn of(owns: &[String]) -> Self {
        let mut counts = BTreeMap::new();
        for own in owns {
            let fence = own.split('|').next().unwrap_or_default();
            if let Some((daemon, _)) = fence.rsplit_once('.') {
                *counts.entry(daemon.to_owned()).or_default() += 1;
            }
        }
        Self(counts)
    }
}

/// Apps, from the fields of `stop`.
pub(super) fn stops(fields: HashMap<String, String>) -> Vec<AppStop> {
    let mut stops: Vec<_> = fields
        .iter()
        .filter_map(|(app, text)| {
            let (issuer, client_id) = app.split_once(' ')?;
            let mut parts = text.splitn(3, ' ');
            let (until_ms, mark) = (parts.next()?.parse().ok()?, parts.next()?);
            let since = fields.get(&format!("{SINCE}{app}"));
            Some(AppStop {
                issuer: issuer.to_owned(),
                client_id: client_id.to_owned(),
                since_ms: since.and_then(|ms| ms.parse().ok()),
                until_ms,
                mass: mark == ANY,
                why: parts.next()?.to_owned(),
            })
        })
        .collect();
    stops.sort_by(|a, b| (&a.issuer, &a.client_id).cmp(&(&b.issuer, &b.client_id)));
    stops
}

/// The time of the first entry of a range.
pub(super) fn entry_ms(answer: Value) -> Option<i64> {
    let entries: Vec<(String, Value)> = read(answer);
    entries.first()?.0.split('-').next()?.parse().ok()
}

pub(super) fn intent(account: &str, answer: Value) -> Option<OpenIntent> {
    OpenIntent::read(&AccountName::new(account).ok()?, &read(answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_in_hand_are_counted_by_daemon() {
        let owns = ["a.b-1.7|5|h|z", "a.b-1.8|5||z", "c-2.1|5||z", "?"].map(str::to_owned);
        let counts = HandCount::of(&owns).0;
        assert_eq!(counts, BTreeMap::from([("a.b-1".to_owned(), 2), ("c-2".to_owned(), 1)]));
    }

    #[test]
    fn a_stop_is_read_with_the_first_rejection() {
        let field = |k: &str, v: &str| (k.to_owned(), v.to_owned());
        let fields = HashMap::from([
            field("https://zoom.us a", "900 m1 zoom does not accept the app"),
            field("since https://zoom.us a", "100"),
            field("https://zoom.us b", "900 * 12 accounts died within a minute"),
            field("https://zoom.us c", "nonsense"),
        ]);
        let stops = stops(fields);
        let of = |at: usize| (stops[at].client_id.as_str(), stops[at].since_ms, stops[at].mass);
        assert_eq!((stops.len(), of(0), of(1)), (2, ("a", Some(100), false), ("b", None, true)));
        assert_eq!(
            (stops[0].until_ms, stops[0].why.as_str()),
            (900, "zoom does not accept the app")
        );
    }
}
