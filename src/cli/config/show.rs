//! `zoomd config show`: every value and where it was given.

use serde::Serialize;

use crate::cli::ctx::Ctx;
use crate::config::{
    Kind, Origin, Raw, SETTINGS, Setting, TRACES_VARIABLES, environment, is_secret, without_login,
};
use crate::error::CliResult;
use crate::exit::Exit;
use crate::output::table::Table;

/// One setting as it stands.
#[derive(Serialize)]
struct Row {
    key: &'static str,
    value: Option<String>,
    origin: String,
    env: String,
}

/// Prints them all.
pub(super) fn run(ctx: &Ctx) -> CliResult {
    let env = environment()?;
    let traces = TRACES_VARIABLES.iter().filter_map(|(name, _)| traces_row(name, env.get(*name)?));
    let rows: Vec<Row> = SETTINGS.iter().map(|setting| row(ctx, setting)).chain(traces).collect();
    let mut table = Table::new(["KEY", "VALUE", "FROM"]).flexible(["VALUE", "FROM"]);
    for row in &rows {
        table.row([row.key, row.value.as_deref().unwrap_or_default(), &row.origin]);
    }
    ctx.out.list(&rows, &table, "")?;
    Ok(Exit::Done)
}

/// A variable of traces. It has no key in the file.
fn traces_row(name: &'static str, given: &str) -> Option<Row> {
    let value = match name {
        _ if given.trim().is_empty() => return None,
        name if is_secret(name) => "***".to_owned(),
        name if name.ends_with("ENDPOINT") => without_login(given),
        _ => given.to_owned(),
    };
    Some(Row { key: name, value: Some(value), origin: name.to_owned(), env: name.to_owned() })
}

fn row(ctx: &Ctx, setting: &'static Setting) -> Row {
    let found = ctx.config.resolved.get(setting.key);
    let value = match (setting.key, found) {
        // The default of `data_dir` depends on the machine.
        ("data_dir", None) => Some(ctx.config.data_dir.display().to_string()),
        (_, None) => None,
        ("redis.url", Some((Raw::One(url), _))) => Some(without_login(url)),
        (_, Some(_)) if setting.kind == Kind::Secret => Some("***".to_owned()),
        (_, Some((Raw::One(text), _))) => Some(text.clone()),
        (_, Some((Raw::Many(items), _))) => Some(items.join(",")),
    };
    let origin = found.map_or(Origin::Default, |(_, origin)| origin.clone());
    Row { key: setting.key, value, origin: origin.to_string(), env: setting.env.clone() }
}
