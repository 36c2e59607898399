//! Words and marks of Rust code: comments, the insides of strings and what is
//! compiled for tests alone are left out.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    Word(&'a str),
    /// `::`
    Path,
    Mark(char),
}

/// The production code of a file.
pub fn production(code: &str) -> Vec<Token<'_>> {
    without_tests(&tokens(code))
}

fn tokens(code: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut rest = code;
    while let Some(first) = rest.chars().next() {
        if let Some(after) = skipped(rest) {
            rest = after;
        } else if first.is_alphanumeric() || first == '_' {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            found.push(Token::Word(&rest[..end]));
            rest = &rest[end..];
        } else if let Some(after) = rest.strip_prefix("::") {
            found.push(Token::Path);
            rest = after;
        } else {
            if !first.is_whitespace() {
                found.push(Token::Mark(first));
            }
            rest = &rest[first.len_utf8()..];
        }
    }
    found
}

/// Code after the comment, string, character or lifetime at the start of `code`.
fn skipped(code: &str) -> Option<&str> {
    if code.starts_with("//") {
        return Some(&code[code.find('\n').unwrap_or(code.len())..]);
    }
    if code.starts_with("/*") {
        return Some(&code[code.find("*/").map_or(code.len(), |end| end + 2)..]);
    }
    if let Some(raw) = code.strip_prefix("br").or_else(|| code.strip_prefix('r')) {
        let marks = raw.len() - raw.trim_start_matches('#').len();
        if let Some(text) = raw[marks..].strip_prefix('"') {
            let close = format!("\"{}", "#".repeat(marks));
            return Some(&text[text.find(&close).map_or(text.len(), |end| end + close.len())..]);
        }
    }
    let inside = code.strip_prefix("b\"").or_else(|| code.strip_prefix('"'));
    if let Some(text) = inside {
        return Some(&text[closing(text, '"').map_or(text.len(), |end| end + 1)..]);
    }
    let quoted = code.strip_prefix('\'')?;
    let mut letters = quoted.chars();
    let is_char = letters.next() == Some('\\') || letters.next() == Some('\'');
    let end = if is_char { closing(quoted, '\'').map_or(quoted.len(), |end| end + 1) } else { 0 };
    Some(&quoted[end..])
}

/// Position of the first `quote` without a backslash before it.
fn closing(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().find_map(|(at, c)| {
        let ends = c == quote && !escaped;
        escaped = c == '\\' && !escaped;
        ends.then_some(at)
    })
}

fn without_tests<'a>(tokens: &[Token<'a>]) -> Vec<Token<'a>> {
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        match test_attribute(&tokens[at..]) {
            Some(length) => at = item_end(tokens, at + length),
            None => {
                kept.push(tokens[at]);
                at += 1;
            }
        }
    }
    kept
}

/// The length of `#[cfg(test)]` and its like, if the tokens begin with it.
fn test_attribute(tokens: &[Token<'_>]) -> Option<usize> {
    use Token::{Mark, Word};
    if !tokens.starts_with(&[Mark('#'), Mark('['), Word("cfg"), Mark('(')]) {
        return None;
    }
    let end = tokens.iter().position(|token| *token == Mark(']'))?;
    let says = |word| tokens[..end].contains(&Word(word));
    (says("test") && !says("not")).then_some(end + 1)
}

/// The end of the item that begins at `at`: its closing brace, or its `;` or `,`.
fn item_end(tokens: &[Token<'_>], at: usize) -> usize {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(at) {
        match token {
            Token::Mark('{' | '(' | '[') => depth += 1,
            Token::Mark(mark @ ('}' | ')' | ']')) => {
                depth = depth.saturating_sub(1);
                if depth == 0 && *mark == '}' {
                    return index + 1;
                }
            }
            Token::Mark(';' | ',') if depth == 0 => return index + 1,
            _ => {}
        }
    }
    tokens.len()
}
