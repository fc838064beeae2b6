//! Making signing keys: the file that this service signs with and the one that every service verifies with. Owns the
//! files; the keys themselves are `token.rs`.
//!
//! How a key is replaced without signing anybody out stands in `keygen --help`.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process,
};

use anyhow::{Context as _, ensure};

use crate::{config::KeygenConfig, token::Signer};

/// What the signing key is called in its folder.
const KEY_FILE: &str = "signing-key.pem";
/// What the public key is called there.
const JWKS_FILE: &str = "jwks.json";
/// Only the owner reads a signing key.
const SECRET: u32 = 0o600;
/// Everybody may read a public key.
const PUBLIC: u32 = 0o644;

/// Makes a signing key and its public half in files of their own, and adds the latter to the published ones where
/// that is asked for. Overwrites no key. Says on standard output what it made.
pub fn run(config: &KeygenConfig) -> anyhow::Result<()> {
    let (key_file, jwks_file) = (config.out.join(KEY_FILE), config.out.join(JWKS_FILE));
    if config.if_missing && key_file.exists() {
        return complete(&key_file, &jwks_file);
    }
    for file in [&key_file, &jwks_file] {
        ensure!(!file.exists(), "{} exists and is not overwritten", file.display());
    }
    let published = config.add_to.as_deref().map(read).transpose()?;
    let pem = Signer::generate()?;
    let signer = Signer::from_pem(&pem)?;
    let added = published.map(|jwks| signer.added_to(&jwks)).transpose()?;
    fs::create_dir_all(&config.out).with_context(|| format!("{} cannot be made", config.out.display()))?;
    write_new(&key_file, SECRET, &pem).with_context(|| not_written(&key_file))?;
    write_new(&jwks_file, PUBLIC, &signer.jwks()).with_context(|| not_written(&jwks_file))?;
    if let (Some(file), Some(jwks)) = (&config.add_to, added) {
        replace(file, &jwks).with_context(|| not_written(file))?;
    }
    println!("{} (kid {})", key_file.display(), signer.key_id());
    Ok(())
}

/// Makes the public half of a key that is there already: whoever made the key was stopped before the second file.
fn complete(key_file: &Path, jwks_file: &Path) -> anyhow::Result<()> {
    if jwks_file.exists() {
        return Ok(());
    }
    let signer = Signer::from_file(key_file)?;
    write_new(jwks_file, PUBLIC, &signer.jwks()).with_context(|| not_written(jwks_file))
}

impl Signer {
    /// Signs with the key in the file at `path`, which is made where it is missing.
    pub fn open_or_generate(path: &Path) -> anyhow::Result<Self> {
        match write_new(path, SECRET, &Self::generate()?) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error).with_context(|| not_written(path)),
            _ => Self::from_file(path),
        }
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("the public keys {} cannot be read", path.display()))
}

fn not_written(path: &Path) -> String {
    format!("{} cannot be written", path.display())
}

/// Writes a file where there is none, all of it or nothing of it, even where the machine stops in between.
fn write_new(path: &Path, mode: u32, text: &str) -> io::Result<()> {
    let new = write_aside(path, mode, text)?;
    // Unlike a rename this overwrites nothing.
    let linked = fs::hard_link(&new, path);
    fs::remove_file(&new)?;
    linked?;
    sync_folder_of(path)
}

/// Writes what is to become the file at `path` into one beside it. What a former attempt has left there is of no use.
fn write_aside(path: &Path, mode: u32, text: &str) -> io::Result<PathBuf> {
    let new = path.with_extension(format!("{}.new", process::id()));
    match fs::remove_file(&new) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    Ok(new)
}

/// Only then is a file's name on the disk.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// Replaces a file in one step: whoever reads it meanwhile reads the old one or the new one.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let new = write_aside(path, PUBLIC, text)?;
    fs::set_permissions(&new, fs::metadata(path)?.permissions())?;
    fs::rename(&new, path)?;
    sync_folder_of(path)
}
