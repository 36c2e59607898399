//! Commands in comments of `docker-compose.yml` and of the files in `deploy/`: those of
//! zoomd exist, the files that they name are there, and the walk of docker-compose.yml
//! is walked, with a `docker` that runs the zoomd of this build.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use clap::error::ErrorKind;

use super::fence::{ROOT, read};
use super::session::Session;

/// Files with commands in their comments, and the number of lines that hold one.
const FILES: &[(&str, usize)] = &[
    ("docker-compose.yml", 7),
    ("deploy/docker/Dockerfile", 1),
    ("deploy/systemd/zoomd.service", 4),
];

/// A `docker` for the walk: the image's entry point is zoomd, and what builds or starts
/// containers does nothing.
const DOCKER: &str = r#"#!/bin/sh
case "$1 $2" in
  "run --rm") shift 2; test "$1" = zoomd || exit 9; shift; exec zoomd "$@" ;;
  "compose exec") test "$3 $4 $5" = "-T zoomd /usr/local/bin/zoomd" || exit 9; shift 5; exec zoomd "$@" ;;
  "compose build" | "compose up") exit 0 ;;
esac
exit 9
"#;

/// Lines of comments that are indented as commands are.
fn commands(file: &str) -> Vec<String> {
    let text = read(file);
    let lines = text.lines().filter_map(|line| line.strip_prefix("#   "));
    lines.filter(|line| !line.starts_with(' ')).map(ToOwned::to_owned).collect()
}

/// The parts of a line that a shell runs one by one, without a remark.
fn parts(line: &str) -> impl Iterator<Item = &str> {
    line.split("  #").next().unwrap_or_default().split("&&")
}

#[test]
fn every_command_in_a_comment_exists() {
    let tree = zoomd::cli::tree();
    let mut seen = 0;
    for (file, count) in FILES {
        let lines = commands(file);
        assert_eq!(lines.len(), *count, "{file}: {lines:?}");
        for part in lines.iter().flat_map(|line| parts(line)) {
            let words: Vec<&str> = part.split_whitespace().collect();
            for word in words.iter().filter(|word| word.starts_with("deploy/")) {
                assert!(Path::new(ROOT).join(word).exists(), "{file}: {word} is not there");
            }
            let zoomd = words.iter().rposition(|w| *w == "zoomd" || w.ends_with("/bin/zoomd"));
            let Some(at) = zoomd else { continue };
            let args = words[at + 1..].iter().take_while(|word| !["<", ">", "|"].contains(*word));
            let args: Vec<&str> = args.copied().collect();
            // The name of an image, of a service, or of the file that is installed.
            if args.first().is_none_or(|first| first.contains('/') || *first == ".") {
                continue;
            }
            let all = ["zoomd"].into_iter().chain(args).chain(["--help"]);
            let error = tree.clone().try_get_matches_from(all).expect_err("help is an error");
            assert_eq!(error.kind(), ErrorKind::DisplayHelp, "{file}: {part}: {error}");
            seen += 1;
        }
    }
    assert_eq!(seen, 3, "commands of zoomd");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_walk_of_docker_compose() {
    let mut reader = Session::start().await;
    let dir = reader.rig.dir.path().to_owned();
    let docker = reader.bin().join("docker");
    std::fs::write(&docker, DOCKER).expect("written");
    std::fs::set_permissions(&docker, std::fs::Permissions::from_mode(0o755)).expect("set");
    let token = reader.rig.sim.grant("somebody").refresh_token.expect("a refresh token");
    std::fs::write(dir.join("token"), token).expect("written");
    reader.word("$CLIENT_SECRET", "sim-secret");
    reader.word("…", "sim-client");
    // As the container gets them.
    reader.rig.set("ZOOMD_ENCRYPTION_KEY", "");
    reader.rig.set("ZOOMD_CLIENT_SECRET", "");
    for line in commands("docker-compose.yml") {
        if line.starts_with("ZOOMD_CLIENT_ID") {
            for (name, file) in
                [("ENCRYPTION_KEY", "encryption_key"), ("CLIENT_SECRET", "client_secret")]
            {
                let path = dir.join("secrets").join(file);
                reader.rig.set(&format!("ZOOMD_{name}_FILE"), path.to_str().expect("a path"));
            }
        }
        reader.type_as_written(&line, "docker-compose.yml");
    }
    let shown = reader.rig.run(&["account", "show", "acme", "--json"]).expect(0).json();
    assert_eq!(shown["state"], "active", "{shown}");
}
