//! "Did you mean …?" for a word that is not known.

/// The known word that `given` was probably meant to be.
pub(super) fn nearest<'a>(
    given: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    if given.len() > 64 {
        return None;
    }
    let given: Vec<u8> = given.bytes().map(plain).filter(|byte| *byte != b'_').collect();
    let bound = if given.len() <= 5 { 1 } else { 2 };
    known
        .into_iter()
        .map(|word| {
            let plain: Vec<u8> = word.bytes().map(plain).filter(|byte| *byte != b'_').collect();
            (distance(&given, &plain), word)
        })
        .filter(|(distance, _)| *distance <= bound)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

fn plain(byte: u8) -> u8 {
    match byte {
        b'-' | b' ' => b'_',
        other => other.to_ascii_lowercase(),
    }
}

/// Insertions, deletions, changes and swaps of neighbours from `a` to `b`.
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut before: Vec<usize> = vec![0; b.len() + 1];
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut least = (above[j] + usize::from(x != y)).min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant_and_nothing_far_off() {
        let known = ["account", "not_before", "max_attempts", "id"];
        assert_eq!(nearest("acount", known), Some("account"));
        assert_eq!(nearest("notBefore", known), Some("not_before"));
        assert_eq!(nearest("Max-Attempts", known), Some("max_attempts"));
        assert_eq!(nearest("accuont", known), Some("account"));
        assert_eq!(nearest("xy", known), None);
        assert_eq!(nearest("colour", known), None);
        assert_eq!(nearest(&"a".repeat(100), known), None);
    }
}
