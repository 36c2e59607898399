//! The only place that prints. Data goes to stdout, everything else to stderr;
//! when stdout is not a terminal it carries nothing but data.
//!
//! A verb hands over one serialisable value and, for people, a table or text.
//! `--json` (or `--output json`, `jsonl`) prints the value, `--output quiet` the
//! ids, errors follow the same choice. A closed pipe is an ordinary end.

pub mod table;

use std::io::{IsTerminal as _, Write as _};

use anstyle::{AnsiColor, Style};
use clap::ValueEnum;
use serde::Serialize;

use crate::error::CliError;
use crate::text::span;
use table::Table;

/// In which form data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// One JSON document.
    Json,
    /// One JSON document a line.
    Jsonl,
    /// Ids only, one a line.
    Quiet,
}

/// Use of colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Format of times shown to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum TimeFormat {
    /// `3m ago`, `in 2h`.
    #[default]
    Relative,
    /// RFC 3339.
    Iso,
}

/// Output of this invocation: its format and that of times.
#[derive(Debug, Clone, Default)]
pub struct Output {
    format: Format,
    time: TimeFormat,
}

impl Output {
    /// An output of this form; sets the process's colour choice.
    pub fn new(format: Format, color: Color, time: TimeFormat) -> Self {
        let choice = match color {
            Color::Auto => anstream::ColorChoice::Auto,
            Color::Always => anstream::ColorChoice::Always,
            Color::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
        Self { format, time }
    }

    /// The chosen form.
    pub fn format(&self) -> Format {
        self.format
    }

    /// True if data is printed as JSON.
    pub fn is_json(&self) -> bool {
        matches!(self.format, Format::Json | Format::Jsonl)
    }

    /// True if somebody sits at both ends and can be asked.
    pub fn is_interactive(&self) -> bool {
        std::io::stdin().is_terminal() && std::io::stderr().is_terminal() && !self.is_json()
    }

    /// Prints one value: as JSON, or as the text that `people` makes of it.
    pub fn show<T: Serialize>(
        &self,
        value: &T,
        people: impl FnOnce() -> String,
    ) -> Result<(), CliError> {
        match self.format {
            Format::Json | Format::Jsonl => self.json(value),
            Format::Table | Format::Quiet => self.data(&people()),
        }
    }

    /// Prints a list: a JSON array, a JSON line each, ids, or a table. An empty
    /// table says `nothing` on stderr, so that a pipe sees no line at all.
    pub fn list<T: Serialize>(
        &self,
        values: &[T],
        table: &Table,
        nothing: &str,
    ) -> Result<(), CliError> {
        match self.format {
            Format::Json => self.json(&values),
            Format::Jsonl => values.iter().try_for_each(|v| self.json(v)),
            Format::Quiet => table.ids().try_for_each(|id| self.data(&format!("{id}\n"))),
            Format::Table if table.is_empty() => {
                self.note(nothing);
                Ok(())
            }
            Format::Table => self.table(table),
        }
    }

    /// Prints a table that fits the terminal; whole, where there is none.
    pub fn table(&self, table: &Table) -> Result<(), CliError> {
        let shown = table.render(columns());
        self.data(&shown.text)?;
        if !shown.hidden.is_empty() {
            let hidden = shown.hidden.join(", ");
            self.note(format!("hidden columns: {hidden}; --json shows all"));
        }
        Ok(())
    }

    /// Prints one JSON document: indented for `json` on a terminal, else on one line.
    pub fn json<T: Serialize + ?Sized>(&self, value: &T) -> Result<(), CliError> {
        let pretty = self.format != Format::Jsonl && std::io::stdout().is_terminal();
        let text =
            if pretty { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
        let text = text.map_err(|e| CliError::failed(format!("cannot write JSON: {e}")))?;
        self.data(&(text + "\n"))
    }

    /// Prints one JSON document on a line of its own: one of many that are printed
    /// as they come.
    pub fn json_line<T: Serialize + ?Sized>(&self, value: &T) -> Result<(), CliError> {
        let text = serde_json::to_string(value);
        let text = text.map_err(|e| CliError::failed(format!("cannot write JSON: {e}")))?;
        self.data(&(text + "\n"))
    }

    /// Prints text on stdout as it is, in every form: for data that has no JSON
    /// form of its own (a completion script, a page of the manual).
    pub fn data(&self, text: &str) -> Result<(), CliError> {
        let mut out = anstream::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()?;
        Ok(())
    }

    /// Tells people something on stderr; silent for `--json` and `quiet`.
    pub fn note(&self, text: impl AsRef<str>) {
        if self.format == Format::Table {
            say(text.as_ref());
        }
    }

    /// Tells what must be seen for the command to go on, on stderr, in every form.
    pub fn tell(&self, text: impl AsRef<str>) {
        say(text.as_ref());
    }

    /// Tells people what to do next; silent for `--json` and `quiet`.
    pub fn hint(&self, text: impl AsRef<str>) {
        if self.format == Format::Table {
            say(&format!("{} {}", paint("hint:", HINT), text.as_ref()));
        }
    }

    /// Warns on stderr, in every form.
    pub fn warn(&self, text: impl AsRef<str>) {
        say(&format!("{} {}", paint("warning:", WARN), text.as_ref()));
    }

    /// Reports an error: on stderr for people, on stdout as
    /// `{"error":{code,message,hint}}` for `--json`.
    pub fn error(&self, error: &CliError) {
        if error.message.is_empty() {
            return;
        }
        if self.is_json() {
            let body = serde_json::json!({"error": {
                "code": error.code, "message": error.message, "hint": error.hint,
            }});
            let _ = self.data(&format!("{body}\n"));
            return;
        }
        say(&format!("{} {}", paint("error:", FAIL), error.message));
        if let Some(hint) = &error.hint {
            say(&format!("{} {hint}", paint("hint:", HINT)));
        }
    }

    /// A bar on stderr for `total` steps; hidden where nobody watches.
    pub fn progress(&self, total: u64, what: &str) -> indicatif::ProgressBar {
        use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
        let quiet = self.format != Format::Table
            || std::env::var_os("ZOOMD_NO_PROGRESS").is_some()
            || std::env::var_os("CI").is_some()
            || !std::io::stderr().is_terminal();
        let target =
            if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {per_sec} {eta}");
        let bar = ProgressBar::with_draw_target(Some(total), target).with_message(what.to_owned());
        style.map_or(bar.clone(), |style| bar.with_style(style))
    }

    /// Asks before something that cannot be undone. `yes` answers in advance
    /// (`--yes`); where nobody can be asked, the answer is no.
    pub fn confirm(&self, question: &str, yes: bool) -> Result<Confirmed, CliError> {
        if yes {
            return Ok(Confirmed(()));
        }
        if !self.is_interactive() {
            return Err(CliError::usage(format!("not confirmed: {question}"))
                .code("not_confirmed")
                .hint("add --yes"));
        }
        match self.ask(&format!("{question} [y/N]"))?.as_str() {
            "y" | "Y" | "yes" => Ok(Confirmed(())),
            _ => Err(CliError::failed("nothing was changed").code("not_confirmed")),
        }
    }

    /// Asks one question on the terminal; the answer without blanks at its ends.
    pub fn ask(&self, question: &str) -> Result<String, CliError> {
        self.prompt(question);
        let mut answer = String::new();
        if std::io::stdin().read_line(&mut answer)? == 0 {
            return Err(CliError::interrupted());
        }
        Ok(answer.trim().to_owned())
    }

    /// Prints a question and stays on its line.
    pub fn prompt(&self, question: &str) {
        let mut err = anstream::stderr().lock();
        let _ = write!(err, "{question} ").and_then(|()| err.flush());
    }

    /// A moment for people: `3m ago`, `in 2h`, or RFC 3339 with `--time-format iso`.
    pub fn moment(&self, at: jiff::Timestamp, now: jiff::Timestamp) -> String {
        if self.time == TimeFormat::Iso {
            return at.to_string();
        }
        let seconds = now.as_second() - at.as_second();
        match seconds {
            0..=1 => "now".to_owned(),
            s if s > 0 => format!("{} ago", span(s.unsigned_abs())),
            s => format!("in {}", span(s.unsigned_abs())),
        }
    }
}

/// Proof that somebody said yes; functions that destroy ask for it.
#[derive(Debug)]
pub struct Confirmed(());

/// The style of errors.
pub const FAIL: Style = AnsiColor::Red.on_default().bold();
/// The style of warnings.
pub const WARN: Style = AnsiColor::Yellow.on_default().bold();
/// The style of what is well.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// The style of hints.
pub const HINT: Style = AnsiColor::Cyan.on_default();
/// The style of side remarks.
pub const FAINT: Style = Style::new().dimmed();

/// Applies a style to text; the codes are stripped where colour is off.
pub fn paint(text: &str, style: Style) -> String {
    format!("{style}{text}{style:#}")
}

/// Columns of the terminal that data goes to; `None` where it goes elsewhere.
pub fn columns() -> Option<usize> {
    let out = std::io::stdout();
    let size = rustix::termios::tcgetwinsize(&out).ok().filter(|_| out.is_terminal())?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

fn say(text: &str) {
    // Nobody is left to be told when stderr is closed.
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_reads_as_people_say_it() {
        let out = Output::default();
        let now = jiff::Timestamp::from_second(1_000_000).expect("in range");
        let at = |s: i64| jiff::Timestamp::from_second(1_000_000 + s).expect("in range");
        assert_eq!(out.moment(at(0), now), "now");
        assert_eq!(out.moment(at(-90), now), "90s ago");
        assert_eq!(out.moment(at(-600), now), "10m ago");
        assert_eq!(out.moment(at(7_200), now), "in 2h");
        assert_eq!(out.moment(at(86_400 * 3), now), "in 3d");
    }

    #[test]
    fn without_a_terminal_nothing_is_confirmed() {
        let out = Output::new(Format::Json, Color::Never, TimeFormat::Iso);
        assert_eq!(out.confirm("remove acme?", false).expect_err("no").code, "not_confirmed");
        assert!(out.confirm("remove acme?", true).is_ok());
    }
}
