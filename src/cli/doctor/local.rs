//! This machine: the key, the data folder, the service manager.

use std::path::Path;

use zoomd_store::rekey::Survey;

use super::report::Finding;
use crate::config::units::{show_time, time};
use crate::config::{Config, RESTORE_KEY};
use crate::daemon::{files, folder};

/// Looks at what lies on this machine. `stored`: the keys that stored tokens need, where
/// that is known.
pub(super) fn look(config: &Config, stored: Option<&Survey>) -> Vec<Finding> {
    let mut checks =
        vec![key(config, stored), data_dir(config), open_files(config, files::allowed())];
    checks.extend(systemd(config));
    checks
}

fn key(config: &Config, stored: Option<&Survey>) -> Finding {
    match config.key_ring() {
        Ok(ring) => match (ring.primary(), ring.self_test()) {
            (None, _) => {
                let next = without_key(stored);
                Finding::fail(
                    "encryption key",
                    "no encryption key is set, so tokens cannot be stored",
                    next,
                )
            }
            (Some(_), Err(error)) => {
                Finding::fail("encryption key", error.to_string(), RESTORE_KEY)
            }
            (Some(id), Ok(())) => {
                let old = ring.ids().count() - 1;
                let also = if old == 0 { String::new() } else { format!(", {old} old ones") };
                Finding::pass(
                    "encryption key",
                    format!("key {id} works (encrypts and decrypts){also}"),
                )
            }
        },
        Err(error) => Finding::fail("encryption key", error.message, RESTORE_KEY),
    }
}

/// A second key could not decrypt what the first one encrypted, so one is made only
/// where nothing is encrypted yet.
fn without_key(stored: Option<&Survey>) -> String {
    const SET: &str = "set ZOOMD_ENCRYPTION_KEY_FILE to the key file that the daemons use";
    match stored.map(|survey| survey.keys().next()) {
        // A redirection that overwrites would destroy a key that is there.
        Some(None) => "(umask 077; set -C; zoomd config key > encryption_key), and set \
                       ZOOMD_ENCRYPTION_KEY_FILE to that file"
            .to_owned(),
        Some(Some(key)) => format!("{SET}: stored tokens need key {key}"),
        None => SET.to_owned(),
    }
}

fn data_dir(config: &Config) -> Finding {
    let dir = &config.data_dir;
    let shown = dir.display();
    match folder::look(dir) {
        Ok(folder::Found::Ready) => Finding::pass("data folder", format!("{shown} is writable")),
        Ok(folder::Found::Missing) => {
            Finding::pass("data folder", format!("{shown} will be created by the daemon"))
        }
        Err(why) => Finding::fail(
            "data folder",
            format!("{shown}: {why}; the daemon keeps its rotation journal there"),
            next_for(dir),
        ),
    }
}

/// A daemon that runs under a service manager may have another limit than this shell.
fn open_files(config: &Config, allowed: u64) -> Finding {
    let wanted = files::wanted(config.concurrency as u64);
    let needs = format!("concurrency {} can need {wanted}", config.concurrency);
    match allowed {
        u64::MAX => Finding::pass("open files", format!("no limit; {needs}")),
        _ if allowed >= wanted => {
            Finding::pass("open files", format!("{allowed} allowed; {needs}"))
        }
        _ => Finding::warn(
            "open files",
            format!("{allowed} allowed in this shell, but {needs}"),
            format!("set LimitNOFILE={wanted} in the unit, or lower ZOOMD_CONCURRENCY"),
        ),
    }
}

fn next_for(dir: &Path) -> String {
    format!("sudo install -d -o \"$USER\" -m 700 {}, or set ZOOMD_DATA_DIR", dir.display())
}

/// A daemon that is killed while it rotates loses a token: the manager must
/// wait longer than the grace and one exchange.
fn systemd(config: &Config) -> Option<Finding> {
    let wanted = config.grace + config.zoom.token_timeout;
    let unit = ["/etc/systemd/system/zoomd.service", "/usr/lib/systemd/system/zoomd.service"]
        .iter()
        .find_map(|path| std::fs::read_to_string(path).ok())?;
    // systemd waits 90 s unless told otherwise.
    let said = unit.lines().rev().find_map(|l| l.trim().strip_prefix("TimeoutStopSec="));
    let stop = said.map_or(Some(std::time::Duration::from_secs(90)), |text| {
        let text = text.trim().replace("min", "m");
        time(&text).or_else(|| text.parse().ok().map(std::time::Duration::from_secs))
    });
    let what = format!(
        "grace {} and one token exchange {} make {}",
        show_time(config.grace),
        show_time(config.zoom.token_timeout),
        show_time(wanted)
    );
    Some(match stop {
        Some(stop) if stop > wanted => Finding::pass(
            "systemd",
            format!("systemd waits {} before it kills the daemon; {what}", show_time(stop)),
        ),
        Some(stop) => Finding::fail(
            "systemd",
            format!("systemd kills the daemon after {}, but {what}", show_time(stop)),
            format!("sudo systemctl edit zoomd  # TimeoutStopSec={}", wanted.as_secs() + 10),
        ),
        None => Finding::pass("systemd", "systemd waits indefinitely before it kills the daemon"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_only_where_nothing_is_encrypted() {
        let key = "0123abcd".parse().expect("a key");
        let stored = Survey { grants: [(key, 2)].into(), ..Survey::default() };
        assert!(without_key(Some(&Survey::default())).contains("zoomd config key"));
        for told in [without_key(Some(&stored)), without_key(None)] {
            assert!(!told.contains("config key"), "{told}");
        }
        assert!(without_key(Some(&stored)).contains("0123abcd"));
    }
}
