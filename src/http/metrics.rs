//! `/metrics`: what the recorder counts, and the gauges of now.
//!
//! Gauges of the namespace are read for each scrape, at most every two seconds; while
//! Redis is unreachable they are absent.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use metrics_exporter_prometheus::PrometheusHandle;
use zoomd_store::StoreError;
use zoomd_store::queue::WaitReason;

use super::backend::Backend;
use crate::queries::status::Look;
use crate::telemetry::exposition::Exposition;
use crate::telemetry::label_values::ACCOUNT_STATES;
use crate::telemetry::process;
use crate::views::status::Found;

/// Longest time to read the namespace: a scrape has an end.
const PATIENCE: Duration = Duration::from_secs(3);

/// Everything that Prometheus reads.
pub(super) async fn page(
    State(backend): State<Arc<Backend>>,
    recorder: PrometheusHandle,
) -> impl IntoResponse {
    recorder.run_upkeep();
    let mut text = Exposition::default();
    process::read(&mut text);
    let ready = backend.health.ready().await;
    let up = ready.checks.get("redis").is_some_and(|check| check.ok);
    text.gauge("zoomd_ready", number(ready.ready));
    text.gauge("zoomd_redis_up", number(up));
    let in_hand = backend.health.in_hand_by_kind();
    let in_hand: Vec<_> =
        in_hand.iter().map(|(kind, jobs)| ([("kind", kind.as_str())], *jobs as f64)).collect();
    text.gauges("zoomd_jobs_inflight", in_hand.iter().map(|(labels, jobs)| (&labels[..], *jobs)));
    let namespace = async { if up { namespace(&backend).await.ok().flatten() } else { None } };
    let namespace = tokio::time::timeout(PATIENCE, namespace).await.ok().flatten();
    let text = recorder.render() + &text.text() + &namespace.unwrap_or_default();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}

/// The gauges of the namespace; `None` where Redis could not be asked.
async fn namespace(backend: &Backend) -> Result<Option<String>, StoreError> {
    let Ok(look) = backend.look().await else { return Ok(None) };
    let Some(found) = &look.numbers else { return Ok(None) };
    let zoom = &backend.config.zoom;
    let exchange = zoom.connect_timeout * 2 + zoom.token_timeout;
    let exchange_ms = i64::try_from(exchange.as_millis()).unwrap_or(i64::MAX);
    let now_ms = found.status.now_ms;
    let in_doubt = backend.ops().refreshes_open_since(now_ms.saturating_sub(exchange_ms)).await?;
    let last_success_ms = backend.ops().last_success_ms().await?;
    let mut text = Exposition::default();
    text.gauge("zoomd_rotation_in_doubt", in_doubt as f64);
    if let Some(ms) = last_success_ms {
        text.gauge("zoomd_last_success_timestamp_seconds", ms as f64 / 1000.0);
    }
    counts(&look, found, &mut text);
    waiting(found, &mut text);
    per_account(found, backend.config.metrics.per_account, &mut text);
    if let Some(days) = backend.health.days_near_end() {
        let low = [WaitReason::LabelDay, WaitReason::HostDay].map(|why| {
            let of_this = days.iter().filter(|day| day.why == why).count();
            ([("limit", why.as_str())], of_this as f64)
        });
        text.gauges("zoomd_budgets_low", low.iter().map(|(labels, n)| (&labels[..], *n)));
    }
    Ok(Some(text.text()))
}

fn counts(look: &Look, found: &Found, text: &mut Exposition) {
    let status = &found.status;
    let depth = [
        ("jobs", "queued", status.queued),
        ("jobs", "running", status.running),
        ("jobs", "waiting", status.waiting),
        ("jobs", "sleeping", status.sleeping),
        ("results", "kept", status.results),
    ];
    let depth = depth.map(|(queue, state, n)| ([("queue", queue), ("state", state)], n as f64));
    text.gauges("zoomd_queue_depth", depth.iter().map(|(labels, n)| (&labels[..], *n)));
    let queue = [("queue", "jobs")];
    let age = age_seconds(status.now_ms, status.oldest_queued_ms);
    text.gauges("zoomd_queue_oldest_age_seconds", [(&queue[..], age)]);
    let accounts = ACCOUNT_STATES
        .map(|state| ([("state", state)], status.accounts.get(state).copied().unwrap_or(0) as f64));
    text.gauges("zoomd_accounts", accounts.iter().map(|(labels, n)| (&labels[..], *n)));
    let alive = status.daemons.iter().filter(|daemon| daemon.alive).count();
    text.gauge("zoomd_daemons", alive as f64);
    let rejected = look.judgement.problems.iter().filter(|p| p.code == "app_rejected").count();
    text.gauge("zoomd_app_rejected", rejected as f64);
}

/// Jobs that wait, by reason; a reason that nothing waits for is told as 0.
fn waiting(found: &Found, text: &mut Exposition) {
    let reasons = found.waiting.by_reason();
    let all = WaitReason::ALL.map(|why| {
        let (jobs, oldest_ms) = reasons.get(&why).copied().unwrap_or_default();
        let age = age_seconds(found.status.now_ms, oldest_ms);
        ([("reason", why.as_str())], jobs as f64, age)
    });
    text.gauges("zoomd_jobs_waiting", all.iter().map(|(labels, jobs, _)| (&labels[..], *jobs)));
    text.gauges("zoomd_oldest_waiting_seconds", all.iter().map(|(l, _, age)| (&l[..], *age)));
}

/// Jobs that wait, of at most `most` accounts: those with the oldest waiting job.
fn per_account(found: &Found, most: usize, text: &mut Exposition) {
    let mut named = BTreeSet::new();
    let mut lines = Vec::new();
    for line in &found.waiting.lines {
        let Some(account) = line.account.as_deref() else { continue };
        if named.contains(account) || named.len() < most {
            named.insert(account);
            let age = age_seconds(found.status.now_ms, line.oldest_ms);
            let labels = [("account", account), ("reason", line.why.as_str())];
            lines.push((labels, line.jobs as f64, age));
        }
    }
    let jobs = lines.iter().map(|(labels, jobs, _)| (&labels[..], *jobs));
    text.gauges("zoomd_account_jobs_waiting", jobs);
    let ages = lines.iter().map(|(labels, _, age)| (&labels[..], *age));
    text.gauges("zoomd_account_oldest_waiting_seconds", ages);
}

fn age_seconds(now_ms: i64, since_ms: Option<i64>) -> f64 {
    since_ms.map_or(0.0, |since| (now_ms - since).max(0) as f64 / 1000.0)
}

fn number(is: bool) -> f64 {
    if is { 1.0 } else { 0.0 }
}
