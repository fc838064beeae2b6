//! Texts without the differences that nobody means: width and composition (NFKC), case, blanks. What is looked for, and
//! what a page does not want said, is compared in this form.

use std::{borrow::Cow, ops::Range};

use icu_casemap::CaseMapper;
use icu_normalizer::{ComposingNormalizerBorrowed, properties::CanonicalCombiningClassMapBorrowed};
use icu_properties::{CodePointSetData, props::DefaultIgnorableCodePoint};

/// `text` in its plain form: words with one blank between them.
pub(super) fn plain(text: &str) -> String {
    let normalised = ComposingNormalizerBorrowed::new_nfkc().normalize(text);
    let folded: Cow<'_, str> = CaseMapper::new().fold_string(&normalised);
    let mut plain = String::with_capacity(folded.len());
    for word in folded.split_whitespace() {
        if !plain.is_empty() {
            plain.push(' ');
        }
        plain.push_str(word);
    }
    plain
}

/// A text in its plain form that knows where each part of it came from. Characters that nobody sees, which would split a
/// word without anybody noticing, are left out.
#[derive(Debug)]
pub(super) struct Traced {
    /// The plain form.
    pub(super) plain: String,
    /// Where each part of it begins, and the part of the text that it came from; in order.
    parts: Vec<(usize, Range<usize>)>,
}

impl Traced {
    pub(super) fn of(text: &str) -> Self {
        let (ignorable, nfkc) =
            (CodePointSetData::new::<DefaultIgnorableCodePoint>(), ComposingNormalizerBorrowed::new_nfkc());
        let mut traced = Self { plain: String::with_capacity(text.len()), parts: Vec::with_capacity(text.len() / 2) };
        for part in parts(text) {
            let written = &text[part.clone()];
            let visible: Cow<'_, str> = if written.chars().any(|char| ignorable.contains(char)) {
                written.chars().filter(|char| !ignorable.contains(*char)).collect::<String>().into()
            } else {
                written.into()
            };
            let folded = CaseMapper::new().fold_string(&nfkc.normalize(&visible)).into_owned();
            traced.push(&folded, part);
        }
        traced
    }

    fn push(&mut self, folded: &str, part: Range<usize>) {
        let begin = self.plain.len();
        for char in folded.chars() {
            if !char.is_whitespace() {
                self.plain.push(char);
            } else if !self.plain.is_empty() && !self.plain.ends_with(' ') {
                self.plain.push(' ');
            }
        }
        if self.plain.len() > begin {
            self.parts.push((begin, part));
        }
    }

    /// The part of the text that a part of the plain form came from.
    pub(super) fn source(&self, range: Range<usize>) -> Range<usize> {
        let at = |place: usize| self.parts.partition_point(|(begin, _)| *begin <= place).saturating_sub(1);
        let (first, last) = (at(range.start), at(range.end.saturating_sub(1)));
        match (self.parts.get(first), self.parts.get(last)) {
            (Some((_, first)), Some((_, last))) => first.start..last.end,
            _ => 0..0,
        }
    }
}

/// The parts of a text whose plain forms do not depend on each other: a character with the marks that follow it.
fn parts(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut characters = text.char_indices().peekable();
    std::iter::from_fn(move || {
        let (begin, _) = characters.next()?;
        while characters.next_if(|(_, char)| joins_what_precedes(*char)).is_some() {}
        let end = characters.peek().map_or(text.len(), |(next, _)| *next);
        Some(begin..end)
    })
}

/// Whether a character may become one with what stands before it: a combining mark, also the few that normalise to one,
/// or the second and third letter of a Korean syllable.
fn joins_what_precedes(char: char) -> bool {
    CanonicalCombiningClassMapBorrowed::new().get_u8(char) != 0
        || matches!(char, '\u{1160}'..='\u{11FF}' | '\u{314F}'..='\u{3163}' | '\u{FF9E}' | '\u{FF9F}' | '\u{FFC2}'..='\u{FFDC}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_traced_form_is_the_plain_form() {
        for text in ["", "你好", " ＨＥＬＬＯ   Ｗorld\n", "e\u{301}te\u{301}", "ｶﾞﾝ", "한글", "Straße ﬁn", "㈱２０２３"]
        {
            let trimmed = Traced::of(text).plain;
            assert_eq!(trimmed.trim_end(), plain(text), "{text}");
        }
    }

    #[test]
    fn a_part_of_it_leads_back_to_the_text() {
        let text = "请看 ＢＡＤ\u{200B}e\u{301} 词";
        let traced = Traced::of(text);
        let found = traced.plain.find("badé").unwrap();
        let source = traced.source(found..found + "badé".len());
        assert_eq!(&text[source], "ＢＡＤ\u{200B}e\u{301}");
    }
}
