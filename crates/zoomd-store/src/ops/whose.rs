//! Whose line is read: the account, the names of its hosts, the rooms that sleep.

use std::collections::{BTreeMap, HashMap};

/// Rooms of one account that are read.
pub(super) const MOST_ROOMS: usize = 1_000;

/// The account whose line is read.
pub(super) struct Whose<'a> {
    pub(super) account: &'a str,
    pub(super) zoom: &'a str,
    pub(super) plan: &'a str,
    pub(super) user: Option<&'a str>,
    pub(super) mails: Option<&'a str>,
    pub(super) now_ms: i64,
}

/// Rooms that sleep, and until when, of each account.
pub(super) type Asleep = HashMap<String, BTreeMap<String, i64>>;

impl Whose<'_> {
    pub(super) fn names<'a>(&'a self, host: &'a str) -> Names<'a> {
        Names { account: self.account, host, user: self.user, mails: self.mails }
    }
}

/// The names one host may have in the ledger.
pub(super) struct Names<'a> {
    pub(super) account: &'a str,
    pub(super) host: &'a str,
    pub(super) user: Option<&'a str>,
    pub(super) mails: Option<&'a str>,
}

impl Names<'_> {
    pub(super) fn alias(&self) -> String {
        if self.host == "me" { format!("me@{}", self.account) } else { self.host.to_owned() }
    }

    /// As `canonical` in lua/lib/budget.lua.
    pub(super) fn canonical<'a>(&'a self, known: Option<&'a str>, alias: &'a str) -> &'a str {
        let own = self.host == "me"
            || self.mails.is_some_and(|mails| {
                mails.split([',', '"', '[', ']', ' ']).any(|mail| mail == self.host)
            });
        match self.user {
            Some(user) if own => user,
            _ => known.unwrap_or(alias),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_counted_under_its_user_id_where_that_is_known() {
        let names =
            |host, user| Names { account: "acme", host, user, mails: Some(r#"["ann@x.com"]"#) };
        assert_eq!(names("me", Some("U1")).canonical(None, "me@acme"), "U1");
        assert_eq!(names("ann@x.com", Some("U1")).canonical(None, "ann@x.com"), "U1");
        assert_eq!(names("bob@x.com", Some("U1")).canonical(Some("U2"), "bob@x.com"), "U2");
        assert_eq!(names("bob@x.com", None).canonical(None, "bob@x.com"), "bob@x.com");
        assert_eq!(names("me", None).alias(), "me@acme");
    }
}
