//! How passwords are kept: Argon2id (RFC 9106) with the parameters that OWASP's password storage cheat sheet asks for,
//! written as PHC strings. Owns the computation and its parameters; what a password may be is `domain/password.rs`.

mod pool;

use std::{sync::Arc, thread};

use anyhow::Context as _;
use argon2::{
    Algorithm, Argon2, Block, Params, PasswordHash, Version,
    password_hash::{
        self,
        phc::{Output, ParamsString, Salt},
    },
};

use self::pool::{Pool, Turn};
use crate::{domain::Password, error::Error};

/// How much memory a hash takes, in KiB: 19 MiB.
const MEMORY: u32 = 19 * 1024;
/// How often the memory is passed over.
const PASSES: u32 = 2;
/// How many threads one hash takes.
const LANES: u32 = 1;
/// How long a salt is, in bytes.
const SALT: usize = 16;

/// Hashes and verifies passwords, a few at a time.
pub(crate) struct Passwords {
    pool: Pool,
    /// Nobody's hash, computed in place of the one that an unknown name does not have.
    nobody: Arc<str>,
}

impl Passwords {
    /// Starts the threads. One processor is left to everything else.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let pool = Pool::start((processors - 1).max(1)).context("no thread can be started")?;
        Ok(Self { pool, nobody: hash(b"", &mut Vec::new())?.into() })
    }

    /// Waits until a password can be hashed.
    pub(crate) async fn turn(&self) -> Result<Turn<'_>, Error> {
        self.pool.turn().await
    }

    /// The hash to keep of `password`.
    pub(crate) async fn hash(&self, turn: Turn<'_>, password: Password) -> Result<String, Error> {
        Ok(turn.run(move |memory| hash(password.as_bytes(), memory)).await??)
    }

    /// Whether `kept` is a hash of `password`. Nothing is not, and saying so takes as long.
    pub(crate) async fn verify(
        &self,
        turn: Turn<'_>,
        password: Password,
        kept: Option<Arc<str>>,
    ) -> Result<bool, Error> {
        let known = kept.is_some();
        let kept = kept.unwrap_or_else(|| self.nobody.clone());
        let same = turn.run(move |memory| verify(password.as_bytes(), &kept, memory)).await??;
        Ok(same && known)
    }
}

fn hash(password: &[u8], memory: &mut Vec<Block>) -> password_hash::Result<String> {
    let mut salt = [0; SALT];
    aws_lc_rs::rand::fill(&mut salt).map_err(|_| password_hash::Error::RngFailure)?;
    let params = Params::new(MEMORY, PASSES, LANES, Some(Params::DEFAULT_OUTPUT_LEN))?;
    let output = compute(password, &salt, &params, memory)?;
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&params)?,
        salt: Some(Salt::new(&salt)?),
        hash: Some(output),
    };
    Ok(hash.to_string())
}

/// Verifies with the parameters that stand in the hash, which an earlier release may have chosen.
fn verify(password: &[u8], kept: &str, memory: &mut Vec<Block>) -> password_hash::Result<bool> {
    let kept = PasswordHash::new(kept)?;
    if kept.algorithm != Algorithm::Argon2id.ident() || kept.version != Some(Version::V0x13.into()) {
        return Err(password_hash::Error::Algorithm);
    }
    let (Some(salt), Some(output)) = (&kept.salt, &kept.hash) else {
        return Err(password_hash::Error::EncodingInvalid);
    };
    let params = Params::try_from(&kept)?;
    // Outputs are compared in constant time.
    Ok(compute(password, salt, &params, memory)? == *output)
}

/// Computes in `memory`, which grows to what it takes and is kept: fetching 19 MiB anew from the operating system each
/// time would cost a third of the hash.
fn compute(password: &[u8], salt: &[u8], params: &Params, memory: &mut Vec<Block>) -> password_hash::Result<Output> {
    if memory.len() < params.block_count() {
        memory.resize(params.block_count(), Block::new());
    }
    let mut buffer = [0; Output::MAX_LENGTH];
    let length = params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
    let output = buffer.get_mut(..length).ok_or(password_hash::Error::OutputSize)?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
    argon2.hash_password_into_with_memory(password, salt, output, memory)?;
    Ok(Output::new(output)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_says_how_it_was_made() {
        let hash = hash(b"123456", &mut Vec::new()).unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
    }

    #[test]
    fn a_password_is_verified_and_no_other() {
        let mut memory = Vec::new();
        let kept = hash(b"123456", &mut memory).unwrap();
        assert!(verify(b"123456", &kept, &mut memory).unwrap());
        assert!(!verify(b"1234567", &kept, &mut memory).unwrap());
        assert!(!verify(b"", &kept, &mut memory).unwrap());
    }

    #[test]
    fn two_hashes_of_one_password_differ() {
        let mut memory = Vec::new();
        assert_ne!(hash(b"123456", &mut memory).unwrap(), hash(b"123456", &mut memory).unwrap());
    }

    /// From the reference implementation: `echo -n password | argon2 somesalt -id -t 2 -k 256 -p 1 -l 24 -e`.
    #[test]
    fn hashes_of_other_parameters_and_makers_are_verified() {
        let kept = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
        assert!(verify(b"password", kept, &mut Vec::new()).unwrap());
        assert!(!verify(b"passwore", kept, &mut Vec::new()).unwrap());
    }

    #[test]
    fn what_is_no_hash_of_ours_is_an_error() {
        for kept in
            ["", "123456", "$argon2id$v=19$m=256,t=2,p=1", "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQM"]
        {
            assert!(verify(b"123456", kept, &mut Vec::new()).is_err(), "{kept}");
        }
    }

    #[tokio::test]
    async fn nobody_has_no_password() {
        let passwords = Passwords::start().unwrap();
        let nothing = Password::claim("password", " ".into()).unwrap();
        assert!(!passwords.verify(passwords.turn().await.unwrap(), nothing, None).await.unwrap());
    }
}
