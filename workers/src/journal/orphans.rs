//! Taking over what dead processes of this machine left behind.

use std::collections::HashMap;
use std::path::PathBuf;

use zoomd_store::encryption::{Purpose, Sealed};
use zoomd_wire::AccountName;

use super::entry::{Header, Record};
use super::file::Abandoned;
use super::{Journal, JournalError};

/// The file of a dead process, taken over. Its staged entries are in this
/// process' journal by now; it goes with [`Orphan::finish`].
#[derive(Debug)]
pub struct Orphan {
    /// The dead process' id.
    pub daemon: String,
    /// Intents it left without a reply: nobody holds one for them any more.
    pub unanswered: Vec<(AccountName, String)>,
    path: PathBuf,
    // Keeps the lock.
    _file: Abandoned,
}

impl Orphan {
    /// Removes the file: all its intents are answered for.
    pub fn finish(self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(%error, "rotation journal: could not remove a journal that was taken over");
        }
    }
}

impl Journal {
    /// Takes over files of this namespace whose lock is free: copies what they
    /// have staged, flushed, into this process' own, and says which intents they
    /// left open. Files of other namespaces, and those sealed under a key that is
    /// not configured, are left alone.
    ///
    /// # Errors
    /// Fails if the folder cannot be read or the file of this process cannot be written.
    pub fn take_over(&self) -> Result<Vec<Orphan>, JournalError> {
        let own = self.file().handle();
        let files = Abandoned::all(&self.shared.folder, &own)?;
        let mut orphans = Vec::new();
        for file in files {
            let place = super::entry::header(&self.shared.vault, &file.header.daemon);
            if file.header != (Header { journal: file.header.journal, ..place }) {
                continue;
            }
            if let Some(orphan) = self.adopt(file)? {
                orphans.push(orphan);
            }
        }
        Ok(orphans)
    }

    fn adopt(&self, file: Abandoned) -> Result<Option<Orphan>, JournalError> {
        let mut open: HashMap<String, AccountName> = HashMap::new();
        let mut kept: Vec<&Record> = Vec::new();
        for record in &file.records {
            match record {
                Record::Intent { account, id } => {
                    open.insert(id.clone(), account.clone());
                }
                Record::Closed { id } => {
                    open.remove(id);
                    kept.retain(|record| record.staged_id() != Some(id.as_str()));
                }
                Record::Staged { entry, sealed } => {
                    open.remove(&entry.id);
                    let sealed = Sealed::from_stored(sealed.clone());
                    let account = entry.account.as_str();
                    let vault = &self.shared.vault;
                    match vault.open(Purpose::Reply, account, entry.version, &sealed) {
                        Ok(_) => kept.push(record),
                        Err(error) if error.is_wrong_key() => {
                            tracing::error!(
                                %error, file = %file.path.display(),
                                "rotation journal of another process is kept until its key is configured"
                            );
                            return Ok(None);
                        }
                        Err(error) => {
                            tracing::error!(%error, "rotation journal: an entry of another process is damaged and was dropped")
                        }
                    }
                }
                Record::Committed { .. } => kept.push(record),
            }
        }
        let handle = {
            let mut file = self.file();
            for record in kept {
                let known = record.staged_id().is_some_and(|id| self.has_staged(id));
                if !known {
                    self.append(&mut file, record.clone())?;
                }
            }
            file.handle()
        };
        handle.sync()?;
        let unanswered = open.into_iter().map(|(id, account)| (account, id)).collect();
        let (daemon, path) = (file.header.daemon.clone(), file.path.clone());
        Ok(Some(Orphan { daemon, unanswered, path, _file: file }))
    }
}
