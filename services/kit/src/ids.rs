//! Record ids: MongoDB `ObjectId`s, written as 24 lower-case hex digits, typed by what they name so that a user's id
//! cannot be passed where a page's is meant.

use std::{cmp, fmt, hash, marker::PhantomData, str::FromStr};

use bson::oid::ObjectId;
use sqlx::{Database, Decode, Encode, Type, encode::IsNull, error::BoxDynError};

use crate::error::{Invalid, Problem};

/// The id of a `K`.
pub struct Id<K>(ObjectId, PhantomData<fn() -> K>);

/// What a [`UserId`] names.
pub enum User {}
/// What a [`MerchantId`] names.
pub enum Merchant {}
/// What a [`GroupId`] names.
pub enum Group {}

/// An account's id.
pub type UserId = Id<User>;
/// A merchant page's id.
pub type MerchantId = Id<Merchant>;
/// A group chat's id.
pub type GroupId = Id<Group>;

impl<K> Id<K> {
    /// A new id: seconds, a random part for the process, a counter.
    #[expect(clippy::new_without_default, reason = "a default id would be a different one each time")]
    pub fn new() -> Self {
        Self(ObjectId::new(), PhantomData)
    }

    /// The id's twelve bytes.
    pub fn bytes(&self) -> [u8; 12] {
        self.0.bytes()
    }

    /// Reads the id in the request field `field`.
    pub fn parse(field: &'static str, text: &str) -> Result<Self, Invalid> {
        if text.is_empty() {
            return Err(Invalid::new(field, Problem::Missing));
        }
        text.parse().map_err(|Malformed| Invalid::new(field, Problem::Malformed))
    }
}

/// The text is not 24 lower-case hex digits.
#[derive(Debug, thiserror::Error)]
#[error("an id is 24 lower-case hex digits")]
pub struct Malformed;

impl<K> FromStr for Id<K> {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(Malformed);
        }
        let id = ObjectId::parse_str(text).map_err(|_| Malformed)?;
        Ok(Self(id, PhantomData))
    }
}

impl<K> fmt::Display for Id<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.to_hex())
    }
}

impl<K> fmt::Debug for Id<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Id<K> {}

impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<K> Eq for Id<K> {}

impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl<K> hash::Hash for Id<K> {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

// Stored as text on both engines: readable in a console, and equal to what the API shows.

impl<K, D: Database> Type<D> for Id<K>
where
    String: Type<D>,
{
    fn type_info() -> D::TypeInfo {
        String::type_info()
    }

    fn compatible(info: &D::TypeInfo) -> bool {
        String::compatible(info)
    }
}

impl<'q, K, D: Database> Encode<'q, D> for Id<K>
where
    String: Encode<'q, D>,
{
    fn encode_by_ref(&self, buffer: &mut D::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
        self.0.to_hex().encode(buffer)
    }
}

impl<'r, K, D: Database> Decode<'r, D> for Id<K>
where
    &'r str: Decode<'r, D>,
{
    fn decode(value: D::ValueRef<'r>) -> Result<Self, BoxDynError> {
        Ok(<&str>::decode(value)?.parse()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_written() {
        let id = UserId::new();
        assert_eq!(id.to_string().parse::<UserId>().unwrap(), id);
    }

    #[test]
    fn anything_but_24_lower_case_hex_digits_is_malformed() {
        for text in ["", "64e2", "64E2E53561A25A30DB767A40", "64e2e53561a25a30db767a4g", "64e2e53561a25a30db767a400"] {
            assert!(text.parse::<UserId>().is_err(), "{text}");
        }
    }
}
