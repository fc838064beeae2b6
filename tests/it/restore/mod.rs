//! A backup that is made while the product runs brings everything back, by the commands that operators are told; and
//! clients that know more than was saved read anew.

mod operator;

use std::time::Duration;

use chatroom_tests::{Shape, chat_client::ChatClient};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::operator::Operator;
use crate::{
    chat::room::{Room, rows, words},
    suite::{Scenario, scenarios},
    world::{User, World, fresh_password, picture, sign_in, usual},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![Own: a_backup_brings_everything_back, whoever_changed_since_the_backup_is_served_after_it]
}

/// What a member sees, as text that can be compared.
#[derive(Debug, PartialEq)]
struct Seen {
    pages: String,
    groups: String,
    members: String,
    file: Vec<u8>,
    kind: String,
}

/// A chat with members, messages and a file.
struct Talk {
    room: Room,
    member: User,
    /// The path of a file of the member's.
    file: String,
}

impl Talk {
    async fn begin(world: &World) -> Self {
        let room = Room::new(world).await;
        let member = room.member(world).await;
        let file = member.client.upload("a.png", picture(6 << 20)).await.ok().data();
        let file = file.as_str().expect("a path is text").to_owned();
        for number in 0..20 {
            room.say(if number % 2 == 0 { &member } else { &room.owner }, &format!("before-{number}")).await;
        }
        Self { room, member, file }
    }

    async fn seen(&self) -> Seen {
        let client = &self.member.client;
        let body = json!({"merchant": self.room.page});
        let file = client.request(Method::GET, &self.file).send().await.unwrap();
        Seen {
            pages: client.get("/h5/merchant").await.ok().text,
            groups: client.post("/h5/group/getGroup", &body).await.ok().text,
            members: client.get(&format!("/h5/group/members?group={}", self.room.group)).await.ok().text,
            kind: file.headers()["content-type"].to_str().unwrap().to_owned(),
            file: file.bytes().await.unwrap().to_vec(),
        }
    }

    /// Everything that was said, oldest first.
    async fn said(&self) -> Vec<String> {
        let history = self.room.history(&self.member, "limit=200").await;
        rows(&history["messages"]).iter().map(|message| words(message).to_owned()).collect()
    }

    /// Lets the owner speak until `stop`, and answers how many messages were acknowledged.
    fn speak(&self, stop: CancellationToken) -> JoinHandle<usize> {
        let (client, group) = (self.room.owner.client.clone(), self.room.group.clone());
        tokio::spawn(async move {
            let mut said = 0;
            while !stop.is_cancelled() {
                let content = json!({"text": format!("during-{said}")});
                let body =
                    json!({"group": group, "clientId": format!("during-{said}"), "kind": "text", "content": content});
                client.post("/h5/message", &body).await.ok();
                said += 1;
                // No faster than anybody may.
                tokio::time::sleep(Duration::from_millis(60)).await;
            }
            said
        })
    }
}

async fn a_backup_brings_everything_back(shape: Shape) {
    let mut world = World::own(usual(shape)).await;
    let talk = Talk::begin(&world).await;
    let client = ChatClient::start(vec![world.cluster.url()], super::realtime::token(&talk.member));
    let (before, seen, operator) = (talk.said().await, talk.seen().await, Operator::new());
    let stop = CancellationToken::new();
    let speaking = talk.speak(stop.clone());
    let cluster = world.cluster.clone();
    let operator = tokio::task::spawn_blocking(move || {
        operator.back_up(&cluster);
        operator
    });
    let operator = operator.await.expect("a backup is made");
    stop.cancel();
    let during = speaking.await.expect("nothing is refused while a backup is made");
    let late = world.user().await;
    for number in 0..5 {
        talk.room.say(&talk.member, &format!("after-{number}")).await;
    }
    let spoken = before.len() + during + 5;
    // Opening the group and joining it are the first two events.
    let known = client.knows(&talk.room.group, i64::try_from(spoken).unwrap() + 1).await;
    assert_eq!(known.words().len(), spoken);

    let file = talk.file.strip_prefix("/upload/").unwrap();
    operator.lose_and_restore(world.cluster_mut(), file).await;

    // What was there before the backup is there, and the tokens of then are good.
    assert_eq!(talk.seen().await, seen);
    sign_in(&world.client(), &talk.member.name, &talk.member.password).await;
    talk.member.client.post("/h5/user/profile", &json!({"avatar": talk.file})).await.ok();
    let said = talk.said().await;
    assert_eq!(said[..before.len()], before);
    // Of what was said meanwhile there is a beginning, of what was said later nothing.
    let meanwhile = said[before.len()..].iter().enumerate();
    meanwhile.for_each(|(number, words)| assert_eq!(*words, format!("during-{number}")));
    assert!(said.len() <= before.len() + during);
    assert_eq!(world.client().login(&late.name, &late.password).await.status, StatusCode::UNAUTHORIZED);

    // A client that knows of more drops it, reads anew, and hears what takes the places of what is gone.
    let answer = talk.room.say(&talk.room.owner, "restored").await;
    let known = client.knows_of(&talk.room.group, "restored").await;
    assert_eq!(known.words(), [said, vec!["restored".to_owned()]].concat());
    assert_eq!(known.dropped, 1, "{known:?}");
    assert_eq!(known.places(), (1..=known.seq()).collect::<Vec<_>>());
    assert_eq!(known.events.last().map(|event| &event["message"]["_id"]), Some(&answer["_id"]));
    assert_eq!(client.faults(), Vec::<String>::new());
}

/// Uses every service as `user`.
async fn use_everything(world: &World, user: &User) {
    let page = world.page(user).await;
    let room = Room::on(world, user.clone(), &page).await;
    room.say(user, "还在").await;
    let (mut socket, _) =
        chatroom_tests::socket::Socket::connect(&world.cluster.url(), super::realtime::token(user)).await;
    let answer: Value = socket.say(&room.group, "c-1", "在的").await;
    assert_eq!(answer["type"], "ack", "{answer}");
    user.client.upload("a.png", picture(1000)).await.ok();
}

async fn whoever_changed_since_the_backup_is_served_after_it(shape: Shape) {
    let mut world = World::own(usual(shape)).await;
    let user = world.user().await;
    let file = user.client.upload("a.png", picture(1000)).await.ok().data();
    let file = file.as_str().unwrap().strip_prefix("/upload/").unwrap().to_owned();
    let operator = Operator::new();
    operator.back_up(&world.cluster);
    // All sessions of then end with the password, and every process hears of it.
    let change = json!({"old": user.password, "new": fresh_password()});
    user.client.post("/h5/user/password", &change).await.ok();
    user.client.get("/h5/merchant").await;
    operator.lose_and_restore(world.cluster_mut(), &file).await;
    let user = sign_in(&world.client(), &user.name, &user.password).await;
    use_everything(&world, &user).await;
}
