//! One look at the namespace: the judgement and the numbers.

use zoomd_store::StoreError;
use zoomd_store::inspect::{Ops, Vitals};

use crate::health::{Facts, Gatherer, Judgement, judge};
use crate::views::status::Found;

#[derive(Debug)]
pub struct Look {
    /// The verdict and its problems.
    pub judgement: Judgement,
    /// The numbers; `None` where Redis could not be asked.
    pub numbers: Option<Found>,
}

/// Looks at everything now. A Redis that goes away between two reads was away.
pub async fn look(gatherer: &mut Gatherer, ops: &Ops) -> Result<Look, StoreError> {
    let facts = gatherer.gather(Vec::new()).await;
    let judgement = judge(&facts);
    let Ok(found) = facts.found else { return Ok(Look { judgement, numbers: None }) };
    match numbers(ops, found.vitals).await {
        Ok(numbers) => Ok(Look { judgement, numbers: Some(numbers) }),
        Err(error) if error.is_transient() => {
            let facts = Facts { found: Err(gatherer.absent(&error)), ..facts };
            Ok(Look { judgement: judge(&facts), numbers: None })
        }
        Err(error) => Err(error),
    }
}

/// The numbers beside what was read for the judgement.
pub async fn numbers(ops: &Ops, vitals: Vitals) -> Result<Found, StoreError> {
    let status = ops.status().await?;
    let waiting = ops.waiting_by_reason(&status).await?;
    Ok(Found { status, vitals, waiting })
}
