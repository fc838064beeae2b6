//! The outermost object of a checked document, and how a request type is made from it.

use std::{borrow::Cow, collections::HashSet, fmt};

use serde::{
    de::{
        self, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, Visitor,
        value::{SeqDeserializer, StrDeserializer},
    },
    forward_to_deserialize_any,
};

use super::{Fault, Malformed};

/// Up to how many fields a walk over them is cheaper than a set of their names.
const FEW: usize = 16;

/// The fields of an object, in their order.
#[derive(Default)]
pub(super) struct Object<'de> {
    fields: Vec<(Cow<'de, str>, Value<'de>)>,
    /// The names, once there are many: a document full of fields must not cost the square of their number.
    names: HashSet<Cow<'de, str>>,
}

/// A checked value.
pub(super) enum Value<'de> {
    Null,
    Bool(bool),
    Integer(i64),
    /// A number that is not a whole one of 64 bits: no request has one.
    OtherNumber,
    Text(Cow<'de, str>),
    Array(Vec<Value<'de>>),
    /// Boxed: most values are small.
    Object(Box<Object<'de>>),
}

impl<'de> Object<'de> {
    pub(super) fn has(&self, name: &str) -> bool {
        if self.fields.len() <= FEW {
            self.fields.iter().any(|(field, _)| field == name)
        } else {
            self.names.contains(name)
        }
    }

    pub(super) fn insert(&mut self, name: Cow<'de, str>, value: Value<'de>) {
        self.fields.push((name, value));
        if self.fields.len() > FEW {
            let known = if self.names.is_empty() { 0 } else { self.fields.len() - 1 };
            self.names.extend(self.fields[known..].iter().map(|(name, _)| name.clone()));
        }
    }
}

impl<'de> Deserializer<'de> for Object<'de> {
    type Error = Malformed;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        visitor.visit_map(Fields { left: self.fields.into_iter(), value: None })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

struct Fields<'de> {
    left: std::vec::IntoIter<(Cow<'de, str>, Value<'de>)>,
    value: Option<(Cow<'de, str>, Value<'de>)>,
}

impl<'de> MapAccess<'de> for Fields<'de> {
    type Error = Malformed;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Malformed> {
        self.value = self.left.next();
        let Some((name, _)) = &self.value else {
            return Ok(None);
        };
        let name: StrDeserializer<'_, Malformed> = (&**name).into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Malformed> {
        let Some((name, value)) = self.value.take() else {
            return Err(Malformed::whole(Fault::Syntax));
        };
        // Only a field of the request's own type can fail, so the name is one of ours.
        seed.deserialize(value).map_err(|malformed| malformed.within(&name))
    }
}

impl<'de> Deserializer<'de> for Value<'de> {
    type Error = Malformed;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        match self {
            Self::Null => visitor.visit_unit(),
            Self::Bool(value) => visitor.visit_bool(value),
            Self::Integer(value) => visitor.visit_i64(value),
            Self::Text(Cow::Borrowed(text)) => visitor.visit_borrowed_str(text),
            Self::Text(Cow::Owned(text)) => visitor.visit_string(text),
            Self::OtherNumber => Err(Malformed::whole(Fault::WrongType)),
            Self::Array(items) => visitor.visit_seq(SeqDeserializer::new(items.into_iter())),
            Self::Object(object) => object.deserialize_any(visitor),
        }
    }

    /// A derived struct would take an array, too, whose items it takes for its fields.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Malformed> {
        match self {
            Self::Object(object) => object.deserialize_any(visitor),
            _ => Err(Malformed::whole(Fault::WrongType)),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        match self {
            Self::Null => visitor.visit_none(),
            value => visitor.visit_some(value),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier
    }
}

impl<'de> IntoDeserializer<'de, Malformed> for Value<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl de::Error for Malformed {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::whole(Fault::WrongType)
    }

    fn missing_field(field: &'static str) -> Self {
        Self { field: Some(field.into()), fault: Fault::Missing }
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self { field: Some(field.into()), fault: Fault::Duplicate }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?} in {}", self.fault, self.field.as_deref().unwrap_or("the document"))
    }
}

impl std::error::Error for Malformed {}
