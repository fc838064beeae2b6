//! The skeleton of a JSON text: its keys in their order, its fixed values, and a class in place of each value that
//! differs from answer to answer. Two answers of the same documented form have the same skeleton.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};

/// The skeleton of `text`.
pub(crate) fn skeleton(text: &str) -> String {
    let Skeleton(skeleton) = serde_json::from_str(text).unwrap_or_else(|error| panic!("no JSON ({error}): {text}"));
    skeleton
}

struct Skeleton(String);

impl<'de> Deserialize<'de> for Skeleton {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SkeletonVisitor).map(Self)
    }
}

struct SkeletonVisitor;

impl<'de> Visitor<'de> for SkeletonVisitor {
    type Value = String;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<String, E> {
        Ok("null".to_owned())
    }

    fn visit_bool<E>(self, value: bool) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_u64<E>(self, value: u64) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_i64<E>(self, value: i64) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_f64<E>(self, value: f64) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_str<E>(self, value: &str) -> Result<String, E> {
        Ok(class(value).map_or_else(|| format!("{value:?}"), str::to_owned))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<String, A::Error> {
        let mut elements = Vec::new();
        while let Some(Skeleton(element)) = array.next_element()? {
            elements.push(element);
        }
        Ok(format!("[{}]", elements.join(",")))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<String, A::Error> {
        let mut members = Vec::new();
        while let Some((key, Skeleton(value))) = object.next_entry::<String, _>()? {
            members.push(format!("{key}:{value}"));
        }
        Ok(format!("{{{}}}", members.join(",")))
    }
}

/// The class of a value that differs from answer to answer.
fn class(text: &str) -> Option<&'static str> {
    if is_id(text) {
        return Some("<id>");
    }
    if follows(text, "dddd-dd-ddTdd:dd:dd.dddZ") {
        return Some("<time>");
    }
    if text.starts_with("eyJ") {
        return Some("<token>");
    }
    let upload = text.strip_prefix("/upload/")?;
    follows(upload, "dddddddd/hhhhhhhhhhhhhhhhhhhhhhhhh.png").then_some("<path>")
}

/// Whether `text` is 24 lower-case hex digits.
pub(crate) fn is_id(text: &str) -> bool {
    follows(text, "hhhhhhhhhhhhhhhhhhhhhhhh")
}

/// Whether `text` has the form `pattern`, in which `d` stands for a digit and `h` for a lower-case hex digit.
pub(crate) fn follows(text: &str, pattern: &str) -> bool {
    text.len() == pattern.len()
        && text.bytes().zip(pattern.bytes()).all(|(byte, wanted)| match wanted {
            b'd' => byte.is_ascii_digit(),
            b'h' => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            _ => byte == wanted,
        })
}
