//! How issued activation codes are made and hashed. Owns no storage and no rule about who may have them.

use std::num::NonZeroU32;

use aws_lc_rs::{
    digest::{SHA256, digest},
    error::Unspecified,
    hmac, pbkdf2, rand,
};
use chatroom_kit::ids::UserId;

/// Crockford's letters (<https://www.crockford.com/base32.html>): none is mistaken for another when read aloud.
const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Twenty letters of five bits each: 100 bits of entropy.
const LENGTH: usize = 20;
/// How often a request's id is hashed. What an administrator calls a request may be easy to guess, and codes must not
/// follow from a stolen database and a guess: as many rounds as OWASP's cheat sheet for password storage asks for.
const ROUNDS: NonZeroU32 = NonZeroU32::MIN.saturating_add(599_999);

/// 32 random bytes: the salt of a batch, or what takes the place of a request's id where there is none.
pub(crate) fn random() -> Result<Vec<u8>, Unspecified> {
    let mut bytes = vec![0; 32];
    rand::fill(&mut bytes)?;
    Ok(bytes)
}

/// What a request's id stands for in the codes of its batch. Takes some tenths of a second of CPU.
pub(crate) fn secret(user: UserId, request_id: &str) -> Vec<u8> {
    let mut secret = vec![0; 32];
    let salt = user.to_string();
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ROUNDS, salt.as_bytes(), request_id.as_bytes(), &mut secret);
    secret
}

/// The codes of a batch. They follow from the salt, which is stored, and from the request's id, which only the client
/// keeps, by way of the secret: so a lost answer can be given again although no code is stored.
pub(crate) fn codes(salt: &[u8], secret: &[u8], count: u16) -> Vec<String> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, salt);
    (0..count)
        .map(|number| {
            let mut context = hmac::Context::with_key(&key);
            context.update(&number.to_be_bytes());
            context.update(secret);
            context.sign().as_ref()[..LENGTH].iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect()
        })
        .collect()
}

/// The form in which a code is stored until it is used. A plain hash serves: 100 random bits cannot be guessed.
pub(crate) fn hash(code: &str) -> Vec<u8> {
    digest(&SHA256, code.as_bytes()).as_ref().to_vec()
}

/// The form in which a request is remembered.
pub(crate) fn request_hash(secret: &[u8]) -> Vec<u8> {
    digest(&SHA256, secret).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn codes_are_distinct_and_follow_from_salt_and_secret() {
        let salt = random().unwrap();
        let first = codes(&salt, b"request", 1000);
        assert_eq!(first, codes(&salt, b"request", 1000));
        assert_eq!(first.iter().collect::<HashSet<_>>().len(), 1000);
        assert!(first.iter().all(|code| code.len() == LENGTH));
        assert_ne!(first[0], codes(&salt, b"another", 1)[0]);
    }
}
