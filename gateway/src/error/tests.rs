//! What clients may rely on in refusals.

use std::{collections::HashSet, fs, path::PathBuf};

use chatroom_kit::error::{Problem, status, status_retry_after, status_with};

use super::*;

/// Every line of every service's contract.
fn lines_of_contracts() -> Vec<String> {
    let mut lines = Vec::new();
    let mut folders = vec![PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../proto/chatroom"))];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                lines.extend(fs::read_to_string(path).unwrap().lines().map(str::to_owned));
            }
        }
    }
    lines
}

/// The reasons that a comment names: words in capitals, but for gRPC's codes and what is explained on the spot.
fn reasons(line: &str) -> impl Iterator<Item = &str> {
    const OTHER: [&str; 18] = [
        "UNAVAILABLE",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "NOT_FOUND",
        "RESOURCE_EXHAUSTED",
        "OUT_OF_RANGE",
        "FAILED_PRECONDITION",
        "ABORTED",
        "CANCELLED",
        "NOT_MEMBER",
        "NOT_OWNER",
        "HMAC",
        "VERDICT_REPLACE",
        "CHATROOM_MODERATION_URL",
        "CHATROOM_MODERATION_FAIL",
        "HTTP",
        "JSON",
        "ASCII",
    ];
    let comment = line.trim_start().strip_prefix("//").unwrap_or_default();
    let words = comment.split(|char: char| !char.is_ascii_uppercase() && char != '_');
    words.filter(|word| word.len() > 4 && !word.starts_with('_') && !OTHER.contains(word))
}

#[test]
fn every_reason_of_every_contract_has_a_row() {
    let lines = lines_of_contracts();
    let named: HashSet<_> = lines.iter().flat_map(|line| reasons(line)).collect();
    let unknown: Vec<_> = named.iter().filter(|reason| find(reason).is_none()).collect();
    assert!(unknown.is_empty(), "without a row: {unknown:?}");
    assert!(named.len() > 20, "only {named:?} were found");
}

#[test]
fn every_reason_stands_once_and_has_a_chinese_sentence() {
    let mut reasons = HashSet::new();
    for row in TABLE {
        assert!(reasons.insert(row.reason), "{} stands twice", row.reason);
        assert!(row.sentence.chars().any(|char| ('\u{4E00}'..='\u{9FFF}').contains(&char)), "{}", row.reason);
        assert!(row.status.is_client_error() || row.status.is_server_error(), "{}", row.reason);
    }
    for reason in [NOT_FOUND, METHOD_NOT_ALLOWED, PAYLOAD_TOO_LARGE, RATE_LIMITED, OVERLOADED, DRAINING, FILE_NOT_FOUND]
    {
        assert!(reasons.contains(reason), "{reason}");
    }
}

#[test]
fn a_broken_rule_names_the_field_as_http_does() {
    let sentence = |field, problem| Refusal::from(Invalid::new(field, problem)).sentence.unwrap();
    assert_eq!(sentence("username", Problem::TooLong(32)), "字段 username 不能超过 32 个字符");
    assert_eq!(sentence("count", Problem::OutOfRange(1, 1000)), "字段 count 必须在 1–1000 之间");
    assert_eq!(sentence("request_id", Problem::Malformed), "字段 Idempotency-Key 的格式不正确");
    assert_eq!(sentence("page_token", Problem::Malformed), "字段 after 的格式不正确");
}

#[test]
fn a_call_that_fails_without_a_reason_says_nothing_of_why() {
    let shown = |status: Status| {
        let refusal = Refusal::from(status);
        (refusal.row.status.as_u16(), refusal.row.reason)
    };
    assert_eq!(shown(Status::unavailable("tcp 10.0.0.7")), (503, "UPSTREAM_UNAVAILABLE"));
    assert_eq!(shown(Status::resource_exhausted("shed")), (503, "OVERLOADED"));
    assert_eq!(shown(Status::cancelled("timeout")), (504, "DEADLINE_EXCEEDED"));
    assert_eq!(shown(Status::deadline_exceeded("timeout")), (504, "DEADLINE_EXCEEDED"));
    assert_eq!(shown(Status::unknown("?")), (500, "INTERNAL"));
    assert_eq!(shown(Status::unauthenticated("?")), (500, "INTERNAL"));
    assert_eq!(shown(status(Code::NotFound, "FROM_THE_FUTURE", "?")), (500, "INTERNAL"));
}

#[test]
fn what_passes_says_when_to_try_again() {
    let retry_after = |refusal: Refusal| refusal.into_response().headers().get(header::RETRY_AFTER).cloned();
    let status = status_retry_after(Code::ResourceExhausted, "TOO_MANY_ATTEMPTS", "", Duration::from_millis(2001));
    assert_eq!(retry_after(status.into()).unwrap(), "3");
    assert_eq!(retry_after(Refusal::rate_limited(Duration::from_millis(1))).unwrap(), "1");
    assert_eq!(retry_after(Refusal::new(OVERLOADED)).unwrap(), "1");
    assert_eq!(retry_after(Refusal::new(NOT_FOUND)), None);
}

#[test]
fn an_unsatisfiable_range_tells_the_size() {
    let status = status_with(Code::OutOfRange, RANGE_NOT_SATISFIABLE, "", [("size", "42".to_owned())]);
    let response = Refusal::from(status).into_response();
    assert_eq!(response.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(response.headers()[header::CONTENT_RANGE], "bytes */42");
}
