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
use crate::views::budget::{Day, View};

/// Accounts looked at for one page.
const ACCOUNTS: usize = 50;
/// Limits shown of one page.
const BARS: usize = 200;
/// Hosts shown of one page.
const HOSTS: usize = 60;

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
    heat: Option<Heat>,
    next: Option<String>,
}

/// Hosts and their days.
struct Heat {
    days: Vec<String>,
    hosts: Vec<Host>,
    /// Hosts that are not shown.
    more: usize,
}

/// The days of one host.
struct Host {
    account: String,
    name: String,
    most: String,
    cells: Vec<Cell>,
}

/// A day of a host.
struct Cell {
    used: u64,
    expected: u64,
    /// Tenths of the limit that are used or expected.
    tenths: u64,
}

impl Cell {
    fn of(day: Day, most: u64) -> Self {
        let all = day.used.saturating_add(day.expected);
        let tenths = (all.min(most) * 10).div_ceil(most.max(1));
        Self { used: day.used, expected: day.expected, tenths }
    }
}

/// The hosts of these limits, those with the fullest days first.
fn heat(views: &[View<'_>]) -> Option<Heat> {
    let mut hosts: Vec<Host> = Vec::new();
    let mut days = Vec::new();
    for view in views {
        let (Some(host), Some(most)) = (view.limit.strip_prefix("creates of "), view.most) else {
            continue;
        };
        if days.is_empty() {
            days = view.days.iter().map(|day| day.day.strftime("%a %-d").to_string()).collect();
        }
        hosts.push(Host {
            account: view.account.to_owned(),
            name: host.to_owned(),
            most: number(most),
            cells: view.days.iter().map(|day| Cell::of(*day, most)).collect(),
        });
    }
    let rank = |host: &Host| host.cells.iter().map(|cell| cell.tenths).sum::<u64>();
    hosts.sort_by_key(|host| std::cmp::Reverse(rank(host)));
    let more = hosts.len().saturating_sub(HOSTS);
    hosts.truncate(HOSTS);
    (!hosts.is_empty()).then_some(Heat { days, hosts, more })
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
    let views: Vec<_> = lines.iter().map(|(account, line)| View::of(account, line)).collect();
    let mut bars: Vec<_> = views.iter().filter_map(bar).collect();
    bars.sort_by_key(|bar| std::cmp::Reverse(bar.rank()));
    bars.truncate(BARS);
    let next = walk.place().map(|after| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        format!("/limits?{}", query.append_pair("after", after).finish())
    });
    Ok(Page { shell, bars, heat: heat(&views), next }.render()?)
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
    fn a_cell_is_as_hot_as_its_day_is_full() {
        let day = "2026-12-01".parse().expect("a day");
        for (used, expected, most, tenths) in
            [(0, 0, 100, 0), (1, 0, 100, 1), (40, 11, 100, 6), (100, 0, 100, 10), (70, 90, 100, 10)]
        {
            assert_eq!(Cell::of(Day { day, used, expected }, most).tenths, tenths);
        }
    }

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
                yesterday: None,
                line: None,
            };
            let made = bar(&View::of("acme", &line)).map(|bar| (bar.ours, bar.others));
            assert_eq!(made, expected, "{used} and {elsewhere} of {most:?}");
        }
    }
}
