//! The services that may have tokens of their own, and what each proves itself with. Owns the file of the secrets'
//! hashes, in which a line is a name and the SHA-256 of a secret, and how one is added to it.

use std::{
    collections::HashMap,
    fmt::Write as _,
    fs::{self, OpenOptions},
    future::ready,
    io::{self, ErrorKind, Write as _},
    num::NonZeroU32,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    sync::Arc,
};

use anyhow::{Context as _, ensure};
use arc_swap::ArcSwap;
use aws_lc_rs::{
    constant_time::verify_slices_are_equal,
    digest::{SHA256, SHA256_OUTPUT_LEN, digest},
};
use chatroom_kit::{
    auth::{Unauthenticated, is_service_name},
    files::Changes,
    service_token::ServiceSecret,
};
use governor::{DefaultDirectRateLimiter, Quota, clock::Clock as _};
use tokio_util::sync::CancellationToken;

use crate::{config::AddServiceConfig, error::Error};

/// How many wrong secrets are answered each second, and logged.
const WRONG_PER_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);
/// What the file of hashes is called in its folder.
const HASHES_FILE: &str = "services";
/// Only its owner reads a secret.
const SECRET: u32 = 0o600;

type Hash = [u8; SHA256_OUTPUT_LEN];

/// The services that are known. Clones share them.
#[derive(Clone)]
pub struct Services {
    known: Arc<ArcSwap<Known>>,
    /// Those that no file names.
    own: Arc<Known>,
    wrong: Arc<DefaultDirectRateLimiter>,
}

/// By name; a service whose secret is being replaced has two for a while.
type Known = HashMap<String, Vec<Hash>>;

impl Services {
    /// Knows services by the secrets that they were given.
    pub fn of<const N: usize>(secrets: [(&str, &ServiceSecret); N]) -> Self {
        Self::new(secrets.map(|(name, secret)| (name.to_owned(), vec![hash(secret.reveal())])).into())
    }

    /// Knows the services in a file and reads it again, until `stop`, whenever it has changed. A file that cannot be
    /// read then leaves them as they are.
    pub async fn from_file(path: &Path, stop: CancellationToken) -> anyhow::Result<Self> {
        let changes = Changes::of(&[path]).await;
        let services = Self::new(read(path)?);
        let (followed, path) = (services.clone(), path.to_owned());
        let reload = move || ready(followed.reload(&path));
        tokio::spawn(async move { changes.follow("services' secrets", stop, reload).await });
        Ok(services)
    }

    fn new(known: Known) -> Self {
        let wrong = DefaultDirectRateLimiter::direct(Quota::per_second(WRONG_PER_SECOND));
        Self { known: Arc::new(ArcSwap::from_pointee(known)), own: Arc::default(), wrong: Arc::new(wrong) }
    }

    /// Also knows `name`, whatever a file says: this process calls itself.
    #[must_use]
    pub fn and(self, name: &str, secret: &ServiceSecret) -> Self {
        let own = Known::from([(name.to_owned(), vec![hash(secret.reveal())])]);
        Self { own: Arc::new(own), ..self }
    }

    /// Makes sure that `secret` is the service's own. Wrong ones are bounded among themselves: a flood of them keeps no
    /// service that knows its secret from its token.
    pub(crate) fn verify(&self, name: &str, secret: &str) -> Result<(), Error> {
        let (given, known) = (hash(secret), self.known.load_full());
        let mut hashes = [&known, &*self.own].into_iter().filter_map(|known| known.get(name)).flatten();
        if hashes.any(|own| verify_slices_are_equal(own, &given).is_ok()) {
            return Ok(());
        }
        self.wrong.check().map_err(|refused| {
            let retry_after = refused.wait_time_from(self.wrong.clock().now());
            Error::TooManyAttempts { retry_after }
        })?;
        // The name is a stranger's word unless it is known.
        let service = if known.contains_key(name) { name } else { "unknown" };
        tracing::warn!(service, "a service's secret is wrong");
        Err(Unauthenticated.into())
    }

    fn reload(&self, path: &Path) -> anyhow::Result<()> {
        self.known.store(Arc::new(read(path)?));
        Ok(())
    }
}

/// Makes a secret for each service that is to be added, in a file of its own, and puts its hash among the known ones.
/// Says on standard output what it made.
pub fn add(config: &AddServiceConfig) -> anyhow::Result<()> {
    let hashes = config.dir.join(HASHES_FILE);
    fs::create_dir_all(&config.dir).with_context(|| format!("{} cannot be made", config.dir.display()))?;
    for name in &config.names {
        ensure!(is_service_name(name), "{name}: a service's name is 1 to 32 lower-case letters, digits and hyphens");
        let file = config.dir.join(format!("{name}.secret"));
        let secret = ServiceSecret::random();
        match write_new(&file, secret.reveal()) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists && config.if_missing => continue,
            written => written.with_context(|| format!("{} cannot be written", file.display()))?,
        }
        append(&hashes, &line(name, &secret)).with_context(|| format!("{} cannot be written", hashes.display()))?;
        println!("{} (service {name}, in {})", file.display(), hashes.display());
    }
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<Known> {
    let text = fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    parse(&text).with_context(|| format!("in {}", path.display()))
}

fn parse(text: &str) -> anyhow::Result<Known> {
    let mut known = Known::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, hash) = read_line(line).with_context(|| {
            format!("line {} is not a service's name and the SHA-256 of its secret in hex", number + 1)
        })?;
        known.entry(name.to_owned()).or_default().push(hash);
    }
    Ok(known)
}

fn read_line(line: &str) -> Option<(&str, Hash)> {
    let (name, hash) = line.split_once(char::is_whitespace)?;
    let mut bytes = [0; SHA256_OUTPUT_LEN];
    let digits = hash.trim().as_bytes();
    if !is_service_name(name) || digits.len() != 2 * bytes.len() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        *byte = u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some((name, bytes))
}

fn line(name: &str, secret: &ServiceSecret) -> String {
    let mut line = format!("{name} ");
    for byte in hash(secret.reveal()) {
        // Writing to a String cannot fail.
        let _ = write!(line, "{byte:02x}");
    }
    line + "\n"
}

fn hash(secret: &str) -> Hash {
    let mut hash = Hash::default();
    hash.copy_from_slice(digest(&SHA256, secret.as_bytes()).as_ref());
    hash
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(SECRET).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn append(path: &Path, line: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).mode(SECRET).open(path)?;
    file.write_all(line.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_secret_proves_a_service() {
        let (secret, other) = (ServiceSecret::random(), ServiceSecret::random());
        let services = Services::of([("gateway", &secret)]);
        assert!(services.verify("gateway", secret.reveal()).is_ok());
        for (name, secret) in [("gateway", other.reveal()), ("gateway", ""), ("bot", secret.reveal()), ("", "")] {
            assert!(matches!(services.verify(name, secret), Err(Error::Unauthenticated(_))), "{name}");
        }
    }

    #[test]
    fn wrong_secrets_are_bounded_and_keep_nobody_out() {
        let secret = ServiceSecret::random();
        let services = Services::of([("gateway", &secret)]);
        let bounded = (0..1000).any(|_| matches!(services.verify("x", "y"), Err(Error::TooManyAttempts { .. })));
        assert!(bounded);
        assert!(services.verify("gateway", secret.reveal()).is_ok());
    }

    #[test]
    fn a_line_is_a_name_and_a_hash() {
        let (old, new) = (ServiceSecret::random(), ServiceSecret::random());
        let text = format!("# ours\n\n{}{}", line("gateway", &old), line("gateway", &new));
        let services = Services::new(parse(&text).unwrap());
        assert!(services.verify("gateway", old.reveal()).is_ok() && services.verify("gateway", new.reveal()).is_ok());
        for text in ["gateway", "gateway 00", &"0".repeat(64), &format!("Gateway {}", "0".repeat(64)), "a 页"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse(&format!("gateway {}页", "0".repeat(61))).is_err());
    }
}
