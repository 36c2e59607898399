//! `zoomd schema`: a machine-readable description of what zoomd takes and answers.

use clap::{Args, ValueEnum};

use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::http::api::openapi;
use crate::output::Output;

/// `zoomd schema`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  zoomd schema openapi > openapi.json")]
pub struct SchemaArgs {
    /// Name of the schema
    #[arg(value_enum, value_name = "NAME")]
    pub name: Schema,
}

/// A description that can be printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Schema {
    /// The HTTP API, an OpenAPI 3.1 document
    Openapi,
}

impl Schema {
    fn document(self) -> serde_json::Value {
        match self {
            Self::Openapi => openapi::document(),
        }
    }
}

/// Prints the document.
pub fn run(out: &Output, args: &SchemaArgs) -> CliResult {
    let text = serde_json::to_string_pretty(&args.name.document())
        .map_err(|error| CliError::failed(error.to_string()))?;
    out.data(&(text + "\n"))?;
    Ok(Exit::Done)
}
