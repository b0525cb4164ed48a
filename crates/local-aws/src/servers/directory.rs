//! Directories of data. Each is removed with its last owner.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// A directory that disappears with its last owner, so that deleting a DB snapshot never disturbs a restore
/// that is still copying it.
#[derive(Debug)]
pub struct Directory(PathBuf);

impl Directory {
    /// Takes ownership of `path`, which need not exist yet.
    pub fn own(path: PathBuf) -> Self {
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// How many bytes its files have, without those in folders: a backup has none.
    pub fn size(&self) -> io::Result<u64> {
        fs::read_dir(&self.0)?.try_fold(0, |size, entry| Ok(size + entry?.metadata()?.len()))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let path = std::mem::take(&mut self.0);
        // The removal gets a thread, because the last owner is often an asynchronous task.
        std::thread::spawn(move || match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!("cannot remove {}: {error}", path.display());
            }
            _ => {}
        });
    }
}
