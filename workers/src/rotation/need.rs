//! Step 1, as arithmetic: when a token is too old, and when too young.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

/// The longest margin before a token's end.
const LONGEST_MARGIN: Duration = Duration::from_secs(300);
/// The longest time for which a token counts as fresh.
const LONGEST_YOUTH: Duration = Duration::from_secs(60);
/// Lifetime of an access token for which Zoom gives none.
pub const USUAL_LIFE: Duration = Duration::from_secs(3_600);

/// No request starts with less life left than this: a tenth of the token's whole
/// life, at most five minutes.
#[must_use]
pub fn margin(life: Duration) -> Duration {
    (life / 10).min(LONGEST_MARGIN)
}

/// A rotation starts when less than this is left: the margin and up to half as
/// much again, another share for each account, so that accounts connected
/// together are not rotated together.
#[must_use]
pub fn lead(life: Duration, account: &str) -> Duration {
    let mut hasher = DefaultHasher::new();
    account.hash(&mut hasher);
    let share = (hasher.finish() % 1_000) as u32;
    margin(life) + margin(life) / 2_000 * share
}

/// A token younger than this is not rotated because of a 401: a new one would
/// not help.
#[must_use]
pub fn youth(life: Duration) -> Duration {
    (life / 10).min(LONGEST_YOUTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    #[test]
    fn margins_are_a_tenth_and_bounded() {
        assert_eq!(margin(HOUR), Duration::from_secs(300));
        assert_eq!(margin(Duration::from_secs(4)), Duration::from_millis(400));
        assert_eq!(youth(HOUR), Duration::from_secs(60));
        assert_eq!(youth(Duration::from_secs(4)), Duration::from_millis(400));
    }

    #[test]
    fn accounts_lead_differently_and_never_by_less_than_the_margin() {
        let leads: Vec<_> = (0..100).map(|n| lead(HOUR, &format!("a{n}"))).collect();
        let (least, most) = (leads.iter().min(), leads.iter().max());
        assert!(least >= Some(&Duration::from_secs(300)), "{least:?}");
        assert!(most <= Some(&Duration::from_secs(450)) && most > Some(&Duration::from_secs(430)));
        assert_eq!(lead(HOUR, "a"), lead(HOUR, "a"));
    }
}
