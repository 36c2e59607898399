//! Tables for people: id first, age last, no borders, `-` for nothing.

use std::fmt::Write as _;

/// Rows of cells under a header. The first column is what `--output quiet` prints.
#[derive(Debug, Clone, Default)]
pub struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these column heads (upper case by convention).
    pub fn new<S: Into<String>>(head: impl IntoIterator<Item = S>) -> Self {
        Self { head: head.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// One more row; an empty cell shows as `-`.
    pub fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) -> &mut Self {
        let dash = |s: String| if s.is_empty() { "-".to_owned() } else { one_line(&s) };
        self.rows.push(cells.into_iter().map(Into::into).map(dash).collect());
        self
    }

    /// Whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The cells of the first column.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().filter_map(|r| r.first()).map(String::as_str)
    }

    /// The table as text, a line each, columns aligned, no trailing blanks.
    pub fn render(&self) -> String {
        let mut widths: Vec<usize> = self.head.iter().map(|h| h.chars().count()).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut text = String::new();
        for row in std::iter::once(&self.head).chain(&self.rows) {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                let _ = write!(line, "{cell:<width$}  ");
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// What came from outside must not break the terminal: control characters
/// (also escape sequences) become blanks.
pub fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_nothing_is_a_dash() {
        let mut table = Table::new(["ACCOUNT", "STATE", "AGE"]);
        table.row(["acme", "active", "3m"]).row(["a\u{1b}[31m", "", "12d"]);
        assert_eq!(
            table.render(),
            "ACCOUNT  STATE   AGE\nacme     active  3m\na [31m   -       12d\n"
        );
        assert_eq!(table.ids().collect::<Vec<_>>(), ["acme", "a [31m"]);
    }
}
