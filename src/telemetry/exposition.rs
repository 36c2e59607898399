//! Text of gauges that are read at the moment of a scrape, in Prometheus' format: what
//! cannot be read is absent, not frozen.
//!
//! Counters and histograms are the recorder's ([`super::metrics`]).

use std::fmt::Write as _;

use super::catalogue::{METRICS, Shape};

/// Samples that were read now.
#[derive(Debug, Default)]
pub struct Exposition(String);

impl Exposition {
    /// Adds a metric without labels.
    pub fn gauge(&mut self, name: &'static str, value: f64) {
        self.gauges(name, [(&[][..], value)]);
    }

    /// Adds a metric with these samples; nothing if there are none.
    pub fn gauges<'a>(
        &mut self,
        name: &'static str,
        samples: impl IntoIterator<Item = (&'a [(&'a str, &'a str)], f64)>,
    ) {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return;
        }
        if let Some(metric) = METRICS.iter().find(|metric| metric.name == name) {
            let shape = if metric.shape == Shape::Counter { "counter" } else { "gauge" };
            let _ = writeln!(self.0, "# HELP {name} {}\n# TYPE {name} {shape}", metric.help);
        }
        for (labels, value) in samples {
            self.0.push_str(name);
            let mut open = '{';
            for (label, text) in labels {
                let text = text.replace('\\', r"\\").replace('"', r#"\""#).replace('\n', r"\n");
                let _ = write!(self.0, "{open}{label}=\"{text}\"");
                open = ',';
            }
            let end = if labels.is_empty() { "" } else { "}" };
            let _ = writeln!(self.0, "{end} {value}");
        }
        self.0.push('\n');
    }

    pub fn text(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_have_one_head_and_masked_values() {
        let mut text = Exposition::default();
        text.gauge("zoomd_ready", 1.0);
        let labels = [("account", r#"a"b\c"#), ("reason", "turn")];
        text.gauges("zoomd_account_jobs_waiting", [(&labels[..], 2.5), (&labels[..1], 0.0)]);
        text.gauges("zoomd_daemons", []);
        let help =
            METRICS.iter().find(|m| m.name == "zoomd_account_jobs_waiting").expect("there").help;
        let ready = METRICS.iter().find(|m| m.name == "zoomd_ready").expect("there").help;
        let wanted = format!(
            "# HELP zoomd_ready {ready}\n# TYPE zoomd_ready gauge\nzoomd_ready 1\n\n\
             # HELP zoomd_account_jobs_waiting {help}\n# TYPE zoomd_account_jobs_waiting gauge\n\
             zoomd_account_jobs_waiting{{account=\"a\\\"b\\\\c\",reason=\"turn\"}} 2.5\n\
             zoomd_account_jobs_waiting{{account=\"a\\\"b\\\\c\"}} 0\n\n"
        );
        assert_eq!(text.text(), wanted);
    }
}
