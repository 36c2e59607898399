//! Priorities: the order of the jobs of one account.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::UnknownWord;

/// Orders the jobs of one account among themselves, and only those.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Before the others.
    High,
    /// The default.
    #[default]
    Normal,
    /// After the others.
    Low,
}

impl Priority {
    /// Every priority, the first to run first.
    pub const ALL: &'static [Self] = &[Self::High, Self::Normal, Self::Low];

    /// 0 for high, 1 for normal, 2 for low: smaller runs first.
    pub fn rank(self) -> u8 {
        self as u8
    }

    /// The priority as jobs write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Normal => "normal",
            Self::Low => "low",
        }
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Priority {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let found = Self::ALL.iter().find(|priority| priority.as_str() == text);
        found.copied().ok_or(UnknownWord("the priority must be high, normal or low"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back_as_they_are_written() {
        for priority in Priority::ALL {
            assert_eq!(priority.as_str().parse(), Ok(*priority));
            assert_eq!(serde_json::to_value(priority).unwrap(), priority.as_str());
        }
        assert!("urgent".parse::<Priority>().is_err());
        assert!(Priority::High.rank() < Priority::Low.rank());
    }
}
