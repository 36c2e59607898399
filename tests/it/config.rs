//! The configuration, from the outside: whose value counts, what is refused.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::{KEY, Ran, finish, zoomd};

fn show(dir: &Path, env: &[(&str, &str)], args: &[&str]) -> Ran {
    let mut command = zoomd(dir, &[args, &["--json", "config", "show"]].concat());
    command.envs(env.iter().copied());
    finish(command, "")
}

fn value(ran: &Ran, key: &str) -> (Value, String) {
    let rows = ran.json();
    let row = rows.as_array().expect("rows").iter().find(|r| r["key"] == key).expect("the key");
    (row["value"].clone(), row["origin"].as_str().expect("an origin").to_owned())
}

#[test]
fn flags_over_environment_over_file_over_default() {
    let dir = tempfile::tempdir().expect("a folder");
    let at = |env: &[(&str, &str)], args: &[&str]| {
        value(&show(dir.path(), env, args).expect(0), "namespace")
    };
    assert_eq!(at(&[], &[]), ("zoomd".into(), "default".into()));
    fs::write(dir.path().join("zoomd.toml"), "namespace = \"of-file\"\n").expect("written");
    assert_eq!(at(&[], &[]), ("of-file".into(), "zoomd.toml".into()));
    let env = [("ZOOMD_NAMESPACE", "of-env")];
    assert_eq!(at(&env, &[]), ("of-env".into(), "ZOOMD_NAMESPACE".into()));
    assert_eq!(at(&env, &["--namespace", "f"]), ("f".into(), "--namespace".into()));
    // A value that equals the default still counts as given.
    let env = [("ZOOMD_NAMESPACE", "zoomd")];
    assert_eq!(at(&env, &[]), ("zoomd".into(), "ZOOMD_NAMESPACE".into()));
    // An empty variable is not given.
    assert_eq!(at(&[("ZOOMD_NAMESPACE", "")], &[]), ("of-file".into(), "zoomd.toml".into()));
    fs::write(dir.path().join("other.toml"), "namespace = \"other\"\n").expect("written");
    assert_eq!(at(&[], &["--config", "other.toml"]).0, "other");
    show(dir.path(), &[], &["--config", "absent.toml"]).expect(2);
}

#[test]
fn secrets_come_from_files_too_and_are_never_shown() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("conf");
    fs::create_dir(&file).expect("made");
    fs::write(file.join("secret"), "hush-hush\n").expect("written");
    fs::write(dir.path().join("env-secret"), "hush-env\n").expect("written");
    // In a file, the name is looked for beside that file.
    fs::write(file.join("z.toml"), "[zoom]\nclient_secret_file = \"secret\"\n").expect("written");
    let args = ["--config", "conf/z.toml"];
    let ran = show(dir.path(), &[], &args).expect(0);
    assert_eq!(value(&ran, "zoom.client_secret"), ("***".into(), "conf/z.toml".into()));
    let env = [
        ("ZOOMD_CLIENT_SECRET_FILE", "env-secret"),
        ("ZOOMD_REDIS_URL", "redis://user:hush-pw@h:1/0"),
        ("ZOOMD_ENCRYPTION_KEY", KEY),
    ];
    let ran = show(dir.path(), &env, &args).expect(0);
    assert_eq!(value(&ran, "zoom.client_secret").1, "ZOOMD_CLIENT_SECRET_FILE");
    assert_eq!(value(&ran, "redis.url").0, "redis://***@h:1/0");
    assert!(!ran.stdout.contains("hush") && !ran.stdout.contains(KEY), "{}", ran.stdout);
    let both = [("ZOOMD_CLIENT_SECRET", "a"), ("ZOOMD_CLIENT_SECRET_FILE", "env-secret")];
    show(dir.path(), &both, &[]).expect(2);
    let ran = show(dir.path(), &[("ZOOMD_CLIENT_SECRET_FILE", "absent")], &[]).expect(2);
    assert!(ran.json()["error"]["message"].as_str().expect("text").contains("absent"));
}

#[test]
fn what_cannot_be_meant_is_refused_with_its_place() {
    let dir = tempfile::tempdir().expect("a folder");
    let table: [(&str, &str); 20] = [
        ("namespac = \"x\"", "did you mean namespace?"),
        ("[zoom]\nclientid = \"x\"", "did you mean zoom.client_id?"),
        ("[nonsense]\nx = 1", "zoomd config default"),
        ("namespace = ", "line 1"),
        ("namespace = \"a:b\"", "cannot be a prefix"),
        ("concurrency = 0", "between 1 and 10000"),
        ("concurrency = \"many\"", "whole number"),
        ("grace = \"soon\"", "30s, 5m"),
        ("listen = \"everywhere\"", "127.0.0.1:9464"),
        ("[results]\nmax_size = \"big\"", "10MiB"),
        ("[results]\ninclude = [\"password\"]", "start_url"),
        ("[jobs]\nlease = \"5s\"", "longer than"),
        ("[zoom]\nrequest_timeout = \"1s\"", "zoom.connect_timeout (5s)"),
        ("[zoom]\napi_url = \"http://api.zoom.us/v2\"", "ZOOMD_ALLOW_HTTP"),
        ("[reconcile]\nmarker = \"topic\"", "one of agenda, none"),
        ("[budget]\nshare = 1.5", "1 at most"),
        ("[budget]\nshare = 0", "more than 0"),
        ("[budget]\nshare = \"most\"", "a number"),
        ("[budget]\ncreate = \"weighty\"", "one of light, medium, heavy"),
        ("[encryption]\nkey = \"c2hvcnQ=\"", "32 bytes"),
    ];
    for (text, wanted) in table {
        fs::write(dir.path().join("zoomd.toml"), text).expect("written");
        let ran = show(dir.path(), &[], &[]).expect(2);
        let error = &ran.json()["error"];
        let said = format!("{} {}", error["message"], error["hint"]);
        assert!(said.contains(wanted), "{text}: {said}");
        assert!(!said.contains("c2hvcnQ="), "a secret is shown");
    }
    // An invalid file does not stop help, the reference or a new key.
    finish(zoomd(dir.path(), &["config", "default"]), "").expect(0);
    finish(zoomd(dir.path(), &["config", "key"]), "").expect(0);
}

#[test]
fn what_editors_and_shells_add_is_dropped_or_told_whatever_the_way_in() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("secret");
    let utf16 = |text: &str| -> Vec<u8> {
        format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect()
    };
    let ways: [&[(&str, &str)]; 2] =
        [&[("ZOOMD_CLIENT_SECRET_FILE", "secret")], &[("ZOOMD_CONFIG", "zoomd.toml")]];
    fs::write(dir.path().join("zoomd.toml"), "[zoom]\nclient_secret_file = \"secret\"\n")
        .expect("written");
    let good: [&[u8]; 4] =
        [b"\xef\xbb\xbfhush\r\n", b"hush\xe2\x80\x8b\n", &utf16("hush\r\n"), b"\n hush\r"];
    let bad: [(&[u8], &str); 6] = [
        (b"hu\xe2\x80\x8bsh\n", "U+200B (zero-width space) at character 3"),
        (b"hush\nhush\n", "has 2 lines"),
        (b"\"hush\"\n", "is in quotes"),
        (b"hush hush", "contains a blank at character 5"),
        (b"hush\xe9", "is not UTF-8"),
        (b"h\0u\0s\0h\0", "UTF-16 without a byte-order mark"),
    ];
    for env in ways {
        for bytes in good {
            fs::write(&path, bytes).expect("written");
            show(dir.path(), env, &[]).expect(0);
        }
        for (bytes, wanted) in bad {
            fs::write(&path, bytes).expect("written");
            let ran = show(dir.path(), env, &[]).expect(2);
            let error = &ran.json()["error"];
            let said = error["message"].as_str().expect("a text");
            assert!(
                said.contains(wanted) && said.to_lowercase().contains("client_secret"),
                "{bytes:?}: {said}"
            );
            assert!(error["hint"].is_string() && !said.contains("hush"), "{error}");
        }
    }
    fs::remove_file(dir.path().join("zoomd.toml")).expect("removed");
    // Invalid values in the environment are reported in the same way.
    for (name, value, wanted) in [
        ("ZOOMD_CLIENT_ID", "\"id\"", "zoom.client_id (from ZOOMD_CLIENT_ID) is in quotes"),
        ("ZOOMD_CLIENT_ID", "i\u{200b}d", "zero-width space"),
        ("ZOOMD_CLIENT_SECRET", "'s'", "is in quotes"),
        ("ZOOMD_WEBHOOK_SECRET", "a b", "contains a blank"),
        ("ZOOMD_REDIS_URL", "\"redis://h:1\"", "is in quotes"),
        ("ZOOMD_DATA_DIR", "\"/var/lib/zoomd\"", "is in quotes"),
        ("ZOOMD_ENCRYPTION_KEY", "c2hvcnQ=", "is not 32 bytes of base64"),
    ] {
        let ran = show(dir.path(), &[(name, value)], &[]).expect(2);
        let error = &ran.json()["error"];
        assert!(error["message"].as_str().is_some_and(|text| text.contains(wanted)), "{error}");
        let hint = error["hint"].as_str().expect("a hint");
        assert!(!hint.contains("makes a key"), "{hint}");
        let mut check = zoomd(dir.path(), &["config", "check"]);
        check.env(name, value);
        assert!(finish(check, "").expect(2).stderr.contains(wanted));
        let mut doctor = zoomd(dir.path(), &["doctor", "--offline"]);
        doctor.env(name, value);
        assert!(finish(doctor, "").expect(1).stdout.contains(wanted));
    }
    let marked = format!("\u{feff}{KEY}\r\n");
    show(dir.path(), &[("ZOOMD_ENCRYPTION_KEY", &marked)], &[]).expect(0);
    show(dir.path(), &[("ZOOMD_ENCRYPTION_KEYS_OLD", &format!("{KEY}\n{KEY},\r\n"))], &[])
        .expect(0);
    // And for the file of the configuration itself.
    fs::write(dir.path().join("zoomd.toml"), utf16("namespace = \"of-file\"\r\n"))
        .expect("written");
    assert_eq!(value(&show(dir.path(), &[], &[]).expect(0), "namespace").0, "of-file");
}

#[test]
fn what_is_overridden_is_not_opened_and_what_is_no_text_is_no_crash() {
    use std::os::unix::ffi::OsStringExt as _;
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("zoomd.toml");
    fs::write(&file, "[zoom]\nclient_secret_file = \"absent\"\n").expect("written");
    show(dir.path(), &[], &[]).expect(2);
    show(dir.path(), &[("ZOOMD_CLIENT_SECRET", "s")], &[]).expect(0);
    fs::remove_file(file).expect("removed");
    let latin = std::ffi::OsString::from_vec(b"caf\xe9".to_vec());
    for args in [["config", "check"], ["doctor", "--offline"]] {
        let mut command = zoomd(dir.path(), &args);
        command.env("LATIN", &latin);
        let ran = finish(command, "");
        assert!(ran.code <= 1 && !ran.stderr.contains("panicked"), "{ran:?}");
    }
    let mut command = zoomd(dir.path(), &["config", "check"]);
    command.env("ZOOMD_CLIENT_ID", &latin);
    let ran = finish(command, "").expect(2);
    assert!(ran.stderr.contains("ZOOMD_CLIENT_ID is not UTF-8"), "{}", ran.stderr);
}

#[test]
fn http_goes_to_this_machine_unless_it_is_allowed() {
    let dir = tempfile::tempdir().expect("a folder");
    let url = ("ZOOMD_ZOOM_API_URL", "http://zoom.example.com/v2");
    show(dir.path(), &[url], &[]).expect(2);
    show(dir.path(), &[url, ("ZOOMD_ALLOW_HTTP", "1")], &[]).expect(0);
    show(dir.path(), &[("ZOOMD_ZOOM_API_URL", "http://127.0.0.1:9/v2")], &[]).expect(0);
}

#[test]
fn check_tells_of_variables_that_are_no_settings() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut command = zoomd(dir.path(), &["config", "check"]);
    command.env("ZOOMD_REDIS_URI", "x").env("ZOOMD_PORT_9464_TCP", "tcp://10.0.0.1:9464");
    let ran = finish(command, "").expect(0);
    assert!(ran.stderr.contains("did you mean ZOOMD_REDIS_URL?"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("9464"), "{}", ran.stderr);
}

#[test]
fn a_new_key_is_one_and_the_reference_is_a_configuration() {
    let dir = tempfile::tempdir().expect("a folder");
    let keys = [(); 2].map(|()| finish(zoomd(dir.path(), &["config", "key"]), "").expect(0).stdout);
    assert_ne!(keys[0], keys[1]);
    let env = [("ZOOMD_ENCRYPTION_KEY", keys[0].trim())];
    show(dir.path(), &env, &[]).expect(0);
    let reference = finish(zoomd(dir.path(), &["config", "default"]), "").expect(0).stdout;
    fs::write(dir.path().join("zoomd.toml"), &reference).expect("written");
    show(dir.path(), &[], &[]).expect(0);
    // With every remark that names a key taken as a value it still reads.
    let all: String = reference
        .lines()
        .map(|l| if l.starts_with('#') && !l.starts_with("# ") { &l[1..] } else { l })
        .filter(|l| !l.starts_with("key"))
        .map(|l| format!("{l}\n"))
        .collect();
    fs::write(dir.path().join("zoomd.toml"), all).expect("written");
    let ran = show(dir.path(), &[], &[]).expect(0);
    assert_eq!(value(&ran, "public.listen").0, "0.0.0.0:8080");
}
