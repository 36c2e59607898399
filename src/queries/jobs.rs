//! One job in full, and the search through all.

use zoomd_store::inspect::{JobPage, JobPlace, JobQuery, JobView, Ops};

use crate::error::CliError;

/// A job with its story, and what held it back.
pub async fn one(ops: &Ops, id: &str) -> Result<Option<JobView>, CliError> {
    let Some(mut view) = ops.job(id).await? else { return Ok(None) };
    ops.add_blocks(&mut view).await?;
    Ok(Some(view))
}

/// A page of jobs that match. A text that is the id of a job finds that job alone; else it
/// is looked for as [`JobQuery::text`].
pub async fn search(
    ops: &Ops,
    mut query: JobQuery,
    text: Option<&str>,
    from: Option<JobPlace>,
    most: usize,
) -> Result<JobPage, CliError> {
    let text = text.map(str::trim).filter(|text| !text.is_empty());
    if let (Some(text), None) = (text, &from)
        && let Some(view) = ops.job(text).await?
    {
        let fits = query.account.is_none() || query.account == view.account;
        let jobs = if fits { vec![view] } else { Vec::new() };
        return Ok(JobPage { jobs, next: None });
    }
    query.text = text.map(str::to_owned);
    Ok(ops.search_jobs(&query, from, most).await?)
}
