//! Charts: bars of succeeded and failed jobs over time, drawn here as SVG.
//!
//! Pure: points in, the places of bars out.

use zoomd_store::inspect::{Point, Window};

use super::show::{exact, number};
use crate::views::line::time;

/// Height of the drawing; its width is ten for each step.
const HEIGHT: u64 = 100;
/// Width of a step, and of its bar.
const STEP: u64 = 10;

pub(super) struct Chart {
    pub(super) title: &'static str,
    /// Content in words, for screen readers.
    pub(super) text: String,
    pub(super) width: u64,
    pub(super) bars: Vec<Bar>,
    pub(super) from: &'static str,
    /// The highest bar.
    pub(super) top: String,
    pub(super) empty: bool,
}

/// The bar of one step.
pub(super) struct Bar {
    pub(super) x: u64,
    pub(super) ok_y: u64,
    pub(super) ok_height: u64,
    pub(super) no_y: u64,
    pub(super) no_height: u64,
    pub(super) text: String,
}

/// The part of the height for `count` of `top`; something is never nothing.
fn height(count: u64, top: u64) -> u64 {
    if count == 0 { 0 } else { (count * HEIGHT / top.max(1)).max(2) }
}

fn bar(at: usize, point: &Point, top: u64) -> Bar {
    let no_height = height(point.failed, top);
    let ok_height = height(point.succeeded, top).min(HEIGHT - no_height.min(HEIGHT));
    let begun = time(point.at_ms).map(exact).unwrap_or_default();
    Bar {
        x: at as u64 * STEP,
        no_y: HEIGHT - no_height,
        no_height,
        ok_y: HEIGHT - no_height - ok_height,
        ok_height,
        text: format!("{begun}: {} succeeded, {} failed", point.succeeded, point.failed),
    }
}

pub(super) fn chart(window: Window, points: &[Point]) -> Chart {
    let all = |point: &Point| point.succeeded + point.failed;
    let top = points.iter().map(all).max().unwrap_or(0);
    let succeeded: u64 = points.iter().map(|point| point.succeeded).sum();
    let failed: u64 = points.iter().map(|point| point.failed).sum();
    let (title, from) = match window {
        Window::Hour => ("Last hour, by minute", "an hour ago"),
        Window::Week => ("Last week, by hour", "a week ago"),
    };
    Chart {
        title,
        text: format!("{} succeeded, {} failed", number(succeeded), number(failed)),
        width: points.len() as u64 * STEP,
        bars: points.iter().enumerate().map(|(at, point)| bar(at, point, top)).collect(),
        from,
        top: number(top),
        empty: top == 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_stay_inside_and_a_failure_is_seen() {
        let point = |succeeded, failed| Point { at_ms: 1, succeeded, failed, waiting: 0 };
        let made =
            chart(Window::Hour, &[point(0, 0), point(1_000, 1), point(0, 1_001), point(3, 0)]);
        for bar in &made.bars {
            assert!(bar.ok_y + bar.ok_height + bar.no_height == HEIGHT, "{}", bar.text);
        }
        let heights: Vec<_> = made.bars.iter().map(|bar| (bar.ok_height, bar.no_height)).collect();
        assert_eq!(heights, [(0, 0), (98, 2), (0, 100), (2, 0)]);
        assert_eq!((made.top.as_str(), made.empty), ("1\u{202f}001", false));
        assert!(chart(Window::Week, &[point(0, 0)]).empty);
    }
}
