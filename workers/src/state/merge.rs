//! The one request that a job's call makes for itself and for updates leased with it.
//!
//! Invariant: who takes over an unresolved call makes out the same parts as who sent it.

use std::sync::Arc;

use zoomd_store::queue::Record;
use zoomd_wire::kind::{FOLDED_MAX, fold};

use super::leased_job::{Carried, LeasedJob};

/// The record's field for the number of parts of an unresolved call.
const MERGED: &str = "merged";

/// Joins a job with the updates that were leased with it: as many as fold into its request.
pub fn join(carrier: &mut LeasedJob, mut parts: Vec<LeasedJob>, allow_past_start: bool) {
    let count = counted(carrier, &parts, allow_past_start);
    let requests: Vec<_> = parts[..count].iter().map(|part| &part.job.request).collect();
    let folded = fold(&carrier.job.request, &requests);
    let (count, request) = folded.map_or((0, None), |(count, request)| (count, Some(request)));
    if let Some(last) = count.checked_sub(1) {
        let makes = carrier.job.meeting().is_some();
        let newest = Arc::clone(&parts[last].ticket.job_id);
        // The create carries all; of updates the newest does.
        let into = if makes { Arc::clone(&carrier.ticket.job_id) } else { newest };
        let others = if makes { count } else { last };
        parts[..others].iter_mut().for_each(|part| part.merged_into = Some(Arc::clone(&into)));
        carrier.merged_into = (!makes).then_some(into);
    }
    let parts = parts.into_iter().map(Arc::new).collect();
    carrier.carried = Some(Box::new(Carried { request, parts, count }));
}

/// Number of the parts that may go, by their times: those of an unresolved call have gone.
fn counted(carrier: &LeasedJob, parts: &[LeasedJob], allow_past_start: bool) -> usize {
    let most = parts.len().min(FOLDED_MAX - 1);
    let record = &carrier.record;
    let known = record.more.get(MERGED).and_then(serde_json::Value::as_u64);
    if let (false, Some(known)) = (carrier.is_attempt(), known) {
        return most.min(usize::try_from(known).unwrap_or(most));
    }
    let granted = carrier.ticket.granted_ms;
    let at = if carrier.is_attempt() { granted } else { record.last_send_ms.unwrap_or(granted) };
    let in_time = |part: &LeasedJob| {
        let start = part.job.start().filter(|_| !allow_past_start);
        start.is_none_or(|start| start.as_millisecond() > at)
    };
    parts[..most].iter().take_while(|part| in_time(part)).count()
}

/// Keeps the number of parts with a job whose call is unresolved; `None`: it is not.
pub fn keep_count(record: &mut Record, count: Option<usize>) {
    match count {
        Some(count) => record.more.insert(MERGED.to_owned(), count.into()),
        None => record.more.remove(MERGED),
    };
}
