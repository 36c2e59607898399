//! The memory of an id: what `ids` holds of a job while it lives, and afterwards, so
//! that the same job in another entry is known. lua/lib/base.lua reads the same texts.

use std::sync::Arc;

use super::Purpose;

/// The entry of one job in `ids`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Memory {
    /// It has no outcome yet.
    Live(Live),
    Finished(Finished),
}

impl Memory {
    pub(crate) fn read(text: &str) -> Option<Self> {
        match text.starts_with("L ") {
            true => Live::read(text).map(Self::Live),
            false => Finished::read(text).map(Self::Finished),
        }
    }
}

/// State of a finished job whose id stays taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It succeeded; its id is free again after a while.
    Done,
    /// The outcome is unknown; the id is free again when the failure is retried or discarded.
    Unknown,
}

/// The memory of a finished job: `D|U <run> <entry> <digest> <finished s>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finished<T = Arc<str>> {
    pub(crate) ended: Ended,
    pub(crate) run: u32,
    pub(crate) entry: T,
    pub(crate) digest: u64,
    /// `None` where the script adds it.
    pub(crate) finished_s: Option<i64>,
}

impl Finished {
    pub(crate) fn read(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let ended = match words.next()? {
            "D" => Ended::Done,
            "U" => Ended::Unknown,
            _ => return None,
        };
        let (run, entry) = (words.next()?.parse().ok()?, words.next()?.into());
        let digest = u64::from_str_radix(words.next()?, 16).unwrap_or(0);
        let finished_s = words.next().and_then(|s| s.parse().ok());
        Some(Self { ended, run, entry, digest, finished_s })
    }
}

impl<T: AsRef<str>> Finished<T> {
    /// Appends the text.
    pub(crate) fn write_to(&self, text: &mut String) {
        text.push_str(match self.ended {
            Ended::Done => "D ",
            Ended::Unknown => "U ",
        });
        push_number(text, self.run);
        text.push(' ');
        text.push_str(self.entry.as_ref());
        text.push(' ');
        push_digest(text, self.digest);
        if let Some(finished_s) = self.finished_s {
            text.push(' ');
            push_number(text, finished_s);
        }
    }
}

/// The state of a live job, as `ids` holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Live<T = Arc<str>> {
    pub(crate) run: u32,
    pub(crate) entry: T,
    /// `None` when the producer gave no id.
    pub(crate) digest: Option<u64>,
    pub(crate) purpose: Purpose,
    pub(crate) priority: u8,
    pub(crate) sweeps: u8,
    pub(crate) recoverable: bool,
    /// The time at which a call may have left without a recorded outcome; 0: none.
    pub(crate) sent_ms: i64,
    pub(crate) deadline_ms: i64,
    pub(crate) account: T,
    pub(crate) host: T,
    pub(crate) other_host: Option<T>,
    /// Line or fate, as lua/lib/target.lua writes it.
    pub(crate) aim: Option<T>,
}

impl Live {
    /// Score in a room, as `place_of` in lua/lib/rooms.lua: priority, then when
    /// it came.
    pub(crate) fn place(&self) -> f64 {
        let (ms, seq) = self.entry.split_once('-').unwrap_or((&self.entry, "0"));
        let number = |text: &str| text.parse::<f64>().unwrap_or(0.0);
        f64::from(self.priority) * 1e13 + number(ms) + number(seq).min(255.0) / 256.0
    }

    pub(crate) fn read(text: &str) -> Option<Self> {
        let mut words = text.splitn(8, ' ');
        if words.next()? != "L" {
            return None;
        }
        let run = words.next()?.parse().ok()?;
        let entry = words.next()?.into();
        let digest = match words.next()? {
            "-" => None,
            hex => Some(u64::from_str_radix(hex, 16).ok()?),
        };
        let flags = words.next()?.as_bytes();
        let [purpose, priority, sweeps, recoverable] = flags else { return None };
        let sent_ms = words.next()?.parse().ok()?;
        let deadline_ms = words.next()?.parse().ok()?;
        let mut place = words.next()?.splitn(4, '|');
        let (account, host, other) = (place.next()?, place.next()?, place.next()?);
        Some(Self {
            run,
            entry,
            digest,
            purpose: Purpose::of(*purpose),
            priority: priority.wrapping_sub(b'0'),
            sweeps: sweeps.wrapping_sub(b'0'),
            recoverable: *recoverable == b'y',
            sent_ms,
            deadline_ms,
            account: account.into(),
            host: host.into(),
            other_host: (!other.is_empty()).then(|| other.into()),
            aim: place.next().filter(|aim| !aim.is_empty()).map(Into::into),
        })
    }
}

impl<T: AsRef<str>> Live<T> {
    /// `L <run> <entry> <digest> <flags> <sent ms> <deadline ms> <A>|<host>|<other>`, and
    /// `|<aim>` where it has one.
    pub(crate) fn write(&self) -> String {
        let mut text = String::with_capacity(128);
        self.write_to(&mut text);
        text
    }

    /// Appends what [`write`](Self::write) answers.
    pub(crate) fn write_to(&self, text: &mut String) {
        text.push_str("L ");
        push_number(text, self.run);
        text.push(' ');
        text.push_str(self.entry.as_ref());
        text.push(' ');
        match self.digest {
            Some(digest) => push_digest(text, digest),
            None => text.push('-'),
        }
        text.push(' ');
        text.push(self.purpose.letter());
        push_number(text, self.priority.min(2));
        push_number(text, self.sweeps.min(9));
        text.push(if self.recoverable { 'y' } else { 'n' });
        for number in [self.sent_ms, self.deadline_ms] {
            text.push(' ');
            push_number(text, number);
        }
        text.push(' ');
        text.push_str(self.account.as_ref());
        text.push('|');
        text.push_str(self.host.as_ref());
        text.push('|');
        text.push_str(self.other_host.as_ref().map_or("", T::as_ref));
        if let Some(aim) = &self.aim {
            text.push('|');
            text.push_str(aim.as_ref());
        }
    }
}

/// Appends a number; through `format!` each would cost as much as the rest.
fn push_number(text: &mut String, number: impl itoa::Integer) {
    text.push_str(itoa::Buffer::new().format(number));
}

/// Appends a digest: 16 hexadecimal digits.
fn push_digest(text: &mut String, digest: u64) {
    for shift in (0..16).rev() {
        let nibble = (digest >> (4 * shift)) & 15;
        text.push(char::from(b"0123456789abcdef"[nibble as usize]));
    }
}

#[cfg(test)]
mod tests {
    use super::{Ended, Finished, Live, Memory};
    use crate::queue::Purpose;

    #[test]
    fn a_memory_survives_its_text() {
        for (digest, other, purpose) in [
            (Some(7), None, Purpose::Attempt),
            (None, Some("b@x"), Purpose::Lookup),
            (Some(7), None, Purpose::Alone),
            (Some(7), None, Purpose::Carried),
        ] {
            let live = Live {
                run: 2,
                entry: "1700000000000-3".into(),
                digest,
                purpose,
                priority: 1,
                sweeps: 2,
                recoverable: true,
                sent_ms: 5,
                deadline_ms: 9,
                account: "acme".into(),
                host: "a b@x".into(),
                other_host: other.map(Into::into),
                aim: other.map(|_| "E5:c1-0/order".into()),
            };
            assert_eq!(Memory::read(&live.write()), Some(Memory::Live(live)));
        }
        for (ended, finished_s) in [(Ended::Done, Some(5)), (Ended::Unknown, None)] {
            let finished = Finished { ended, run: 3, entry: "1-1".into(), digest: 10, finished_s };
            let mut text = String::new();
            finished.write_to(&mut text);
            assert_eq!(Memory::read(&text), Some(Memory::Finished(finished)), "{text}");
        }
        assert_eq!((Memory::read("L x"), Memory::read("X 1 1-1 0 5")), (None, None));
    }
}
