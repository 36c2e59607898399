//! The small texts that scripts and Rust hand each other.

use std::sync::Arc;

use bytes::Bytes;
use redis::Value;

use super::{Grants, Mode};
use crate::StoreError;
use crate::grants::GrantVersion;

/// Walks one array of an answer, front to back.
pub(crate) struct Parts(std::vec::IntoIter<Value>);

impl Parts {
    pub(crate) fn of(value: Value) -> Result<Self, StoreError> {
        match value {
            Value::Array(parts) => Ok(Self(parts.into_iter())),
            _ => Err(StoreError::unexpected("a script")),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn value(&mut self) -> Result<Value, StoreError> {
        self.0.next().ok_or_else(|| StoreError::unexpected("a script"))
    }

    pub(crate) fn array(&mut self) -> Result<Self, StoreError> {
        Self::of(self.value()?)
    }

    pub(crate) fn bytes(&mut self) -> Result<Bytes, StoreError> {
        match self.value()? {
            Value::BulkString(bytes) => Ok(bytes.into()),
            Value::SimpleString(text) => Ok(text.into()),
            Value::Int(number) => Ok(number.to_string().into()),
            Value::Nil => Ok(Bytes::new()),
            _ => Err(StoreError::unexpected("a script")),
        }
    }

    pub(crate) fn text(&mut self) -> Result<String, StoreError> {
        let bytes = self.bytes()?;
        String::from_utf8(bytes.into()).map_err(|_| StoreError::unexpected("a script"))
    }

    pub(crate) fn int(&mut self) -> Result<i64, StoreError> {
        match self.value()? {
            Value::Int(number) => Ok(number),
            Value::BulkString(bytes) => std::str::from_utf8(&bytes)
                .ok()
                .and_then(|text| text.parse().ok())
                .ok_or_else(|| StoreError::unexpected("a script")),
            _ => Err(StoreError::unexpected("a script")),
        }
    }

    pub(crate) fn count(&mut self) -> Result<u64, StoreError> {
        u64::try_from(self.int()?).map_err(|_| StoreError::unexpected("a count"))
    }

    /// A time, or nothing.
    pub(crate) fn time(&mut self) -> Result<Option<i64>, StoreError> {
        let text = self.text()?;
        if text.is_empty() {
            return Ok(None);
        }
        text.parse().map(Some).map_err(|_| StoreError::unexpected("a time"))
    }

    pub(crate) fn grant(&mut self) -> Result<Grants, StoreError> {
        let (epoch, generation) = (self.text()?, self.text()?);
        Ok(epoch
            .parse()
            .ok()
            .zip(generation.parse().ok())
            .map(|(epoch, generation)| GrantVersion { epoch, generation }))
    }
}

/// The state of a live job, as `ids` holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Live<T = Arc<str>> {
    pub(crate) run: u32,
    pub(crate) entry: T,
    /// `None` when the producer gave no id.
    pub(crate) digest: Option<u64>,
    pub(crate) mode: Mode,
    pub(crate) priority: u8,
    pub(crate) sweeps: u8,
    pub(crate) reconcilable: bool,
    /// When a call may have left whose outcome nobody recorded; 0: none.
    pub(crate) sent_ms: i64,
    pub(crate) deadline_ms: i64,
    pub(crate) account: T,
    pub(crate) host: T,
    pub(crate) other_host: Option<T>,
}

impl Live {
    /// Its score in a room, as `place_of` in lua/lib/base.lua: priority, then when
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
        let [mode, priority, sweeps, reconcilable] = flags else { return None };
        let sent_ms = words.next()?.parse().ok()?;
        let deadline_ms = words.next()?.parse().ok()?;
        let mut place = words.next()?.splitn(3, '|');
        let (account, host, other) = (place.next()?, place.next()?, place.next()?);
        Some(Self {
            run,
            entry,
            digest,
            mode: if *mode == b'r' { Mode::Reconcile } else { Mode::Create },
            priority: priority.wrapping_sub(b'0'),
            sweeps: sweeps.wrapping_sub(b'0'),
            reconcilable: *reconcilable == b'y',
            sent_ms,
            deadline_ms,
            account: account.into(),
            host: host.into(),
            other_host: (!other.is_empty()).then(|| other.into()),
        })
    }
}

impl<T: AsRef<str>> Live<T> {
    /// `L <run> <entry> <digest> <flags> <sent ms> <deadline ms> <A>|<host>|<other>`.
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
        text.push(if self.mode == Mode::Reconcile { 'r' } else { 'c' });
        push_number(text, self.priority.min(2));
        push_number(text, self.sweeps.min(9));
        text.push(if self.reconcilable { 'y' } else { 'n' });
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
    }
}

/// Appends a number; through `format!` each would cost as much as the rest.
pub(crate) fn push_number(text: &mut String, number: impl itoa::Integer) {
    text.push_str(itoa::Buffer::new().format(number));
}

/// Appends a digest: 16 hexadecimal digits.
pub(crate) fn push_digest(text: &mut String, digest: u64) {
    for shift in (0..16).rev() {
        let nibble = (digest >> (4 * shift)) & 15;
        text.push(char::from(b"0123456789abcdef"[nibble as usize]));
    }
}

/// A host's name as keys can hold it: no `|`, no space at the ends; a name that
/// begins with `?` would be taken for a room of ours.
pub(crate) fn host_name(host: &str) -> std::borrow::Cow<'_, str> {
    if host.starts_with('?') || host.contains(['|', '\n', '\r']) {
        let mut clean = host.replace(['|', '\n', '\r'], "_");
        if clean.starts_with('?') {
            clean.replace_range(0..1, "_");
        }
        return clean.into();
    }
    host.into()
}

/// [`host_name`] of a host that is shared; a clean name is shared on.
pub(crate) fn shared_host(host: &Arc<str>) -> Arc<str> {
    match host_name(host) {
        std::borrow::Cow::Borrowed(_) => Arc::clone(host),
        std::borrow::Cow::Owned(clean) => clean.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Live, host_name};
    use crate::queue::Mode;

    #[test]
    fn a_live_job_survives_its_text() {
        for (digest, other, mode) in
            [(Some(7), None, Mode::Create), (None, Some("b@x"), Mode::Reconcile)]
        {
            let live = Live {
                run: 2,
                entry: "1700000000000-3".into(),
                digest,
                mode,
                priority: 1,
                sweeps: 2,
                reconcilable: true,
                sent_ms: 5,
                deadline_ms: 9,
                account: "acme".into(),
                host: "a b@x".into(),
                other_host: other.map(Into::into),
            };
            assert_eq!(Live::read(&live.write()), Some(live));
        }
        assert_eq!(Live::read("D 1 1-1 0 5"), None);
        assert_eq!(host_name("?x|y"), "_x_y");
    }
}
