//! The command tree, held by snapshots: `--help` of every command, the topics,
//! the manual, the completions.

use std::path::Path;

use clap::Command;

use crate::support::{finish, snapshot, zoomd};

fn each(command: &Command, path: &str, visit: &mut impl FnMut(&Command, &str)) {
    visit(command, path);
    for sub in command.get_subcommands() {
        each(sub, &format!("{path} {}", sub.get_name()), visit);
    }
}

#[test]
fn every_help_page() {
    let mut tree = zoomd::cli::tree().term_width(100);
    tree.build();
    let mut pages = Vec::new();
    each(&tree, "zoomd", &mut |command, path| {
        pages.push((path.to_owned(), command.clone().render_long_help().to_string()));
    });
    assert!(pages.len() > 40, "{} commands", pages.len());
    let text = |(path, help): &(String, String)| format!("$ {path} --help\n{}\n", help.trim_end());
    let all: Vec<_> = pages.iter().map(text).collect();
    snapshot::holds("tests/it/snapshots/help.txt", &all.join("\n"));
}

#[test]
fn the_first_page_fits_one_screen_and_names_every_command() {
    let ran = finish(zoomd(Path::new("/"), &["--help"]), "").expect(0);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert!(lines.len() <= 34, "{} lines", lines.len());
    assert!(lines.iter().all(|l| l.chars().count() <= 100), "too wide");
    let first_example = lines.iter().position(|l| l.starts_with("  zoomd ")).expect("examples");
    assert!(first_example < lines.iter().position(|l| l.contains("Usage")).expect("usage"));
    for command in zoomd::cli::tree().get_subcommands() {
        let name = command.get_name();
        let named =
            lines.iter().any(|l| l.split(|c: char| !c.is_alphanumeric()).any(|w| w == name));
        assert!(named, "{name} is not on the first page");
    }
}

#[test]
fn every_command_and_flag_says_what_it_is_for() {
    each(&zoomd::cli::tree(), "zoomd", &mut |command, path| {
        assert!(command.get_about().is_some() || path == "zoomd", "{path} says nothing");
        for arg in command.get_arguments() {
            let id = arg.get_id();
            assert!(arg.get_help().is_some() || id == "help" || id == "version", "{path} {id}");
        }
    });
}

#[test]
fn no_flag_takes_a_secret() {
    each(&zoomd::cli::tree(), "zoomd", &mut |command, path| {
        for arg in command.get_arguments().filter_map(|a| a.get_long()) {
            let secret = ["secret", "token", "password", "key"].iter().any(|s| arg.contains(s));
            assert!(!secret || arg.ends_with("-file"), "{path} --{arg}");
        }
    });
}

#[test]
fn topics_completions_and_the_manual_need_no_configuration() {
    let here = Path::new("/");
    for topic in ["environment", "exit-codes", "config"] {
        let ran = finish(zoomd(here, &["help", topic]), "").expect(0);
        snapshot::holds(&format!("tests/it/snapshots/topic-{topic}.txt"), &ran.stdout);
    }
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let ran = finish(zoomd(here, &["completions", shell]), "").expect(0);
        assert!(ran.stdout.contains("ZOOMD_COMPLETE"), "{shell}");
    }
    assert!(finish(zoomd(here, &["man"]), "").expect(0).stdout.starts_with(".ie"));
    let folder = tempfile::tempdir().expect("a folder");
    let to = folder.path().display().to_string();
    finish(zoomd(here, &["man", "--to", &to]), "").expect(0);
    assert!(folder.path().join("zoomd-job-show.1").is_file());
    let ran = finish(zoomd(here, &["help", "job", "shwo"]), "").expect(2);
    assert!(ran.stderr.contains("did you mean show?"), "{}", ran.stderr);
}

#[test]
fn every_variable_has_a_text_of_its_own() {
    let ran = finish(zoomd(Path::new("/"), &["help", "environment"]), "").expect(0);
    let mut texts = std::collections::BTreeMap::new();
    let mut name = "";
    for line in ran.stdout.lines().skip_while(|line| !line.starts_with("ZOOMD_")) {
        match line.strip_prefix("    ") {
            None => name = line,
            Some(text) => {
                let other = texts.insert(text, name);
                assert_eq!(other, None, "{name} shows the text of another variable: {text}");
            }
        }
    }
    assert!(texts.len() > 50, "{} texts", texts.len());
    let secret = texts.iter().find(|(_, name)| name.starts_with("ZOOMD_CLIENT_SECRET"));
    assert!(secret.expect("listed").0.starts_with("Client secret"));
}

#[test]
fn usage_errors_are_two_and_json_when_asked() {
    let here = Path::new("/");
    let ran = finish(zoomd(here, &["enqueu"]), "").expect(2);
    assert!(ran.stdout.is_empty() && ran.stderr.contains("enqueue"), "{ran:?}");
    let ran = finish(zoomd(here, &["--json", "job", "show"]), "").expect(2);
    assert_eq!(ran.json()["error"]["code"], "usage");
    assert!(ran.stderr.is_empty(), "{ran:?}");
}

#[test]
fn a_closed_pipe_is_an_ordinary_end() {
    use std::process::Stdio;
    let mut command = zoomd(Path::new("/"), &["config", "default"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("started");
    drop(child.stdout.take());
    let ended = child.wait_with_output().expect("ended");
    assert_eq!(ended.status.code(), Some(0));
    assert!(ended.stderr.is_empty(), "{}", String::from_utf8_lossy(&ended.stderr));
}
