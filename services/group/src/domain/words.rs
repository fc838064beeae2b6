//! What a page does not want said: words that are masked or refused wherever they stand, compared in their plain form,
//! so that width, case, blanks and invisible characters make no difference.

use std::collections::BTreeSet;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use chatroom_kit::error::{Invalid, Problem};

use super::plain::Traced;

/// How many words a page may have.
const WORDS_MAX: usize = 100_000;
/// How many characters a word may have.
const WORD_MAX: usize = 64;
/// How many bytes all words may have: with their list they travel in one message.
const BYTES_MAX: usize = 2 << 20;
/// What stands for each character of a masked word.
const MASK: char = '*';

/// What becomes of a message that holds an unwanted word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WordMode {
    /// Its words are masked.
    Mask,
    /// It is not sent.
    Refuse,
}

impl WordMode {
    /// As it is stored.
    pub fn number(self) -> i32 {
        match self {
            Self::Mask => 0,
            Self::Refuse => 1,
        }
    }

    /// Reads what is stored.
    pub fn from_number(number: i32) -> Option<Self> {
        match number {
            0 => Some(Self::Mask),
            1 => Some(Self::Refuse),
            _ => None,
        }
    }
}

/// A page's unwanted words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WordList {
    /// What becomes of messages that hold one.
    pub mode: WordMode,
    /// The words in their plain form, each once.
    pub words: Vec<String>,
}

impl WordList {
    /// Checks the request field `words`.
    pub fn parse(mode: WordMode, words: &[String]) -> Result<Self, Invalid> {
        if words.len() > WORDS_MAX {
            return Err(Invalid::new("words", Problem::OutOfRange(0, 100_000)));
        }
        let mut known = BTreeSet::new();
        let mut bytes = 0;
        for word in words {
            let word = Traced::of(word).plain.trim_end().to_owned();
            if word.is_empty() {
                return Err(Invalid::new("words", Problem::Missing));
            }
            if word.chars().count() > WORD_MAX {
                return Err(Invalid::new("words", Problem::TooLong(WORD_MAX)));
            }
            if word.chars().any(char::is_control) {
                return Err(Invalid::new("words", Problem::Malformed));
            }
            bytes += word.len();
            known.insert(word);
        }
        if bytes > BYTES_MAX {
            return Err(Invalid::new("words", Problem::TooLong(BYTES_MAX)));
        }
        Ok(Self { mode, words: known.into_iter().collect() })
    }
}

/// A page's unwanted words, ready to be looked for.
#[derive(Debug)]
pub struct WordFilter {
    mode: WordMode,
    words: AhoCorasick,
}

/// What a filter makes of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filtered {
    /// Nothing is wrong with it.
    Clean,
    /// It is to be said like this.
    Masked(String),
    /// It is not to be said.
    Refused,
}

impl WordFilter {
    /// Makes ready. A long list takes a good part of a second; nothing where it is too large to be made ready.
    pub fn new(list: &WordList) -> Option<Self> {
        let words = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(&list.words)
            .ok()?;
        Some(Self { mode: list.mode, words })
    }

    /// How many bytes it takes.
    pub fn size(&self) -> usize {
        self.words.memory_usage()
    }

    /// Looks for unwanted words.
    pub fn apply(&self, text: &str) -> Filtered {
        let traced = Traced::of(text);
        let mut found = self.words.find_iter(&traced.plain).map(|found| traced.source(found.range())).peekable();
        if found.peek().is_none() {
            return Filtered::Clean;
        }
        if self.mode == WordMode::Refuse {
            return Filtered::Refused;
        }
        let (mut masked, mut end) = (String::with_capacity(text.len()), 0);
        for range in found {
            // Two words may share a character that their plain forms have split in two.
            let begin = range.start.max(end);
            masked.push_str(&text[end..begin]);
            masked.extend(text[begin..range.end.max(begin)].chars().map(|_| MASK));
            end = range.end.max(begin);
        }
        masked.push_str(&text[end..]);
        Filtered::Masked(masked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(mode: WordMode, words: &[&str]) -> WordFilter {
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        WordFilter::new(&WordList::parse(mode, &words).unwrap()).unwrap()
    }

    fn masked(text: &str) -> String {
        match filter(WordMode::Mask, &["坏词", "Bad Word", "坏词语", "é"]).apply(text) {
            Filtered::Masked(masked) => masked,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn a_word_is_masked_wherever_it_stands() {
        assert_eq!(masked("这是坏词。"), "这是**。");
        assert_eq!(masked("坏词语，坏词"), "***，**");
        assert_eq!(masked("a bad word"), "a ********");
    }

    #[test]
    fn tricks_do_not_pass() {
        assert_eq!(masked("ＢＡＤ　Ｗｏｒｄ!"), "********!");
        assert_eq!(masked("Bad \n word"), "**********");
        assert_eq!(masked("坏\u{200B}词"), "***");
        assert_eq!(masked("坏\u{FEFF}\u{AD}词"), "****");
        assert_eq!(masked("caf\u{65}\u{301}"), "caf**");
        assert_eq!(masked("caf\u{e9}"), "caf*");
    }

    #[test]
    fn clean_texts_pass_and_a_refusing_list_refuses() {
        let refusing = filter(WordMode::Refuse, &["坏词"]);
        assert_eq!(refusing.apply("好词，坏 词"), Filtered::Clean);
        assert_eq!(refusing.apply("坏词"), Filtered::Refused);
        assert_eq!(filter(WordMode::Refuse, &[]).apply("坏词"), Filtered::Clean);
    }

    #[test]
    fn words_are_bounded_and_each_stands_once() {
        let list = |words: &[&str]| {
            let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
            WordList::parse(WordMode::Mask, &words)
        };
        assert_eq!(list(&["坏词", "ＢＡＤ", "bad "]).unwrap().words, ["bad", "坏词"]);
        for wrong in ["", "  ", "\u{200B}", &"坏".repeat(65), "a\u{7}b"] {
            assert_eq!(list(&[wrong]).unwrap_err().field, "words", "{wrong:?}");
        }
        assert!(WordList::parse(WordMode::Mask, &vec!["坏词".to_owned(); 100_001]).is_err());
    }
}
