//! The keys that had another name in layout 1: old name, new name. No old name is a new
//! one, so a key tells by its name in which layout it was written.

/// Single keys.
pub(super) const SINGLE: &[(&str, &str)] = &[
    ("u", "users"),
    ("tomb", "tombs"),
    ("stop", "stops"),
    ("lease", "leases"),
    ("own", "owner"),
    ("zz", "asleep"),
    ("dl", "deadline"),
    ("f", "failures"),
    ("bye", "deauth"),
    ("jk", "journal_keys"),
    ("twd", "duplicates_due"),
    ("tw", "duplicates"),
];

/// Prefix of the keys in which daemons announce themselves.
pub(super) const PRESENCE: (&str, &str) = ("dm:", "daemon:");

/// Classes of keys of which there are many.
pub(super) const CLASSES: &[(&str, &str)] = &[
    ("a:", "account:"),
    ("g:", "grant:"),
    ("int:", "intent:"),
    ("tl:", "timeline:"),
    ("i:", "in_flight:"),
    ("p:", "payload:"),
    ("r:", "record:"),
    ("hr:", "rooms:"),
    ("hz:", "line:"),
    ("al:", "alias:"),
    ("f:", "failure:"),
    ("n:", "counter:"),
    ("twin:", "duplicate:"),
    PRESENCE,
    ("took:", "revoked:"),
    ("cl:", "link:"),
    ("cs:", "consent:"),
    ("said:", "settled:"),
    ("w:", "room:"),
    ("b:", "window:"),
    ("d:", "ledger:"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{CLASSES, SINGLE};
    use crate::Keys;

    /// All keys of layout 1.
    const OLD: &str = "meta accounts u tomb intents probes stop deaths ids lease own ring zz due \
        dl f stats daemons beats hold gone bye ticks jk twd tw heard: a: g: int: tl: i: p: r: hr: \
        gate: hz: al: f: n: twin: dm: took: cl: cs: said: w: b: d:";

    /// Keys that came later.
    const NEW: [&str; 8] = [
        "audit",
        "meeting:",
        "meeting_earlier",
        "meeting_months",
        "meetings:",
        "target:",
        "told:",
        "updated:",
    ];

    #[test]
    fn every_key_has_an_old_name_and_no_name_changes_its_meaning() {
        let pairs: Vec<_> = SINGLE.iter().chain(CLASSES).collect();
        let new = |old: &'static str| pairs.iter().find(|(o, _)| *o == old).map_or(old, |(_, n)| n);
        let renamed: BTreeSet<_> = OLD.split_whitespace().map(new).collect();
        let single = Keys::SINGLE.iter().map(|(name, _)| *name);
        let known: BTreeSet<_> = single.chain(Keys::CLASSES.iter().copied()).collect();
        let known: BTreeSet<_> = known.difference(&BTreeSet::from(NEW)).copied().collect();
        assert_eq!(renamed, known);
        assert!(pairs.iter().all(|(old, _)| !known.contains(old)));
    }
}
