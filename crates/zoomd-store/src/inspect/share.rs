//! Division of a bounded number of reads among many.

/// Accounts that are read at the same time.
pub(super) const AT_ONCE: usize = 16;

/// The most that each may have, at least 1, so that all together have at most `most`: those
/// with fewer leave their rest to the others.
pub(super) fn level(sizes: impl Iterator<Item = u64>, most: usize) -> usize {
    let mut sizes: Vec<u64> = sizes.collect();
    sizes.sort_unstable();
    let mut left = most as u64;
    for (at, size) in sizes.iter().enumerate() {
        let others = (sizes.len() - at) as u64;
        if size.saturating_mul(others) > left {
            return usize::try_from(left / others).unwrap_or(most).max(1);
        }
        left -= size;
    }
    most.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_with_fewer_leave_their_rest_to_the_others() {
        for (sizes, most, expected) in [
            (&[][..], 10, 10),
            (&[3], 10, 10),
            (&[1_000_000], 10, 10),
            (&[1, 1, 100], 10, 8),
            (&[100, 2, 100], 10, 4),
            (&[5, 5, 5, 5], 2, 1),
        ] {
            assert_eq!(level(sizes.iter().copied(), most), expected, "{sizes:?}");
        }
    }
}
