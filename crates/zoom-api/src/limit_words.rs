//! Recognition of rate-limit errors. The text alone decides which limit it is: the daily limit of a
//! host was seen with headers that describe another quota, and under 400 and 403.

/// Limit that a 429 named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LimitKind {
    /// Calls per second of the Zoom account and label.
    PerSecond,
    /// Calls per UTC day of the Zoom account and label.
    LabelDay,
    /// Creates and updates per UTC day of one host.
    UserDay,
    /// Calls at the same time.
    Concurrent,
    /// A 429 with unknown text. It may be about any limit, so it only holds back the host it was
    /// met for.
    Unknown,
}

impl LimitKind {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::PerSecond, Self::LabelDay, Self::UserDay, Self::Concurrent, Self::Unknown];

    /// The kind as one lower-case word, for metrics and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PerSecond => "per_second",
            Self::LabelDay => "label_day",
            Self::UserDay => "user_day",
            Self::Concurrent => "concurrent",
            Self::Unknown => "unknown",
        }
    }
}

/// The limit that the texts of an error name: in any language for a 429, in known
/// words else.
pub(crate) fn named<'a>(
    is_429: bool,
    mut texts: impl Iterator<Item = &'a String>,
) -> Option<LimitKind> {
    let known = texts.find_map(|text| words(text, is_429));
    known.or_else(|| is_429.then_some(LimitKind::Unknown))
}

/// Limit that a message names. Only a 429 is certainly about limits: other statuses need the whole
/// phrase.
fn words(message: &str, is_429: bool) -> Option<LimitKind> {
    let text = message.to_ascii_lowercase();
    let says = |part: &str| text.contains(part);
    let hints = |part: &str| is_429 && says(part);
    let of_a_user = says("particular user") && says("rate limit");
    if of_a_user
        || says("for a single user in one day")
        || hints("particular user")
        || hints("create/update")
        || (hints("single user") && says("day"))
    {
        Some(LimitKind::UserDay)
    } else if text.contains("particular registrant") {
        // A limit of three a day for one person: no other limit.
        None
    } else if says("maximum daily rate limit")
        || hints("maximum daily")
        || hints("daily rate limit")
    {
        Some(LimitKind::LabelDay)
    } else if says("maximum per-second rate limit") || hints("per-second") || hints("per second") {
        Some(LimitKind::PerSecond)
    } else {
        hints("concurrent").then_some(LimitKind::Concurrent)
    }
}
