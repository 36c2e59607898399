//! The files of deploy/ for those who watch zoomd: alerts, recording rules, dashboards,
//! and the runbook. They name only what exists, and promtool runs them.

mod alerts;
mod grafana;
mod promql;
mod promtool;
mod runbook;
