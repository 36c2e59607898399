//! "Did you mean …?" for a word that is not known.

/// Longer words are not checked.
const MOST: usize = 64;

/// A word without what people write in different ways.
struct Plain {
    bytes: [u8; MOST],
    length: usize,
}

impl Plain {
    fn of(word: &str) -> Self {
        let mut plain = Self { bytes: [0; MOST], length: 0 };
        let letters = word.bytes().filter(|byte| !matches!(byte, b'_' | b'-' | b' '));
        for (room, byte) in plain.bytes.iter_mut().zip(letters) {
            *room = byte.to_ascii_lowercase();
            plain.length += 1;
        }
        plain
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// The known word that `given` was probably meant to be.
pub(crate) fn nearest<'a>(
    given: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    if given.len() > MOST {
        return None;
    }
    let given = Plain::of(given);
    let bound = if given.length <= 5 { 1 } else { 2 };
    known
        .into_iter()
        .filter_map(|word| {
            let plain = Plain::of(word);
            let near = plain.length.abs_diff(given.length) <= bound;
            near.then(|| (distance(given.bytes(), plain.bytes()), word))
        })
        .filter(|(distance, _)| *distance <= bound)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// Insertions, deletions, changes and swaps of neighbours from `a` to `b`, which
/// have at most [`MOST`] letters.
fn distance(a: &[u8], b: &[u8]) -> usize {
    let (mut before, mut above, mut row) = ([0; MOST + 1], [0; MOST + 1], [0; MOST + 1]);
    above.iter_mut().enumerate().for_each(|(j, least)| *least = j);
    for (i, x) in a.iter().enumerate() {
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let mut least = (above[j] + usize::from(x != y)).min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                least = least.min(before[j - 1] + 1);
            }
            row[j + 1] = least;
        }
        (before, above) = (above, row);
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
