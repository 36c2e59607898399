//! `zoomd schema`: a machine-readable description of what zoomd takes and answers.

use clap::{Args, ValueEnum};

use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::http::api::openapi;
use crate::output::Output;

/// `zoomd schema`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  zoomd schema job > job.schema.json
  zoomd schema openapi > openapi.json")]
pub struct SchemaArgs {
    /// Name of the schema
    #[arg(value_enum, value_name = "NAME")]
    pub name: Schema,
}

/// A description that can be printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Schema {
    /// A job, JSON Schema 2020-12
    Job,
    /// The result of a job
    Result,
    /// The failure of a job
    Failure,
    /// An event
    Event,
    /// The streams in Redis, an AsyncAPI 3 document
    Asyncapi,
    /// The HTTP API, an OpenAPI 3.1 document
    Openapi,
}

impl Schema {
    fn text(self) -> Result<String, CliError> {
        let kept = match self {
            Self::Job => include_str!("../../schema/job.json"),
            Self::Result => include_str!("../../schema/result.json"),
            Self::Failure => include_str!("../../schema/failure.json"),
            Self::Event => include_str!("../../schema/event.json"),
            Self::Asyncapi => include_str!("../../schema/asyncapi.json"),
            Self::Openapi => {
                let text = serde_json::to_string_pretty(&openapi::document())
                    .map_err(|error| CliError::failed(error.to_string()))?;
                return Ok(text + "\n");
            }
        };
        Ok(kept.to_owned())
    }
}

/// Prints the document.
pub fn run(out: &Output, args: &SchemaArgs) -> CliResult {
    out.data(&args.name.text()?)?;
    Ok(Exit::Done)
}
