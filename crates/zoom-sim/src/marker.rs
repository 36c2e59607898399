//! The marker of an agenda, by which a client knows its meetings again.

/// The marker in an agenda: the last word that begins with the prefix.
pub(crate) fn marker_of<'a>(agenda: &'a str, prefix: &str) -> Option<&'a str> {
    if prefix.is_empty() {
        return None;
    }
    let from = agenda.rfind(prefix)?;
    let tail = &agenda[from + prefix.len()..];
    let word = tail.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(tail.len());
    (word >= 6).then(|| &agenda[from..from + prefix.len() + word])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers() {
        let of = |agenda| marker_of(agenda, "zd-");
        assert_eq!(of("notes\n\nzd-AbC123xyz789"), Some("zd-AbC123xyz789"));
        assert_eq!(of("zd-AbC123xyz789 zd-second123456."), Some("zd-second123456"));
        assert_eq!(of("a zd- b"), None);
        assert_eq!(of(""), None);
    }
}
