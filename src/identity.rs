//! Identity of this process: a name that is new with each start.

use rand::Rng as _;

use crate::actor::{Actor, Role};

/// `host-` and 16 hexadecimal digits: the second it started, and chance.
pub fn boot_id() -> String {
    let second = jiff::Timestamp::now().as_second();
    format!("{}-{second:08x}{:08x}", host(), rand::rng().next_u32())
}

/// The machine's name, cut and cleaned to what may stand in a key's value.
pub fn host() -> String {
    let name = rustix::system::uname();
    clean(&name.nodename().to_string_lossy())
}

/// The person at the command line, by the names of the user and the machine. Whoever has
/// Redis may do everything.
pub fn person() -> Actor {
    let user = std::env::var("SUDO_USER").or_else(|_| std::env::var("USER"));
    let user = user.ok().filter(|user| !user.is_empty());
    let user = user.unwrap_or_else(|| format!("uid{}", rustix::process::getuid().as_raw()));
    Actor { name: format!("{}@{}", clean(&user), host()), role: Role::Operate }
}

fn clean(name: &str) -> String {
    let plain = |c: &char| c.is_ascii_alphanumeric() || ".-_".contains(*c);
    let name: String = name.chars().filter(plain).take(24).collect();
    if name.is_empty() { "host".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_starts_have_two_names() {
        assert_ne!(boot_id(), boot_id());
        assert_eq!(clean("we|rd ho:st"), "werdhost");
        assert_eq!(clean("|"), "host");
    }
}
