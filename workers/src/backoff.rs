//! Delays before the next attempt.

use std::time::Duration;

/// The waits before the second, third, … attempt; the last is kept from there on.
pub const STEPS: [Duration; 5] = [
    Duration::from_secs(2),
    Duration::from_secs(10),
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(15 * 60),
];

/// The wait after `attempts` attempts were spent, a fifth shorter to a fifth
/// longer as `roll` (0 to 1, evenly spread) says. Jobs that failed together
/// thus do not come back together.
#[must_use]
pub fn after(attempts: u8, roll: f64) -> Duration {
    let step = usize::from(attempts.saturating_sub(1)).min(STEPS.len() - 1);
    spread(STEPS[step], roll)
}

/// `wait` spread by a fifth to either side.
#[must_use]
pub fn spread(wait: Duration, roll: f64) -> Duration {
    wait.mul_f64(0.8 + 0.4 * roll.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steps_are_those_of_the_contract() {
        let middle: Vec<u64> = (1..=7).map(|n| after(n, 0.5).as_secs()).collect();
        assert_eq!(middle, [2, 10, 60, 300, 900, 900, 900]);
        assert_eq!(after(0, 0.5), after(1, 0.5));
    }

    #[test]
    fn the_jitter_spreads_evenly_over_a_fifth_to_either_side() {
        assert_eq!(after(2, 0.0), Duration::from_secs(8));
        assert_eq!(after(2, 1.0), Duration::from_secs(12));
        let mut buckets = [0u32; 4];
        for _ in 0..4_000 {
            let wait = after(2, rand::random()).as_secs_f64();
            assert!((8.0..=12.0).contains(&wait), "{wait}");
            buckets[((wait - 8.0) as usize).min(3)] += 1;
        }
        for count in buckets {
            assert!((850..1_150).contains(&count), "uneven: {buckets:?}");
        }
    }

    #[test]
    fn a_roll_out_of_range_is_no_way_out() {
        assert_eq!(after(1, 9.0), after(1, 1.0));
        assert_eq!(after(1, -9.0), after(1, 0.0));
    }
}
