//! How long a name is believed, and what is shown while nobody can be asked.

use std::{
    future::ready,
    num::NonZeroU32,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
};

use axum::{Router, routing};
use chatroom_kit::link::Link;
use chatroom_proto::user::v1::BatchGetUsersResponse;
use tokio::{
    sync::{Semaphore, broadcast},
    task::yield_now,
    time::advance,
};
use tonic::{Response, Status, server::Grpc, service::Routes};
use tonic_prost::ProstCodec;
use tower::service_fn;

use super::*;
use crate::places::Places;

const ANN: &str = "64e2e53561a25a30db767a40";

/// A user service that counts how often it is asked, and calls everyone by that number.
#[derive(Clone, Default)]
struct Users {
    asked: Arc<AtomicUsize>,
    away: Arc<AtomicBool>,
    /// Where it is there, each answer takes one.
    answers: Option<Arc<Semaphore>>,
}

impl Users {
    fn answer(&self, request: Request<BatchGetUsersRequest>) -> Result<Response<BatchGetUsersResponse>, Status> {
        let number = self.asked.fetch_add(1, SeqCst) + 1;
        if self.away.load(SeqCst) {
            return Err(Status::unavailable("away"));
        }
        let user = |id| User { id, username: format!("name {number}"), ..User::default() };
        Ok(Response::new(BatchGetUsersResponse { users: request.into_inner().ids.into_iter().map(user).collect() }))
    }

    fn directory(&self) -> Directory {
        let users = self.clone();
        let handler = move |request: axum::extract::Request| {
            let users = users.clone();
            let answers = users.answers.clone();
            let service = service_fn(move |request| ready(users.answer(request)));
            async move {
                if let Some(answers) = answers {
                    answers.acquire().await.unwrap().forget();
                }
                Grpc::new(ProstCodec::default()).unary(service, request).await
            }
        };
        let path = "/chatroom.user.v1.UserService/BatchGetUsers";
        let routes = Routes::from(Router::new().route(path, routing::post(handler)));
        let two = NonZeroU32::MIN.saturating_add(1);
        let way = Way::new("directory", Link::Local(routes), Places::new(two, NonZeroU32::MIN));
        Directory::new(UserServiceClient::new(way))
    }
}

/// What someone is called.
async fn name(directory: &Directory, id: &str) -> String {
    let people = directory.people([id], Request::new).await;
    let shown = serde_json::to_value(people.person(id)).unwrap();
    shown["username"].as_str().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_name_is_believed_for_a_while() {
    let users = Users::default();
    let directory = users.directory();
    assert_eq!(name(&directory, ANN).await, "name 1");
    advance(FRESH_FOR).await;
    assert_eq!(name(&directory, ANN).await, "name 1");
    advance(Duration::from_millis(1)).await;
    assert_eq!(name(&directory, ANN).await, "name 2");
}

#[tokio::test(start_paused = true)]
async fn who_has_changed_is_looked_up_anew() {
    let users = Users::default();
    let directory = Arc::new(users.directory());
    let (changes, heard) = broadcast::channel(1);
    let following = directory.clone();
    tokio::spawn(async move { following.follow(heard).await });
    assert_eq!(name(&directory, ANN).await, "name 1");
    changes.send(ANN.parse().unwrap()).unwrap();
    yield_now().await;
    users.away.store(true, SeqCst);
    assert_eq!(name(&directory, ANN).await, "name 1", "an old name is better than none");
    users.away.store(false, SeqCst);
    advance(REST).await;
    assert_eq!(name(&directory, ANN).await, "name 3");
    // More than are kept: of some it is missed.
    for _ in 0..3 {
        changes.send(UserId::new()).unwrap();
    }
    yield_now().await;
    assert_eq!(name(&directory, ANN).await, "name 4");
}

#[tokio::test(start_paused = true)]
async fn who_is_known_keeps_their_name_while_nobody_can_be_asked() {
    let users = Users::default();
    let directory = users.directory();
    name(&directory, ANN).await;
    users.away.store(true, SeqCst);
    advance(FRESH_FOR * 2).await;
    assert_eq!(name(&directory, ANN).await, "name 1");
    assert_eq!(name(&directory, "64e2e53561a25a30db767a41").await, "");
    assert_eq!(users.asked.load(SeqCst), 2, "a service that is away is left alone for a while");
    users.away.store(false, SeqCst);
    advance(REST).await;
    assert_eq!(name(&directory, ANN).await, "name 3");
}

#[tokio::test(start_paused = true)]
async fn many_people_are_asked_for_in_parts() {
    let users = Users::default();
    let directory = users.directory();
    let ids: Vec<String> = (0..450).map(|number| format!("{number:024x}")).collect();
    let people = directory.people(ids.iter().map(String::as_str), Request::new).await;
    assert_eq!(users.asked.load(SeqCst), 3);
    assert!(ids.iter().all(|id| people.person(id) != People::default().person(id)));
}

#[tokio::test(start_paused = true)]
async fn an_address_that_asks_too_much_is_shown_nobody_and_everybody_else_is_shown_all() {
    let answers = Arc::new(Semaphore::new(0));
    let users = Users { answers: Some(answers.clone()), ..Users::default() };
    let directory = users.directory();
    let from = |address: [u8; 4]| waiting::on_behalf_of(address.into(), name(&directory, ANN));
    let meanwhile = async {
        assert_eq!(from([203, 0, 113, 7]).await, "", "the place of its address is taken");
        answers.add_permits(2);
        assert_eq!(from([203, 0, 113, 8]).await, "name 1", "the service is not left alone for it");
    };
    let (first, ()) = tokio::join!(from([203, 0, 113, 7]), meanwhile);
    assert_eq!(first, "name 2");
}
