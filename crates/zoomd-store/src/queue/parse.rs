//! Answers of scripts, and hosts as keys hold them.

use std::sync::Arc;

use bytes::Bytes;
use redis::Value;

use crate::StoreError;
use crate::accounts::grants::GrantVersion;

/// The grant a lease was taken under: none yet, or this version.
pub type Grants = Option<GrantVersion>;

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
    use super::host_name;

    #[test]
    fn a_host_is_no_room_of_ours() {
        assert_eq!(host_name("?x|y"), "_x_y");
        assert_eq!(host_name("a b@x"), "a b@x");
    }
}
