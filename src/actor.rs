//! The one who acts: a name and what they may do. Writes are recorded under it.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// Rights of a token. Each role may do what the roles before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sees everything but secrets.
    Read,
    /// Also enqueues and cancels jobs.
    Enqueue,
    /// Also does everything else, and reads Zoom with an account's token.
    Operate,
}

impl Role {
    /// All roles, the least first.
    pub const ALL: [Self; 3] = [Self::Read, Self::Enqueue, Self::Operate];

    /// The word in the file of tokens.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Enqueue => "enqueue",
            Self::Operate => "operate",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let role = Self::ALL.into_iter().find(|role| role.as_str() == word);
        role.ok_or_else(|| Self::ALL.map(Self::as_str).join(", "))
    }
}

/// Somebody who reads or writes, known by a token or by being on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The token's name; `local` for one that came without a token.
    pub name: String,
    /// Rights.
    pub role: Role,
}

impl Actor {
    /// Somebody on this machine, where no tokens are configured.
    pub fn local(role: Role) -> Self {
        Self { name: "local".to_owned(), role }
    }

    /// True if this one may do what `role` may.
    pub fn may(&self, role: Role) -> bool {
        self.role >= role
    }
}

/// The form of a token's name.
pub fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._@-".contains(&byte);
    (1..=64).contains(&name.len()) && name.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_may_do_what_the_roles_before_it_may() {
        for (at, role) in Role::ALL.into_iter().enumerate() {
            assert_eq!(role.as_str().parse(), Ok(role));
            for (other_at, other) in Role::ALL.into_iter().enumerate() {
                assert_eq!(Actor::local(role).may(other), other_at <= at, "{role} {other}");
            }
        }
        assert_eq!("admin".parse::<Role>(), Err("read, enqueue, operate".to_owned()));
    }

    #[test]
    fn a_name_is_one_short_word() {
        assert!(is_name("grafana") && is_name("a.b_c@d-9"));
        for bad in ["", "a b", "a\tb", "ü", &"x".repeat(65)] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
