//! The files in deploy/, as far as they can be checked without an engine: they
//! must agree with the program and with each other.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).unwrap()
}

/// The directives of the unit; the last of several of one name.
fn unit() -> BTreeMap<String, String> {
    let unit = read("deploy/systemd/zoomd.service");
    let lines = unit.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// A length of time in the default configuration, in seconds.
fn default_seconds(key: &str) -> u64 {
    let defaults = read("src/config/default.toml");
    let line = defaults.lines().find_map(|line| line.strip_prefix(&format!("{key} = \""))).unwrap();
    line.trim_end_matches('"').trim_end_matches('s').parse().unwrap()
}

#[test]
fn the_unit_waits_for_an_exchange_of_tokens() {
    let longest = default_seconds("grace") + default_seconds("token_timeout");
    let stop: u64 = unit()["TimeoutStopSec"].parse().unwrap();
    assert!(stop > longest, "TimeoutStopSec={stop} must exceed {longest}");
    let compose = read("docker-compose.yml");
    let grace = compose.lines().find_map(|l| l.trim().strip_prefix("stop_grace_period: ")).unwrap();
    let minutes: u64 = grace.trim_end_matches('m').parse().unwrap();
    assert!(minutes * 60 > longest);
}

#[test]
fn the_unit_is_hardened_and_supervised() {
    let unit = unit();
    for (directive, value) in [
        ("Type", "notify"),
        ("Restart", "on-failure"),
        ("RestartPreventExitStatus", "2"),
        ("DynamicUser", "yes"),
        ("NoNewPrivileges", "yes"),
        ("ProtectSystem", "strict"),
        ("MemoryDenyWriteExecute", "yes"),
        ("RestrictAddressFamilies", "AF_INET AF_INET6 AF_UNIX"),
        ("StateDirectory", "zoomd"),
    ] {
        assert_eq!(unit.get(directive).map(String::as_str), Some(value), "{directive}");
    }
    assert!(unit.contains_key("WatchdogSec") && unit.contains_key("SystemCallFilter"));
    // A hangup ends the daemon, so it must not be sent to reload it.
    assert!(!unit.contains_key("ExecReload"));
}

#[test]
fn the_image_has_no_shell_and_no_root() {
    let dockerfile = read("deploy/docker/Dockerfile");
    let last = dockerfile.rsplit("\nFROM ").next().unwrap();
    assert!(last.starts_with("gcr.io/distroless/") && last.contains(":nonroot"));
    assert!(last.contains("\nUSER 65532:65532\n"));
    assert!(last.contains("\nENTRYPOINT [\"/usr/local/bin/zoomd\"]\n"));
    assert!(!last.contains("\nRUN "), "there is no shell to run it");
    assert!(last.contains("CMD [\"/usr/local/bin/zoomd\", \"healthcheck\"]"));
    assert!(last.contains("\nVOLUME /var/lib/zoomd\n"));
}

#[test]
fn redis_keeps_what_it_acknowledged() {
    let compose = read("docker-compose.yml");
    assert!(compose.contains(r#""--appendonly", "yes""#));
    assert!(compose.contains(r#""--maxmemory-policy", "noeviction""#));
    assert!(compose.contains("condition: service_healthy"));
}

/// A secret never stands in the environment of a container or a service.
#[test]
fn secrets_are_files() {
    for path in ["docker-compose.yml", "deploy/systemd/zoomd.service"] {
        let text = read(path);
        for secret in ["ZOOMD_CLIENT_SECRET", "ZOOMD_ENCRYPTION_KEY", "ZOOMD_WEBHOOK_SECRET"] {
            let places: Vec<_> =
                text.match_indices(secret).map(|(at, _)| &text[at + secret.len()..]).collect();
            assert!(places.iter().all(|rest| rest.starts_with("_FILE")), "{path}: {secret}");
        }
    }
}
