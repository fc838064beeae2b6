//! Whose files a message may show, and what becomes of them.

use std::time::Duration;

use chatroom_kit::{ids::UserId, on_both_engines};
use chatroom_proto::message::v1::{
    Attachment, Content, Message, RecallMessageRequest, SendMessageRequest, SendMessageResponse,
    content::Content as Body,
};
use tonic::Status;

use crate::world::{World, as_user, open, outcome, send_request, until};

on_both_engines!(
    one_shows_what_one_has_uploaded,
    what_a_group_shows_can_be_passed_on_by_its_members,
    a_file_that_was_recalled_cannot_be_sent_again,
    without_the_file_service_nothing_new_is_shown,
    what_was_recalled_is_deleted,
    what_cannot_be_deleted_yet_is_deleted_later,
);

pub(crate) async fn show(
    world: &World,
    group: &str,
    user: UserId,
    client_id: &str,
    path: &str,
) -> Result<SendMessageResponse, Status> {
    let attachment = Attachment { path: path.to_owned(), name: "猫.png".to_owned(), size: 1, ..Attachment::default() };
    let request = SendMessageRequest {
        content: Some(Content { content: Some(Body::Image(attachment)) }),
        ..send_request(group, client_id, "")
    };
    Ok(world.messages.clone().send_message(as_user(world, user, request)).await?.into_inner())
}

pub(crate) async fn recall(world: &World, user: UserId, message: Option<Message>) {
    let request = RecallMessageRequest { message: message.unwrap().id };
    world.messages.clone().recall_message(as_user(world, user, request)).await.unwrap();
}

/// A group with two members.
async fn group(world: &World, owner: UserId, member: UserId) -> String {
    let merchant = world.pages.open(owner, owner);
    let group = world.group(merchant, owner).await;
    world.join(merchant, &group, member).await;
    group
}

async fn one_shows_what_one_has_uploaded(world: World) {
    let (owner, member) = (UserId::new(), UserId::new());
    let group = group(&world, owner, member).await;
    let path = world.files.upload(member);
    assert_eq!(outcome(&show(&world, &group, owner, "a", &path).await), "FILE_NOT_FOUND");
    assert_eq!(outcome(&show(&world, &group, member, "a", &path).await), "ok");
    let nothing = "/upload/20230821/7e23cd7207e15d29589565701.png";
    assert_eq!(outcome(&show(&world, &group, member, "b", nothing).await), "FILE_NOT_FOUND");
}

async fn what_a_group_shows_can_be_passed_on_by_its_members(world: World) {
    let (owner, member, stranger) = (UserId::new(), UserId::new(), UserId::new());
    let (here, there) = (group(&world, owner, member).await, group(&world, stranger, owner).await);
    let path = world.files.upload(member);
    show(&world, &here, member, "a", &path).await.unwrap();
    // The owner has seen it; the stranger has not until the owner passes it on.
    assert_eq!(outcome(&show(&world, &there, stranger, "a", &path).await), "FILE_NOT_FOUND");
    assert_eq!(outcome(&show(&world, &there, owner, "a", &path).await), "ok");
    assert_eq!(outcome(&show(&world, &there, stranger, "a", &path).await), "ok");
}

async fn a_file_that_was_recalled_cannot_be_sent_again(world: World) {
    let (owner, member) = (UserId::new(), UserId::new());
    let group = group(&world, owner, member).await;
    let path = world.files.upload(member);
    let sent = show(&world, &group, member, "a", &path).await.unwrap();
    recall(&world, member, sent.message).await;
    assert_eq!(outcome(&show(&world, &group, member, "b", &path).await), "FILE_NOT_FOUND");
    let repeat = show(&world, &group, member, "a", &path).await.unwrap();
    assert!(repeat.duplicate && repeat.message.unwrap().content.is_none());
}

async fn without_the_file_service_nothing_new_is_shown(world: World) {
    let (owner, member) = (UserId::new(), UserId::new());
    let group = group(&world, owner, member).await;
    let (known, fresh) = (world.files.upload(member), world.files.upload(member));
    show(&world, &group, member, "a", &known).await.unwrap();
    world.files.set_away(true);
    assert_eq!(outcome(&show(&world, &group, member, "b", &fresh).await), "STORAGE_UNAVAILABLE");
    // What is known to be the caller's need not be asked about again, nor what was sent before.
    assert_eq!(outcome(&show(&world, &group, member, "c", &known).await), "ok");
    assert!(show(&world, &group, member, "a", &known).await.unwrap().duplicate);
    world.files.set_away(false);
    assert_eq!(outcome(&show(&world, &group, member, "b", &fresh).await), "ok");
}

async fn what_was_recalled_is_deleted(world: World) {
    let (owner, member) = (UserId::new(), UserId::new());
    let group = group(&world, owner, member).await;
    let (path, picture) = (world.files.upload(member), world.files.upload(member));
    world.people.show(&picture);
    for (number, path) in [&path, &picture].into_iter().enumerate() {
        let sent = show(&world, &group, member, &number.to_string(), path).await.unwrap();
        recall(&world, member, sent.message).await;
    }
    until("the file is gone", async || !world.files.has(&path)).await;
    assert!(world.files.has(&picture));
    // One who has another picture now needs the old one no more.
    world.people.show("");
    world.advance(Duration::from_hours(25), async || !world.files.has(&picture)).await;
}

async fn what_cannot_be_deleted_yet_is_deleted_later(world: World) {
    let (owner, member) = (UserId::new(), UserId::new());
    let group = group(&world, owner, member).await;
    let path = world.files.upload(member);
    let sent = show(&world, &group, member, "a", &path).await.unwrap();
    world.files.set_away(true);
    recall(&world, member, sent.message).await;
    until("it was tried", async || world.files.refused() > 0).await;
    assert!(world.files.has(&path));
    // Another replica, as after a crash, finds it in the database.
    let _replica = world.replica().await;
    world.files.set_away(false);
    world.advance(Duration::from_mins(2), async || !world.files.has(&path)).await;
}
