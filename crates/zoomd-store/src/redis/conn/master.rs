//! A master as the sentinels see it, and how far they are with replacing it.

/// Host and port.
pub(super) type Place = (String, u16);

/// The master, as the sentinels see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Master {
    pub(super) place: Place,
    pub(super) failover: Failover,
}

/// The stage of the sentinels in replacing a master, by the one that is furthest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Failover {
    /// No sentinel has marked the master as down.
    None,
    /// One has (`s_down`).
    Missed,
    /// Enough of them agree (`o_down`).
    Due,
    /// One promotes a replica.
    UnderWay,
}

impl Failover {
    /// The stage that the flags in an answer to `SENTINEL MASTER` show.
    pub(super) fn of(flags: &str) -> Self {
        let has = |flag| flags.split(',').any(|one| one == flag);
        match () {
            () if has("failover_in_progress") => Self::UnderWay,
            () if has("o_down") => Self::Due,
            () if has("s_down") => Self::Missed,
            () => Self::None,
        }
    }

    /// The stage as a part of a sentence.
    pub(super) fn in_words(self) -> &'static str {
        match self {
            Self::None => "no sentinel has marked it as down yet, so no failover has started",
            Self::Missed => "too few sentinels have marked it as down, so no failover has started",
            Self::Due => "its sentinels agree that it is down, and a failover is about to start",
            Self::UnderWay => "a failover is in progress",
        }
    }
}
