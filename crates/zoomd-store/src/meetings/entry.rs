//! Register entries that a settle writes.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use zoomd_wire::LastEnd;

use super::Meeting;

/// A meeting that a job made or changed, ready to be written with its outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeetingEntry {
    /// Zoom's number of the meeting.
    pub(crate) number: u64,
    /// Record.
    pub(crate) text: Box<str>,
    /// The list it is put in, if it is in none or in another.
    pub(crate) month: Option<Month>,
    /// True if the job made it, so that its id leads to the meeting.
    pub(crate) made: bool,
}

impl MeetingEntry {
    /// Zoom's number of the meeting.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The length of its record.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.text.len()
    }
}

impl Meeting<'_> {
    /// Entry written by the settle of the job that made the meeting.
    #[must_use]
    pub fn made(&self) -> MeetingEntry {
        self.entry(Some(self.month()), true)
    }

    /// Entry written by the settle of a job that changed the meeting.
    #[must_use]
    pub fn changed(&self, before: &Meeting<'_>) -> MeetingEntry {
        let month = self.month();
        self.entry((month != before.month()).then_some(month), false)
    }

    /// The meeting after a full update with this body for Zoom. An existing topic is kept.
    #[must_use]
    pub fn patched(mut self, body: &str) -> Self {
        #[derive(serde::Deserialize, Default)]
        struct Named {
            topic: Option<String>,
        }
        self.timing = self.timing.patched(body);
        self.ends = self.timing.last_end(self.entry.time());
        let named: Named = serde_json::from_str(body).unwrap_or_default();
        if let (Some(_), Some(topic)) = (&self.topic, named.topic) {
            self.topic = Some(topic.into());
        }
        self
    }

    /// The meeting after zoomd deleted it. An endless series has come to its end.
    #[must_use]
    pub fn deleted_at(mut self, at: Timestamp) -> Self {
        self.deleted = Timestamp::from_second(at.as_second()).ok();
        if self.ends == LastEnd::Never {
            self.ends = self.deleted.map_or(LastEnd::Never, LastEnd::At);
        }
        self
    }

    /// The list that it stands in.
    pub(crate) fn month(&self) -> Month {
        match self.ends {
            LastEnd::At(end) => Month::of(end),
            LastEnd::Never => Month::NEVER,
        }
    }

    fn entry(&self, month: Option<Month>, made: bool) -> MeetingEntry {
        MeetingEntry { number: self.number, text: self.pack().into(), month, made }
    }
}

/// The month (UTC) of a last end, as `yyyymm`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Month(u32);

impl Month {
    /// Of meetings without an end. It stands behind all others.
    pub(crate) const NEVER: Self = Self(u32::MAX);

    pub(crate) fn of(end: Timestamp) -> Self {
        let date = TimeZone::UTC.to_datetime(end).date();
        let year = u32::try_from(date.year()).unwrap_or(0);
        Self(year * 100 + u32::from(date.month().unsigned_abs()))
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NEVER => f.write_str("never"),
            Self(month) => write!(f, "{month:06}"),
        }
    }
}

impl FromStr for Month {
    type Err = std::num::ParseIntError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "never" { Ok(Self::NEVER) } else { text.parse().map(Self) }
    }
}

/// The meeting that a job made, as the memory of its id names it: `<account>|<number>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) account: String,
    pub(crate) number: u64,
}

impl Reference {
    /// The reference at the end of a memory of a job that is done.
    pub(crate) fn of_memory(memory: &str) -> Option<Self> {
        memory.strip_prefix("D ")?.rsplit(' ').next()?.parse().ok()
    }

    /// References of the id's earlier jobs, the oldest first.
    pub(crate) fn all(text: &str) -> Vec<Self> {
        text.split(' ').filter_map(|part| part.parse().ok()).collect()
    }
}

/// A text that names no meeting.
#[derive(Debug)]
pub(crate) struct NoReference;

impl FromStr for Reference {
    type Err = NoReference;
    fn from_str(text: &str) -> Result<Self, NoReference> {
        let (account, number) = text.split_once('|').ok_or(NoReference)?;
        let number = number.parse().map_err(|_| NoReference)?;
        Ok(Self { account: account.to_owned(), number })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_read_as_they_are_written_and_stand_in_order() {
        let at = |text: &str| Month::of(text.parse().expect("a time"));
        let months = [at("0999-12-31T23:59:59Z"), at("2030-01-31T23:59:59Z"), Month::NEVER];
        assert!(months.is_sorted());
        for (month, text) in months.iter().zip(["099912", "203001", "never"]) {
            assert_eq!((month.to_string().as_str(), text.parse()), (text, Ok(*month)));
        }
    }

    #[test]
    fn a_memory_names_the_meeting_of_its_job() {
        let named = Reference { account: "a.b@c".into(), number: 7 };
        let memory = "D 1 5-0 00000000000000ff 1700000000 a.b@c|7";
        assert_eq!(Reference::of_memory(memory), Some(named.clone()));
        for none in ["", "D 1 5-0 00000000000000ff 1700000000", "L 1 5-0 - c10y 0 9 acme|me|7"] {
            assert_eq!(Reference::of_memory(none), None, "{none}");
        }
        assert_eq!(Reference::all("a.b@c|7 x a.b@c|7"), [named.clone(), named]);
    }
}
