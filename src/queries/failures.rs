//! Failures that match, walked page by page.

use zoomd_store::inspect::{FailureFilter, FailureLine, Ops};

use crate::error::CliError;

/// Hands pages to `each`, newest first, until it has had `most` failures. True if there
/// are more.
pub async fn walk(
    ops: &Ops,
    filter: &FailureFilter,
    most: usize,
    mut each: impl FnMut(Vec<FailureLine>) -> Result<(), CliError>,
) -> Result<bool, CliError> {
    let (mut seen, mut after) = (0, None);
    loop {
        let (mut lines, next) = ops.failures(filter, after.as_ref()).await?;
        let more = lines.len() > most - seen;
        lines.truncate(most - seen);
        seen += lines.len();
        each(lines)?;
        if more || (seen >= most && next.is_some()) {
            return Ok(true);
        }
        let Some(next) = next else { return Ok(false) };
        after = Some(next);
    }
}

/// The ids of at most `most` failures that match, in the order in which their jobs were
/// first accepted, and whether there are more.
pub async fn ids(
    ops: &Ops,
    filter: &FailureFilter,
    most: usize,
) -> Result<(Vec<String>, bool), CliError> {
    let mut found = Vec::new();
    let more = walk(ops, filter, most, |lines| {
        found.extend(lines.into_iter().map(|line| (line.entry_id(), line.id)));
        Ok(())
    });
    let more = more.await?;
    // Jobs of one meeting go in this order.
    found.sort_by_key(|(entry, _)| *entry);
    Ok((found.into_iter().map(|(_, id)| id).collect(), more))
}
