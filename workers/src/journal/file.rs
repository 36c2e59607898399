//! One file: made under a lock, appended to, read back, rewritten.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FallocateFlags, FlockOperation, StatVfsMountFlags, fallocate, flock, fstatvfs};
use sha2::{Digest as _, Sha256};

use super::JournalError;
use super::entry::{Header, Record};

const EXTENSION: &str = "journal";

/// Position of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    offset: u64,
    pub(super) len: u64,
}

impl Place {
    /// Of a record that is not read again.
    pub(super) const NOWHERE: Self = Self { offset: 0, len: 0 };
}

/// This process' file, under its lock.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    file: Arc<File>,
    len: u64,
    header: Header,
}

/// The file as it was at a moment, for what may take its time: nobody else waits.
#[derive(Debug, Clone)]
pub(super) struct Handle {
    path: PathBuf,
    file: Arc<File>,
    len: u64,
}

impl Handle {
    pub(super) fn sync(&self) -> Result<(), JournalError> {
        self.file.sync_data().map_err(|error| JournalError::io(&self.path, error))
    }

    /// Checks that the open file is the one that its path names. Writes to a deleted file are
    /// lost when this process ends.
    pub(super) fn in_place(&self) -> Result<(), JournalError> {
        let failed = |error: std::io::Error| JournalError::io(&self.path, error);
        let held = self.file.metadata().map_err(failed)?;
        let lost = |how| JournalError::Misplaced { path: self.path.clone(), how };
        match std::fs::metadata(&self.path) {
            Ok(named) if (named.dev(), named.ino()) != (held.dev(), held.ino()) => {
                Err(lost("another file is in its place"))
            }
            Ok(_) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(lost("it was deleted or moved away"))
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Makes the file system promise `bytes` more, where it can.
    pub(super) fn reserve(&self, bytes: u64) -> Result<(), JournalError> {
        match fallocate(&*self.file, FallocateFlags::KEEP_SIZE, self.len, bytes) {
            Ok(()) => Ok(()),
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => Ok(()),
            Err(error) => Err(JournalError::io(&self.path, error)),
        }
    }

    /// True if the file system says that it has `bytes` to give; takes none of them.
    pub(super) fn has_room(&self, bytes: u64) -> bool {
        fstatvfs(&*self.file).is_ok_and(|system| {
            let read_only = system.f_flag.contains(StatVfsMountFlags::RDONLY);
            !read_only && system.f_bavail.saturating_mul(system.f_frsize) >= bytes
        })
    }

    pub(super) fn is_at(&self, path: &Path) -> bool {
        self.path == path
    }
}

impl LogFile {
    pub(super) fn create(
        folder: &Path,
        namespace: &str,
        daemon: &str,
        header: &Header,
    ) -> Result<Self, JournalError> {
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|error| JournalError::io(folder, error))?;
        let path = folder.join(format!("{namespace}.{daemon}.{EXTENSION}"));
        let made = Self::hidden(&path, header)?;
        made.put_in_place(path)
    }

    /// A new file with its header, locked before anybody can see its name.
    fn hidden(path: &Path, header: &Header) -> Result<Self, JournalError> {
        let hidden = path.with_extension("new");
        let failed = |error: std::io::Error| JournalError::io(&hidden, error);
        let _ = std::fs::remove_file(&hidden);
        let mut open = OpenOptions::new();
        let file = open.read(true).append(true).create_new(true).mode(0o600).open(&hidden);
        let file = file.map_err(failed)?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)
            .map_err(|error| JournalError::io(&hidden, error))?;
        let mut made = Self { path: hidden, file: Arc::new(file), len: 0, header: header.clone() };
        made.line(&serde_json::to_vec(header).unwrap_or_default())?;
        Ok(made)
    }

    /// Gives the file its name, and returns when the disk knows it.
    fn put_in_place(mut self, path: PathBuf) -> Result<Self, JournalError> {
        let failed = |error: std::io::Error| JournalError::io(&path, error);
        self.file.sync_all().map_err(failed)?;
        std::fs::rename(&self.path, &path).map_err(failed)?;
        let folder = path.parent().map(File::open).transpose().map_err(failed)?;
        folder.map_or(Ok(()), |folder| folder.sync_all()).map_err(failed)?;
        self.path = path;
        Ok(self)
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn handle(&self) -> Handle {
        Handle { path: self.path.clone(), file: Arc::clone(&self.file), len: self.len }
    }

    /// True if this is still the file of `handle`.
    pub(super) fn is_of(&self, handle: &Handle) -> bool {
        Arc::ptr_eq(&self.file, &handle.file)
    }

    pub(super) fn append(&mut self, record: &Record) -> Result<Place, JournalError> {
        let json = serde_json::to_vec(record).unwrap_or_default();
        self.line(&json)
    }

    fn line(&mut self, json: &[u8]) -> Result<Place, JournalError> {
        let mut line = Vec::with_capacity(json.len() + 10);
        line.extend_from_slice(checksum(json).as_bytes());
        line.push(b' ');
        line.extend_from_slice(json);
        line.push(b'\n');
        let (offset, len) = (self.len, line.len() as u64);
        if let Err(error) = (&*self.file).write_all(&line) {
            // A torn line would run into the next: cut it off, or end it.
            if self.file.set_len(offset).is_err() && (&*self.file).write_all(b"\n").is_ok() {
                self.len = self.file.metadata().map_or(self.len, |meta| meta.len());
            }
            return Err(JournalError::io(&self.path, error));
        }
        self.len += len;
        Ok(Place { offset, len })
    }

    pub(super) fn read(&self, place: Place) -> Result<Record, JournalError> {
        let mut line = vec![0; usize::try_from(place.len).unwrap_or(0)];
        let failed = |error: std::io::Error| JournalError::io(&self.path, error);
        self.file.read_exact_at(&mut line, place.offset).map_err(failed)?;
        parse(&line).ok_or(JournalError::Gone)
    }

    /// Puts a file with these records alone in the place of this one; answers
    /// where they lie.
    pub(super) fn rewrite(&mut self, records: &[Record]) -> Result<Vec<Place>, JournalError> {
        self.handle().in_place()?;
        let mut fresh = Self::hidden(&self.path, &self.header)?;
        let places: Result<Vec<_>, _> = records.iter().map(|r| fresh.append(r)).collect();
        let places = places?;
        *self = fresh.put_in_place(self.path.clone())?;
        Ok(places)
    }

    /// Variant with another file behind it, for a test of a disk.
    #[cfg(test)]
    pub(super) fn over(&self, path: PathBuf, file: File) -> Self {
        Self { path, file: Arc::new(file), len: 0, header: self.header.clone() }
    }

    pub(super) fn remove(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Another process' file whose lock is free: it is dead, and the file is ours.
#[derive(Debug)]
pub(super) struct Abandoned {
    pub(super) path: PathBuf,
    pub(super) header: Header,
    pub(super) records: Vec<Record>,
    // Keeps the lock.
    _file: File,
}

impl Abandoned {
    /// Every file in `folder` whose lock could be had.
    pub(super) fn all(folder: &Path, own: &Handle) -> Result<Vec<Self>, JournalError> {
        let failed = |error: std::io::Error| JournalError::io(folder, error);
        let mut found = Vec::new();
        for item in std::fs::read_dir(folder).map_err(failed)? {
            let path = item.map_err(failed)?.path();
            let ours = path.extension().is_some_and(|extension| extension == EXTENSION);
            if ours && !own.is_at(&path) {
                found.extend(Self::open(&path));
            }
        }
        found.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }

    fn open(path: &Path) -> Option<Self> {
        let file = File::open(path).ok()?;
        flock(&file, FlockOperation::NonBlockingLockExclusive).ok()?;
        // The owner may have replaced the file meanwhile.
        let (held, named) = (file.metadata().ok()?, std::fs::metadata(path).ok()?);
        if held.ino() != named.ino() {
            return None;
        }
        let (header, records) = read_all(path)?;
        Some(Self { path: path.to_owned(), header, records, _file: file })
    }
}

/// Every file in `folder`, whosever it is, as it stands: only to look at.
pub(super) fn glance(folder: &Path) -> std::io::Result<Vec<(Header, Vec<Record>)>> {
    let mut found = Vec::new();
    for item in std::fs::read_dir(folder)? {
        let path = item?.path();
        if path.extension().is_some_and(|extension| extension == EXTENSION) {
            found.extend(read_all(&path));
        }
    }
    Ok(found)
}

fn read_all(path: &Path) -> Option<(Header, Vec<Record>)> {
    let text = std::fs::read(path).ok()?;
    let mut lines = text.split(|byte| *byte == b'\n');
    let header = serde_json::from_slice(verified(lines.next()?)?).ok()?;
    Some((header, lines.filter_map(parse).collect()))
}

fn checksum(json: &[u8]) -> String {
    let digest = Sha256::digest(json);
    format!("{:02x}{:02x}{:02x}{:02x}", digest[0], digest[1], digest[2], digest[3])
}

fn verified(line: &[u8]) -> Option<&[u8]> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let (sum, json) = line.split_at_checked(9)?;
    (sum[..8] == *checksum(json).as_bytes() && sum[8] == b' ').then_some(json)
}

fn parse(line: &[u8]) -> Option<Record> {
    serde_json::from_slice(verified(line)?).ok()
}
