//! The files in deploy/, as far as they can be checked without an engine: they
//! must agree with the program and with each other.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::support::Rig;

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

/// All values of one directive, also of the lines that are to be uncommented.
fn all(directive: &str) -> Vec<String> {
    let unit = read("deploy/systemd/zoomd.service");
    let lines = unit.lines().map(|line| line.trim_start_matches('#'));
    let values = lines.filter_map(|line| line.strip_prefix(directive)?.strip_prefix('='));
    values.map(ToOwned::to_owned).collect()
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

/// The work of systemd is done by hand: credentials are copied, and the files they
/// come from are out of the daemon's reach.
#[tokio::test]
async fn what_init_writes_starts_under_the_unit() {
    let mut rig = Rig::start().await;
    for name in ["ENCRYPTION_KEY", "CLIENT_ID", "CLIENT_SECRET", "REDIS_URL", "DATA_DIR"] {
        rig.set(&format!("ZOOMD_{name}"), "");
    }
    rig.redis_cli(&["CONFIG", "SET", "requirepass", "pw-of-redis"]);
    let url = rig.redis.url().replace("redis://", "redis://:pw-of-redis@");
    fs::write(rig.dir.path().join("url"), &url).unwrap();
    let init = "init --yes --offline --folder etc --client-id sim-client --client-secret-file - \
                --redis-url-file url";
    let args: Vec<_> = init.split_whitespace().collect();
    rig.run_with(&args, "sim-secret\n").expect(0);
    let (etc, creds) = (rig.dir.path().join("etc"), rig.dir.path().join("creds"));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    // The service runs as a user of its own.
    assert_eq!((mode(&etc), mode(&etc.join("zoomd.toml"))), (0o755, 0o644));

    fs::create_dir(&creds).unwrap();
    for loaded in all("LoadCredential") {
        let (id, source) = loaded.split_once(':').unwrap();
        let source = etc.join(source.strip_prefix("/etc/zoomd/").unwrap());
        assert_eq!(mode(&source), 0o600, "{loaded}");
        fs::rename(&source, creds.join(id)).unwrap();
    }
    let mut left: Vec<_> = fs::read_dir(&etc).unwrap().map(|f| f.unwrap().file_name()).collect();
    left.retain(|name| name != "zoomd.toml");
    assert!(left.is_empty(), "the unit does not load {left:?}");
    let state = rig.dir.path().join("state");
    fs::create_dir(&state).unwrap();
    for setting in all("Environment") {
        let (name, value) = setting.split_once('=').unwrap();
        let value = value.replace("%d", creds.to_str().unwrap());
        rig.set(name, &value.replace("%S", state.to_str().unwrap()));
    }
    rig.set("ZOOMD_CONFIG", etc.join("zoomd.toml").to_str().unwrap());
    rig.run(&["config", "check"]).expect(0);
    rig.daemon().stop();
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
