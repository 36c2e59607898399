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

/// What daemons tell of themselves.
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
    use super::{CLASSES, SINGLE};
    use crate::Keys;

    #[test]
    fn every_new_name_is_a_key_and_no_old_one_is() {
        let single = |name: &str| Keys::SINGLE.iter().any(|(known, _)| *known == name);
        assert!(SINGLE.iter().all(|(old, new)| single(new) && !single(old)));
        let class = |name: &str| Keys::CLASSES.contains(&name);
        assert!(CLASSES.iter().all(|(old, new)| class(new) && !class(old)));
    }
}
