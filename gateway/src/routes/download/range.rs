//! The header `Range` (RFC 9110, section 14): which single range of bytes is asked for. Whether a file has them is the
//! file service's to say.

use chatroom_kit::error::INTERNAL;
use chatroom_proto::file::v1::{ByteRange, DownloadFileHeader, byte_range::Start};
use http::{HeaderMap, HeaderValue, header};

use crate::error::Refusal;

/// The range that is asked for. Several ranges, another unit or a malformed header ask for nothing in particular, and
/// the whole file answers them: a thousand ranges cost what one does.
pub(super) fn requested(headers: &HeaderMap) -> Option<ByteRange> {
    let mut values = headers.get_all(header::RANGE).iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() {
        return None;
    }
    let (unit, range) = value.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = range.trim().split_once('-')?;
    if first.is_empty() {
        return Some(ByteRange { start: Some(Start::Suffix(position(last)?)), last: None });
    }
    let first = position(first)?;
    let last = if last.is_empty() { None } else { Some(position(last)?) };
    if last.is_some_and(|last| last < first) {
        return None;
    }
    Some(ByteRange { start: Some(Start::First(first)), last })
}

/// A position in a file. One beyond all files is as good as the last one that can be written down.
fn position(digits: &str) -> Option<i64> {
    let decimal = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    decimal.then(|| digits.parse().unwrap_or(i64::MAX))
}

/// Which bytes follow, of how many.
pub(super) fn content_range(following: &DownloadFileHeader, size: i64) -> Result<HeaderValue, Refusal> {
    let last = following.first.saturating_add(following.length).saturating_sub(1);
    HeaderValue::try_from(format!("bytes {}-{last}/{size}", following.first)).map_err(|_| Refusal::new(INTERNAL))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(value: &str) -> Option<ByteRange> {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, HeaderValue::from_str(value).unwrap());
        requested(&headers)
    }

    fn from(first: i64, last: Option<i64>) -> ByteRange {
        ByteRange { start: Some(Start::First(first)), last }
    }

    fn suffix(length: i64) -> ByteRange {
        ByteRange { start: Some(Start::Suffix(length)), last: None }
    }

    #[test]
    fn one_range_is_read() {
        assert_eq!(asked("bytes=0-0"), Some(from(0, Some(0))));
        assert_eq!(asked("bytes=5-"), Some(from(5, None)));
        assert_eq!(asked("Bytes=5-9"), Some(from(5, Some(9))));
        assert_eq!(asked("bytes=-7"), Some(suffix(7)));
        assert_eq!(asked("bytes=-0"), Some(suffix(0)));
        assert_eq!(asked("bytes=99999999999999999999-"), Some(from(i64::MAX, None)));
    }

    #[test]
    fn anything_else_asks_for_the_whole() {
        for value in [
            "bytes=0-1,3-4",
            "bytes=5-4",
            "bytes=-",
            "bytes=",
            "bytes",
            "lines=0-1",
            "bytes=+1-2",
            "bytes=a-b",
            "bytes=0x1-2",
            "bytes=1-2-3",
        ] {
            assert_eq!(asked(value), None, "{value}");
        }
        let mut headers = HeaderMap::new();
        headers.append(header::RANGE, HeaderValue::from_static("bytes=0-1"));
        headers.append(header::RANGE, HeaderValue::from_static("bytes=3-4"));
        assert_eq!(requested(&headers), None);
        assert_eq!(requested(&HeaderMap::new()), None);
    }
}
