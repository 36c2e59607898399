//! Files that init writes. Each secret has a file of its own, created with mode
//! 0600. The folder and zoomd.toml are readable by all, since a service runs as
//! another user. The names are those of deploy/systemd and docker-compose.yml.

use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use secrecy::{ExposeSecret as _, SecretString};
use zoomd_store::encryption::KeyRing;

use super::Answers;
use crate::error::CliError;

const SETTINGS: &str = "zoomd.toml";
const KEY: &str = "encryption_key";
/// Name of the key file in folders that an earlier init wrote. Such a key is kept.
const OLD_KEY: &str = "zoomd.key";
const SECRET: &str = "client_secret";
const REDIS: &str = "redis_url";

/// Writes all files; answers the names of those that were written.
pub(super) fn all(folder: &Path, answers: &Answers) -> Result<Vec<String>, CliError> {
    let place = |error| CliError::failed(format!("cannot write to {}: {error}", folder.display()));
    DirBuilder::new().recursive(true).mode(0o755).create(folder).map_err(place)?;
    let older = folder.join(OLD_KEY).exists() && !folder.join(KEY).exists();
    let key = if older { OLD_KEY } else { KEY };
    let mut written = Vec::new();
    let mut put = |name: &str, result: std::io::Result<()>| match result {
        Ok(()) => {
            written.push(folder.join(name).display().to_string());
            Ok(())
        }
        Err(error) if name == key && error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(place(error)),
    };
    put(key, secret(&folder.join(key), &KeyRing::generate_key(), true))?;
    if let Some(text) = &answers.client_secret {
        put(SECRET, secret(&folder.join(SECRET), text, false))?;
    }
    if let Some(url) = answers.redis_url.as_ref().filter(|url| has_login(url)) {
        put(REDIS, secret(&folder.join(REDIS), url, false))?;
    }
    put(SETTINGS, readable(&folder.join(SETTINGS), &settings(answers, key)))?;
    Ok(written)
}

/// A file that only its owner reads. With `once` one that is there stays.
fn secret(path: &Path, text: &SecretString, once: bool) -> std::io::Result<()> {
    if !once {
        // An existing file may have a looser mode, so it is removed first.
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{}", text.expose_secret())
}

/// A file that everybody reads, whatever the umask.
fn readable(path: &Path, text: &str) -> std::io::Result<()> {
    std::fs::write(path, text)?;
    std::fs::set_permissions(path, Permissions::from_mode(0o644))
}

fn has_login(url: &SecretString) -> bool {
    let url = url.expose_secret();
    url.contains('@') || url.contains("pass=")
}

/// Only what differs from the defaults, and where the rest is told.
fn settings(answers: &Answers, key: &str) -> String {
    let quoted = |text: &str| toml::Value::from(text).to_string();
    let mut text = String::from(
        "# Written by zoomd init. Every other setting has its default;\n\
         # `zoomd config default` prints them all, `zoomd config show` the current ones.\n\n",
    );
    if let Some(name) = &answers.namespace {
        text += &format!("namespace = {}\n\n", quoted(name));
    }
    if let Some(url) = &answers.redis_url {
        let line = match has_login(url) {
            true => format!("url_file = {}", quoted(REDIS)),
            false => format!("url = {}", quoted(url.expose_secret())),
        };
        text += &format!("[redis]\n{line}\n\n");
    }
    text += "# Keep this file: without it stored tokens cannot be decrypted.\n";
    text += &format!("[encryption]\nkey_file = {}\n", quoted(key));
    if let Some(id) = &answers.client_id {
        text += &format!("\n[zoom]\nclient_id = {}\n", quoted(id));
        if answers.client_secret.is_some() {
            text += &format!("client_secret_file = {}\n", quoted(SECRET));
        }
        if let Some(url) = &answers.redirect_url {
            text += &format!("redirect_url = {}\n", quoted(url));
        }
    }
    text
}
