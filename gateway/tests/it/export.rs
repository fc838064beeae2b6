//! The export of what is held of a user: it goes at its reader's pace, one at a time, and is cut where it breaks off.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use chatroom_gateway::Patience;
use chatroom_proto::{
    conduct::v1::{ListBlocksRequest, ListBlocksResponse, ListOwnReportsRequest, ListOwnReportsResponse},
    merchant::v1::{ListMembershipsRequest, ListMembershipsResponse, ListOwnPagesRequest, ListOwnPagesResponse},
    message::v1::{Content, ListConversationsRequest, ListConversationsResponse, Message, content::Content as Said},
    record::v1::{ExportMessagesRequest, ExportMessagesResponse},
    user::v1::{GetUserRequest, GetUserResponse, User},
};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use tokio::time::timeout;
use tonic::{Request, Status};

use crate::{
    held::Held,
    services::Services,
    world::{SOON, World, refusal, send, token},
};

const EXPORT: &str = "/h5/user/export";

/// Services that hold nothing of anybody but their account and what `messages` answers. When the list of the pages that
/// somebody has joined is answered is up to `pages`.
fn services(
    pages: &Held,
    messages: impl Fn(Request<ExportMessagesRequest>) -> Result<ExportMessagesResponse, Status>
    + Clone
    + Send
    + Sync
    + 'static,
) -> Services {
    Services::default()
        .unary_held::<ListMembershipsRequest, ListMembershipsResponse>(
            "/chatroom.merchant.v1.MerchantService/ListMemberships",
            pages,
        )
        .unary("/chatroom.user.v1.UserService/GetUser", |request: Request<GetUserRequest>| {
            let user = User { id: request.into_inner().id, username: "lily".into(), ..User::default() };
            Ok(GetUserResponse { user: Some(user) })
        })
        .unary("/chatroom.merchant.v1.PageService/ListOwnPages", |_: Request<ListOwnPagesRequest>| {
            Ok(ListOwnPagesResponse::default())
        })
        .unary("/chatroom.message.v1.MessageService/ListConversations", |_: Request<ListConversationsRequest>| {
            Ok(ListConversationsResponse::default())
        })
        .unary("/chatroom.conduct.v1.ConductService/ListBlocks", |_: Request<ListBlocksRequest>| {
            Ok(ListBlocksResponse::default())
        })
        .unary("/chatroom.conduct.v1.ConductService/ListOwnReports", |_: Request<ListOwnReportsRequest>| {
            Ok(ListOwnReportsResponse::default())
        })
        .unary("/chatroom.record.v1.RecordService/ExportMessages", messages)
}

/// A megabyte of messages, after which there are always more.
fn endless() -> ExportMessagesResponse {
    let content = Content { content: Some(Said::Text("x".repeat(10_000))) };
    let message = Message { content: Some(content), ..Message::default() };
    ExportMessagesResponse { messages: vec![message; 100], next_page_token: "more".into() }
}

#[tokio::test]
async fn a_reader_who_does_not_read_is_not_read_for_and_has_one_file_at_a_time() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counting = asked.clone();
    let world = World::new(services(&Held::free(), move |_| {
        counting.fetch_add(1, SeqCst);
        Ok(endless())
    }))
    .await;
    let token = token();
    let ask = || world.request(Method::GET, EXPORT).header("token", &token);
    let unread = send(ask()).await;
    assert_eq!(unread.status(), 200);
    // Until the buffers of the connection are full, and no more is asked for.
    let mut before = usize::MAX;
    while before != asked.load(SeqCst) {
        before = asked.load(SeqCst);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert!(before < 40, "{before} MB were asked for");
    let again = send(ask()).await;
    assert_eq!(again.status(), 429);
    assert!(again.headers()["retry-after"].to_str().unwrap().parse::<u64>().is_ok());
    assert_eq!(refusal(ask()).await.1, "RATE_LIMITED");
    assert_eq!(send(world.signed_in(Method::GET, EXPORT)).await.status(), 200, "somebody else is not affected");
    drop(unread);
    let free = async {
        while send(ask()).await.status() != 200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(SOON, free).await.expect("who has gone away may come again");
}

#[tokio::test]
async fn a_whole_file_says_that_it_is_and_a_broken_one_is_cut() {
    let world = World::new(services(&Held::free(), |request| match request.get_ref().page_token.as_str() {
        "" => Ok(ExportMessagesResponse { next_page_token: String::new(), ..endless() }),
        _ => Err(Status::unavailable("away")),
    }))
    .await;
    let file = send(world.signed_in(Method::GET, EXPORT)).await;
    assert_eq!(file.headers()["content-type"], "application/x-ndjson");
    assert_eq!(file.headers()["content-disposition"], "attachment; filename=\"chatroom-export.ndjson\"");
    let text = file.text().await.unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines.len(), &lines[0]["username"], &lines[1]["type"]), (102, &json!("lily"), &json!("message")));
    assert_eq!(lines[101], json!({"type": "end"}));

    let world = World::new(services(&Held::free(), |request| match request.get_ref().page_token.as_str() {
        "" => Ok(endless()),
        _ => Err(Status::unavailable("away")),
    }))
    .await;
    let file = send(world.signed_in(Method::GET, EXPORT)).await;
    assert_eq!(file.status(), 200);
    assert!(file.bytes().await.is_err(), "nobody takes it for the whole");
}

#[tokio::test]
async fn five_files_may_be_had_at_once_and_then_one_after_a_while() {
    let world = World::new(services(&Held::free(), |_| Ok(ExportMessagesResponse::default()))).await;
    let token = token();
    let ask = || world.request(Method::GET, EXPORT).header("token", &token);
    for _ in 0..5 {
        let file = send(ask()).await;
        assert_eq!(file.status(), 200);
        file.bytes().await.unwrap();
    }
    let refused = send(ask()).await;
    assert_eq!(refused.status(), 429);
    let seconds: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((500..=600).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn a_file_takes_the_places_of_its_readers_address() {
    let pages = Held::silent();
    let flags = ["--max-waiting-per-address", "1", "--trusted-proxies", "127.0.0.1"];
    let world =
        World::with(services(&pages, |_| Ok(ExportMessagesResponse::default())), &flags, Patience::default()).await;
    let from = |address: &str, path: &str| world.signed_in(Method::GET, path).header("x-forwarded-for", address);
    let file = send(from("203.0.113.7", EXPORT)).await;
    pages.asked(1).await;
    assert_eq!(refusal(from("203.0.113.7", "/h5/merchant")).await.1, "RATE_LIMITED");
    pages.let_answer(2);
    assert_eq!(send(from("203.0.113.8", "/h5/merchant")).await.status(), 200);
    assert_whole(file).await;
}

#[tokio::test]
async fn a_file_that_has_begun_waits_for_places() {
    let pages = Held::silent();
    let world = World::with(
        services(&pages, |_| Ok(ExportMessagesResponse::default())),
        &["--max-waiting", "1"],
        Patience::default(),
    )
    .await;
    let other = tokio::spawn(send(world.signed_in(Method::GET, "/h5/merchant")));
    pages.asked(1).await;
    // Its first part is refused before its beginning has left: both are done on this thread.
    let file = send(world.signed_in(Method::GET, EXPORT)).await;
    pages.let_answer(2);
    assert_eq!(other.await.unwrap().status(), 200);
    assert_whole(file).await;
}

async fn assert_whole(file: Response) {
    let text = timeout(SOON, file.text()).await.expect("it ends in time").expect("it is not cut");
    assert_eq!(text.lines().last(), Some(r#"{"type":"end"}"#));
}
