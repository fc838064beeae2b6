//! Files that operators change while a process runs: noticing that one has changed. Owns no file's contents.

use std::{
    fs::Metadata,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

/// How often files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What tells a file from what it was: which it is, when it was last changed, to the nanosecond, and how long it is. Not
/// when it was written, which `cp -p` and `rsync --times` set back. One that takes another's place may have changed in
/// the same tick, since a tick is some milliseconds, and be given the number that the other had.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Look {
    inode: u64,
    changed: (i64, i64),
    size: u64,
}

impl From<Metadata> for Look {
    fn from(metadata: Metadata) -> Self {
        Self { inode: metadata.ino(), changed: (metadata.ctime(), metadata.ctime_nsec()), size: metadata.len() }
    }
}

/// Each file's look, as far as it is there.
type Looks = Vec<Option<Look>>;

/// Notices when one of some files changes.
#[derive(Debug)]
pub struct Changes {
    paths: Vec<PathBuf>,
    /// As the files were when they were last taken in.
    taken: Looks,
    /// As they were when last looked at.
    seen: Looks,
}

impl Changes {
    /// From now on: made before the files are first read, it misses no change in between.
    pub async fn of(paths: &[&Path]) -> Self {
        let paths: Vec<_> = paths.iter().map(|path| path.to_path_buf()).collect();
        let taken = looks(&paths).await;
        Self { paths, seen: taken.clone(), taken }
    }

    /// Takes the files in by `take_in` whenever they have changed, until `stop`. Where that fails, what was in force
    /// stays, and they are tried again: one may have been half written. `what` names them in the log.
    pub async fn follow<F, T>(mut self, what: &str, stop: CancellationToken, take_in: F)
    where
        F: Fn() -> T,
        T: Future<Output = anyhow::Result<()>>,
    {
        while self.next(&stop).await {
            match take_in().await {
                Ok(()) => {
                    self.take();
                    tracing::info!(files = ?self.paths, "{what} read again");
                }
                Err(error) => {
                    tracing::error!(files = ?self.paths, error = format!("{error:#}"), "{what} kept as they were");
                }
            }
        }
    }

    /// Waits until a file is another one than was taken in last; false once `stop` fires.
    async fn next(&mut self, stop: &CancellationToken) -> bool {
        while stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
            self.seen = looks(&self.paths).await;
            if self.seen != self.taken {
                return true;
            }
        }
        false
    }

    /// Says that the files were read after [`Self::next`], and are in force.
    fn take(&mut self) {
        self.taken.clone_from(&self.seen);
    }
}

async fn looks(paths: &[PathBuf]) -> Looks {
    let mut looks = Vec::with_capacity(paths.len());
    for path in paths {
        looks.push(tokio::fs::metadata(path).await.map(Look::from).ok());
    }
    looks
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[tokio::test]
    async fn what_was_not_taken_in_is_told_of_again() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("one"), folder.path().join("other"));
        fs::write(&one, "").unwrap();
        let stop = CancellationToken::new();
        let mut changes = Changes::of(&[&one, &other]).await;
        fs::write(&other, "half").unwrap();
        assert!(changes.next(&stop).await);
        // Nothing more is written, and still it is told of: what was read was only half of it.
        assert!(changes.next(&stop).await);
        changes.take();
        stop.cancel();
        assert!(!changes.next(&stop).await, "there is nothing new");
    }

    #[tokio::test]
    async fn a_file_is_another_though_it_is_as_old() {
        let folder = tempfile::tempdir().unwrap();
        let (file, next) = (folder.path().join("file"), folder.path().join("next"));
        fs::write(&file, "one").unwrap();
        fs::write(&next, "two").unwrap();
        let written = fs::metadata(&file).unwrap().modified().unwrap();
        fs::File::options().write(true).open(&next).unwrap().set_modified(written).unwrap();
        let mut changes = Changes::of(&[&file]).await;
        fs::rename(&next, &file).unwrap();
        let noticed = tokio::time::timeout(LOOK_EVERY * 10, changes.next(&CancellationToken::new())).await;
        assert_eq!(noticed, Ok(true));
    }

    #[tokio::test]
    async fn a_file_has_changed_in_place_though_it_is_as_old_and_as_long() {
        let folder = tempfile::tempdir().unwrap();
        let (file, clock) = (folder.path().join("file"), folder.path().join("clock"));
        fs::write(&file, "one").unwrap();
        let written = fs::metadata(&file).unwrap().modified().unwrap();
        let mut changes = Changes::of(&[&file]).await;
        // What happens within one tick cannot be told apart.
        while fs::write(&clock, "").is_ok() && fs::metadata(&clock).unwrap().modified().unwrap() == written {
            tokio::task::yield_now().await;
        }
        fs::write(&file, "two").unwrap();
        fs::File::options().write(true).open(&file).unwrap().set_modified(written).unwrap();
        let noticed = tokio::time::timeout(LOOK_EVERY * 10, changes.next(&CancellationToken::new())).await;
        assert_eq!(noticed, Ok(true));
    }
}
