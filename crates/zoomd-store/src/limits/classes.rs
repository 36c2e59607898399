//! Rate-limit class of each of Zoom's operations.

use std::collections::BTreeMap;

use super::label::Label;

/// The operations that are called, and their classes unless the configuration says
/// otherwise. Each has a key of its own, `budget.<operation>`.
pub const OPERATIONS: [(&str, Label); 5] = [
    ("create", Label::Light),
    ("list", Label::Medium),
    ("get", Label::Light),
    ("delete", Label::Light),
    ("end", Label::Light),
];

/// The class of each operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classes(BTreeMap<&'static str, Label>);

impl Default for Classes {
    fn default() -> Self {
        Self(OPERATIONS.into())
    }
}

impl Classes {
    /// The class that `ask` names for each operation.
    pub fn of_each<E>(mut ask: impl FnMut(&'static str) -> Result<Label, E>) -> Result<Self, E> {
        let classes = OPERATIONS.into_iter().map(|(name, _)| Ok((name, ask(name)?)));
        Ok(Self(classes.collect::<Result<_, E>>()?))
    }

    /// The class of an operation; of one that is not known, the heaviest.
    #[must_use]
    pub fn of(&self, operation: &str) -> Label {
        self.0.get(operation).copied().unwrap_or(Label::Heavy)
    }

    /// The class of calls that use a host's day.
    #[must_use]
    pub fn hosted(&self) -> Label {
        self.of("create")
    }

    /// The class that is charged with the lease of a look.
    #[must_use]
    pub fn lookup(&self) -> Label {
        self.of("list")
    }

    /// The classes that calls have.
    pub fn all(&self) -> impl Iterator<Item = Label> {
        self.0.values().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_heavy() {
        let classes = Classes::default();
        assert_eq!((classes.of("create"), classes.of("dance")), (Label::Light, Label::Heavy));
        let medium = Classes::of_each(|_| Ok::<_, ()>(Label::Medium)).unwrap();
        assert_eq!((medium.hosted(), medium.of("delete")), (Label::Medium, Label::Medium));
    }
}
