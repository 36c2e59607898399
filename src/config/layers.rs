//! Which value counts: flag over environment over file over default.
//!
//! A pure function of its inputs ([`Sources`]), apart from the files that
//! secrets name; of those only the ones that count are opened. A value that is given counts even when it equals the default,
//! and keeps its [`Origin`], which every complaint names.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::catalogue::{self, DEFAULT_FILE, Kind, SETTINGS, Setting};
use super::error::ConfigError;
use super::suggest::nearest;
use crate::input;

/// Variable in which the completion script of a shell names that shell.
pub const COMPLETIONS: &str = "ZOOMD_COMPLETE";

/// Source of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nowhere: the reference's.
    Default,
    File(PathBuf),
    /// In this variable.
    Env(String),
    Flag(&'static str),
}

impl Origin {
    /// The path of a file that is named there: one in the configuration file is
    /// relative to that, any other to the working directory.
    pub fn beside(&self, name: &str) -> PathBuf {
        match self {
            Self::File(file) => file.parent().map_or_else(|| name.into(), |dir| dir.join(name)),
            Self::Default | Self::Env(_) | Self::Flag(_) => name.into(),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Env(name) => f.write_str(name),
            Self::Flag(name) => f.write_str(name),
        }
    }
}

/// Inputs of the configuration.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// Flags: key, value, the flag's name.
    pub flags: Vec<(&'static str, String, &'static str)>,
    /// The environment.
    pub env: BTreeMap<String, String>,
    /// The file and its text.
    pub file: Option<(PathBuf, String)>,
}

/// A value before it is read as its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Raw {
    /// A scalar, as text.
    One(String),
    /// A list.
    Many(Vec<String>),
}

/// The values that count, by key. A key without a value is absent.
#[derive(Clone, Default)]
pub struct Resolved {
    values: BTreeMap<&'static str, (Raw, Origin)>,
    /// Files with secrets that were not opened yet, and what named them.
    files: BTreeMap<&'static str, (PathBuf, String)>,
}

impl fmt::Debug for Resolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values may be secrets.
        f.debug_map().entries(self.values.iter().map(|(k, (_, o))| (k, o))).finish()
    }
}

impl Resolved {
    /// The value of a key and where it was given.
    pub fn get(&self, key: &str) -> Option<(&Raw, &Origin)> {
        self.values.get(key).map(|(raw, origin)| (raw, origin))
    }
}

/// Decides, for every setting, which value counts.
pub fn resolve(sources: &Sources) -> Result<Resolved, ConfigError> {
    let mut resolved = Resolved::default();
    resolved.read_table(&parse(DEFAULT_FILE, Path::new("default"))?, &Origin::Default)?;
    if let Some((path, text)) = &sources.file {
        resolved.read_table(&parse(text, path)?, &Origin::File(path.clone()))?;
    }
    for setting in SETTINGS.iter() {
        resolved.read_env(setting, &sources.env)?;
    }
    for (key, value, flag) in &sources.flags {
        resolved.files.remove(key);
        resolved.values.insert(key, (Raw::One(value.clone()), Origin::Flag(flag)));
    }
    resolved.open_files()?;
    Ok(resolved)
}

/// Variables that begin as ours do and are none of ours.
pub fn strange_variables(env: &BTreeMap<String, String>) -> Vec<(String, Option<String>)> {
    // Ours, but not settings; and what Kubernetes sets for a service called zoomd.
    let other = ["ZOOMD_CONFIG", "ZOOMD_NO_PROGRESS", COMPLETIONS];
    let foreign = |name: &str| name.starts_with("ZOOMD_SERVICE_") || name.starts_with("ZOOMD_PORT");
    let known: Vec<&str> = SETTINGS.iter().map(|s| s.env.as_str()).collect();
    env.keys()
        .filter(|name| name.starts_with("ZOOMD_") && !foreign(name))
        .filter(|name| {
            let bare = name.strip_suffix("_FILE").unwrap_or(name);
            !other.contains(&name.as_str())
                && !known.contains(&name.as_str())
                && !SETTINGS.iter().any(|s| s.kind == Kind::Secret && s.env == bare)
        })
        .map(|name| (name.clone(), nearest(name, known.iter().copied()).map(ToOwned::to_owned)))
        .collect()
}

fn parse(text: &str, path: &Path) -> Result<Table, ConfigError> {
    text.parse::<Table>().map_err(|error| {
        let line = error.span().map_or(0, |span| text[..span.start].matches('\n').count() + 1);
        // The parser's own text quotes the line, which may hold a secret.
        ConfigError::new(format!("{}, line {line}: {}", path.display(), error.message()))
    })
}

impl Resolved {
    fn read_table(&mut self, table: &Table, origin: &Origin) -> Result<(), ConfigError> {
        for (name, value) in table {
            match value {
                Value::Table(section) => {
                    for (leaf, value) in section {
                        self.read_key(&format!("{name}.{leaf}"), value, origin)?;
                    }
                }
                value => self.read_key(name, value, origin)?,
            }
        }
        Ok(())
    }

    fn read_key(&mut self, key: &str, value: &Value, origin: &Origin) -> Result<(), ConfigError> {
        if let Some(setting) = catalogue::find(key) {
            let raw = raw(value)
                .ok_or_else(|| ConfigError::new(format!("{key} in {origin} has no such form")))?;
            let twice = self.values.get(setting.key).is_some_and(|(_, o)| o == origin);
            if twice {
                return Err(both(key, &format!("{key}_file"), origin));
            }
            self.put(setting, raw, origin.clone());
            return Ok(());
        }
        let secret = key.strip_suffix("_file").and_then(catalogue::find);
        if let Some(setting) = secret.filter(|s| s.kind == Kind::Secret) {
            if self.values.get(setting.key).is_some_and(|(_, o)| o == origin) {
                return Err(both(setting.key, key, origin));
            }
            let Value::String(name) = value else {
                return Err(ConfigError::new(format!("{key} in {origin} must name a file")));
            };
            self.put(setting, Raw::One(String::new()), origin.clone());
            self.files.insert(setting.key, (origin.beside(name), key.to_owned()));
            return Ok(());
        }
        let error = ConfigError::new(format!("unknown key {key} in {origin}"));
        Err(match nearest(key, SETTINGS.iter().map(|s| s.key)) {
            Some(known) => error.hint(format!("did you mean {known}?")),
            None => error.hint("zoomd config default prints every key there is"),
        })
    }

    fn read_env(
        &mut self,
        setting: &'static Setting,
        env: &BTreeMap<String, String>,
    ) -> Result<(), ConfigError> {
        // An empty variable counts as not given: compose files pass those on.
        let given = |name: &str| env.get(name).filter(|v| !v.trim().is_empty());
        let in_file = format!("{}_FILE", setting.env);
        let file = given(&in_file).filter(|_| setting.kind == Kind::Secret);
        let (text, origin) = match (given(&setting.env), file) {
            (Some(_), Some(_)) => {
                return Err(both(&setting.env, &in_file, &Origin::Env("environment".into())));
            }
            (Some(text), None) => (text.clone(), setting.env.clone()),
            (None, Some(path)) => {
                let path = input::line(path, &in_file)?.into();
                self.put(setting, Raw::One(String::new()), Origin::Env(in_file.clone()));
                self.files.insert(setting.key, (path, in_file));
                return Ok(());
            }
            (None, None) => return Ok(()),
        };
        let raw = match setting.kind {
            Kind::List => Raw::Many(text.split(',').map(|t| t.trim().to_owned()).collect()),
            _ => Raw::One(text),
        };
        self.put(setting, raw, Origin::Env(origin));
        Ok(())
    }

    fn put(&mut self, setting: &'static Setting, raw: Raw, origin: Origin) {
        self.files.remove(setting.key);
        self.values.insert(setting.key, (raw, origin));
    }

    /// Reads the files of the secrets that count.
    fn open_files(&mut self) -> Result<(), ConfigError> {
        for (key, (path, named_by)) in std::mem::take(&mut self.files) {
            let text = input::file(&path, &named_by)?;
            if input::trim(&text).is_empty() {
                return Err(ConfigError::new(format!("{named_by}: {} is empty", path.display())));
            }
            if let Some((raw, _)) = self.values.get_mut(key) {
                *raw = Raw::One(text.to_string());
            }
        }
        Ok(())
    }
}

fn both(one: &str, other: &str, origin: &Origin) -> ConfigError {
    ConfigError::new(format!("both {one} and {other} are given in {origin}; give one"))
}

fn raw(value: &Value) -> Option<Raw> {
    Some(match value {
        Value::String(text) => Raw::One(text.clone()),
        Value::Integer(number) => Raw::One(number.to_string()),
        Value::Float(number) => Raw::One(number.to_string()),
        Value::Boolean(switch) => Raw::One(switch.to_string()),
        Value::Array(items) => Raw::Many(
            items.iter().map(|item| item.as_str().map(ToOwned::to_owned)).collect::<Option<_>>()?,
        ),
        _ => return None,
    })
}
