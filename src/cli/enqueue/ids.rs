//! Ids for the jobs of an input that have none, so that an input sent again is a
//! repeat: the id is made of the line's text and of how many equal lines stood
//! before it. Neither line numbers nor other lines count, so a corrected or
//! shortened input still gives each of its lines the id that it had.

use std::collections::HashMap;

use zoomd_wire::JobId;

/// The lines without an id that were seen, by the start of their hash.
#[derive(Debug, Default)]
pub(super) struct LineIds {
    seen: HashMap<u64, u32>,
}

impl LineIds {
    /// The id of the next line, which has this text.
    pub(super) fn next(&mut self, line: &str) -> JobId {
        let hash = JobId::hash_of(line);
        let mut start = [0; 8];
        start.copy_from_slice(&hash[..8]);
        let before = self.seen.entry(u64::from_be_bytes(start)).or_default();
        *before += 1;
        JobId::of_line(&hash, *before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_lines_are_told_apart_and_others_do_not_count() {
        let ids = |lines: &[&str]| {
            let mut ids = LineIds::default();
            lines.iter().map(|line| ids.next(line).to_string()).collect::<Vec<_>>()
        };
        let all = ids(&["a", "b", "a", "c"]);
        assert_eq!(ids(&["a", "a", "c", "b"]), [&*all[0], &*all[2], &*all[3], &*all[1]]);
        assert!(all[0].starts_with("line-") && all[0].ends_with("-1"), "{all:?}");
        assert!(all[2].ends_with("-2") && all[2][..37] == all[0][..37], "{all:?}");
    }
}
