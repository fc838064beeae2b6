//! What `keygen` promises to an operator.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use chatroom_kit::{auth::Verifier, clock::Clock};
use chatroom_user::{Signer, config::KeygenConfig, keygen};
use tempfile::TempDir;

fn generate(out: &Path, add_to: Option<&Path>) -> anyhow::Result<()> {
    keygen::run(&KeygenConfig { out: out.to_owned(), add_to: add_to.map(Path::to_owned), if_missing: false })
}

fn generate_if_missing(out: &Path) -> anyhow::Result<()> {
    keygen::run(&KeygenConfig { out: out.to_owned(), add_to: None, if_missing: true })
}

fn signer(folder: &Path) -> Signer {
    Signer::from_file(&folder.join("signing-key.pem")).unwrap()
}

#[test]
fn it_makes_a_key_for_its_owner_only_and_a_public_half_for_all() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("a/b");
    generate(&out, None).unwrap();
    let mode = |name| fs::metadata(out.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("signing-key.pem"), 0o600);
    assert_eq!(mode("jwks.json") & 0o600, 0o600);
    let jwks = fs::read_to_string(out.join("jwks.json")).unwrap();
    assert_eq!(signer(&out).jwks(), jwks);
    assert!(Verifier::new(&jwks, Clock::system()).is_ok());
}

#[test]
fn it_overwrites_nothing() {
    let folder = TempDir::new().unwrap();
    generate(folder.path(), None).unwrap();
    let before = fs::read(folder.path().join("signing-key.pem")).unwrap();
    assert!(generate(folder.path(), None).unwrap_err().to_string().contains("not overwritten"));
    assert_eq!(fs::read(folder.path().join("signing-key.pem")).unwrap(), before);
}

#[test]
fn asked_for_what_is_missing_it_makes_keys_once_and_completes_a_half() {
    let folder = TempDir::new().unwrap();
    generate_if_missing(folder.path()).unwrap();
    let made = signer(folder.path());
    generate_if_missing(folder.path()).unwrap();
    assert_eq!(signer(folder.path()).key_id(), made.key_id());
    // As if it had been stopped between the two files.
    fs::remove_file(folder.path().join("jwks.json")).unwrap();
    generate_if_missing(folder.path()).unwrap();
    assert_eq!(signer(folder.path()).key_id(), made.key_id());
    assert_eq!(fs::read_to_string(folder.path().join("jwks.json")).unwrap(), made.jwks());
    // A public half without its key is another's.
    fs::remove_file(folder.path().join("signing-key.pem")).unwrap();
    assert!(generate_if_missing(folder.path()).unwrap_err().to_string().contains("not overwritten"));
}

#[test]
fn what_a_stopped_attempt_left_is_in_nobodys_way() {
    let folder = TempDir::new().unwrap();
    let (old, new) = (folder.path().join("old"), folder.path().join("new"));
    fs::create_dir(&old).unwrap();
    for name in ["signing-key.pem", "jwks.json"] {
        for left in ["new".to_owned(), format!("{}.new", std::process::id())] {
            fs::write(old.join(name).with_extension(left), "{").unwrap();
        }
    }
    generate(&old, None).unwrap();
    generate(&new, Some(&old.join("jwks.json"))).unwrap();
    signer(&new).must_be_published_in(&fs::read_to_string(old.join("jwks.json")).unwrap()).unwrap();
}

#[test]
fn it_adds_the_public_half_to_the_published_ones() {
    let folder = TempDir::new().unwrap();
    let (old, new) = (folder.path().join("old"), folder.path().join("new"));
    generate(&old, None).unwrap();
    let published = old.join("jwks.json");
    generate(&new, Some(&published)).unwrap();
    let jwks = fs::read_to_string(&published).unwrap();
    for folder in [&old, &new] {
        signer(folder).must_be_published_in(&jwks).unwrap();
    }
    let alone = fs::read_to_string(new.join("jwks.json")).unwrap();
    assert!(signer(&new).must_be_published_in(&alone).is_ok());
    assert!(signer(&old).must_be_published_in(&alone).is_err());
    assert!(!published.with_extension("new").exists());
}

#[test]
fn published_keys_that_cannot_be_read_stop_it_before_a_key_is_made() {
    let folder = TempDir::new().unwrap();
    let broken = folder.path().join("jwks.json");
    fs::write(&broken, "[]").unwrap();
    let out = folder.path().join("new");
    assert!(generate(&out, Some(&broken)).is_err());
    assert!(generate(&out, Some(&folder.path().join("missing"))).is_err());
    assert!(!out.exists());
}

#[test]
fn a_missing_key_is_made_and_then_kept() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("signing-key.pem");
    let made = Signer::open_or_generate(&path).unwrap();
    assert_eq!(Signer::open_or_generate(&path).unwrap().key_id(), made.key_id());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}
