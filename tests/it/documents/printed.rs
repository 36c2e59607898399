//! Comparison of a command's output with a document.

/// True if the lines are equal but for numbers, ids and times.
pub fn same(shown: &str, printed: &str) -> bool {
    shown.lines().count() == printed.lines().count()
        && shown.lines().zip(printed.lines()).all(|(s, p)| alike(s, p))
}

/// One line as a document shows it, and as it was printed: numbers and ids are
/// others each time, and `…` stands for anything.
fn alike(wanted: &str, printed: &str) -> bool {
    let one = |wanted: String, printed: String| match wanted.split_once('…') {
        Some((head, tail)) => printed.starts_with(head) && printed.ends_with(tail),
        None => wanted == printed,
    };
    words(wanted).count() == words(printed).count()
        && words(wanted).zip(words(printed)).all(|(w, p)| one(w, p))
}

fn without_numbers(line: &str) -> String {
    let number = |word: &str| {
        let digits = word.chars().all(|c| c.is_ascii_digit());
        let id = word.len() >= 8 && word.chars().all(|c| c.is_ascii_hexdigit());
        !word.is_empty() && (digits || id)
    };
    let mut text = String::new();
    for word in line.split_inclusive(|c: char| !c.is_alphanumeric()) {
        let bare = word.trim_end_matches(|c: char| !c.is_alphanumeric());
        text += if number(bare) { "#" } else { bare };
        text += &word[bare.len()..];
    }
    text
}

/// The words of a line, each time as `#`.
fn words(line: &str) -> impl Iterator<Item = String> {
    line.split_whitespace().map(|word| {
        let time = word.trim_end_matches(|c: char| !c.is_alphanumeric());
        match time.parse::<jiff::Timestamp>() {
            Ok(_) => format!("#{}", &word[time.len()..]),
            Err(_) => without_numbers(word),
        }
    })
}

#[test]
fn numbers_ids_and_times_are_others_each_time() {
    assert!(same("1200 accounts, key 5b9e02c1\n", "3 accounts, key 9047cd9f\n"));
    assert!(same("until 2030-01-14T10:00:00Z; x", "until 2026-12-07T15:26:13.85Z; x"));
    assert!(same("http://x/…", "http://x/4TGAsegrk_Ei"));
    assert!(!same("3 accounts", "3 accounts\nand a hint"));
    assert!(!same("a job", "a list"));
    assert!(!same("http://y/…", "http://x/4TG"));
}
