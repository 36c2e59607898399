//! Reads of the register: by job, by number, and in the order of ends.
//!
//! Bounded: a list reads a limited number of one month, and returns where to continue.

use std::collections::HashSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use redis::{Value, from_redis_value};
use zoomd_wire::LastEnd;

use super::{Meeting, Month, Reference};
use crate::{Store, StoreError};

/// Maximum count of numbers of one month that a list reads.
const LOOK: usize = 50_000;
/// Number of records read in one step, and of accounts.
const STEP: usize = 1_000;
/// Months of one account: more than Zoom's calendar has.
const MONTHS: usize = 20_000;

/// The register of one namespace.
#[derive(Debug, Clone)]
pub struct Meetings {
    store: Store,
    keep: Duration,
}

/// The meetings of one job id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// Meeting of the job that took the id last, if it made one.
    pub last: Option<Meeting<'static>>,
    /// Meetings of the id's earlier jobs, the oldest first.
    pub earlier: Vec<Meeting<'static>>,
}

/// A part of a list.
#[derive(Debug, Clone, Default)]
pub struct ListQuery {
    /// True if meetings that are over or deleted are listed too.
    pub past: bool,
    /// Behind this place, as an earlier page named it.
    pub cursor: Option<String>,
    /// Maximum number of meetings.
    pub limit: usize,
}

#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The meetings, in the order of their (last) ends; endless ones by their start, at
    /// the end.
    pub meetings: Vec<Meeting<'static>>,
    /// Start of the next page; `None`: this is the last.
    pub next: Option<String>,
}

/// A meeting's place in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    month: Month,
    second: i64,
    number: u64,
}

impl Meetings {
    /// The register of `store`, which keeps a meeting for `keep` after its end.
    #[must_use]
    pub fn new(store: Store, keep: Duration) -> Self {
        Self { store, keep }
    }

    /// The meetings that jobs of this id made.
    pub async fn by_job(&self, id: &str) -> Result<Known, StoreError> {
        let keys = self.store.keys();
        let mut reads = redis::pipe();
        reads.cmd("HGET").arg(keys.ids()).arg(id);
        reads.cmd("HGET").arg(keys.meeting_earlier()).arg(id);
        let mut values = self.store.connection().values(&reads).await?.into_iter();
        let mut next = || from_redis_value::<Option<String>>(values.next().unwrap_or(Value::Nil));
        let last = next()?.as_deref().and_then(Reference::of_memory);
        let earlier = next()?.map(|text| Reference::all(&text)).unwrap_or_default();
        let last = self.referred(last.into_iter().collect()).await?.pop();
        Ok(Known { last, earlier: self.referred(earlier).await? })
    }

    /// The meetings of this number: of one account, or of any.
    pub async fn by_number(
        &self,
        account: Option<&str>,
        number: u64,
    ) -> Result<Vec<Meeting<'static>>, StoreError> {
        let refer = |account: String| Reference { account, number };
        if let Some(account) = account {
            return self.referred(vec![refer(account.to_owned())]).await;
        }
        let (mut found, mut after) = (Vec::new(), "-".to_owned());
        loop {
            let mut names = redis::cmd("ZRANGEBYLEX");
            names.arg(self.store.keys().accounts()).arg(&after).arg("+").arg("LIMIT").arg(0);
            let names: Vec<String> =
                from_redis_value(self.store.connection().value(names.arg(STEP)).await?)?;
            let Some(last) = names.last() else { return Ok(found) };
            after = format!("({last}");
            found.extend(self.referred(names.into_iter().map(refer).collect()).await?);
        }
    }

    /// A page of an account's meetings.
    pub async fn list(&self, account: &str, query: &ListQuery) -> Result<Page, StoreError> {
        let now = self.now().await?;
        let behind = query.cursor.as_deref().and_then(Place::read);
        let from = if query.past { Month::of(Timestamp::UNIX_EPOCH) } else { Month::of(now) };
        let from = behind.map_or(from, |place| place.month.max(from));
        let mut page = Page::default();
        for month in self.months(account).await?.into_iter().filter(|month| *month >= from) {
            let mut found = self.of_month(account, month, now).await?;
            let ahead = |meeting: &Meeting<'_>| {
                meeting.deleted.is_none() && meeting.ends >= LastEnd::At(now)
            };
            found.retain(|meeting| query.past || ahead(meeting));
            found.retain(|meeting| behind.is_none_or(|behind| Place::of(meeting) > behind));
            found.sort_by_key(Place::of);
            let room = query.limit - page.meetings.len();
            if found.len() > room {
                found.truncate(room);
                page.meetings.append(&mut found);
                page.next = page.meetings.last().map(|last| Place::of(last).to_text());
                return Ok(page);
            }
            page.meetings.append(&mut found);
        }
        Ok(page)
    }

    /// The months of an account's lists, in order.
    async fn months(&self, account: &str) -> Result<Vec<Month>, StoreError> {
        let mut ask = redis::cmd("ZRANGEBYLEX");
        ask.arg(self.store.keys().meeting_months());
        ask.arg(format!("[{account}|")).arg(format!("({account}}}")).arg("LIMIT").arg(0);
        let names: Vec<String> =
            from_redis_value(self.store.connection().value(ask.arg(MONTHS)).await?)?;
        let months = names.iter().filter_map(|name| name.split_once('|')?.1.parse().ok());
        let mut months: Vec<Month> = months.collect();
        months.sort_unstable();
        Ok(months)
    }

    async fn of_month(
        &self,
        account: &str,
        month: Month,
        now: Timestamp,
    ) -> Result<Vec<Meeting<'static>>, StoreError> {
        let key = self.store.keys().meeting_month(&format!("{account}|{month}"));
        let mut ask = redis::cmd("LRANGE");
        ask.arg(key).arg(0).arg(LOOK - 1);
        let numbers: Vec<u64> = from_redis_value(self.store.connection().value(&ask).await?)?;
        // One that was moved and moved back is named twice.
        let once: HashSet<u64> = numbers.into_iter().collect();
        let numbers: Vec<u64> = once.into_iter().collect();
        let mut found = Vec::new();
        for numbers in numbers.chunks(STEP) {
            let mut ask = redis::cmd("HMGET");
            ask.arg(self.store.keys().meeting(account)).arg(numbers);
            let texts: Vec<Option<String>> =
                from_redis_value(self.store.connection().value(&ask).await?)?;
            let records = numbers.iter().zip(texts);
            let read = |(number, text): (&u64, Option<String>)| {
                Meeting::read(account, *number, &text?)
                    .filter(|meeting| meeting.month() == month && self.is_kept(meeting, now))
            };
            found.extend(records.filter_map(read));
        }
        Ok(found)
    }

    /// The meetings of these references that are still known, in their order.
    async fn referred(&self, to: Vec<Reference>) -> Result<Vec<Meeting<'static>>, StoreError> {
        if to.is_empty() {
            return Ok(Vec::new());
        }
        let mut reads = redis::pipe();
        for Reference { account, number } in &to {
            reads.cmd("HGET").arg(self.store.keys().meeting(account)).arg(number);
        }
        let (values, now) = (self.store.connection().values(&reads).await?, self.now().await?);
        let mut found = Vec::new();
        for (Reference { account, number }, value) in to.iter().zip(values) {
            let text: Option<String> = from_redis_value(value)?;
            let meeting = text.and_then(|text| Meeting::read(account, *number, &text));
            found.extend(meeting.filter(|meeting| self.is_kept(meeting, now)));
        }
        Ok(found)
    }

    /// True if its time in the register is not over.
    fn is_kept(&self, meeting: &Meeting<'_>, now: Timestamp) -> bool {
        let keep = SignedDuration::try_from(self.keep).unwrap_or(SignedDuration::MAX);
        match meeting.ends {
            LastEnd::Never => true,
            LastEnd::At(end) => end.checked_add(keep).map_or(true, |until| until > now),
        }
    }

    async fn now(&self) -> Result<Timestamp, StoreError> {
        let ms = self.store.now_ms().await?;
        Ok(Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX))
    }
}

impl Place {
    fn of(meeting: &Meeting<'_>) -> Self {
        let moment = match meeting.ends {
            LastEnd::At(end) => end,
            LastEnd::Never => meeting.timing.start.unwrap_or(meeting.entry.time()),
        };
        Self { month: meeting.month(), second: moment.as_second(), number: meeting.number }
    }

    fn to_text(self) -> String {
        format!("{}.{}.{}", self.month, self.second, self.number)
    }

    fn read(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let place = Self {
            month: parts.next()?.parse().ok()?,
            second: parts.next()?.parse().ok()?,
            number: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(place)
    }
}
