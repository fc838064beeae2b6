//! Finding words inside sentences, in any script: a text is indexed by every two characters that stand side by side,
//! so a two-character Chinese word is found wherever it stands, without a dictionary.

use std::collections::HashSet;

use chatroom_kit::{
    error::{Invalid, Problem},
    ids::GroupId,
};

use super::plain::plain;

/// How many characters a query may have.
const QUERY_MAX: usize = 64;

/// The bigrams of a text in a group, each once, as numbers. The group is part of each, so the index entry of a
/// bigram never spans groups. They are hashes: what is found is compared with the text itself.
pub type Terms = Vec<u64>;

/// What someone looks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    text: String,
    /// The bigrams that a text must have to hold it.
    pub terms: Terms,
}

impl Query {
    /// Checks the request field `q`: 2 to 64 characters.
    pub fn parse(group: GroupId, text: &str) -> Result<Self, Invalid> {
        let text = plain(text);
        let length = text.chars().count();
        if length == 0 {
            return Err(Invalid::new("q", Problem::Missing));
        }
        if length < 2 {
            return Err(Invalid::new("q", Problem::TooShort(2)));
        }
        if length > QUERY_MAX {
            return Err(Invalid::new("q", Problem::TooLong(QUERY_MAX)));
        }
        let terms = bigrams(group, &text);
        Ok(Self { text, terms })
    }

    /// Whether `words` hold it: having its bigrams is not enough, they must stand in its order.
    pub fn is_in(&self, words: &str) -> bool {
        plain(words).contains(&self.text)
    }
}

/// What `words` said in `group` can be found by.
pub fn terms(group: GroupId, words: &str) -> Terms {
    bigrams(group, &plain(words))
}

fn bigrams(group: GroupId, plain: &str) -> Terms {
    let seed = fnv1a(FNV_BASIS, group.to_string().as_bytes());
    let mut known = HashSet::new();
    let mut terms = Vec::new();
    let mut start = 0;
    for (middle, character) in plain.char_indices().skip(1) {
        let end = middle + character.len_utf8();
        let term = fnv1a(seed, &plain.as_bytes()[start..end]);
        if known.insert(term) {
            terms.push(term);
        }
        start = middle;
    }
    terms
}

const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

/// FNV-1a (<http://www.isthe.com/chongo/tech/comp/fnv/>): stored hashes must be the same in every release, which the
/// standard library's do not promise.
fn fnv1a(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_inside_a_sentence_has_its_bigrams() {
        let group = GroupId::new();
        let sentence = "我们今天去北京的天安门广场";
        let of_sentence = terms(group, sentence);
        for word in ["今天", "天安门", "北京的"] {
            let query = Query::parse(group, word).unwrap();
            assert!(query.terms.iter().all(|term| of_sentence.contains(term)) && query.is_in(sentence), "{word}");
        }
        let scattered = Query::parse(group, "京天").unwrap();
        assert!(!scattered.terms.iter().all(|term| of_sentence.contains(term)));
    }

    #[test]
    fn bigrams_in_another_order_are_not_the_phrase() {
        let query = Query::parse(GroupId::new(), "abab").unwrap();
        assert!(query.is_in("xababx") && !query.is_in("aba bab"));
    }

    #[test]
    fn case_width_and_blanks_do_not_matter() {
        let query = Query::parse(GroupId::new(), " ＨＥＬＬＯ   world ").unwrap();
        assert!(query.is_in("Say Hello\nWorld!"));
    }

    #[test]
    fn the_same_words_have_other_terms_in_another_group() {
        assert_ne!(terms(GroupId::new(), "你好"), terms(GroupId::new(), "你好"));
    }

    #[test]
    fn terms_stay_the_same_in_every_release() {
        let group = "64e313309054f1bdf19707c1".parse().unwrap();
        assert_eq!(terms(group, "Hi"), [fnv1a(FNV_BASIS, b"64e313309054f1bdf19707c1hi")]);
        assert_eq!(fnv1a(FNV_BASIS, b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn a_query_has_two_to_64_characters() {
        let group = GroupId::new();
        for text in ["", " ", "猫", &"猫".repeat(65)] {
            assert_eq!(Query::parse(group, text).unwrap_err().field, "q", "{text}");
        }
        assert!(Query::parse(group, &"猫".repeat(64)).is_ok());
    }
}
