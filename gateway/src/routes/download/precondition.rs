//! The preconditions of a download (RFC 9110, section 13) against the one thing a file is known by: its ETag.

use http::{HeaderMap, HeaderValue, header};

/// Whether the client says in `If-None-Match` that it has the file. Compared weakly, as the section asks.
pub(super) fn has(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let listed = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    listed.flat_map(|list| list.split(',')).map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
}

/// Whether a range is still meant: `If-Range` names this file, or is not sent. Compared strongly; a date names nothing,
/// since no answer has one.
pub(super) fn wants_range(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    headers.get(header::IF_RANGE).is_none_or(|value| value == etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ETAG: HeaderValue = HeaderValue::from_static("\"7e23cd7207e15d29589565701\"");

    fn sent(name: &header::HeaderName, values: &[&'static str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn a_listed_etag_in_any_form_is_had() {
        let has = |values: &[&'static str]| has(&sent(&header::IF_NONE_MATCH, values), &ETAG);
        assert!(has(&["\"7e23cd7207e15d29589565701\""]));
        assert!(has(&["W/\"7e23cd7207e15d29589565701\""]));
        assert!(has(&["\"a\", \"7e23cd7207e15d29589565701\""]));
        assert!(has(&["\"a\"", "\"7e23cd7207e15d29589565701\""]));
        assert!(has(&["*"]));
        assert!(!has(&[]) && !has(&["\"a\""]) && !has(&["7e23cd7207e15d29589565701"]) && !has(&[""]));
    }

    #[test]
    fn a_range_is_meant_for_the_file_it_names() {
        let wants = |values: &[&'static str]| wants_range(&sent(&header::IF_RANGE, values), &ETAG);
        assert!(wants(&[]) && wants(&["\"7e23cd7207e15d29589565701\""]));
        assert!(!wants(&["\"a\""]) && !wants(&["W/\"7e23cd7207e15d29589565701\""]));
        assert!(!wants(&["Mon, 21 Aug 2023 04:16:53 GMT"]));
    }
}
