//! Cleans text from outside for logs and records: bounded length, one line, and anything that may
//! be a token removed.

/// At most `max_chars` of `text`; control characters become spaces, long runs
/// of token characters and the queries of addresses become `***`.
pub(crate) fn scrub(text: &str, max_chars: usize) -> String {
    const LONGEST_WORD: usize = 80;
    let mut out = String::new();
    let mut word = String::new();
    let flush = |word: &mut String, out: &mut String| {
        if word.len() > LONGEST_WORD {
            out.push_str("***");
        } else {
            out.push_str(word);
        }
        word.clear();
    };
    let mut in_address = false;
    let mut skipping = false;
    for c in text.chars().take(max_chars) {
        let c = if c.is_control() { ' ' } else { c };
        if c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>') {
            (in_address, skipping) = (false, false);
        }
        if skipping {
            continue;
        }
        if c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '+' | '/' | '=' | '~') {
            word.push(c);
            in_address |= word.ends_with("//") && out.ends_with(':');
            continue;
        }
        flush(&mut word, &mut out);
        if c == '?' && in_address {
            out.push_str("?***");
            skipping = true;
        } else {
            out.push(c);
        }
    }
    flush(&mut word, &mut out);
    out.truncate(out.trim_end().len());
    out
}

#[cfg(test)]
mod tests {
    use super::scrub;

    #[test]
    fn plain_text_stays() {
        let text = "Invalid access token, does not contain scopes:[meeting:write:meeting, meeting:write:meeting:admin].";
        assert_eq!(scrub(text, 500), text);
        assert_eq!(scrub("User does not exist: a+b@c.de?", 500), "User does not exist: a+b@c.de?");
        assert_eq!(scrub("Встреча не существует: 3001.", 500), "Встреча не существует: 3001.");
    }

    #[test]
    fn tokens_queries_and_control_characters_go() {
        assert_eq!(scrub("a\r\nb\0c", 500), "a  b c");
        assert_eq!(scrub(&format!("token {}.", "x".repeat(81)), 500), "token ***");
        assert_eq!(
            scrub("see https://zoom.us/s/1?zak=secret now", 500),
            "see https://zoom.us/s/1?*** now"
        );
        assert_eq!(scrub("abcdef", 3), "abc");
    }
}
