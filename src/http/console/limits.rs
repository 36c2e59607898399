//! Zoom's limits: used and remaining calls of each, the fullest first, and the limits that
//! Zoom has closed.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::Console;
use super::answer::Made;
use super::asked::Asked;
use super::shell::{Shell, Tab};
use super::show::{Moment, number, sentence};
use crate::queries::budget::Walk;
use crate::text::count;
use crate::views::budget::View;

/// Accounts looked at for one page.
const ACCOUNTS: usize = 50;
/// Limits shown of one page.
const BARS: usize = 200;

/// The place of the page.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Filter {
    after: Option<String>,
}

#[derive(Template)]
#[template(path = "limits.html")]
struct Page {
    shell: Shell,
    bars: Vec<Bar>,
    next: Option<String>,
}

/// A limit as a bar.
pub(super) struct Bar {
    pub(super) account: String,
    pub(super) name: String,
    pub(super) used: String,
    pub(super) most: String,
    pub(super) elsewhere: u64,
    /// Hundredths of the width: used by us, by others.
    pub(super) ours: u64,
    pub(super) others: u64,
    pub(super) resets: Option<Moment>,
    pub(super) closed: Option<Moment>,
    pub(super) waiting: Option<String>,
    pub(super) first: Option<Moment>,
    pub(super) last: Option<Moment>,
}

impl Bar {
    /// Those that hold jobs back come first, then those closest to their end.
    pub(super) fn rank(&self) -> (bool, bool, u64) {
        (self.closed.is_some(), self.waiting.is_some(), self.ours + self.others)
    }

    /// True near its end.
    pub(super) fn is_full(&self) -> bool {
        self.ours + self.others >= 90
    }
}

/// The bar of a limit; `None` for one that only counts.
pub(super) fn bar(line: &View<'_>) -> Option<Bar> {
    let most = line.most.filter(|most| *most > 0)?;
    let share = |used: u64| (used.min(most) * 100).div_ceil(most);
    let ours = share(line.used);
    let others = share(line.used.saturating_add(line.elsewhere)).saturating_sub(ours);
    let waiting = Some(line.waiting).filter(|jobs| *jobs > 0);
    Some(Bar {
        account: line.account.to_owned(),
        name: sentence(line.limit),
        used: number(line.used),
        most: number(most),
        elsewhere: line.elsewhere,
        ours,
        others,
        resets: line.resets_at.filter(|_| line.used > 0).map(Moment::of),
        closed: line.closed_until.map(Moment::of),
        waiting: waiting.map(|jobs| count(jobs, "job")),
        first: line.first_expected_at.map(Moment::of),
        last: line.last_expected_at.map(Moment::of),
    })
}

async fn list(console: &Console, shell: Shell, filter: Filter) -> Made {
    let mut walk = Walk::after(filter.after);
    let lines = walk.next(console.ops(), ACCOUNTS).await?;
    let views = lines.iter().map(|(account, line)| View::of(account, line));
    let mut bars: Vec<_> = views.filter_map(|view| bar(&view)).collect();
    bars.sort_by_key(|bar| std::cmp::Reverse(bar.rank()));
    bars.truncate(BARS);
    let next = walk.place().map(|after| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        format!("/limits?{}", query.append_pair("after", after).finish())
    });
    Ok(Page { shell, bars, next }.render()?)
}

/// Shows the limits.
pub(super) async fn show(
    State(console): State<Console>,
    Query(filter): Query<Filter>,
    asked: Asked,
) -> Response {
    console.list(asked, (Tab::Limits, "Limits"), filter, list).await
}

#[cfg(test)]
mod tests {
    use zoomd_store::inspect::BudgetLine;

    use super::*;

    #[test]
    fn a_bar_is_never_longer_than_full() {
        for (used, elsewhere, most, expected) in [
            (0, 0, Some(100), Some((0, 0))),
            (1, 0, Some(1_000), Some((1, 0))),
            (50, 25, Some(100), Some((50, 25))),
            (130, 7, Some(100), Some((100, 0))),
            (0, 200, Some(100), Some((0, 100))),
            (5, 0, None, None),
        ] {
            let line = BudgetLine {
                zoom_account: "z".to_owned(),
                limit_name: "light per day".to_owned(),
                used,
                elsewhere,
                most,
                resets_ms: 1,
                closed_until_ms: None,
                line: None,
            };
            let made = bar(&View::of("acme", &line)).map(|bar| (bar.ours, bar.others));
            assert_eq!(made, expected, "{used} and {elsewhere} of {most:?}");
        }
    }
}
