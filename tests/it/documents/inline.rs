//! Commands within sentences and tables: they exist, with their flags.

use std::path::Path;

use clap::error::ErrorKind;

use super::fence::{ROOT, documents, read};

/// Texts between single back quotes, outside of fenced blocks.
fn spans(file: &str) -> Vec<String> {
    let mut fenced = false;
    let text = read(file);
    let prose = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    });
    let prose = prose.collect::<Vec<_>>().join("\n");
    prose.split('`').skip(1).step_by(2).map(|span| span.replace('\n', " ")).collect()
}

#[test]
fn every_command_in_a_sentence_exists() {
    let tree = zoomd::cli::tree();
    let (mut seen, mut wrong) = (0, Vec::new());
    for file in documents() {
        for span in spans(&file).iter().filter(|span| span.starts_with("zoomd ")) {
            let words = span.replace(['[', ']'], "").replace('…', "");
            // `--help` behind it: the words are known, and nothing is missing.
            let words = words.split_whitespace().chain(["--help"]);
            let error = tree.clone().try_get_matches_from(words).expect_err("help is an error");
            // A flag that is only named has no value.
            let named = span.split(' ').next_back().is_some_and(|word| word.starts_with("--"))
                && error.kind() == ErrorKind::InvalidValue;
            if !named && error.kind() != ErrorKind::DisplayHelp {
                wrong.push(format!("{file}: {span}: {error}"));
            }
            seen += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 50, "{seen} commands");
}

#[test]
fn every_target_of_make_exists() {
    let makefile = read("Makefile");
    let mut known = makefile.clone();
    for folder in ["tests", "workers/tests", "crates"] {
        sources(&Path::new(ROOT).join(folder), &mut known);
    }
    for file in documents() {
        let blocks = super::fence::blocks(&file);
        let lines = blocks.iter().flat_map(|b| b.text.lines()).map(ToOwned::to_owned);
        let lines = lines.filter(|line| line.starts_with("make "));
        let spans = spans(&file).into_iter().filter(|span| span.starts_with("make "));
        for command in spans.chain(lines) {
            let command = command.split(" #").next().unwrap_or_default();
            for word in command.split_whitespace().skip(1) {
                let found = match word.split_once('=') {
                    Some((variable, _)) => known.contains(variable),
                    None => makefile.contains(&format!("\n{word}: ")),
                };
                assert!(found, "{file}: `{command}`: make knows no {word}");
            }
        }
    }
}

fn sources(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|e| e == "rs") {
            *text += &std::fs::read_to_string(path).expect("text");
        }
    }
}
