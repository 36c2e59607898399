//! The arguments of the settle script.

use std::cmp::Ordering;
use std::time::Instant;

use super::memory::{Ended, Finished};
use super::{Learnt, Outcome, Record, Refusal, Settlement, Then};
use crate::clock::ms;
use crate::redis::script::Call;

/// One settlement; `learnt` is what the script does not know yet.
pub(super) fn push_item(call: &mut Call<'_>, item: &Settlement, learnt: Option<&Learnt>) {
    let ticket = &item.ticket;
    let letter = match &item.then {
        Then::Done(_) => "D",
        Then::Failed { holds_id: true, .. } => "U",
        Then::Failed { .. } => "F",
        Then::Sleep { .. } => "S",
        Then::Room { .. } => "R",
    };
    call.push(letter)
        .push(&*ticket.job_id)
        .push(ticket.fence.as_str())
        .push(&*ticket.account)
        .push(&*ticket.host)
        .push(ticket.other_host.as_deref().unwrap_or(""))
        .push(&*ticket.entry)
        .push(memory(item));
    match &item.then {
        Then::Done(outcome) => {
            push_outcome(call, outcome);
            call.push(outcome.story.as_deref().unwrap_or_default());
        }
        Then::Failed { code, outcome, record, .. } => {
            push_outcome(call, outcome);
            call.push(code).push(json(record.as_ref())).push(ticket.failure_id());
        }
        Then::Sleep { until_ms, record, event, .. } => {
            call.push(until_ms).push(json(Some(record)));
            let event = event.as_ref();
            call.push(event.map_or("", |e| e.name)).push(event.map_or("", |e| &e.json));
        }
        Then::Room { record, nap, .. } => {
            call.push(json(record.as_ref()));
            call.push(nap.map_or(0, ms));
        }
    }
    call.push(u8::from(item.unsent))
        .push(learnt.map_or("", |l| &l.host_id))
        .push(learnt.and_then(|l| l.email.as_deref()).unwrap_or(""))
        .push(item.closes.len());
    for close in &item.closes {
        let (field, until_ms) = close.gate();
        call.push(field).push(until_ms);
    }
    push_meeting(call, item);
}

/// Pushes the meeting for the register.
fn push_meeting(call: &mut Call<'_>, item: &Settlement) {
    let Some(meeting) = &item.meeting else {
        call.push("");
        return;
    };
    let list = meeting.month.map(|month| month.to_string()).unwrap_or_default();
    call.push(meeting.number).push(&*meeting.text).push(list).push(u8::from(meeting.made));
}

/// A result that is published, of a job whose lease is to be ended by the script.
pub(super) fn push_done(call: &mut Call<'_>, item: &Settlement) {
    let ticket = &item.ticket;
    call.push("P")
        .push(&*ticket.job_id)
        .push(ticket.fence.as_str())
        .push(&*ticket.account)
        .push(&*ticket.host)
        .push(ticket.other_host.as_deref().unwrap_or(""))
        .push(&*ticket.entry)
        .push(memory(item));
    call.push(0).push("").push("").push(0);
    push_meeting(call, item);
}

/// The order of jobs that a transaction publishes: by [`group`].
pub(super) fn order(a: &Settlement, b: &Settlement) -> Ordering {
    group(a).cmp(&group(b))
}

/// Sort key: jobs from the stream first, then by account.
fn group(item: &Settlement) -> (bool, &str) {
    (!item.ticket.in_stream, &item.ticket.account)
}

/// Jobs whose results the same transaction publishes, in their [`order`]: lists that the script
/// passes on unchanged.
pub(super) fn push_published(call: &mut Call<'_>, jobs: &[&Settlement]) {
    let groups: Vec<_> = jobs.chunk_by(|a, b| group(a) == group(b)).collect();
    let from_stream = jobs.iter().filter(|job| job.ticket.in_stream).count();
    let (remembered, forgotten): (Vec<&Settlement>, Vec<&Settlement>) =
        jobs.iter().partition(|job| is_remembered(job));
    call.push(groups.len())
        .push(jobs.len())
        .push(from_stream)
        .push(remembered.len())
        .push(forgotten.len());
    for group in groups {
        let ticket = &group[0].ticket;
        call.push(&*ticket.account).push(group.len()).push(u8::from(!ticket.in_stream));
    }
    for job in jobs {
        call.push(&*job.ticket.job_id);
    }
    for job in &jobs[..from_stream] {
        call.push(&*job.ticket.entry);
    }
    let (mut memory, now) = (String::with_capacity(96), Instant::now());
    for job in remembered {
        let ticket = &job.ticket;
        memory.clear();
        push_memory(&mut memory, job, Some(ticket.now_ms(now) / 1000));
        call.push(&*ticket.job_id).push(memory.as_str());
    }
    for job in forgotten {
        call.push(&*job.ticket.job_id);
    }
}

/// Value in `ids` after the settle; `""`: none. The script adds the finish time.
fn memory(item: &Settlement) -> String {
    let mut text = String::new();
    push_memory(&mut text, item, None);
    text
}

fn push_memory(text: &mut String, item: &Settlement, finished_s: Option<i64>) {
    let ticket = &item.ticket;
    let ended = match &item.then {
        Then::Sleep { purpose, .. } | Then::Room { purpose, .. } => {
            return ticket.live(*purpose).write_to(text);
        }
        Then::Done(_) => Ended::Done,
        Then::Failed { holds_id: true, .. } => Ended::Unknown,
        Then::Failed { .. } => return,
    };
    if is_remembered(item) {
        let (run, entry, digest) = (ticket.run, &*ticket.entry, ticket.digest);
        Finished { ended, run, entry, digest, finished_s }.write_to(text);
        // Where the script adds the time it adds this, too.
        if let (Some(meeting), Some(_)) = (&item.meeting, finished_s)
            && meeting.made
        {
            text.push(' ');
            text.push_str(&ticket.account);
            text.push('|');
            text.push_str(itoa::Buffer::new().format(meeting.number));
        }
    }
}

/// True if anything leads by the job's id to what became of it: to know the same job in
/// another entry, or to its meeting.
fn is_remembered(item: &Settlement) -> bool {
    item.ticket.id_given || item.meeting.as_ref().is_some_and(|meeting| meeting.made)
}

fn push_outcome(call: &mut Call<'_>, outcome: &Outcome) {
    call.push(outcome.kind).push(&outcome.json[..]).push(u8::from(outcome.reply));
}

pub(super) fn push_refusal(call: &mut Call<'_>, refusal: &Refusal) {
    call.push("N").push(&*refusal.job_id).push("").push(&*refusal.account);
    call.push("").push("").push(&*refusal.entry).push("");
    push_outcome(call, &refusal.outcome);
    // The id may be another job's, so the index uses the entry.
    call.push(refusal.code).push("").push(format!("{}#1", refusal.entry));
    call.push(0).push("").push("").push(0).push("");
}

fn json(record: Option<&Record>) -> String {
    record.and_then(|record| serde_json::to_string(record).ok()).unwrap_or_default()
}
