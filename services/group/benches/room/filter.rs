//! What unwanted words cost each message.

use std::time::Instant;

use chatroom_group::domain::{Filtered, WordFilter, WordList, WordMode};

use crate::words;

/// As many as a page may have.
const WORDS: usize = 100_000;
/// How many messages are looked at.
const MESSAGES: u32 = 20_000;

pub(crate) fn measure() {
    let unwanted: Vec<_> = (0..WORDS).map(word).collect();
    let begun = Instant::now();
    let list = WordList::parse(WordMode::Mask, &unwanted).unwrap();
    let parsed = begun.elapsed();
    let begun = Instant::now();
    let filter = WordFilter::new(&list).unwrap();
    let made = begun.elapsed();
    let messages: Vec<_> = (0..MESSAGES).map(|number| words(number as usize)).collect();
    let begun = Instant::now();
    let clean = messages.iter().filter(|message| filter.apply(message) == Filtered::Clean).count();
    let each = begun.elapsed() / MESSAGES;
    println!(
        "{} unwanted words: checked in {parsed:.0?}, made ready in {made:.0?}, {} KiB; each of {MESSAGES} messages of \
         about 100 bytes, {clean} of them clean: {each:.1?}",
        list.words.len(),
        filter.size() / 1024,
    );
}

/// Two to six Chinese characters, none like another.
fn word(number: usize) -> String {
    let mut rest = number * 7919 + 400;
    let mut word = String::new();
    while rest > 0 {
        word.push(char::from_u32(0x4E00 + u32::try_from(rest % 20_000).unwrap()).unwrap());
        rest /= 20_000;
    }
    word.push(char::from_u32(0x5000 + u32::try_from(number % 13_000).unwrap()).unwrap());
    word
}
