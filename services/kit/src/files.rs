//! Files that operators change while a process runs: noticing that one has changed. Owns no file's contents.

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use tokio_util::sync::CancellationToken;

/// How often a file is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Notices when a file changes.
#[derive(Debug)]
pub struct Changes {
    path: PathBuf,
    last: Option<SystemTime>,
}

impl Changes {
    /// From now on: made before the file is first read, it misses no change in between.
    pub async fn of(path: &Path) -> Self {
        Self { path: path.to_owned(), last: modified(path).await }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits for the next change; false once `stop` fires.
    pub async fn next(&mut self, stop: &CancellationToken) -> bool {
        while stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
            let now = modified(&self.path).await;
            if now != self.last {
                self.last = now;
                return true;
            }
        }
        false
    }
}

async fn modified(path: &Path) -> Option<SystemTime> {
    tokio::fs::metadata(path).await.ok()?.modified().ok()
}
