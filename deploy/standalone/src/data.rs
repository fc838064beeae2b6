//! The folder that holds everything a standalone process keeps. Owns its layout: `user.db`, `merchant.db`,
//! `group.db`, `signing-key.pem`, `files/`, `lock`, which the serving process holds, and `user.sock`, `merchant.sock`
//! and `group.sock`, on which its command line asks it.

use std::{
    fs::{self, DirBuilder, File},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};

/// A service that is asked over a socket.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Served {
    /// Accounts.
    User,
    /// Pages.
    Merchant,
    /// Groups.
    Group,
}

impl Served {
    /// What the service is called.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Merchant => "merchant",
            Self::Group => "group",
        }
    }
}

/// A data folder.
#[derive(Debug)]
pub(crate) struct DataFolder {
    path: PathBuf,
}

impl DataFolder {
    /// The folder at `path`, made (for this user's eyes only) where it is missing.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .and_then(|()| fs::canonicalize(path))
            .map(|path| Self { path })
            .with_context(|| format!("the data folder {} cannot be used", path.display()))
    }

    /// The folder at `path`, which another process uses: nothing is made in it.
    pub(crate) fn of_another(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Takes the folder for this process, until the answered file is dropped.
    pub(crate) fn lock(&self) -> anyhow::Result<File> {
        let path = self.path.join("lock");
        let file = File::create(&path).with_context(|| format!("{} cannot be written", path.display()))?;
        if let Err(error) = file.try_lock() {
            bail!("the data folder {} is used by another process ({error})", self.path.display());
        }
        Ok(file)
    }

    /// Where the folder is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The key that signs tokens.
    pub(crate) fn signing_key(&self) -> PathBuf {
        self.path.join("signing-key.pem")
    }

    /// The embedded S3 server's folder.
    pub(crate) fn files(&self) -> PathBuf {
        self.path.join("files")
    }

    /// The socket on which a service is asked.
    pub(crate) fn socket(&self, service: Served) -> PathBuf {
        self.path.join(format!("{}.sock", service.name()))
    }

    /// The address of the database `name`.
    pub(crate) fn database(&self, name: &str) -> String {
        let path = self.path.join(format!("{name}.db"));
        // In an address these three mean something else.
        let path = path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
        format!("sqlite://{path}")
    }
}
