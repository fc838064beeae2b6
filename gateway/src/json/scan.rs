//! The pass over a JSON document that checks every value in it.

use std::{
    borrow::Cow,
    cell::{Cell, RefCell},
    fmt,
};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{
    DEPTH_MAX, Fault, Malformed,
    object::{Object, Value},
};

/// What the scan has come upon. serde's errors carry only text, so the fault is kept beside them.
#[derive(Default)]
pub(super) struct Tracker {
    fault: Cell<Fault>,
    field: RefCell<Option<Box<str>>>,
}

impl Tracker {
    /// The fault that ended the scan.
    pub(super) fn malformed(&self) -> Malformed {
        Malformed { field: self.field.take(), fault: self.fault.get() }
    }

    fn refuse<E: Error>(&self, fault: Fault) -> E {
        self.fault.set(fault);
        E::custom("refused")
    }

    /// Remembers which field of the outermost object is being read.
    fn enter(&self, field: &str) {
        self.field.replace(is_a_name(field).then(|| field.into()));
    }

    fn leave(&self) {
        self.field.replace(None);
    }

    fn checked<'t, E: Error>(&self, text: Cow<'t, str>) -> Result<Cow<'t, str>, E> {
        if text.contains('\0') { Err(self.refuse(Fault::Nul)) } else { Ok(text) }
    }
}

/// Whether a client's key may be shown back: one that our own fields could have.
fn is_a_name(key: &str) -> bool {
    (1..=32).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Reads the outermost object.
pub(super) struct ObjectSeed<'a>(pub(super) &'a Tracker);

impl<'de> DeserializeSeed<'de> for ObjectSeed<'_> {
    type Value = Object<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Object<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ObjectSeed<'_> {
    type Value = Object<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
        let mut object = Object::default();
        while let Some(key) = map.next_key_seed(TextSeed(self.0))? {
            self.0.enter(&key);
            if object.has(&key) {
                return Err(self.0.refuse(Fault::Duplicate));
            }
            let value = map.next_value_seed(ValueSeed { tracker: self.0, level: 2 })?;
            object.insert(key, value);
            self.0.leave();
        }
        Ok(object)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Object<'de>, A::Error> {
        Err(self.0.refuse(Fault::NotAnObject))
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Object<'de>, E> {
        Err(self.0.refuse(Fault::NotAnObject))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Object<'de>, E> {
        Err(self.0.refuse(Fault::NotAnObject))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Object<'de>, E> {
        Err(self.0.refuse(Fault::NotAnObject))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Object<'de>, E> {
        Err(self.0.refuse(Fault::NotAnObject))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Object<'de>, E> {
        Err(self.0.refuse(Fault::NotAnObject))
    }

    fn visit_unit<E: Error>(self) -> Result<Object<'de>, E> {
        Err(self.0.refuse(Fault::NotAnObject))
    }
}

/// Reads a text, or a key.
struct TextSeed<'a>(&'a Tracker);

impl<'de> DeserializeSeed<'de> for TextSeed<'_> {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for TextSeed<'_> {
    type Value = Cow<'de, str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Cow<'de, str>, E> {
        self.0.checked(Cow::Borrowed(text))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Cow<'de, str>, E> {
        self.0.checked(Cow::Owned(text.to_owned()))
    }
}

/// Reads a value that stands at `level`.
struct ValueSeed<'a> {
    tracker: &'a Tracker,
    level: u8,
}

impl ValueSeed<'_> {
    /// The seed for what stands inside this value.
    fn inner(&self) -> Self {
        Self { tracker: self.tracker, level: self.level + 1 }
    }

    fn check_level<E: Error>(&self) -> Result<(), E> {
        if self.level > DEPTH_MAX { Err(self.tracker.refuse(Fault::TooDeep)) } else { Ok(()) }
    }
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_> {
    type Value = Value<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value<'de>, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value<'de>, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value<'de>, E> {
        Ok(Value::Integer(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value<'de>, E> {
        Ok(i64::try_from(value).map_or(Value::OtherNumber, Value::Integer))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Value<'de>, E> {
        Ok(Value::OtherNumber)
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Value<'de>, E> {
        self.tracker.checked(Cow::Borrowed(text)).map(Value::Text)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value<'de>, E> {
        self.tracker.checked(Cow::Owned(text.to_owned())).map(Value::Text)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value<'de>, A::Error> {
        self.check_level()?;
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element_seed(self.inner())? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value<'de>, A::Error> {
        self.check_level()?;
        let mut object = Object::default();
        while let Some(key) = map.next_key_seed(TextSeed(self.tracker))? {
            if object.has(&key) {
                return Err(self.tracker.refuse(Fault::Duplicate));
            }
            let value = map.next_value_seed(self.inner())?;
            object.insert(key, value);
        }
        Ok(Value::Object(Box::new(object)))
    }
}
