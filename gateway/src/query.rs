//! Query strings: read into a request type as strictly as a JSON body is. Owns no parameter.

use std::borrow::Cow;

use axum::extract::FromRequestParts;
use chatroom_kit::error::{Invalid, Problem};
use http::request::Parts;
use percent_encoding::percent_decode_str;
use serde::{
    de::{
        DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer as _, MapAccess, Visitor,
        value::StrDeserializer,
    },
    forward_to_deserialize_any,
};

use crate::{
    error::Refusal,
    json::{Fault, Malformed},
    state::App,
};

/// A request read from its query string. Unknown parameters are ignored; one that is known may stand once.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<App> for Query<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Refusal> {
        Ok(Self(parse(parts.uri.query().unwrap_or_default())?))
    }
}

/// Checks the parameter `limit`: from 1 to `most`, `usual` where it is not said.
pub(crate) fn limit(asked: Option<i32>, usual: i32, most: i32) -> Result<i32, Invalid> {
    match asked {
        None => Ok(usual),
        Some(limit) if (1..=most).contains(&limit) => Ok(limit),
        Some(_) => Err(Invalid::new("limit", Problem::OutOfRange(1, most.into()))),
    }
}

/// Checks the parameter `after`, which says where a list goes on: a client that has lost it must not begin anew.
pub(crate) fn after(asked: Option<String>) -> Result<String, Invalid> {
    match asked {
        Some(after) if after.is_empty() => Err(Invalid::new("after", Problem::Malformed)),
        asked => Ok(asked.unwrap_or_default()),
    }
}

/// What a client asks for with `after` to go on; nothing where there is no more.
pub(crate) fn next(token: &str) -> Option<&str> {
    Some(token).filter(|token| !token.is_empty())
}

fn parse<T: DeserializeOwned>(query: &str) -> Result<T, Malformed> {
    T::deserialize(Parameters(query))
}

/// A query string.
struct Parameters<'de>(&'de str);

impl<'de> Deserializer<'de> for Parameters<'de> {
    type Error = Malformed;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        let pairs = self.0.split('&').filter(|pair| !pair.is_empty());
        visitor.visit_map(Pairs { left: pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))), value: None })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// The names and values of a query string, as they are written in it.
struct Pairs<'de, I> {
    left: I,
    value: Option<(Cow<'de, str>, &'de str)>,
}

impl<'de, I: Iterator<Item = (&'de str, &'de str)>> MapAccess<'de> for Pairs<'de, I> {
    type Error = Malformed;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Malformed> {
        let Some((name, value)) = self.left.next() else {
            return Ok(None);
        };
        // A name that cannot be read is none of ours.
        let name = decoded(name).unwrap_or_default();
        let key: StrDeserializer<'_, Malformed> = (*name).into_deserializer();
        let key = seed.deserialize(key)?;
        self.value = Some((name, value));
        Ok(Some(key))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Malformed> {
        let Some((name, value)) = self.value.take() else {
            return Err(Malformed::whole(Fault::Syntax));
        };
        // Only a parameter of the request's own type can fail, so the name is one of ours.
        seed.deserialize(Parameter(value)).map_err(|malformed| malformed.within(&name))
    }
}

/// A value as it is written in a query string.
struct Parameter<'de>(&'de str);

impl Parameter<'_> {
    fn number(&self) -> Result<i64, Malformed> {
        self.0.parse().map_err(|_| Malformed::whole(Fault::WrongType))
    }
}

impl<'de> Deserializer<'de> for Parameter<'de> {
    type Error = Malformed;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        let text = decoded(self.0).ok_or(Malformed::whole(Fault::WrongType))?;
        if text.contains('\0') {
            return Err(Malformed::whole(Fault::Nul));
        }
        visitor.visit_string(text.into_owned())
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        visitor.visit_some(self)
    }

    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        visitor.visit_i64(self.number()?)
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        visitor.visit_i64(self.number()?)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct newtype_struct seq
        tuple tuple_struct map struct enum identifier
    }
}

/// What is written in a form's manner; nothing where it is no UTF-8.
fn decoded(written: &str) -> Option<Cow<'_, str>> {
    if !written.contains('+') {
        return percent_decode_str(written).decode_utf8().ok();
    }
    let spaced = written.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8().ok()?;
    Some(Cow::Owned(decoded.into_owned()))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Window {
        q: String,
        before: Option<i64>,
        limit: Option<i32>,
    }

    fn fault(query: &str) -> (Fault, Option<String>) {
        let malformed = parse::<Window>(query).unwrap_err();
        (malformed.fault, malformed.field.map(Into::into))
    }

    #[test]
    fn parameters_are_decoded_and_unknown_ones_ignored() {
        let read = parse::<Window>("&x=%ff&x=1&q=%E7%BE%A4+a%2Bb&limit=20&&");
        assert_eq!(read, Ok(Window { q: "群 a+b".to_owned(), before: None, limit: Some(20) }));
        assert_eq!(parse::<Window>("q").unwrap().q, "");
        assert_eq!(parse::<Window>("q=a=b&before=-1").unwrap().before, Some(-1));
    }

    #[test]
    fn the_parameter_at_fault_is_named() {
        for (query, expected, field) in [
            ("", Fault::Missing, "q"),
            ("q=%ff", Fault::WrongType, "q"),
            ("q=a%00", Fault::Nul, "q"),
            ("q=a&q=b", Fault::Duplicate, "q"),
            ("q=a&limit=", Fault::WrongType, "limit"),
            ("q=a&limit=2147483648", Fault::WrongType, "limit"),
            ("q=a&before=1.5", Fault::WrongType, "before"),
            ("q=a&before=9223372036854775808", Fault::WrongType, "before"),
        ] {
            assert_eq!(fault(query), (expected, Some(field.to_owned())), "{query}");
        }
    }

    #[test]
    fn a_limit_has_bounds() {
        assert_eq!(limit(None, 50, 200), Ok(50));
        assert_eq!(limit(Some(200), 50, 200), Ok(200));
        assert!(limit(Some(0), 50, 200).is_err());
        assert!(limit(Some(201), 50, 200).is_err());
    }
}
