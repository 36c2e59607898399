//! Words of the project: which ones stay out of file names, messages, help and docs
//! (the table is in CONTRIBUTING.md), and how doc comments begin.

use std::fs;
use std::process::Command;

use super::{ROOT, sources};

/// Words that readers do not search for, each with its plain one in CONTRIBUTING.md.
const WORDS: &[&str] = &[
    "anew",
    "at most so",
    "badly",
    "door",
    "doors",
    "ended well",
    "farewell",
    "goes on",
    "lane",
    "lanes",
    "mend",
    "mended",
    "mends",
    "out of reach",
    "reckon",
    "reckoned",
    "seam",
    "seams",
    "so long",
    "so many",
    "sound",
    "strangers",
    "taken back",
    "twin",
    "twins",
    "went on",
    "whoever",
];

/// Parts of file names that nobody would look for.
const FILES: &[&str] = &[
    "amends",
    "anew",
    "door",
    "farewell",
    "flights",
    "lane",
    "mend",
    "rounds",
    "seam",
    "shop",
    "sift",
    "slots",
    "strangers",
    "suspects",
    "twin",
    "twins",
];

/// Words with which a doc comment should not begin: they put the thing last.
const STARTS: &[&str] = &["What", "Whether", "Whose", "Its", "Who", "When", "How", "The same"];

/// Forbidden words of a text, as whole words.
fn found(text: &str) -> Vec<&'static str> {
    let text = text.to_lowercase();
    let words: Vec<_> = text.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let text = format!(" {} ", words.join(" "));
    let is_in = |word: &&&str| text.contains(&format!(" {word} "));
    WORDS.iter().filter(is_in).copied().collect()
}

/// Text of a page without fenced blocks and code spans, line by line. A table of words
/// that are not to be written is none of it.
fn prose(page: &str) -> Vec<String> {
    let (mut lines, mut fenced, mut listed) = (Vec::new(), false, false);
    for line in page.lines() {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        listed = line.starts_with('|') && (listed || line.starts_with("| do not write |"));
        if !fence && !fenced && !listed {
            lines.push(line.split('`').step_by(2).collect::<Vec<_>>().join(" "));
        }
    }
    lines
}

/// String literals of several words, outside of comments and tests.
fn messages(code: &str) -> Vec<String> {
    let code = code.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = lines.collect::<Vec<_>>().join("\n").replace("\\\"", "'");
    let literals = code.split('"').skip(1).step_by(2);
    literals.filter(|text| text.contains(' ')).map(str::to_owned).collect()
}

fn tracked(pattern: &str) -> Vec<String> {
    let listed = Command::new("git").args(["ls-files", pattern]).current_dir(ROOT).output();
    let listed = listed.expect("git runs").stdout;
    String::from_utf8_lossy(&listed).lines().map(str::to_owned).collect()
}

fn production() -> impl Iterator<Item = (String, String)> {
    let folders = ["src", "workers/src", "crates"];
    let all = folders.into_iter().flat_map(sources);
    // The description of the API lists public field names, which keep their old words.
    all.filter(|(path, _)| {
        let other = ["tests", "zoom-sim", "http/api/openapi.rs"];
        !other.iter().any(|part| path.contains(part))
    })
}

#[test]
fn messages_use_words_that_people_search_for() {
    let wrong: Vec<_> = production()
        .flat_map(|(path, code)| messages(&code).into_iter().map(move |text| (path.clone(), text)))
        .filter_map(|(path, text)| found(&text).first().map(|word| (path, *word, text.clone())))
        .collect();
    assert!(wrong.is_empty(), "see Naming in CONTRIBUTING.md: {wrong:#?}");
}

#[test]
fn help_and_docs_use_words_that_people_search_for() {
    let pages = tracked("*.md").into_iter().filter(|path| {
        let is_ours = path.starts_with("docs/") || !path.contains('/');
        is_ours && path != "CHANGELOG.md"
    });
    let pages =
        pages.chain(["src/config/default.toml".into(), "tests/it/snapshots/help.txt".into()]);
    let pages: Vec<_> = pages.collect();
    assert!(pages.len() > 20, "only {pages:?}");
    let wrong: Vec<_> = pages
        .iter()
        .flat_map(|path| {
            let page = fs::read_to_string(format!("{ROOT}/{path}")).expect("a page");
            prose(&page).into_iter().map(move |line| (path.clone(), line))
        })
        .filter_map(|(path, line)| found(&line).first().map(|word| (path, *word, line.clone())))
        .collect();
    assert!(wrong.is_empty(), "see Naming in CONTRIBUTING.md: {wrong:#?}");
}

#[test]
fn file_names_say_what_is_in_the_file() {
    let files = tracked("*.rs").into_iter().chain(tracked("*.lua"));
    let wrong: Vec<_> = files
        .filter(|path| path.contains("src/") && !path.contains("zoom-sim"))
        .filter(|path| {
            path.split(['/', '.']).any(|part| {
                FILES.contains(&part) || part.split('_').any(|word| FILES.contains(&word))
            })
        })
        .collect();
    assert!(wrong.is_empty(), "see Naming in CONTRIBUTING.md: {wrong:?}");
}

/// Every word held out is in the table that says what to write instead.
#[test]
fn contributing_names_the_words() {
    let page = fs::read_to_string(format!("{ROOT}/CONTRIBUTING.md")).expect("a page");
    let table: String = page.lines().filter(|line| line.starts_with("| ")).collect();
    let table = table.to_lowercase();
    let stem = |word: &&&str| !table.contains(word.trim_end_matches("ed").trim_end_matches('s'));
    let missing: Vec<_> = WORDS.iter().filter(stem).collect();
    assert!(missing.is_empty(), "not in CONTRIBUTING.md: {missing:?}");
}

/// First lines of doc comments, and those of them that put the thing last.
fn starts(code: &str) -> (usize, usize) {
    let (mut all, mut wrong, mut within) = (0, 0, false);
    for line in code.lines().map(str::trim_start) {
        let text = line.strip_prefix("///").or_else(|| line.strip_prefix("//!")).map(str::trim);
        if let Some(text) = text.filter(|_| !within) {
            all += 1;
            let begins = |start: &&&str| {
                let rest = text.strip_prefix(**start);
                rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
            };
            wrong += usize::from(STARTS.iter().any(|start| begins(&start)));
        }
        within = text.is_some();
    }
    (all, wrong)
}

#[test]
fn doc_comments_begin_with_the_thing() {
    let folders = ["src", "workers/src", "crates"];
    let counts: Vec<_> =
        folders.into_iter().flat_map(sources).map(|(path, code)| (starts(&code), path)).collect();
    let (all, wrong) =
        counts.iter().fold((0, 0), |sum, ((all, wrong), _)| (sum.0 + all, sum.1 + wrong));
    let mut worst: Vec<_> = counts.iter().filter(|((_, wrong), _)| *wrong > 0).collect();
    worst.sort_by_key(|((_, wrong), _)| std::cmp::Reverse(*wrong));
    worst.truncate(10);
    assert!(all > 3_000, "only {all} doc comments were found");
    assert!(wrong * 100 <= all * 3, "{wrong} of {all} begin with one of {STARTS:?}: {worst:?}");
}

#[test]
fn a_wrong_word_is_found_where_it_stands() {
    assert_eq!(found("Seals it anew; a twin."), ["anew", "twin"]);
    assert!(found("zoomd_twins_total is renewed, soundly").is_empty());
    assert_eq!(prose("a\n```text\nanew\n```\nthe `door` b"), ["a", "the   b"]);
    assert_eq!(prose("| do not write | write |\n| anew | again |\nx"), ["x"]);
    let code = "// \"so long ago\"\nlet a = \"no \\\"so long\\\" way\"; let b = \"one\";";
    assert_eq!(messages(code), ["no 'so long' way"]);
    assert_eq!(starts("/// What it is.\n/// Whose.\nfn a() {}\n/// A thing.\n"), (2, 1));
    assert_eq!(starts("/// Itself.\nfn a() {}\n/// The same, but.\n/// How.\n"), (2, 1));
}
