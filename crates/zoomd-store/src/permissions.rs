//! Rights of the Redis user (ACL), checked before the first write.

use std::collections::BTreeSet;

use crate::error::{ErrorKind, StoreError};
use crate::redis::scripts::RIGHTS;
use crate::rights::commands::{Command, IN_SCRIPTS, OUTSIDE, WITHOUT_KEY};
use crate::{Keys, Store};

/// Rights of the Redis user that are used and not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingRights {
    pub user: String,
    /// Commands that it may not send.
    pub commands: Vec<&'static str>,
    /// Keys, as patterns, on which it may not send all commands.
    pub keys: Vec<String>,
    /// Channels that it may not use.
    pub channels: Vec<String>,
    namespace: String,
}

impl MissingRights {
    /// The command that gives them.
    #[must_use]
    pub fn fix(&self) -> String {
        let mut fix = format!("ACL SETUSER {}", self.user);
        self.commands.iter().for_each(|name| fix += &format!(" +{}", name.to_lowercase()));
        if !self.keys.is_empty() {
            fix += &format!(" ~{}:*", self.namespace);
        }
        if !self.channels.is_empty() {
            fix += &format!(" &{}:*", self.namespace);
        }
        fix
    }
}

impl std::fmt::Display for MissingRights {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let commands: Vec<String> = self.commands.iter().map(ToString::to_string).collect();
        let mut what = Vec::new();
        for (name, list) in
            [("commands", &commands), ("keys", &self.keys), ("channels", &self.channels)]
        {
            if !list.is_empty() {
                what.push(format!("{name} {}", list.join(", ")));
            }
        }
        write!(f, "the Redis user \"{}\" has no right to the {}", self.user, what.join("; the "))
    }
}

impl From<MissingRights> for StoreError {
    fn from(missing: MissingRights) -> Self {
        Self::new(ErrorKind::Auth, format!("{missing}; to give it: {}", missing.fix()))
    }
}

/// One question, and what it is about.
struct Question {
    about: About,
    words: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum About {
    /// A command, by its name, and the place of a key in the list of keys.
    Key(&'static str, usize),
    Command(&'static str),
    /// The place of a channel in the list of channels.
    Channel(usize),
}

/// Rights of the Redis user, as far as the server reports them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rights {
    /// All rights that are used are there.
    All,
    Missing(MissingRights),
    /// Scripts cannot check rights before Redis 7.0. A missing right is found only when it is used.
    Unknown,
}

impl Store {
    /// The rights of the Redis user, tried without using them.
    ///
    /// # Errors
    /// Fails if Redis cannot be reached or does not run our scripts.
    pub async fn rights(&self) -> Result<Rights, StoreError> {
        let keys = samples(self.keys());
        let channels = [self.keys().wake(), self.keys().ask()];
        let questions = questions(&keys, &channels);
        let mut call = RIGHTS.call().arg(self.keys().prefix());
        for question in &questions {
            call.push(question.words.len()).push(&question.words);
        }
        let answer = match call.run(&self.connection()).await {
            Err(error) if error.is_no_permission() => {
                return self.no_scripts().await.map(Rights::Missing);
            }
            answer => answer?,
        };
        let letters: Vec<u8> = redis::from_redis_value(answer)?;
        let Some(denied) = denied(&questions, &letters) else { return Ok(Rights::Unknown) };
        if denied.is_empty() {
            return Ok(Rights::All);
        }
        Ok(Rights::Missing(self.sorted(&keys, &channels, &denied).await))
    }

    /// An error where a right is known to be missing.
    ///
    /// # Errors
    /// Fails if a right is missing, or Redis cannot be reached.
    pub async fn check_rights(&self) -> Result<(), StoreError> {
        match self.rights().await? {
            Rights::All | Rights::Unknown => Ok(()),
            Rights::Missing(missing) => Err(missing.into()),
        }
    }

    /// A command that is denied on every key is denied itself; else the key is.
    async fn sorted(
        &self,
        keys: &[String],
        channels: &[String],
        denied: &BTreeSet<About>,
    ) -> MissingRights {
        let mut missing = self.none_missing().await;
        for command in with_keys() {
            let refused = |at: &usize| denied.contains(&About::Key(command.name, *at));
            let count = (0..keys.len()).filter(refused).count();
            if count == keys.len() {
                missing.commands.push(command.name);
                continue;
            }
            let known = (0..keys.len()).filter(refused).map(|at| pattern(&keys[at]));
            missing.keys.extend(known);
        }
        for about in denied {
            match about {
                About::Command(name) => missing.commands.push(name),
                About::Channel(at) => missing.channels.push(channels[*at].clone()),
                About::Key(..) => {}
            }
        }
        missing.keys.sort();
        missing.keys.dedup();
        missing.channels.dedup();
        // Every command denied on every key: it is the keys.
        if with_keys().all(|command| missing.commands.contains(&command.name)) {
            missing.commands.retain(|name| WITHOUT_KEY.iter().any(|(other, _)| other == name));
            missing.keys = vec![format!("{}:*", self.keys().namespace())];
        }
        missing
    }

    async fn no_scripts(&self) -> Result<MissingRights, StoreError> {
        let mut missing = self.none_missing().await;
        missing.commands = vec!["EVAL", "EVALSHA"];
        Ok(missing)
    }

    async fn none_missing(&self) -> MissingRights {
        let asked = self.connection().value(redis::cmd("ACL").arg("WHOAMI")).await;
        let user = asked.ok().and_then(|value| redis::from_redis_value(value).ok());
        MissingRights {
            user: user.unwrap_or_else(|| "USER".to_owned()),
            commands: Vec::new(),
            keys: Vec::new(),
            channels: Vec::new(),
            namespace: self.keys().namespace().to_owned(),
        }
    }
}

/// The denied questions, from one letter for each; `None` where the server tells nothing.
fn denied(questions: &[Question], letters: &[u8]) -> Option<BTreeSet<About>> {
    if letters.iter().all(|letter| *letter == b'?') {
        return None;
    }
    let all = questions.iter().zip(letters).filter(|(_, letter)| **letter == b'n');
    Some(all.map(|(question, _)| question.about).collect())
}

fn with_keys() -> impl Iterator<Item = &'static Command> {
    IN_SCRIPTS.iter().chain(OUTSIDE)
}

/// A key of each class.
fn samples(keys: &Keys) -> Vec<String> {
    let private = Keys::SINGLE.iter().map(|(name, _)| *name).chain(Keys::CLASSES.iter().copied());
    let public = [keys.jobs(), keys.results(), keys.failures(), keys.events(), keys.reply("")];
    private.map(|class| format!("{}{class}", keys.prefix())).chain(public).collect()
}

fn pattern(key: &str) -> String {
    if key.ends_with(':') { format!("{key}*") } else { key.to_owned() }
}

fn questions(keys: &[String], channels: &[String]) -> Vec<Question> {
    let mut all = Vec::new();
    let mut ask = |about, name: &str, words: Vec<&str>| {
        let words = std::iter::once(name).chain(words).map(str::to_owned).collect();
        all.push(Question { about, words });
    };
    for command in with_keys() {
        for (at, key) in keys.iter().enumerate() {
            ask(About::Key(command.name, at), command.name, command.words(key).collect());
        }
    }
    for (name, words) in WITHOUT_KEY {
        ask(About::Command(name), name, words.to_vec());
    }
    for (at, channel) in channels.iter().enumerate() {
        ask(About::Channel(at), "PUBLISH", vec![channel, "m"]);
        ask(About::Channel(at), "SUBSCRIBE", vec![channel]);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_tells_nothing_is_no_server_that_allows_all() {
        let command = |name| Question { about: About::Command(name), words: Vec::new() };
        let questions = [command("INFO"), command("TIME")];
        assert_eq!(denied(&questions, b"??"), None);
        assert_eq!(denied(&questions, b"y?"), Some(BTreeSet::new()));
        assert_eq!(denied(&questions, b"?n"), Some([About::Command("TIME")].into()));
    }
}
