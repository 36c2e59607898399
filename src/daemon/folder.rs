//! The data folder: made with mode 0700, and proved writable before anything
//! that needs a journal begins.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

/// State of the data folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// A folder that takes files.
    Ready,
    /// Nothing, and it can be made.
    Missing,
}

/// Checks that the folder can be used, without creating it.
pub fn look(dir: &Path) -> io::Result<Found> {
    match fs::metadata(dir) {
        Ok(meta) if meta.is_dir() => try_write(dir).map(|()| Found::Ready),
        Ok(_) => Err(io::Error::other("it is not a folder")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let above = dir.ancestors().skip(1).find(|p| p.is_dir()).unwrap_or(Path::new("/"));
            writable(above).map(|()| Found::Missing)
        }
        Err(error) => Err(error),
    }
}

/// Makes the folder where it is missing, and proves that it takes a file.
pub fn prepare(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    try_write(dir)
}

/// A file written, forced to the disk, and taken away again.
fn try_write(dir: &Path) -> io::Result<()> {
    let probe = dir.join(format!(".probe-{}", std::process::id()));
    let written = File::create(&probe).and_then(|file| file.sync_all());
    let _ = fs::remove_file(&probe);
    written
}

fn writable(dir: &Path) -> io::Result<()> {
    use rustix::fs::{Access, access};
    access(dir, Access::WRITE_OK | Access::EXEC_OK).map_err(io::Error::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_folder_is_made_and_a_file_in_its_place_is_refused() {
        let above = tempfile::tempdir().expect("temporary folder");
        let dir = above.path().join("a/b");
        assert_eq!(look(&dir).expect("can be made"), Found::Missing);
        prepare(&dir).expect("made");
        assert_eq!(look(&dir).expect("there"), Found::Ready);
        assert_eq!(fs::read_dir(&dir).expect("listed").count(), 0);
        let file = above.path().join("file");
        fs::write(&file, "x").expect("written");
        assert!(look(&file).is_err() && prepare(&file).is_err());
        assert!(look(&file.join("below")).is_err());
    }
}
