//! Short texts for people: spans, counts, and foreign words on one line.

/// A length of time for people, in its largest unit: `45s`, `12m`, `5h`, `3d`.
pub fn span(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds}s"),
        120..=7_199 => format!("{}m", seconds / 60),
        7_200..=172_799 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// A count with its noun: `1 job`, `3 jobs`.
pub fn count(many: u64, noun: &str) -> String {
    let s = if many == 1 { "" } else { "s" };
    format!("{many} {noun}{s}")
}

/// Text from outside on one line: control characters (and with them escape sequences) become
/// blanks, so that they cannot break the terminal.
pub fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
