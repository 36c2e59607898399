//! Names under which the account's line is read: the account, its hosts, the sleeping rooms.

use std::collections::{BTreeMap, HashMap};

/// Rooms of one account that are read.
pub(in crate::inspect) const MOST_ROOMS: usize = 1_000;

/// Account whose line is read.
pub(in crate::inspect) struct Whose<'a> {
    pub(in crate::inspect) account: &'a str,
    pub(in crate::inspect) zoom: &'a str,
    pub(in crate::inspect) plan: &'a str,
    pub(in crate::inspect) user: Option<&'a str>,
    pub(in crate::inspect) mails: Option<&'a str>,
    pub(in crate::inspect) now_ms: i64,
}

/// Sleeping rooms of each account, with the end of their sleep.
pub(in crate::inspect) type Asleep = HashMap<String, BTreeMap<String, i64>>;

impl Whose<'_> {
    pub(in crate::inspect) fn names<'a>(&'a self, host: &'a str) -> Names<'a> {
        Names { account: self.account, host, user: self.user, mails: self.mails }
    }
}

/// The names one host may have in the ledger.
pub(in crate::inspect) struct Names<'a> {
    pub(in crate::inspect) account: &'a str,
    pub(in crate::inspect) host: &'a str,
    pub(in crate::inspect) user: Option<&'a str>,
    pub(in crate::inspect) mails: Option<&'a str>,
}

impl Names<'_> {
    pub(in crate::inspect) fn alias(&self) -> String {
        if self.host == "me" { format!("me@{}", self.account) } else { self.host.to_owned() }
    }

    /// As `canonical` in lua/lib/budget.lua.
    pub(in crate::inspect) fn canonical<'a>(
        &'a self,
        known: Option<&'a str>,
        alias: &'a str,
    ) -> &'a str {
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
