//! Which scopes a call needs. Knows the classic names and the granular ones,
//! each in its plain, `:admin` and `:master` form.

/// What somebody wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Need {
    /// Create a meeting.
    Create,
    /// List the meetings of a user.
    List,
    /// Read one meeting.
    Get,
    /// Read one's own user record.
    Me,
}

impl Need {
    /// All needs, most important first.
    pub const ALL: [Self; 4] = [Self::Create, Self::List, Self::Get, Self::Me];

    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Create => ("meeting:write", "meeting:write:meeting"),
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
}
