//! Rules of deploy/prometheus: they name what exists, lead to a section of the runbook,
//! and have a test each.

use crate::documents::read;

use super::promql::faults;
use super::runbook::anchors;

pub struct Alert {
    pub name: String,
    pub expr: String,
    pub severity: String,
    pub runbook: String,
}

/// Rules of a file: their name, and the lines of each.
fn rules(file: &str, kind: &str) -> Vec<(String, Vec<String>)> {
    let (text, mark) = (read(file), format!("- {kind}: "));
    let mut rules: Vec<(String, Vec<String>)> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix(&mark) {
            rules.push((name.to_owned(), Vec::new()));
        } else if line.starts_with("- name: ") {
            rules.push((String::new(), Vec::new()));
        } else if let Some((_, lines)) = rules.last_mut() {
            lines.push(line.to_owned());
        }
    }
    rules.retain(|(name, _)| !name.is_empty());
    rules
}

/// The query of a rule: behind `expr:`, or the lines below it up to the next key.
fn expr(lines: &[String]) -> String {
    let at = lines.iter().position(|line| line.starts_with("expr: ")).expect("a query");
    let first = lines[at].trim_start_matches("expr: ");
    if first != ">-" {
        return first.to_owned();
    }
    let key =
        |line: &String| ["for: ", "labels: ", "annotations:"].iter().any(|k| line.starts_with(k));
    let below = lines[at + 1..].iter().take_while(|line| !key(line));
    below.map(String::as_str).collect::<Vec<_>>().join(" ")
}

pub fn alerts() -> Vec<Alert> {
    let of = |lines: &[String], key: &str| {
        let found = lines.iter().find_map(|line| line.strip_prefix(key));
        found.unwrap_or_default().trim_matches(['{', '}', '\'']).to_owned()
    };
    let alert = |(name, lines): (String, Vec<String>)| Alert {
        name,
        expr: expr(&lines),
        severity: of(&lines, "labels: {severity: "),
        runbook: of(&lines, "runbook_url: "),
    };
    rules("deploy/prometheus/alerts.yml", "alert").into_iter().map(alert).collect()
}

/// Names and queries of the recording rules.
pub fn records() -> Vec<(String, String)> {
    let rules = rules("deploy/prometheus/records.yml", "record");
    rules.into_iter().map(|(name, lines)| (name, expr(&lines))).collect()
}

#[test]
fn alerts_name_what_exists_and_lead_to_the_runbook() {
    let (alerts, anchors) = (alerts(), anchors());
    assert!(alerts.len() > 40, "{}", alerts.len());
    let page = read("docs/runbook.md");
    for alert in &alerts {
        let faults = faults(&alert.expr);
        assert!(faults.is_empty(), "{}: {faults:?}", alert.name);
        assert!(
            ["critical", "warning", "info"].contains(&alert.severity.as_str()),
            "{}",
            alert.name
        );
        let section = alert.runbook.strip_prefix("docs/runbook.md#").expect("a section");
        let body = anchors.get(section);
        let body = body.unwrap_or_else(|| panic!("{}: no section {section}", alert.name));
        assert!(
            body.contains(&format!("`{}`", alert.name)),
            "{section} does not name {}",
            alert.name
        );
        assert_eq!(page.matches(&format!("`{}`", alert.name)).count(), 1, "{}", alert.name);
    }
    for (name, query) in records() {
        let faults = faults(&query);
        assert!(faults.is_empty(), "{name}: {faults:?}");
    }
    // No section names an alert that is none.
    for named in page.split('`').skip(1).step_by(2).filter(|w| w.starts_with("Zoomd")) {
        assert!(alerts.iter().any(|alert| alert.name == named), "{named} is no alert");
    }
}

#[test]
fn each_alert_has_a_test_in_which_it_fires() {
    let tests = read("deploy/prometheus/zoomd_test.yml");
    let cases: Vec<_> = tests.split("  - name: ").skip(1).collect();
    for alert in alerts() {
        let case = cases.iter().find(|case| case.starts_with(&format!("{}\n", alert.name)));
        let case = case.unwrap_or_else(|| panic!("zoomd_test.yml has no case {}", alert.name));
        let fires =
            format!("exp_samples: [{{labels: '{{alertname=\"{}\"}}', value: 1}}", alert.name);
        assert!(case.contains(&fires), "{} does not fire in its test", alert.name);
    }
}
