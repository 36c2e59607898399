//! Tables for people: id first, age last, no borders, `-` for nothing.
//!
//! On a terminal a table fits its width: long texts are cut with `…` in the
//! columns that were named flexible, then optional columns are left out. In a pipe
//! everything is whole.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::text::one_line;

/// Width below which no column is cut.
const NARROWEST: usize = 8;
/// Blanks between two columns.
const GAP: usize = 2;

/// Rows of cells under a header. The first column is what `--output quiet` prints.
#[derive(Debug, Clone, Default)]
pub struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
    flexible: Vec<String>,
    optional: Vec<String>,
}

/// A table as text.
#[derive(Debug, PartialEq, Eq)]
pub struct Rendered {
    /// A line each, columns aligned, no trailing blanks.
    pub text: String,
    /// Heads of the columns that did not fit.
    pub hidden: Vec<String>,
}

impl Table {
    /// A table with these column heads (upper case by convention).
    pub fn new<S: Into<String>>(head: impl IntoIterator<Item = S>) -> Self {
        Self { head: head.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// Columns, by their heads, whose long texts may be cut.
    #[must_use]
    pub fn flexible<const N: usize>(mut self, heads: [&str; N]) -> Self {
        self.flexible = heads.map(ToOwned::to_owned).into();
        self
    }

    /// Columns, by their heads, that are left out where they do not fit, the first first.
    #[must_use]
    pub fn optional<const N: usize>(mut self, heads: [&str; N]) -> Self {
        self.optional = heads.map(ToOwned::to_owned).into();
        self
    }

    /// One more row; an empty cell shows as `-`.
    pub fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) -> &mut Self {
        let dash = |s: String| if s.is_empty() { "-".to_owned() } else { one_line(&s) };
        self.rows.push(cells.into_iter().map(Into::into).map(dash).collect());
        self
    }

    /// True if there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The cells of the first column.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().filter_map(|r| r.first()).map(String::as_str)
    }

    /// The table as text, in at most `width` columns where one is given.
    pub fn render(&self, width: Option<usize>) -> Rendered {
        let natural = self.natural();
        let mut shown: Vec<usize> = (0..self.head.len()).collect();
        let mut widths = natural.clone();
        let mut hidden = Vec::new();
        if let Some(width) = width {
            let mut optional = self.optional.iter();
            while !self.fit(&shown, &natural, &mut widths, width) {
                let Some(head) = optional.next() else { break };
                shown.retain(|column| self.head[*column] != *head);
                hidden.push(head.clone());
            }
        }
        let lines = std::iter::once(&self.head).chain(&self.rows);
        let text = lines.map(|row| line(row, &shown, &widths)).collect();
        hidden.retain(|head| !head.is_empty());
        Rendered { text, hidden }
    }

    /// Width of each column with nothing cut.
    fn natural(&self) -> Vec<usize> {
        let mut widths: Vec<usize> = self.head.iter().map(|head| head.width()).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.width());
            }
        }
        widths
    }

    /// Sets the widths of the columns that are shown; the widest flexible one gives
    /// first. Answers whether they fit.
    fn fit(
        &self,
        shown: &[usize],
        natural: &[usize],
        widths: &mut Vec<usize>,
        width: usize,
    ) -> bool {
        *widths = natural.to_vec();
        let all = |widths: &[usize]| {
            let columns = shown.iter().map(|column| widths[*column]).sum::<usize>();
            columns + GAP * shown.len().saturating_sub(1)
        };
        let narrowest = |column: usize| NARROWEST.max(self.head[column].width());
        while all(widths) > width {
            let flexible = shown.iter().copied().filter(|column| {
                self.flexible.contains(&self.head[*column]) && widths[*column] > narrowest(*column)
            });
            let Some(widest) = flexible.max_by_key(|column| widths[*column]) else { return false };
            widths[widest] -= 1;
        }
        true
    }
}

fn line(row: &[String], shown: &[usize], widths: &[usize]) -> String {
    let mut text = String::new();
    for column in shown {
        let Some(cell) = row.get(*column) else { continue };
        let cell = cut(cell, widths[*column]);
        let blanks = widths[*column].saturating_sub(cell.width()) + GAP;
        text.push_str(&cell);
        text.extend(std::iter::repeat_n(' ', blanks));
    }
    text.truncate(text.trim_end().len());
    text + "\n"
}

/// The beginning of a text that is too wide, and `…`.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let (mut kept, mut used) = (String::new(), 1);
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > width {
            break;
        }
        kept.push(c);
    }
    kept + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_nothing_is_a_dash() {
        let mut table = Table::new(["ACCOUNT", "STATE", "AGE"]);
        table.row(["acme", "active", "3m"]).row(["a\u{1b}[31m", "", "12d"]);
        assert_eq!(
            table.render(None).text,
            "ACCOUNT  STATE   AGE\nacme     active  3m\na [31m   -       12d\n"
        );
        assert_eq!(table.ids().collect::<Vec<_>>(), ["acme", "a [31m"]);
    }

    #[test]
    fn the_widest_flexible_columns_are_cut_and_no_others() {
        let mut table = Table::new(["JOB", "STATE", "WHY"]).flexible(["JOB", "WHY"]);
        table.row(["order-1234567890", "reconciling", "the account waits for its token"]);
        let at = |width| table.render(width).text.lines().last().expect("a row").to_owned();
        let whole = "order-1234567890  reconciling  the account waits for its token";
        assert_eq!(at(None), whole);
        assert_eq!(at(Some(62)), whole);
        assert_eq!(at(Some(50)), "order-1234567890  reconciling  the account waits …");
        assert_eq!(at(Some(33)), "order-12…  reconciling  the acco…");
        // Narrower than this it cannot be.
        assert_eq!(at(Some(9)), "order-1…  reconciling  the acc…");
        for width in 31..80 {
            let text = table.render(Some(width)).text;
            assert!(text.lines().all(|line| line.width() <= width), "{width}\n{text}");
        }
    }

    #[test]
    fn optional_columns_go_in_their_order_and_are_named() {
        let mut table = Table::new(["JOB", "A", "", "B"]).optional(["", "B"]).flexible(["JOB"]);
        table.row(["order-1", "aaaaaaaaaa", "##########", "bbbbbbbbbb"]);
        let hidden = |width| table.render(Some(width)).hidden;
        assert_eq!(hidden(45), [""; 0]);
        assert_eq!(hidden(40), [""; 0], "a column without a head is not missed");
        assert_eq!(
            table.render(Some(40)).text,
            "JOB      A           B\norder-1  aaaaaaaaaa  bbbbbbbbbb\n"
        );
        assert_eq!(hidden(25), ["B"]);
    }

    #[test]
    fn wide_characters_count_twice() {
        let mut table = Table::new(["TOPIC", "AGE"]).flexible(["TOPIC"]);
        table.row(["週次定例会議", "3m"]).row(["Weekly", "4m"]);
        assert_eq!(
            table.render(None).text,
            "TOPIC         AGE\n週次定例会議  3m\nWeekly        4m\n"
        );
        assert_eq!(table.render(Some(13)).text, "TOPIC     AGE\n週次定…   3m\nWeekly    4m\n");
    }
}
