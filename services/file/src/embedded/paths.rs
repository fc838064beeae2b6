//! Where s3s-fs keeps what: an object as a file under `<bucket>/`, its metadata and its entity tag as two files beside
//! the bucket. Owns no bytes.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// The only bucket.
pub const BUCKET: &str = "files";

/// The folder of an embedded server.
#[derive(Debug)]
pub(super) struct Paths {
    root: PathBuf,
}

impl Paths {
    /// Makes the folder and the bucket in it, for good.
    pub(super) fn make(root: &Path) -> io::Result<Self> {
        fs::create_dir_all(root.join(BUCKET))?;
        let root = root.canonicalize()?;
        for folder in root.ancestors().take(2) {
            sync(folder)?;
        }
        Ok(Self { root })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn bucket(&self) -> PathBuf {
        self.root.join(BUCKET)
    }

    /// The file that an object is.
    pub(super) fn object(&self, key: &str) -> PathBuf {
        self.bucket().join(key)
    }

    /// The files with an object's metadata and its entity tag.
    pub(super) fn companions(&self, key: &str) -> [PathBuf; 2] {
        let (bucket, key) = (URL_SAFE_NO_PAD.encode(BUCKET), URL_SAFE_NO_PAD.encode(key));
        ["metadata", "internal"].map(|what| self.root.join(format!(".bucket-{bucket}.object-{key}.{what}.json")))
    }

    /// Removes an object's companions, as far as they are there.
    pub(super) fn remove_companions(&self, key: &str) -> io::Result<()> {
        self.companions(key).iter().try_for_each(|companion| match fs::remove_file(companion) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        })
    }

    /// Waits until an object is on the disk: its bytes, those of its companions, and the names of all three.
    pub(super) fn persist(&self, key: &str) -> io::Result<()> {
        let object = self.object(key);
        sync(&object)?;
        for companion in self.companions(key) {
            sync(&companion)?;
        }
        // The object's own folder, the bucket, and the folder of the companions.
        object.ancestors().skip(1).take_while(|folder| folder.starts_with(&self.root)).try_for_each(sync)
    }
}

fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
