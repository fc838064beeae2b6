//! How answers are shown: as JSON, in protobuf's own mapping, or as lines and tables for people. Knows nothing of what
//! the answers mean; their shape is read from the contracts.

use anyhow::{Context as _, bail};
use comfy_table::{Table, presets};
use prost::{Message, Name};
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};
use serde_json::{Map, Value};

/// The field of an answer that says where the list goes on.
const NEXT: &str = "nextPageToken";

/// Shows answers.
pub(super) struct Printer {
    json: bool,
}

impl Printer {
    pub(super) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether answers are shown as JSON.
    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    /// Shows an answer on standard output.
    pub(super) fn show<M: Message + Name>(&self, answer: &M) -> anyhow::Result<()> {
        let mut fields = fields(answer)?;
        if self.json {
            println!("{:#}", Value::Object(fields));
            return Ok(());
        }
        let next = fields.remove(NEXT);
        match (fields.len(), fields.values().next()) {
            (0, _) => println!("done"),
            (1, Some(Value::Array(rows))) => println!("{}", list(rows)),
            (1, Some(Value::Object(only))) => println!("{}", record(only)),
            _ => println!("{}", record(&fields)),
        }
        if let Some(next) = next.as_ref().and_then(Value::as_str).filter(|next| !next.is_empty()) {
            eprintln!("there is more: --after {next}");
        }
        Ok(())
    }
}

/// An answer in protobuf's mapping to JSON, fields that are not set included where they have a value all the same.
fn fields<M: Message + Name>(answer: &M) -> anyhow::Result<Map<String, Value>> {
    let contracts = DescriptorPool::decode(chatroom_proto::DESCRIPTORS).context("the contracts are malformed")?;
    let name = M::full_name();
    let shape = contracts.get_message_by_name(&name).with_context(|| format!("{name} is in no contract"))?;
    let answer = DynamicMessage::decode(shape, answer.encode_to_vec().as_slice())?;
    let options = SerializeOptions::new().skip_default_fields(false);
    match answer.serialize_with_options(serde_json::value::Serializer, &options)? {
        Value::Object(fields) => Ok(fields),
        _ => bail!("{name} is no record"),
    }
}

/// One row a line; records below the names of their fields.
fn list(rows: &[Value]) -> String {
    let records: Vec<_> = rows.iter().map(flat).collect();
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in records.iter().flatten() {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    // What the next command is given comes first.
    names.sort_by_key(|name| name.rsplit('.').next() != Some("id"));
    let cell = |row: &[(String, String)], name: &str| {
        row.iter().find(|(field, _)| field == name).map(|(_, text)| text.clone()).unwrap_or_default()
    };
    let mut table = table();
    // Rows that are no records have nothing to be headed by.
    if names != [""] {
        table.set_header(&names);
    }
    table.add_rows(records.iter().map(|row| names.iter().map(|name| cell(row, name)).collect::<Vec<_>>()));
    table.trim_fmt()
}

/// One field a line.
fn record(fields: &Map<String, Value>) -> String {
    let mut table = table();
    table.add_rows(flat(&Value::Object(fields.clone())).into_iter().map(|(name, text)| [name, text]));
    table.trim_fmt()
}

fn table() -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table
}

/// What a value holds, by names such as `user.username`.
fn flat(value: &Value) -> Vec<(String, String)> {
    let Value::Object(fields) = value else {
        return vec![(String::new(), text(value))];
    };
    let below = |name: &str, inner: String| if inner.is_empty() { name.to_owned() } else { format!("{name}.{inner}") };
    fields
        .iter()
        .flat_map(|(name, value)| flat(value).into_iter().map(move |(inner, text)| (below(name, inner), text)))
        .collect()
}

/// A value without anything that a terminal would obey: users have written it.
fn text(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    text.chars().map(|character| if is_obeyed(character) { ' ' } else { character }).collect()
}

/// Whether a terminal does something in place of showing a character: control characters, and those that turn the
/// direction of writing (Unicode Standard Annex 9).
fn is_obeyed(character: char) -> bool {
    let turns =
        matches!(character, '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns || character.is_control()
}

#[cfg(test)]
mod tests {
    use chatroom_proto::user::v1::{Account, FindAccountsResponse, User};

    use super::*;

    fn answer() -> FindAccountsResponse {
        let user = User {
            username: "小蓝\u{1b}[2J\u{202e}".to_owned(),
            id: "64e2e53561a25a30db767a40".to_owned(),
            ..User::default()
        };
        FindAccountsResponse {
            accounts: vec![Account { user: Some(user), disable_time: None }],
            next_page_token: "64e2e53561a25a30db767a40".to_owned(),
        }
    }

    #[test]
    fn json_follows_the_contract() {
        let value = fields(&answer()).unwrap();
        assert_eq!(value["accounts"][0]["user"]["id"], "64e2e53561a25a30db767a40");
        assert_eq!(value["accounts"][0]["user"]["nickname"], "", "a field without a value is there");
        assert_eq!(value[NEXT], "64e2e53561a25a30db767a40");
    }

    #[test]
    fn people_see_a_table_that_moves_no_cursor() {
        let value = fields(&answer()).unwrap();
        let table = list(value["accounts"].as_array().unwrap());
        let (head, row) = table.split_once('\n').unwrap();
        assert!(head.contains("user.username") && row.contains("小蓝 [2J"), "{table}");
    }
}
