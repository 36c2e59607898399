//! The trait of a kind of job: one small trait, one file in `kinds/` for
//! each implementation.
//!
//! What is known of a job without asking Zoom (its hosts, its last moment, whether a
//! lost call can be judged) is told by its contract, `zoomd_wire::Job`.

use zoom_api::scopes::Need;
use zoom_api::{Reply, TransportError};
use zoomd_store::meetings::MeetingEntry;
use zoomd_store::queue::{Record, Settlement};
use zoomd_wire::{Kind, Marker};

use super::lookup::{Look, Task};
use super::{Halt, Sending};
use crate::context::EngineContext;
use crate::state::leased_job::LeasedJob;

/// Differences between kinds of jobs: the request, the meaning of an answer, and how a lost
/// one is resolved.
pub trait KindSpec: Send + Sync {
    /// The kind; its call has the same name in metrics and stories.
    const KIND: Kind;
    /// The one call that a look makes; `None`: it reads the list of meetings, for which
    /// its lease is charged.
    const LOOKS_BY: Option<&'static str> = None;
    /// The scope without which its call is not made, where the consent is known to lack
    /// it; `None`: Zoom says so.
    const NEEDS: Option<Need> = None;
    /// A success, as Zoom's answer tells it.
    type Done<'r>: Send;

    /// Reads data that the call needs: one read at most, within the lease.
    fn ready(
        &mut self,
        _: &EngineContext,
        _: &LeasedJob,
    ) -> impl Future<Output = Result<(), Halt>> + Send {
        async { Ok(()) }
    }

    /// The marker by which a lost call is known again, if there is one.
    fn marker(&self, _: &EngineContext, _: &LeasedJob) -> Option<Marker> {
        None
    }

    /// Makes the call.
    fn send(
        &self,
        sending: Sending<'_>,
    ) -> impl Future<Output = Result<Reply, TransportError>> + Send;

    /// Reads an answer of Zoom's: a success, or words for why its outcome is not
    /// known. `None`: what it means does not depend on the kind.
    fn read<'r>(&self, reply: &'r Reply) -> Option<Result<Self::Done<'r>, String>>;

    /// Settles a success.
    fn done(&self, ctx: &EngineContext, leased: &LeasedJob, done: Self::Done<'_>) -> Settlement;

    /// Entry for the register of meetings after a success with this meeting number.
    fn registered(&self, _: &EngineContext, _: &LeasedJob, _: u64) -> Option<MeetingEntry> {
        None
    }

    /// Looks once whether a call whose answer was lost did what it was to do.
    fn find(&mut self, task: Task<'_>, record: &mut Record) -> impl Future<Output = Look> + Send;

    /// Adds what was learnt on the way to the record of a job that goes on.
    fn keep(&self, _: &mut Record) {}
}
