//! Directory of the rotation journal when nobody said where.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const SYSTEM: &str = "/var/lib/zoomd";

/// `/var/lib/zoomd` where it exists or this user may make it, else the user's
/// state folder. Whether it can be written is the daemon's question.
pub(super) fn default_data_dir(env: &BTreeMap<String, String>) -> PathBuf {
    let system = Path::new(SYSTEM);
    if system.is_dir() || rustix::process::geteuid().is_root() {
        return system.to_owned();
    }
    state_folder(env).unwrap_or_else(|| system.to_owned())
}

fn state_folder(env: &BTreeMap<String, String>) -> Option<PathBuf> {
    let absolute = |name: &str| env.get(name).map(PathBuf::from).filter(|p| p.is_absolute());
    let base = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")));
    Some(base?.join("zoomd"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_state_folder_follows_the_xdg_rule() {
        let env = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
        };
        let folder = |pairs| state_folder(&env(pairs)).map(|p| p.display().to_string());
        assert_eq!(folder(&[("HOME", "/home/a")]), Some("/home/a/.local/state/zoomd".into()));
        assert_eq!(
            folder(&[("HOME", "/home/a"), ("XDG_STATE_HOME", "/s")]),
            Some("/s/zoomd".into())
        );
        assert_eq!(folder(&[("XDG_STATE_HOME", "relative")]), None);
    }
}
