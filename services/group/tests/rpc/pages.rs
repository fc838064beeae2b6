//! Lists that go on from page to page, as clients see them.

use chatroom_kit::{ids::UserId, on_both_engines};
use chatroom_proto::{
    group::v1::{ListGroupsRequest, ListMembersRequest},
    message::v1::{ListConversationsRequest, ListMessagesRequest, ListMessagesResponse, list_messages_request::Page},
};

use crate::world::{World, as_user, open, outcome};

on_both_engines!(
    history_is_walked_in_both_directions,
    a_page_of_long_messages_fits_into_an_answer,
    members_and_conversations_are_walked_to_their_end,
    a_foreign_page_token_is_refused,
);

async fn page(world: &World, user: UserId, group: &str, page: Option<Page>, page_size: i32) -> ListMessagesResponse {
    let request = ListMessagesRequest { group: group.to_owned(), page, page_size };
    world.messages.clone().list_messages(as_user(world, user, request)).await.unwrap().into_inner()
}

fn places(page: &ListMessagesResponse) -> Vec<i64> {
    page.messages.iter().map(|message| message.seq).collect()
}

/// A group in which its owner has said `messages` times `text`.
async fn group(world: &World, messages: usize, text: &str) -> (String, UserId) {
    let owner = UserId::new();
    let merchant = world.pages.open(owner, owner);
    let group = world.group(merchant, owner).await;
    for number in 0..messages {
        world.say(&group, owner, &number.to_string(), text).await;
    }
    (group, owner)
}

async fn history_is_walked_in_both_directions(world: World) {
    let (group, owner) = group(&world, 10, "你好").await;
    let last = page(&world, owner, &group, None, 4).await;
    assert_eq!((places(&last), last.before, last.after), (vec![7, 8, 9, 10], Some(7), None));
    let earlier = page(&world, owner, &group, last.before.map(Page::Before), 4).await;
    assert_eq!((places(&earlier), earlier.before, earlier.after), (vec![3, 4, 5, 6], Some(3), Some(6)));
    let first = page(&world, owner, &group, earlier.before.map(Page::Before), 4).await;
    assert_eq!((places(&first), first.before, first.after), (vec![1, 2], None, Some(2)));
    let forward = page(&world, owner, &group, Some(Page::After(0)), 7).await;
    assert_eq!((places(&forward), forward.before, forward.after), ((1..=7).collect(), None, Some(7)));
    let end = page(&world, owner, &group, Some(Page::After(7)), 7).await;
    assert_eq!((places(&end), end.before, end.after), (vec![8, 9, 10], Some(8), None));
}

async fn a_page_of_long_messages_fits_into_an_answer(world: World) {
    // 100 messages of 15,000 bytes are more than an answer carries.
    let (group, owner) = group(&world, 100, &"长".repeat(5000)).await;
    let mut seen = Vec::new();
    let mut before = None;
    loop {
        let answer = page(&world, owner, &group, before.map(Page::Before), 200).await;
        assert!(prost::Message::encoded_len(&answer) < 2 << 20);
        seen.extend(places(&answer).into_iter().rev());
        before = answer.before;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(seen, (1..=100).rev().collect::<Vec<_>>());
}

async fn members_and_conversations_are_walked_to_their_end(world: World) {
    let (owner, member) = (UserId::new(), UserId::new());
    let merchant = world.pages.open(owner, owner);
    let mut groups = Vec::new();
    for _ in 0..5 {
        let group = world.group(merchant, owner).await;
        world.join(merchant, &group, member).await;
        groups.push(group);
    }
    let mut listed = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListConversationsRequest { page_size: 2, page_token, heads_only: false };
        let answer = world.messages.clone().list_conversations(as_user(&world, member, request)).await.unwrap();
        let answer = answer.into_inner();
        listed.extend(answer.conversations.into_iter().map(|conversation| conversation.group.unwrap().id));
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    listed.sort_unstable();
    groups.sort_unstable();
    assert_eq!(listed, groups);
    let request = ListMembersRequest { group: groups[0].clone(), page_size: 1, page_token: String::new() };
    let first = world.groups.clone().list_members(as_user(&world, member, request)).await.unwrap().into_inner();
    let request =
        ListMembersRequest { group: groups[0].clone(), page_size: 1, page_token: first.next_page_token.clone() };
    let second = world.groups.clone().list_members(as_user(&world, member, request)).await.unwrap().into_inner();
    let users: Vec<_> = first.members.iter().chain(&second.members).map(|member| member.user.clone()).collect();
    assert_eq!((users, second.next_page_token), (vec![owner.to_string(), member.to_string()], String::new()));
}

async fn a_foreign_page_token_is_refused(world: World) {
    let (group, owner) = group(&world, 0, "").await;
    let page_token = "x".to_owned();
    let request = ListMembersRequest { group, page_size: 1, page_token: page_token.clone() };
    let members = world.groups.clone().list_members(as_user(&world, owner, request)).await;
    let request = ListConversationsRequest { page_token: page_token.clone(), ..ListConversationsRequest::default() };
    let conversations = world.messages.clone().list_conversations(as_user(&world, owner, request)).await;
    let merchant = world.pages.open(owner, owner).to_string();
    let request = ListGroupsRequest { merchant, page_token, ..ListGroupsRequest::default() };
    let groups = world.groups.clone().list_groups(as_user(&world, owner, request)).await;
    assert_eq!(outcome(&members), "INVALID_ARGUMENT");
    assert_eq!(outcome(&conversations), "INVALID_ARGUMENT");
    assert_eq!(outcome(&groups), "INVALID_ARGUMENT");
}
