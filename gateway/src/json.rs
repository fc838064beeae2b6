//! Strict reading of JSON objects: the whole document is checked, what no field wants included. Owns the checks; who
//! may send how much is `body.rs`.
//!
//! serde alone is laxer than the contract: a derived struct also accepts an array, ignored values skip the checks of
//! UTF-8 and depth, and duplicate keys below the first level pass. So a document is read once into a checked
//! [`Object`], and a request type is made from that.

mod object;
mod scan;

use serde::de::{DeserializeOwned, DeserializeSeed as _};

use self::{
    object::Object,
    scan::{ObjectSeed, Tracker},
};

/// How deep a document may be nested; the outermost object is the first level.
const DEPTH_MAX: u8 = 128;

/// Reads a request from a JSON document.
pub(crate) fn parse<T: DeserializeOwned>(document: &[u8]) -> Result<T, Malformed> {
    let text = str::from_utf8(document).map_err(|_| Malformed::whole(Fault::NotUtf8))?;
    T::deserialize(scan(text)?)
}

fn scan(text: &str) -> Result<Object<'_>, Malformed> {
    let tracker = Tracker::default();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    // The scan counts levels itself, and goes no deeper than ours.
    deserializer.disable_recursion_limit();
    let object = ObjectSeed(&tracker).deserialize(&mut deserializer).map_err(|_| tracker.malformed())?;
    deserializer.end().map_err(|_| Malformed::whole(Fault::Syntax))?;
    Ok(object)
}

/// Why a document is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    /// The field at fault, where there is one that can be named; `content.text` is a field of the field `content`.
    pub(crate) field: Option<Box<str>>,
    /// What is wrong.
    pub(crate) fault: Fault,
}

/// What can be wrong with a document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is no JSON, or something follows it.
    #[default]
    Syntax,
    /// It is not UTF-8.
    NotUtf8,
    /// It is JSON, but no object.
    NotAnObject,
    /// It is nested deeper than 128 levels.
    TooDeep,
    /// An object has a key twice.
    Duplicate,
    /// A text contains U+0000.
    Nul,
    /// A field is not there.
    Missing,
    /// A field has a value of another type, or a number out of its type's range.
    WrongType,
}

impl Malformed {
    pub(crate) fn whole(fault: Fault) -> Self {
        Self { field: None, fault }
    }

    /// The same fault as seen from the object whose field `name` has it.
    pub(crate) fn within(self, name: &str) -> Self {
        let field = match self.field {
            Some(inner) => format!("{name}.{inner}").into(),
            None => name.into(),
        };
        Self { field: Some(field), ..self }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Request {
        name: String,
        count: Option<i32>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Nested {
        content: Content,
        names: Option<Vec<String>>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Content {
        text: String,
    }

    fn fault(document: impl AsRef<[u8]>) -> (Fault, Option<String>) {
        let malformed = parse::<Request>(document.as_ref()).unwrap_err();
        (malformed.fault, malformed.field.map(Into::into))
    }

    fn in_field(fault: Fault, field: &str) -> (Fault, Option<String>) {
        (fault, Some(field.to_owned()))
    }

    #[test]
    fn an_object_is_read_and_unknown_fields_are_ignored() {
        let document = r#" {"role":1,"name":"小蓝\n","other":[{"a":{"b":null}},1e3],"count":7} "#;
        assert_eq!(parse::<Request>(document.as_bytes()), Ok(Request { name: "小蓝\n".to_owned(), count: Some(7) }));
        assert_eq!(parse::<Request>(br#"{"name":"a","count":null}"#).unwrap().count, None);
        assert_eq!(parse::<Request>(br#"{"name":"a"}"#).unwrap().count, None);
    }

    #[test]
    fn only_an_object_is_a_request() {
        for document in [r#"["a",1]"#, "[]", "null", "1", r#""name""#, "true", "1.5", "-1"] {
            assert_eq!(fault(document), (Fault::NotAnObject, None), "{document}");
        }
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for document in
            ["", " ", "{", r#"{"name":"a""#, r#"{"name":"a"}}"#, r#"{"name":"a"} x"#, "\u{FEFF}{}", "{'a':1}"]
        {
            assert_eq!(fault(document).0, Fault::Syntax, "{document}");
        }
        assert_eq!(fault(r#"{"name":"a","x":01}"#), in_field(Fault::Syntax, "x"));
        assert_eq!(fault(r#"{"name":"a","x":"\ud800"}"#), in_field(Fault::Syntax, "x"));
        assert_eq!(fault("{\"name\":\"a\u{0}\"}"), in_field(Fault::Syntax, "name"));
        assert_eq!(fault(b"{\"name\":\"a\",\"x\":\"\xff\"}"), (Fault::NotUtf8, None));
    }

    #[test]
    fn a_nul_is_refused_wherever_it_stands() {
        assert_eq!(fault(r#"{"name":"a\u0000"}"#), in_field(Fault::Nul, "name"));
        assert_eq!(fault(r#"{"name":"a","x":[{"y":"\u0000"}]}"#), in_field(Fault::Nul, "x"));
        assert_eq!(fault(r#"{"name":"a","x":{"\u0000":1}}"#), in_field(Fault::Nul, "x"));
        assert_eq!(fault(r#"{"name":"a","\u0000":1}"#), (Fault::Nul, None));
        assert!(parse::<Request>(br#"{"name":"\\u0000"}"#).is_ok());
    }

    #[test]
    fn a_key_may_stand_once() {
        assert_eq!(fault(r#"{"name":"a","name":"b"}"#), in_field(Fault::Duplicate, "name"));
        assert_eq!(fault(r#"{"name":"a","n\u0061me":"b"}"#), in_field(Fault::Duplicate, "name"));
        assert_eq!(fault(r#"{"name":"a","x":[{"y":1,"y":2}]}"#), in_field(Fault::Duplicate, "x"));
        assert_eq!(fault(r#"{"name":"a","a b":1,"a b":2}"#), (Fault::Duplicate, None));
    }

    #[test]
    fn the_field_at_fault_is_named() {
        assert_eq!(fault("{}"), in_field(Fault::Missing, "name"));
        for value in ["1", "null", "true", "[]", r#"{"name":"a"}"#] {
            assert_eq!(fault(format!(r#"{{"name":{value}}}"#)), in_field(Fault::WrongType, "name"), "{value}");
        }
        for value in ["1.5", r#""1""#, "2147483648", "-9e3", "18446744073709551616", "[1]"] {
            let document = format!(r#"{{"name":"a","count":{value}}}"#);
            assert_eq!(fault(document), in_field(Fault::WrongType, "count"), "{value}");
        }
    }

    #[test]
    fn what_is_nested_is_read_as_strictly() {
        let nested = |document: &str| parse::<Nested>(document.as_bytes());
        let read = nested(r#"{"content":{"text":"你\n","x":[{}]},"names":["a","b"]}"#).unwrap();
        let names = Some(vec!["a".to_owned(), "b".to_owned()]);
        assert_eq!(read, Nested { content: Content { text: "你\n".to_owned() }, names });
        let refused =
            |document: &str| nested(document).map_err(|it| (it.fault, it.field.unwrap_or_default().into_string()));
        for (document, fault, field) in [
            (r#"{"content":{}}"#, Fault::Missing, "content.text"),
            (r#"{"content":{"text":1}}"#, Fault::WrongType, "content.text"),
            (r#"{"content":["a"]}"#, Fault::WrongType, "content"),
            (r#"{"content":"a"}"#, Fault::WrongType, "content"),
            (r#"{"content":{"text":"a","text":"b"}}"#, Fault::Duplicate, "content"),
            (r#"{"content":{"text":"a"},"names":[1]}"#, Fault::WrongType, "names"),
            (r#"{"content":{"text":"a"},"names":{"0":"a"}}"#, Fault::WrongType, "names"),
        ] {
            assert_eq!(refused(document), Err((fault, field.to_owned())), "{document}");
        }
    }

    #[test]
    fn a_document_may_be_128_levels_deep() {
        let nested = |levels: usize| format!(r#"{{"name":"a","x":{}{}}}"#, "[".repeat(levels), "]".repeat(levels));
        assert!(parse::<Request>(nested(127).as_bytes()).is_ok());
        assert_eq!(fault(nested(128)), in_field(Fault::TooDeep, "x"));
        assert_eq!(fault(nested(30_000)), in_field(Fault::TooDeep, "x"));
        let objects = format!(r#"{{"name":"a","x":{}1{}}}"#, r#"{"a":"#.repeat(128), "}".repeat(128));
        assert_eq!(fault(objects), in_field(Fault::TooDeep, "x"));
    }
}
