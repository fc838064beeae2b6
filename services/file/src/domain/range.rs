//! Byte ranges as RFC 9110 section 14.1.2 means them.

/// Which bytes of a file are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// From an offset, to another (itself included) or to the end.
    From {
        /// The first byte's offset.
        first: u64,
        /// The last byte's offset, not before the first.
        last: Option<u64>,
    },
    /// So many of the last bytes.
    Suffix(u64),
}

/// Bytes that a file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first byte's offset.
    pub first: u64,
    /// The last byte's offset.
    pub last: u64,
}

impl Range {
    /// The bytes that are asked for of a file of `size` bytes; nothing where it has none of them.
    pub fn within(self, size: u64) -> Option<Span> {
        let end = size.checked_sub(1)?;
        match self {
            Self::From { first, last } => {
                (first <= end).then(|| Span { first, last: last.map_or(end, |last| last.min(end)) })
            }
            Self::Suffix(0) => None,
            Self::Suffix(length) => Some(Span { first: size.saturating_sub(length), last: end }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(first: u64, last: Option<u64>) -> Range {
        Range::From { first, last }
    }

    #[test]
    fn a_range_is_cut_to_the_file() {
        for (range, first, last) in [
            (from(0, None), 0, 99),
            (from(0, Some(0)), 0, 0),
            (from(10, Some(19)), 10, 19),
            (from(99, None), 99, 99),
            (from(90, Some(u64::MAX)), 90, 99),
            (Range::Suffix(1), 99, 99),
            (Range::Suffix(100), 0, 99),
            (Range::Suffix(u64::MAX), 0, 99),
        ] {
            assert_eq!(range.within(100), Some(Span { first, last }), "{range:?}");
        }
    }

    #[test]
    fn a_range_outside_the_file_has_no_bytes() {
        for range in [from(100, None), from(100, Some(200)), from(u64::MAX, None), Range::Suffix(0)] {
            assert_eq!(range.within(100), None, "{range:?}");
        }
        assert_eq!(from(0, None).within(0), None);
        assert_eq!(Range::Suffix(5).within(0), None);
    }
}
