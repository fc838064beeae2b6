//! Searching within a group: a two-character Chinese word inside a sentence is found.

use serde_json::json;

use super::room::{Room, assert_refused, rows, words};
use crate::{
    suite::{Scenario, scenarios},
    world::{World, picture},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![Shared:
        a_two_character_word_is_found_inside_a_sentence,
        case_width_and_blanks_do_not_matter,
        attachments_are_found_by_their_name,
        what_is_found_comes_newest_first_in_pages,
        one_group_does_not_hear_of_another,
        a_phrase_has_bounds,
    ]
}

impl Room {
    /// The words of what is found.
    async fn found(&self, phrase: &str) -> Vec<String> {
        let query = [("group", self.group.as_str()), ("q", phrase)];
        let request = self.owner.client.request(reqwest::Method::GET, "/h5/message/search").query(&query);
        let answer = chatroom_tests::client::send(request).await.ok().data();
        rows(&answer["messages"]).iter().map(|message| words(message).to_owned()).collect()
    }
}

async fn a_two_character_word_is_found_inside_a_sentence(world: World) {
    let room = Room::new(&world).await;
    let said = ["今天天气很好，我们去公园散步吧。", "明天下雨，改天再去。", "公 园 关 门 了", "天公不作美，园子没开。"];
    for words in said {
        room.say(&room.owner, words).await;
    }
    assert_eq!(room.found("公园").await, [said[0]]);
    assert_eq!(room.found("天气").await, [said[0]]);
    assert_eq!(room.found("散步吧。").await, [said[0]]);
    assert_eq!(room.found("再去").await, [said[1]]);
    assert_eq!(room.found("天公").await, [said[3]]);
    assert_eq!(room.found("气天").await, Vec::<String>::new(), "the order of characters counts");
    assert_eq!(room.found("天天气很好，我们去公园散步吧。今").await, Vec::<String>::new());
}

async fn case_width_and_blanks_do_not_matter(world: World) {
    let room = Room::new(&world).await;
    room.say(&room.owner, "订单ＡＢＣ１２３ 已经  Shipped").await;
    for phrase in ["abc123", "ABC", "１２３", "shipped", "SHIPPED", "123 已经 ship"] {
        assert_eq!(room.found(phrase).await.len(), 1, "{phrase}");
    }
    for phrase in ["abd", "'; --", "\" or 1=1", "a* or b", "NEAR(a b)", "已经%", "100%"] {
        assert_eq!(room.found(phrase).await, Vec::<String>::new(), "{phrase}");
    }
}

async fn attachments_are_found_by_their_name(world: World) {
    let room = Room::new(&world).await;
    let path = room.owner.client.upload("a.png", picture(100)).await.ok().data();
    let mut request = room.text("");
    request["kind"] = json!("file");
    request["content"] = json!({"path": path, "name": "八月价格表.png", "size": 100});
    room.send(&room.owner, &request).await.ok();
    let path = format!("/h5/message/search?group={}&q=价格", room.group);
    let found = room.owner.client.get(&path).await.ok().data();
    assert_eq!(found["messages"][0]["content"]["name"], "八月价格表.png");
}

async fn what_is_found_comes_newest_first_in_pages(world: World) {
    let room = Room::new(&world).await;
    for number in 1..=25 {
        room.say(&room.owner, &format!("报价{number}元")).await;
        room.say(&room.owner, "别的话").await;
    }
    let (mut found, mut before) = (Vec::new(), String::new());
    loop {
        let path = format!("/h5/message/search?group={}&q=报价&limit=10{before}", room.group);
        let page = room.owner.client.get(&path).await.ok().data();
        found.extend(rows(&page["messages"]).iter().map(|message| words(message).to_owned()));
        let Some(next) = page["before"].as_i64() else {
            break;
        };
        before = format!("&before={next}");
    }
    let expected = (1..=25).rev().map(|number| format!("报价{number}元")).collect::<Vec<_>>();
    assert_eq!(found, expected);
}

async fn one_group_does_not_hear_of_another(world: World) {
    let room = Room::new(&world).await;
    let other = Room::on(&world, room.owner.clone(), &json!({"_id": room.page})).await;
    other.say(&other.owner, "隔壁的秘密").await;
    assert_eq!(room.found("秘密").await, Vec::<String>::new());
    assert_eq!(other.found("秘密").await.len(), 1);
    let guest = room.guest(&world).await;
    let answer = guest.client.get(&format!("/h5/message/search?group={}&q=秘密", other.group)).await;
    assert_refused(&answer, 403, "NOT_GROUP_MEMBER");
}

async fn a_phrase_has_bounds(world: World) {
    let room = Room::new(&world).await;
    room.say(&room.owner, &"长".repeat(100)).await;
    assert_eq!(room.found(&"长".repeat(64)).await.len(), 1);
    for wrong in ["", " ", "一", &"长".repeat(65)] {
        let answer = room.owner.client.get(&format!("/h5/message/search?group={}&q={wrong}", room.group)).await;
        assert_refused(&answer, 400, "INVALID_ARGUMENT");
        assert!(answer.json()["msg"].to_string().contains("字段 q "), "{answer:?}");
    }
}
