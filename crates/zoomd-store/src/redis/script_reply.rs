//! Reading what our scripts answer: lists of words and numbers.

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

    /// The next item as text.
    pub(crate) fn next(&mut self) -> Result<String, StoreError> {
        let unexpected = || StoreError::unexpected(self.what);
        let value = self.items.next().ok_or_else(unexpected)?;
        redis::from_redis_value(value).map_err(|_| StoreError::unexpected(self.what))
    }

    /// The next item as a count.
    pub(crate) fn count(&mut self) -> Result<u64, StoreError> {
        let text = self.next()?;
        text.parse().map_err(|_| StoreError::unexpected(self.what))
    }

    /// The next item as a time in milliseconds.
    pub(crate) fn number(&mut self) -> Result<i64, StoreError> {
        let text = self.next()?;
        text.parse().map_err(|_| StoreError::unexpected(self.what))
    }

    /// The next item as it came.
    pub(crate) fn value(&mut self) -> Result<Value, StoreError> {
        self.items.next().ok_or_else(|| StoreError::unexpected(self.what))
    }

    /// The next item as text; `None` at the end of the list.
    pub(crate) fn next_if_any(&mut self) -> Result<Option<String>, StoreError> {
        if self.items.as_slice().is_empty() { Ok(None) } else { self.next().map(Some) }
    }

    /// The items as lists of their own.
    pub(crate) fn lists(self) -> Result<Vec<ScriptReply>, StoreError> {
        let what = self.what;
        self.items.map(|value| ScriptReply::new(value, what)).collect()
    }
}
