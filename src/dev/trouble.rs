//! Faults of the simulated Zoom: a few things now and then, or with
//! `--chaos` everything an API call can meet, all the time.

use zoom_sim::{Endpoint, Fault, LimitKind, Sim, What};

use super::Play;
use super::cast::Sample;

/// A turn of troubles takes so many jobs; a prime, so that each account gets its share.
const TURN: u64 = 59;

/// The troubles of a play.
#[derive(Debug)]
pub(super) struct Trouble {
    chaos: bool,
    endless: bool,
}

impl Trouble {
    /// With chaos, everything is prepared at once.
    pub(super) fn new(play: Play, sim: &Sim) -> Self {
        if play.chaos {
            for (chance, after, what) in storm() {
                let fault = Fault::new(Endpoint::Create, what).always().chance(chance);
                sim.fault(if after { fault.after() } else { fault });
            }
            let slow = What::DelayMs(300);
            sim.fault(Fault::new(Endpoint::Any, slow).always().chance(0.1));
        }
        Self { chaos: play.chaos, endless: play.jobs.is_none() }
    }

    /// Called with each job: now and then its account is in for something.
    pub(super) fn before(&mut self, job: &Sample, sim: &Sim) {
        if self.chaos {
            return;
        }
        let at = |what| Fault::new(Endpoint::Create, what).of(job.account);
        match job.number % TURN {
            // Zoom limits although we kept its limits: the account waits.
            10 => drop(sim.fault(at(What::Limit(LimitKind::PerSecond)))),
            // The meeting is made, but its answer is lost: Zoom is asked before
            // anything is sent again.
            25 => drop(sim.fault(at(What::Drop).after())),
            // Nothing was made, but who knows: Zoom is looked at for half a minute
            // before the call is made again. Too long for a play that ends.
            45 if self.endless => drop(sim.fault(at(What::Status(503)))),
            _ => {}
        }
    }
}

/// Chance, whether the meeting was made, and what its caller sees.
fn storm() -> [(f64, bool, What); 8] {
    [
        (0.03, false, What::Status(503)),
        (0.02, true, What::Status(502)),
        (0.02, true, What::Drop),
        (0.02, false, What::Reset),
        (0.02, true, What::HalfReply(20)),
        (0.01, true, What::MalformedJson),
        (0.02, false, What::Limit(LimitKind::PerSecond)),
        (0.01, false, What::Html(502)),
    ]
}
