//! The record of one meeting that zoomd made, and its packed text.
//!
//! Fields stand one after the other between `|`, a format number in front; numbers that
//! are long have base 36. Fields are only ever added at the end, and a reader passes over
//! those it does not know, so that daemons of two versions read each other's. What is
//! empty at the end is left out. lua/lib/meetings.lua reads the same text.

use std::borrow::Cow;

use jiff::Timestamp;
use zoomd_wire::{EntryId, LastEnd, Timing};

/// The format of this version.
const FORMAT: &str = "1";
/// Bytes of a topic that are kept: so it adds 80 bytes of memory at most, as Redis'
/// allocator counts them.
const TOPIC: usize = 52;
/// A host that is the account's own user.
const ME: &str = "me";

/// A meeting that zoomd made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meeting<'a> {
    /// Zoom's number.
    pub number: u64,
    /// The account whose grant made it.
    pub account: Cow<'a, str>,
    /// The job that made it.
    pub job_id: Cow<'a, str>,
    /// Stream entry of that job.
    pub entry: EntryId,
    /// The user whose meeting it is: `me`, an e-mail in lower case, or a Zoom user id.
    pub host: Cow<'a, str>,
    /// Time at which it takes place. An instant meeting has its actual start.
    pub timing: Timing,
    pub ends: LastEnd,
    /// Time of the deletion by zoomd.
    pub deleted: Option<Timestamp>,
    /// The beginning of its topic, where topics are kept.
    pub topic: Option<Cow<'a, str>>,
}

impl Meeting<'_> {
    /// The packed text.
    pub(crate) fn pack(&self) -> String {
        let mut text = String::with_capacity(96);
        text.push_str(FORMAT);
        text.push('|');
        // The entry id replaces the id of a job without one.
        if self.job_id.parse() != Ok(self.entry) {
            push_clean(&mut text, &self.job_id);
        }
        text.push('|');
        push_36(&mut text, self.entry.ms);
        text.push('-');
        push_36(&mut text, self.entry.seq);
        text.push('|');
        if self.host != ME {
            push_clean(&mut text, &self.host);
        }
        text.push('|');
        text.push_str(itoa::Buffer::new().format(self.timing.meeting_type));
        text.push('|');
        push_second(&mut text, self.timing.start);
        text.push('|');
        if let Some(minutes) = self.timing.minutes {
            text.push_str(itoa::Buffer::new().format(minutes));
        }
        self.push_rare(&mut text);
        text.truncate(text.trim_end_matches('|').len());
        text
    }

    /// Appends the fields that most meetings do not have.
    fn push_rare(&self, text: &mut String) {
        text.push('|');
        match self.ends {
            LastEnd::Never => text.push('-'),
            LastEnd::At(end) if end == self.first_end() => {}
            LastEnd::At(end) => push_second(text, Some(end)),
        }
        text.push('|');
        push_second(text, self.deleted);
        text.push('|');
        if let Some(series) = &self.timing.series {
            text.push_str(&series.to_string());
        }
        text.push('|');
        push_clean(text, self.timing.timezone.as_deref().unwrap_or_default());
        text.push('|');
        push_clean(text, beginning(self.topic.as_deref().unwrap_or_default()));
    }

    fn first_end(&self) -> Timestamp {
        self.timing.first_end(self.entry.time())
    }
}

impl Meeting<'static> {
    /// The meeting of this account and number; `None`: the text is of another format.
    #[must_use]
    pub fn read(account: &str, number: u64, text: &str) -> Option<Self> {
        let mut fields = text.split('|');
        if fields.next() != Some(FORMAT) {
            return None;
        }
        let mut next = || fields.next().unwrap_or_default();
        let (job_id, entry, host) = (next(), read_entry(next())?, next());
        let (meeting_type, start) = (next().parse().unwrap_or(2), read_second(next()));
        let (minutes, ends, deleted) = (next().parse().ok(), next(), read_second(next()));
        let (series, zone, topic) = (next().parse().ok(), next(), next());
        let timezone = filled(zone);
        let mut meeting = Self {
            number,
            account: account.to_owned().into(),
            job_id: filled(job_id).unwrap_or_else(|| entry.to_string()).into(),
            entry,
            host: filled(host).map_or(ME.into(), Cow::Owned),
            timing: Timing { meeting_type, start, minutes, timezone, series },
            ends: LastEnd::Never,
            deleted,
            topic: filled(topic).map(Cow::Owned),
        };
        meeting.ends = match ends {
            "-" => LastEnd::Never,
            text => LastEnd::At(read_second(text).unwrap_or_else(|| meeting.first_end())),
        };
        Some(meeting)
    }
}

fn filled(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| clear(text))
}

/// The beginning of a topic, as far as it is kept.
fn beginning(text: &str) -> &str {
    let mut end = text.len().min(TOPIC);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Appends a text in which nothing looks like the end of its field.
fn push_clean(text: &mut String, value: &str) {
    if !value.contains(['|', '\\']) {
        text.push_str(value);
        return;
    }
    for char in value.chars() {
        match char {
            '|' => text.push_str("\\!"),
            '\\' => text.push_str("\\\\"),
            other => text.push(other),
        }
    }
}

/// The text that [`push_clean`] was given.
fn clear(text: &str) -> String {
    let mut clear = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match (char, chars.clone().next()) {
            ('\\', Some(next)) => {
                clear.push(if next == '!' { '|' } else { next });
                chars.next();
            }
            (char, _) => clear.push(char),
        }
    }
    clear
}

/// Appends a number in base 36.
fn push_36(text: &mut String, mut number: u64) {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let (mut digits, mut at) = ([0_u8; 13], 13);
    while at == 13 || number > 0 {
        at -= 1;
        digits[at] = DIGITS[usize::try_from(number % 36).unwrap_or(0)];
        number /= 36;
    }
    text.extend(digits[at..].iter().map(|digit| char::from(*digit)));
}

fn push_second(text: &mut String, moment: Option<Timestamp>) {
    let Some(second) = moment.map(Timestamp::as_second) else { return };
    if second < 0 {
        text.push('-');
    }
    push_36(text, second.unsigned_abs());
}

fn read_second(text: &str) -> Option<Timestamp> {
    Timestamp::from_second(i64::from_str_radix(text, 36).ok()?).ok()
}

fn read_entry(text: &str) -> Option<EntryId> {
    let (ms, seq) = text.split_once('-')?;
    let number = |text| u64::from_str_radix(text, 36).ok();
    Some(EntryId { ms: number(ms)?, seq: number(seq)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meeting() -> Meeting<'static> {
        let timing = Timing {
            meeting_type: 2,
            start: Timestamp::from_second(1_893_456_000).ok(),
            minutes: Some(30),
            ..Timing::default()
        };
        let entry = EntryId { ms: 1_780_000_000_000, seq: 1 };
        Meeting {
            number: 82_345_678_901,
            account: "acme".into(),
            job_id: "order-12345678901234".into(),
            entry,
            host: "ann@example.com".into(),
            ends: timing.last_end(entry.time()),
            timing,
            deleted: None,
            topic: None,
        }
    }

    fn again(meeting: &Meeting<'_>) -> Option<Meeting<'static>> {
        Meeting::read(&meeting.account, meeting.number, &meeting.pack())
    }

    #[test]
    fn most_meetings_have_a_short_text() {
        let text = meeting().pack();
        assert_eq!(text, "1|order-12345678901234|mppy1i4g-1|ann@example.com|2|vbbc00|30");
        let own = Meeting { job_id: "1780000000000-1".into(), host: "me".into(), ..meeting() };
        assert_eq!(own.pack(), "1||mppy1i4g-1||2|vbbc00|30");
        assert_eq!(again(&own), Some(own));
    }

    #[test]
    fn a_record_survives_its_text() {
        let plain = meeting();
        assert_eq!(again(&plain).as_ref(), Some(&plain));
        let timing = Timing {
            meeting_type: 8,
            timezone: Some("Europe/Berlin".into()),
            series: Some("w1:2,4*10".parse().expect("a rule")),
            ..plain.timing.clone()
        };
        let series = Meeting {
            ends: timing.last_end(plain.entry.time()),
            timing,
            deleted: Timestamp::from_second(1_893_000_000).ok(),
            topic: Some(r"a|b\c\!".into()),
            ..meeting()
        };
        assert_eq!(again(&series).as_ref(), Some(&series));
        assert!(series.ends > plain.ends, "{:?}", series.ends);
        let timing = Timing { meeting_type: 3, start: None, ..plain.timing.clone() };
        let endless = Meeting { timing, ends: LastEnd::Never, ..meeting() };
        assert_eq!(again(&endless), Some(endless));
        let early = Timestamp::from_second(-5).ok();
        let ended = Meeting { ends: LastEnd::At(early.expect("a time")), ..meeting() };
        assert_eq!(again(&ended), Some(ended));
    }

    #[test]
    fn a_topic_is_cut_at_a_whole_character() {
        let topic = "x".to_owned() + &"ü".repeat(31);
        let kept = again(&Meeting { topic: Some(topic.into()), ..meeting() }).expect("a record");
        assert_eq!(kept.topic.as_deref(), Some(&*("x".to_owned() + &"ü".repeat(25))));
    }

    #[test]
    fn a_newer_text_is_read_and_another_format_is_not() {
        let newer = format!("{}||||||new|newer", meeting().pack());
        assert_eq!(Meeting::read("acme", 82_345_678_901, &newer), Some(meeting()));
        for text in ["", "2|a|1-0", "1", "1|a|x", "1|a|1-0-", "D 1 1-0"] {
            assert_eq!(Meeting::read("acme", 1, text), None, "{text}");
        }
        // Damaged fields in the rest count as absent.
        let odd = Meeting::read("acme", 1, "1|a|1-0||x|y z|w|?|?|?").expect("a record");
        assert_eq!((odd.timing.meeting_type, odd.timing.start), (2, None));
        assert_eq!((odd.deleted, odd.host.as_ref()), (None, "me"));
    }
}
