//! Whether what members heard and what the history shows can follow from what was said. Pure: asks nobody.

use std::collections::BTreeMap;

use super::talk::Said;

/// A message as somebody is shown it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) seq: i64,
    pub(super) client_id: String,
    pub(super) words: String,
}

/// The last place that was acknowledged.
pub(super) fn last_place(said: &[Said]) -> i64 {
    said.iter().filter_map(|said| said.outcome.as_ref().ok().copied()).max().unwrap_or(0)
}

/// What is wrong with a history, given everything that was said.
pub(super) fn wrong_in_history(said: &[Said], history: &[Message]) -> Vec<String> {
    let mut found: BTreeMap<&str, Vec<&Message>> = BTreeMap::new();
    for message in history {
        found.entry(&message.client_id).or_default().push(message);
    }
    let mut wrong = Vec::new();
    for said in said {
        let messages = found.remove(said.client_id.as_str()).unwrap_or_default();
        match (&said.outcome, messages.as_slice()) {
            (Ok(seq), []) => wrong.push(format!("{} was acknowledged as {seq} and is lost", said.client_id)),
            (_, [first, second, ..]) => {
                wrong.push(format!("{} is there twice, as {} and {}", said.client_id, first.seq, second.seq));
            }
            (Ok(seq), [message]) if *seq != message.seq => {
                wrong.push(format!("{} was acknowledged as {seq} and is {}", said.client_id, message.seq));
            }
            (_, [message]) if said.words != message.words => {
                wrong.push(format!("{} has other words: {}", said.client_id, message.words));
            }
            (Err(_), []) | (_, [_]) => {}
        }
    }
    wrong.extend(found.values().flatten().map(|message| format!("{message:?} was never said")));
    wrong
}

/// What is wrong with what a member has heard after a place, given the whole history, in order: they hear all that comes
/// after it, in that order, and nothing else.
pub(super) fn wrong_in_hearing(after: i64, heard: &[Message], history: &[Message]) -> Option<String> {
    let due = &history[history.partition_point(|message| message.seq <= after)..];
    for (seq, (number, message)) in (after + 1..).zip(heard.iter().enumerate()) {
        if message.seq != seq {
            return Some(format!("{} was heard where {seq} is next", message.seq));
        }
        if due.get(number) != Some(message) {
            return Some(format!("{message:?} was heard where the history has {:?}", due.get(number)));
        }
    }
    let missed = due.len() - heard.len();
    (missed > 0).then(|| format!("{missed} messages after {after} and {} more were not heard", heard.len()))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use serde_json::{Value, json};

    use super::*;

    fn said(name: &str, outcome: Result<i64, Value>) -> Said {
        let (client_id, words) = (name.to_owned(), format!("{name}!"));
        Said { at: Instant::now(), client_id, words, outcome, repeated: false }
    }

    fn message(seq: i64, name: &str) -> Message {
        Message { seq, client_id: name.to_owned(), words: format!("{name}!") }
    }

    fn everything_said() -> [Said; 3] {
        [said("a", Ok(5)), said("b", Ok(6)), said("c", Err(json!({"code": 403})))]
    }

    fn wrong(history: &[Message]) -> Vec<String> {
        wrong_in_history(&everything_said(), history)
    }

    #[test]
    fn what_was_said_is_there_once() {
        assert_eq!(wrong(&[message(5, "a"), message(6, "b")]), [""; 0]);
        assert_eq!(wrong(&[message(5, "a"), message(6, "b"), message(7, "c")]), [""; 0], "nobody knows of c");
    }

    #[test]
    fn whatever_is_wrong_in_a_history_is_noticed() {
        assert_eq!(wrong(&[message(5, "a")]), ["b was acknowledged as 6 and is lost"]);
        assert_eq!(wrong(&[message(5, "a"), message(7, "b")]), ["b was acknowledged as 6 and is 7"]);
        let doubled = [message(5, "a"), message(6, "b"), message(7, "b")];
        assert_eq!(wrong(&doubled), ["b is there twice, as 6 and 7"]);
        let changed = Message { words: "z".to_owned(), ..message(6, "b") };
        assert_eq!(wrong(&[message(5, "a"), changed]), ["b has other words: z"]);
        assert_eq!(wrong(&[message(5, "a"), message(6, "b"), message(7, "d")]).len(), 1, "d was never said");
    }

    #[test]
    fn a_member_hears_everything_in_order() {
        let history = [message(5, "a"), message(6, "b"), message(7, "c")];
        assert_eq!(wrong_in_hearing(4, &history, &history), None);
        assert_eq!(wrong_in_hearing(5, &history[1..], &history), None, "who has come later");
    }

    #[test]
    fn whatever_is_wrong_in_hearing_is_noticed() {
        let history = [message(5, "a"), message(6, "b"), message(7, "c")];
        let hears = |heard: &[Message]| wrong_in_hearing(4, heard, &history);
        assert_eq!(hears(&history[..2]).as_deref(), Some("1 messages after 4 and 2 more were not heard"));
        assert!(hears(&[message(5, "a"), message(7, "c")]).is_some(), "a hole");
        assert!(hears(&[message(5, "a"), message(5, "a"), message(6, "b")]).is_some(), "a repetition");
        assert!(hears(&[message(5, "a"), message(7, "c"), message(6, "b")]).is_some(), "another order");
        assert!(hears(&[message(5, "a"), message(6, "x")]).is_some(), "another message");
        assert!(hears(&[message(5, "a"), message(6, "b"), message(7, "c"), message(8, "d")]).is_some(), "one too many");
    }
}
