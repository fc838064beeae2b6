//! Finding words inside sentences.

use chatroom_group::{
    domain::{Content, Draft, Query},
    store::Found,
};
use chatroom_kit::{ids::GroupId, on_both_engines};

use crate::world::{Fresh, noon, open, text};

on_both_engines!(
    a_two_character_word_inside_a_sentence_is_found,
    a_phrase_is_found_in_its_order_only,
    case_and_width_do_not_matter,
    marks_of_the_query_language_are_words,
    another_groups_messages_are_not_found,
    an_attachment_is_found_by_its_name,
    results_come_newest_first_and_in_pages,
    words_that_only_share_bigrams_end_a_search_in_time,
);

async fn search(fresh: &Fresh, group: GroupId, words: &str, before: Option<i64>, limit: i64) -> Found {
    let query = Query::parse(group, words).unwrap();
    fresh.store.search(group, &query, before, limit).await.unwrap()
}

async fn places(fresh: &Fresh, group: GroupId, words: &str) -> Vec<i64> {
    let found = search(fresh, group, words, None, 100).await;
    assert_eq!(found.before, None);
    found.messages.iter().map(|message| message.seq).collect()
}

/// Says each of these, at places 1, 2, 3 …
async fn group_with(fresh: &Fresh, sentences: &[&str]) -> GroupId {
    let (group, owner) = fresh.group().await;
    let drafts: Vec<_> = sentences.iter().enumerate().map(|(n, words)| text(owner, &n.to_string(), words)).collect();
    fresh.store.send(group, &drafts, noon()).await.unwrap();
    group
}

async fn a_two_character_word_inside_a_sentence_is_found(fresh: Fresh) {
    let group = group_with(&fresh, &["我们今天去北京的天安门广场看升旗", "明天再说", "北方的京城"]).await;
    assert_eq!(places(&fresh, group, "北京").await, [1]);
    assert_eq!(places(&fresh, group, "升旗").await, [1]);
    assert_eq!(places(&fresh, group, "明天").await, [2]);
    assert!(places(&fresh, group, "后天").await.is_empty());
}

async fn a_phrase_is_found_in_its_order_only(fresh: Fresh) {
    let group = group_with(&fresh, &["天安门广场", "安门天安", "门广场的天安门"]).await;
    assert_eq!(places(&fresh, group, "天安门").await, [3, 1]);
    assert_eq!(places(&fresh, group, "安门天").await, [2]);
}

async fn case_and_width_do_not_matter(fresh: Fresh) {
    let group = group_with(&fresh, &["Hello, World", "ＨＥＬＬＯ　ｗｏｒｌｄ", "help"]).await;
    assert_eq!(places(&fresh, group, "hello").await, [2, 1]);
    assert_eq!(places(&fresh, group, "o world").await, [2]);
    assert_eq!(places(&fresh, group, "HE").await, [3, 2, 1]);
}

async fn marks_of_the_query_language_are_words(fresh: Fresh) {
    let group = group_with(&fresh, &["a AND b", "\"quoted\" OR *", "{1,2} & !c | d", "100%_\\"]).await;
    for (words, place) in [("and", 1), ("\"quoted\"", 2), ("or *", 2), ("{1,2}", 3), ("& !", 3), ("%_\\", 4)] {
        assert_eq!(places(&fresh, group, words).await, [place], "{words}");
    }
}

async fn another_groups_messages_are_not_found(fresh: Fresh) {
    let group = group_with(&fresh, &["你好"]).await;
    group_with(&fresh, &["你好", "你好"]).await;
    assert_eq!(places(&fresh, group, "你好").await, [1]);
}

async fn an_attachment_is_found_by_its_name(fresh: Fresh) {
    let (group, owner) = fresh.group().await;
    let attachment = chatroom_group::domain::Attachment {
        path: "/upload/20230821/7e23cd7207e15d29589565701.pdf".to_owned(),
        name: "八月的合同.pdf".to_owned(),
        size: 1,
        width: None,
        height: None,
    };
    fresh.send(group, Draft { content: Content::File(attachment), ..text(owner, "a", "x") }).await.unwrap();
    assert_eq!(places(&fresh, group, "合同").await, [1]);
}

async fn results_come_newest_first_and_in_pages(fresh: Fresh) {
    let sentences: Vec<_> = (1..=450).map(|n| if n % 3 == 0 { "今天好天气" } else { "没什么" }).collect();
    let group = group_with(&fresh, &sentences).await;
    let mut before = None;
    let mut found = Vec::new();
    loop {
        let page = search(&fresh, group, "天气", before, 40).await;
        assert!(page.messages.len() <= 40);
        found.extend(page.messages.iter().map(|message| message.seq));
        before = page.before;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(found, (1..=450).rev().filter(|n| n % 3 == 0).collect::<Vec<_>>());
}

async fn words_that_only_share_bigrams_end_a_search_in_time(fresh: Fresh) {
    // All have the bigrams of "abab" (ab, ba), and only the oldest has the word.
    let mut sentences = vec!["abab"];
    sentences.extend(vec!["ab ba"; 2500]);
    let group = group_with(&fresh, &sentences).await;
    let first = search(&fresh, group, "abab", None, 10).await;
    assert!(first.messages.is_empty());
    let rest = search(&fresh, group, "abab", first.before, 10).await;
    assert_eq!(rest.messages.iter().map(|message| message.seq).collect::<Vec<_>>(), [1]);
    assert_eq!(rest.before, None);
}
