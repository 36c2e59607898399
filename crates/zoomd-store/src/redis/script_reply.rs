//! Reading what our scripts answer: lists of words and numbers.

use bytes::Bytes;
use redis::Value;

use crate::StoreError;

/// The items of one list, taken in their order.
pub(crate) struct ScriptReply {
    items: std::vec::IntoIter<Value>,
    what: &'static str,
}

impl ScriptReply {
    /// Takes a list; `what` names it in the error.
    pub(crate) fn new(value: Value, what: &'static str) -> Result<Self, StoreError> {
        match value {
            Value::Array(items) => Ok(Self { items: items.into_iter(), what }),
            _ => Err(StoreError::unexpected(what)),
        }
    }

    /// The next item as it came.
    pub(crate) fn value(&mut self) -> Result<Value, StoreError> {
        self.items.next().ok_or_else(|| self.unexpected())
    }

    /// The next item as bytes; a nil is empty.
    pub(crate) fn bytes(&mut self) -> Result<Bytes, StoreError> {
        match self.value()? {
            Value::BulkString(bytes) => Ok(bytes.into()),
            Value::SimpleString(text) => Ok(text.into()),
            Value::Int(number) => Ok(number.to_string().into()),
            Value::Nil => Ok(Bytes::new()),
            _ => Err(self.unexpected()),
        }
    }

    /// The next item as text.
    pub(crate) fn next(&mut self) -> Result<String, StoreError> {
        let bytes = self.bytes()?;
        String::from_utf8(bytes.into()).map_err(|_| self.unexpected())
    }

    /// The next item as text; `None` at the end of the list.
    pub(crate) fn next_if_any(&mut self) -> Result<Option<String>, StoreError> {
        if self.len() == 0 { Ok(None) } else { self.next().map(Some) }
    }

    /// The next item as a number, or a time in milliseconds.
    pub(crate) fn number(&mut self) -> Result<i64, StoreError> {
        match self.value()? {
            Value::Int(number) => Ok(number),
            Value::BulkString(bytes) => std::str::from_utf8(&bytes)
                .ok()
                .and_then(|text| text.parse().ok())
                .ok_or_else(|| self.unexpected()),
            _ => Err(self.unexpected()),
        }
    }

    /// The next item as a count.
    pub(crate) fn count(&mut self) -> Result<u64, StoreError> {
        u64::try_from(self.number()?).map_err(|_| self.unexpected())
    }

    /// The next item as a time; `None` where it is empty.
    pub(crate) fn time(&mut self) -> Result<Option<i64>, StoreError> {
        let text = self.next()?;
        if text.is_empty() {
            return Ok(None);
        }
        text.parse().map(Some).map_err(|_| self.unexpected())
    }

    /// The next item as a list.
    pub(crate) fn array(&mut self) -> Result<Self, StoreError> {
        Self::new(self.value()?, self.what)
    }

    /// The items as lists of their own.
    pub(crate) fn lists(self) -> Result<Vec<ScriptReply>, StoreError> {
        let what = self.what;
        self.items.map(|value| ScriptReply::new(value, what)).collect()
    }

    /// How many items are left.
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    fn unexpected(&self) -> StoreError {
        StoreError::unexpected(self.what)
    }
}
