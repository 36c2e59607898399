//! Zoom's rate-limit classes.

/// Zoom's rate-limit label of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Label {
    /// Create, get, update, delete.
    Light,
    /// Lists.
    Medium,
    /// Reports and the like.
    Heavy,
}

impl Label {
    /// Every label, the lightest first.
    pub const ALL: [Self; 3] = [Self::Light, Self::Medium, Self::Heavy];

    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|label| label.as_str() == word)
    }

    /// Name of the room for waiting jobs of this class that use no host's day; no host has such a
    /// name.
    #[must_use]
    pub fn room(self) -> &'static str {
        match self {
            Self::Light => "?light",
            Self::Medium => "?medium",
            Self::Heavy => "?heavy",
        }
    }

    /// The class of the room with this name.
    #[must_use]
    pub fn of_room(room: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|label| label.room() == room)
    }

    /// The word in keys and in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Medium => "medium",
            Self::Heavy => "heavy",
        }
    }
}
