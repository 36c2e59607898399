//! Scopes that each call needs. Knows the classic names and the granular ones, each in its plain,
//! `:admin` and `:master` form.

/// Action that needs a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Need {
    /// Create a meeting.
    Create,
    /// Change a meeting.
    Update,
    /// Delete a meeting.
    Delete,
    /// End a meeting that runs.
    End,
    /// List the meetings of a user.
    List,
    /// Read one meeting.
    Get,
    /// Read one's own user record.
    Me,
}

impl Need {
    /// All needs, most important first.
    pub const ALL: [Self; 7] =
        [Self::Create, Self::Update, Self::Delete, Self::End, Self::List, Self::Get, Self::Me];

    /// Actions that a create needs: the call itself, and the two that find the meeting after a lost
    /// reply.
    pub const FOR_CREATES: [Self; 3] = [Self::Create, Self::List, Self::Get];

    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Create => ("meeting:write", "meeting:write:meeting"),
            Self::Update => ("meeting:write", "meeting:update:meeting"),
            Self::Delete => ("meeting:write", "meeting:delete:meeting"),
            Self::End => ("meeting:write", "meeting:update:status"),
            Self::List => ("meeting:read", "meeting:read:list_meetings"),
            Self::Get => ("meeting:read", "meeting:read:meeting"),
            Self::Me => ("user:read", "user:read:user"),
        }
    }

    /// The granular scope to ask for.
    pub fn granular(self) -> &'static str {
        self.names().1
    }
}

/// The granular scope that `granted` (as in a token reply, separated by spaces
/// or commas) lacks for `need`; `None` where nothing is missing.
pub fn missing(granted: &str, need: Need) -> Option<&'static str> {
    let (classic, granular) = need.names();
    let serves = |scope: &str| {
        let plain =
            scope.strip_suffix(":admin").or_else(|| scope.strip_suffix(":master")).unwrap_or(scope);
        plain == classic || plain == granular
    };
    let granted = granted.split(|c: char| c.is_whitespace() || c == ',');
    (!granted.into_iter().any(serves)).then_some(granular)
}

/// Missing scopes of [`Need::FOR_CREATES`], and the consequence for jobs; `None` if none is
/// missing.
pub fn lacking(granted: &str) -> Option<(Vec<&'static str>, &'static str)> {
    let needs = Need::FOR_CREATES.into_iter();
    let scopes: Vec<_> = needs.filter_map(|need| missing(granted, need)).collect();
    let effect = match (missing(granted, Need::Create), missing(granted, Need::List)) {
        (Some(_), _) => "jobs will fail",
        (None, Some(_)) => "a create whose reply is lost ends as outcome_unknown",
        _ => {
            "a create whose reply is lost may end as outcome_unknown, or lack fields in its result"
        }
    };
    (!scopes.is_empty()).then_some((scopes, effect))
}

/// Scopes without which meetings cannot be changed, deleted or ended, with the deed.
pub fn unserved(granted: &str) -> Vec<(&'static str, &'static str)> {
    let deeds = [(Need::Update, "changed"), (Need::Delete, "deleted"), (Need::End, "ended")];
    let lacks = |(need, deed)| missing(granted, need).map(|scope| (scope, deed));
    deeds.into_iter().filter_map(lacks).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classic_granular_and_admin_forms_serve() {
        let table = [
            ("meeting:write", Need::Create, true),
            ("meeting:write:admin", Need::Create, true),
            ("meeting:write:meeting", Need::Create, true),
            ("meeting:write:meeting:admin", Need::Create, true),
            ("meeting:write:meeting:master", Need::Create, true),
            ("meeting:write:registrant", Need::Create, false),
            ("meeting:read", Need::Create, false),
            ("", Need::Create, false),
            ("meeting:read", Need::List, true),
            ("meeting:read:list_meetings", Need::List, true),
            ("meeting:read:meeting", Need::List, false),
            ("meeting:read:meeting", Need::Get, true),
            ("meeting:read:list_meetings", Need::Get, false),
            ("user:read:user:admin", Need::Me, true),
            ("user:read", Need::Me, true),
            ("user:read:email", Need::Me, false),
            ("a meeting:write:meeting  b", Need::Create, true),
            ("a,meeting:write:meeting,b", Need::Create, true),
            ("MEETING:WRITE", Need::Create, false),
        ];
        for (granted, need, served) in table {
            let answer = missing(granted, need);
            assert_eq!(answer.is_none(), served, "{granted:?} {need:?}");
            assert!(answer.is_none_or(|scope| scope == need.granular()));
        }
    }

    #[test]
    fn what_cannot_be_done_to_a_meeting_is_told_by_its_scope() {
        assert_eq!(unserved("meeting:write"), []);
        let some = unserved("meeting:write:meeting meeting:delete:meeting:admin");
        assert_eq!(
            some,
            [("meeting:update:meeting", "changed"), ("meeting:update:status", "ended")]
        );
    }

    #[test]
    fn what_is_lacking_comes_with_its_effect() {
        assert_eq!(lacking("meeting:write meeting:read"), None);
        let (scopes, effect) = lacking("meeting:write meeting:read:list_meetings").unwrap();
        assert_eq!(scopes, ["meeting:read:meeting"]);
        assert!(effect.contains("may end as outcome_unknown"));
        let (scopes, effect) = lacking("meeting:read:meeting").unwrap();
        assert_eq!(scopes, ["meeting:write:meeting", "meeting:read:list_meetings"]);
        assert_eq!(effect, "jobs will fail");
        let (_, effect) = lacking("meeting:write").unwrap();
        assert!(effect.contains("ends as outcome_unknown"));
    }
}
