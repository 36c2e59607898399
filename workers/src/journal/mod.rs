//! The rotation journal: a local file with each new refresh token, until Redis has it.
//!
//! Owns the files in `<data>/journal`, one for each process, held under a lock
//! while the process lives. A rotation writes its intent there (fsynced) before
//! anything leaves, and the raw reply, sealed, before anybody parses it. Files
//! whose lock is free are taken over. Never talks to Redis or Zoom: it says what
//! is staged, `rotation` commits it.
//!
//! Before each intent, and once a second, it is checked that the file is still the
//! one that its path names, and that the disk has room; where not, no rotation starts.
//!
//! Invariant: what [`Journal::stage`] returned from outlives the process, and
//! after [`Journal::sync`] the machine. An entry goes only when a token made
//! from it is committed, when it has been committed for a day, when it turned
//! out to hold none, or when its account is erased. The size is bounded: a full journal starts no rotation.
//!
//! A file is lines of `<8 hex of SHA-256> <JSON>`; the first names the namespace
//! and deployment. A line that does not verify (the torn last one of a machine
//! that lost power) is passed over.

mod entry;
mod error;
mod file;
mod index;
mod keys;
mod orphans;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use zoomd_store::encryption::{Fingerprint, Purpose, Sealed, Vault};
use zoomd_store::grants::{Epoch, GrantVersion};
use zoomd_wire::AccountName;

pub use entry::{Reply, Staged};
pub use error::JournalError;
pub use index::Summary;
pub use keys::keys_on_disk;
pub use orphans::Orphan;

use entry::Record;
use file::LogFile;
use index::Index;

/// The journals within the data folder.
const FOLDER: &str = "journal";
/// Room that must be left on the disk for each reply that may come.
const REPLY_ROOM: u64 = 64 << 10;
/// A file this much larger than what lives in it is rewritten.
const SLACK: u64 = 1 << 20;

/// The journal of this process; clones share it.
#[derive(Debug, Clone)]
pub struct Journal {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    vault: Vault,
    limit: u64,
    keep: Duration,
    file: Mutex<LogFile>,
    /// Index of the file. Only the holder of the file's lock changes it, and it is locked only
    /// for a moment: readers do not wait for the disk.
    index: Mutex<Index>,
    held: Mutex<HashSet<String>>,
    /// Reason why it cannot be written, by the last look.
    trouble: Mutex<Option<(JournalError, Instant)>>,
}

/// Keeps an entry to its holder, until it is dropped.
#[derive(Debug)]
pub struct Hold {
    shared: Arc<Shared>,
    id: String,
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut held = self.shared.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.remove(&self.id);
    }
}

impl Journal {
    /// Opens the folder and makes this process' file in it.
    pub fn open(
        data_dir: &Path,
        daemon: &str,
        vault: &Vault,
        limit: u64,
        keep: Duration,
    ) -> Result<Self, JournalError> {
        let folder = data_dir.join(FOLDER);
        let header = entry::header(vault, daemon);
        let file = LogFile::create(&folder, vault.namespace(), daemon, &header)?;
        let shared = Shared {
            folder,
            vault: vault.clone(),
            limit,
            keep,
            file: Mutex::new(file),
            index: Mutex::default(),
            held: Mutex::default(),
            trouble: Mutex::default(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    fn file(&self) -> MutexGuard<'_, LogFile> {
        self.shared.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.shared.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn append(&self, file: &mut LogFile, record: Record) -> Result<(), JournalError> {
        let place = file.append(&record)?;
        self.index().add(record, place);
        Ok(())
    }

    /// Notes on the disk that intent `id` may spend a token of `account`, and
    /// makes sure that its reply will fit. After this the token may be sent.
    ///
    /// # Errors
    /// Fails if the disk refuses the write or the journal is full: nothing may be sent.
    pub async fn intend(&self, account: &AccountName, id: &str) -> Result<(), JournalError> {
        let record = Record::Intent { account: account.clone(), id: id.to_owned() };
        let journal = self.clone();
        let written = tokio::task::spawn_blocking(move || {
            journal.takes_one_more(false)?;
            journal.write_through(record)
        });
        let written = written.await.map_err(|error| JournalError::io(&self.shared.folder, error));
        let written = written.flatten();
        if let Err(error) = &written {
            self.note_trouble(Some(error.clone()));
        }
        written
    }

    fn write_through(&self, record: Record) -> Result<(), JournalError> {
        let written = {
            let mut file = self.file();
            self.append(&mut file, record)?;
            file.handle()
        };
        written.sync()
    }

    /// True if one more intent and its reply will be taken: makes room for them.
    /// A `glance` takes the file system's word for it where it says yes. A disk may
    /// hang here, so nothing is locked meanwhile.
    fn takes_one_more(&self, glance: bool) -> Result<(), JournalError> {
        let file = loop {
            let file = self.file().handle();
            match file.in_place() {
                Ok(()) => break file,
                // It was rewritten meanwhile.
                Err(_) if !self.file().is_of(&file) => {}
                Err(error) => return Err(error),
            }
        };
        let (held, open) = {
            let index = self.index();
            (index.live_bytes(), index.open_intents())
        };
        if held > self.shared.limit {
            return Err(JournalError::Full { held, limit: self.shared.limit });
        }
        let room = (open as u64 + 1) * REPLY_ROOM;
        if glance && file.has_room(room) { Ok(()) } else { file.reserve(room) }
    }

    /// Looks whether a rotation could be written down now; without writing, unless it
    /// could not before. Then an empty note is written and flushed first, for there is
    /// trouble that only a write meets.
    pub async fn check(&self) {
        let (journal, trouble) = (self.clone(), self.trouble().is_some());
        let checked = tokio::task::spawn_blocking(move || {
            journal.takes_one_more(!trouble)?;
            let empty = Record::Closed { id: String::new() };
            if trouble { journal.write_through(empty) } else { Ok(()) }
        });
        let checked = checked.await.map_err(|error| JournalError::io(&self.shared.folder, error));
        self.note_trouble(checked.flatten().err());
    }

    /// Reason why no rotation can be written down, by the last look: none starts then.
    #[must_use]
    pub fn trouble(&self) -> Option<JournalError> {
        self.trouble_since().map(|(error, _)| error)
    }

    /// The reason why no rotation can be written down, and the time at which it began.
    #[must_use]
    pub fn trouble_since(&self) -> Option<(JournalError, Instant)> {
        self.shared.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note_trouble(&self, now: Option<JournalError>) {
        let mut known = self.shared.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        match (&*known, &now) {
            (None, Some(error)) => {
                tracing::error!(
                    %error,
                    "the rotation journal cannot be written; token refreshes stop: {error}"
                );
            }
            (Some(_), None) => tracing::info!("the rotation journal can be written again"),
            _ => {}
        }
        let since = known.as_ref().map_or_else(Instant::now, |(_, since)| *since);
        *known = now.map(|error| (error, since));
    }

    /// Writes a raw reply, sealed. Returns when the system has it; [`sync`](Self::sync)
    /// when the disk has it.
    ///
    /// # Errors
    /// Fails if the disk refuses the write: the reply is then only in memory.
    pub fn stage(&self, staged: &Staged, reply: &Reply) -> Result<(), JournalError> {
        let plain = reply.to_json();
        let account = staged.account.as_str();
        let sealed = self.shared.vault.seal(Purpose::Reply, account, staged.version, &plain)?;
        let sealed = sealed.as_str().to_owned();
        let record = Record::Staged { entry: Box::new(staged.clone()), sealed };
        self.append(&mut self.file(), record)
    }

    /// Waits until everything written so far is on the disk.
    pub async fn sync(&self) -> Result<(), JournalError> {
        let handle = self.file().handle();
        let synced = tokio::task::spawn_blocking(move || handle.sync());
        synced.await.map_err(|error| JournalError::io(&self.shared.folder, error))?
    }

    /// Notes that the exchange of intent `id` is over and nothing is staged for it.
    pub fn close(&self, id: &str) {
        self.note(&mut self.file(), Record::Closed { id: id.to_owned() });
    }

    /// Notes that the entry of intent `id` turned out to hold `fp`, and that the
    /// store has it.
    pub fn committed(&self, id: &str, fp: Fingerprint) {
        let now = jiff::Timestamp::now().as_millisecond();
        let record = Record::Committed { id: id.to_owned(), fp: fp.to_string(), at_ms: now };
        self.note(&mut self.file(), record);
    }

    /// Forgets the entry of intent `id`: it holds no token.
    pub fn discard(&self, id: &str) {
        let mut file = self.file();
        self.note(&mut file, Record::Closed { id: id.to_owned() });
        self.index().forget(id);
    }

    /// Notes are a saving of work; one that cannot be written costs nothing.
    fn note(&self, file: &mut LogFile, record: Record) {
        if let Err(error) = self.append(file, record) {
            tracing::warn!(%error, "rotation journal: could not mark an entry as done");
        }
    }

    /// Every staged entry, but those somebody in this process is still at.
    #[must_use]
    pub fn entries(&self) -> Vec<Summary> {
        let mut entries = self.index().entries();
        let held = self.shared.held.lock().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|entry| !held.contains(&entry.id));
        entries
    }

    /// Keeps the entry of `id` to the task that holds the answer: nobody else offers
    /// it to the store meanwhile.
    #[must_use]
    pub fn hold(&self, id: &str) -> Hold {
        let mut held = self.shared.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.insert(id.to_owned());
        Hold { shared: Arc::clone(&self.shared), id: id.to_owned() }
    }

    /// True if an entry of intent `id` is staged here.
    #[must_use]
    pub fn has_staged(&self, id: &str) -> bool {
        self.index().entry(id).is_some()
    }

    /// An entry with its reply, opened.
    pub fn read(&self, id: &str) -> Result<(Staged, Reply), JournalError> {
        let (entry, sealed) = {
            let file = self.file();
            let place = self.index().entry(id).ok_or(JournalError::Gone)?.place;
            match file.read(place)? {
                Record::Staged { entry, sealed } => (*entry, sealed),
                _ => return Err(JournalError::Gone),
            }
        };
        let sealed = Sealed::from_stored(sealed);
        let account = entry.account.as_str();
        let plain = self.shared.vault.open(Purpose::Reply, account, entry.version, &sealed)?;
        let damaged = zoomd_store::encryption::SealError::Damaged { what: "token reply" };
        Ok((entry, Reply::from_json(&plain).ok_or(damaged)?))
    }

    /// The latest epoch an entry of `account` is of: a new consent's is later.
    #[must_use]
    pub fn latest_epoch(&self, account: &str) -> Option<Epoch> {
        self.latest_version(account).map(|version| version.epoch)
    }

    /// Erases every token of `account` of epoch `epoch` or earlier.
    pub fn erase(&self, account: &str, epoch: Epoch) -> Result<(), JournalError> {
        let mut file = self.file();
        let erased = self.index().erase(account, epoch);
        if erased { self.rewrite(&mut file) } else { Ok(()) }
    }

    /// Drops what has been kept long enough, by this machine's clock and by that of
    /// Redis (`redis_ms`), of which one may have jumped, and rewrites the file
    /// where that makes it much smaller. Called from time to time.
    ///
    /// # Errors
    /// Fails if the new file cannot be written; the old one stays.
    pub fn tidy(&self, redis_ms: i64) -> Result<(), JournalError> {
        let now = jiff::Timestamp::now().as_millisecond().min(redis_ms);
        let keep = i64::try_from(self.shared.keep.as_millis()).unwrap_or(i64::MAX);
        let mut file = self.file();
        let live = {
            let mut index = self.index();
            index.expire(now.saturating_sub(keep));
            index.live_bytes()
        };
        metrics::gauge!("zoomd_rotation_journal_bytes").set(file.len() as f64);
        if file.len() <= 2 * live + SLACK { Ok(()) } else { self.rewrite(&mut file) }
    }

    fn rewrite(&self, file: &mut LogFile) -> Result<(), JournalError> {
        let places = self.index().places();
        let records: Result<Vec<_>, _> = places.into_iter().map(|at| file.read(at)).collect();
        let records = records?;
        let moved = file.rewrite(&records)?;
        let mut index = self.index();
        *index = std::mem::take(&mut *index).moved(records, moved);
        Ok(())
    }

    /// The version staged last for `account`, if any.
    #[must_use]
    pub fn latest_version(&self, account: &str) -> Option<GrantVersion> {
        self.index().latest(account)
    }

    /// Removes this process' file, when nothing in it is needed any more.
    pub fn close_file(&self) {
        let mut file = self.file();
        if self.index().is_empty() {
            file.remove();
        }
    }
}

#[cfg(test)]
mod tests;
