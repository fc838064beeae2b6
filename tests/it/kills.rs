//! Killed at any moment, the product loses nothing that it has acknowledged. Power cuts are not shown here: the
//! operating system lives on.

use std::{collections::BTreeSet, env, time::Duration};

use bytes::Bytes;
use chatroom_tests::{
    Shape,
    client::{Answer, try_send},
    process::PATIENCE,
};
use futures::{StreamExt as _, future::join_all, stream};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::{
    operation::parts,
    suite::{Scenario, scenarios},
    world::{ICON, User, World, fresh_name, fresh_password, page_request, picture, sign_in, usual},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![Own: killed_during_writes_it_loses_nothing_acknowledged]
}

/// How often a process is killed; `CHATROOM_TEST_KILLS` says otherwise.
fn kills() -> usize {
    env::var("CHATROOM_TEST_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(20)
}

/// How large the uploaded files are: the last has more than one part of a multipart upload.
const FILE_SIZES: [usize; 3] = [10_000, 300_000, 6 << 20];

/// What one user has written in one round, by the names that were given.
struct Written {
    user: User,
    page: Value,
    pages: Names,
    groups: Names,
    /// Where messages were sent, and their names, which are what they say and what their client calls them.
    chat: Value,
    messages: Names,
    /// Files have no names of the user's: only the acknowledged paths are known, with what was sent.
    files: Vec<(String, Bytes)>,
    accounts: BTreeSet<(String, String)>,
}

/// Names that were asked for, and those of them that were acknowledged.
#[derive(Default)]
struct Names {
    asked: BTreeSet<String>,
    acknowledged: BTreeSet<String>,
}

async fn killed_during_writes_it_loses_nothing_acknowledged(shape: Shape) {
    let mut world = World::own(usual(shape).set("CHATROOM_WRITES_BURST", "10000")).await;
    let files = FILE_SIZES.map(|size| Bytes::from(picture(size)));
    let mut rounds = Vec::new();
    for round in 0..kills() {
        let part = parts(shape)[round % parts(shape).len()];
        let user = world.user().await;
        let page = world.page(&user).await;
        let chat = world.group(&user, &page).await;
        let stop = CancellationToken::new();
        let writing = tokio::spawn(write(user, page, chat, files.clone(), stop.clone()));
        // Not always at the same moment of a write.
        let moment = Duration::from_millis(250 + 17 * u64::try_from(round).unwrap_or_default());
        tokio::time::sleep(moment).await;
        world.cluster_mut().kill(part);
        stop.cancel();
        rounds.push(writing.await.expect("a writer does not panic"));
        world.cluster_mut().restart(part);
        until_it_serves(&rounds[round]).await;
    }
    let written = |count: fn(&Written) -> usize| rounds.iter().map(count).sum::<usize>();
    let least = kills().div_ceil(2);
    assert!(written(|round| round.pages.acknowledged.len()) >= least, "too few pages to show anything");
    assert!(written(|round| round.groups.acknowledged.len()) >= least, "too few groups to show anything");
    assert!(written(|round| round.messages.acknowledged.len()) >= least, "too few messages to show anything");
    assert!(written(|round| round.files.len()) >= least, "too few files to show anything");
    assert!(written(|round| round.accounts.len()) >= least / 4, "too few accounts to show anything");
    for round in &rounds {
        round.assert_all_there(&world).await;
        round.assert_messages_there_once().await;
    }
}

/// Writes all kinds of records at once, as fast as it goes, until `stop`.
async fn write(user: User, page: Value, chat: Value, files: [Bytes; 3], stop: CancellationToken) -> Written {
    let (pages, mut groups, messages, files, accounts) = tokio::join!(
        write_names(&stop, |name| {
            let mut body = page_request(&user.id);
            body["name"] = json!(name);
            user.client.request(Method::POST, "/h5/merchant/createMerchant").json(&body)
        }),
        write_names(&stop, |name| {
            let body = json!({"merchant": page["_id"], "name": name, "icon": ICON});
            user.client.request(Method::POST, "/h5/group").json(&body)
        }),
        write_names(&stop, |name| send(&user, &chat, name)),
        write_files(&stop, &user, &files),
        write_accounts(&stop, &user),
    );
    groups.asked.insert(chat["name"].as_str().expect("a name is text").to_owned());
    Written { user, page, pages, groups, chat, messages, files, accounts }
}

/// The request that sends the message `name`.
fn send(user: &User, chat: &Value, name: &str) -> RequestBuilder {
    let body = json!({"group": chat["_id"], "clientId": name, "kind": "text", "content": {"text": name}});
    user.client.request(Method::POST, "/h5/message").json(&body)
}

async fn write_names(stop: &CancellationToken, request: impl Fn(&str) -> RequestBuilder) -> Names {
    let mut names = Names::default();
    while !stop.is_cancelled() {
        let name = fresh_name("name");
        names.asked.insert(name.clone());
        if acknowledged(request(&name)).await.is_some() {
            names.acknowledged.insert(name);
        }
    }
    names
}

async fn write_files(stop: &CancellationToken, user: &User, files: &[Bytes]) -> Vec<(String, Bytes)> {
    let mut written = Vec::new();
    for file in files.iter().cycle().take_while(|_| !stop.is_cancelled()) {
        let part = reqwest::multipart::Part::stream(file.clone()).file_name("a.png");
        let form = reqwest::multipart::Form::new().part("file", part);
        if let Some(answer) = acknowledged(user.client.request(Method::POST, "/upload").multipart(form)).await {
            written.push((answer.data().as_str().expect("a path is text").to_owned(), file.clone()));
        }
    }
    written
}

async fn write_accounts(stop: &CancellationToken, user: &User) -> BTreeSet<(String, String)> {
    let mut accounts = BTreeSet::new();
    while !stop.is_cancelled() {
        let (name, password) = (fresh_name("user"), fresh_password());
        let body = json!({"username": name, "password": password});
        if acknowledged(user.client.request(Method::POST, "/h5/user/reg").json(&body)).await.is_some() {
            accounts.insert((name, password));
        }
    }
    accounts
}

/// The answer, where there is one and it says that all is done. A refusal while a process is gone says so honestly: it
/// is a 429, or a 5xx in the envelope.
async fn acknowledged(request: RequestBuilder) -> Option<Answer> {
    let answer = try_send(request).await.ok()?;
    if answer.status.is_success() {
        return Some(answer);
    }
    assert!(matches!(answer.status.as_u16(), 429 | 500..=599), "{answer:?}");
    assert_eq!(answer.json()["code"], answer.status.as_u16());
    None
}

/// Waits until every service answers again.
async fn until_it_serves(written: &Written) {
    let Written { user, page, .. } = written;
    let list = || user.client.request(Method::POST, "/h5/group/getGroup").json(&json!({"merchant": page["_id"]}));
    let login = || {
        let body = json!({"username": user.name, "password": user.password});
        user.client.elsewhere().request(Method::POST, "/h5/user/login").json(&body)
    };
    let file = || user.client.request(Method::GET, "/upload/20230821/0123456789012345678901234.png");
    let serves = async {
        loop {
            let (list, login, file) = tokio::join!(try_send(list()), try_send(login()), try_send(file()));
            let good =
                |answer: reqwest::Result<Answer>, status: u16| answer.is_ok_and(|answer| answer.status == status);
            if good(list, 200) && good(login, 200) && good(file, 404) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, serves).await.expect("it serves again");
}

impl Written {
    /// Everything acknowledged is there, once, and nothing that nobody asked for.
    async fn assert_all_there(&self, world: &World) {
        let rows = self.user.client.get("/h5/merchant").await.ok().data();
        let of_rows = |row: &Value| row["merchant"]["name"].as_str().unwrap_or_default().to_owned();
        let mut pages = rows.as_array().expect("rows").iter().map(of_rows).collect::<Vec<_>>();
        // The first is the page that the groups are on.
        pages.remove(0);
        self.pages.assert_there("page", pages);
        let body = json!({"merchant": self.page["_id"]});
        let groups = self.user.client.post("/h5/group/getGroup", &body).await.ok().data();
        let of_groups = |group: &Value| group["name"].as_str().unwrap_or_default().to_owned();
        self.groups.assert_there("group", groups.as_array().expect("groups").iter().map(of_groups).collect());
        for (path, whole) in &self.files {
            let file = self.user.client.request(Method::GET, path).send().await.unwrap();
            assert!(file.bytes().await.unwrap() == *whole, "{path} is not what was acknowledged");
        }
        let accounts = self.accounts.iter().map(|(name, password)| async {
            sign_in(&world.client(), name, password).await;
        });
        join_all(accounts).await;
    }
}

impl Written {
    /// Every message is there once, also those that were not acknowledged, after they were sent again as a client does,
    /// and the sequence has no hole.
    async fn assert_messages_there_once(&self) {
        let mut again = stream::iter(&self.messages.asked)
            .map(|name| try_send(send(&self.user, &self.chat, name)))
            .buffer_unordered(8);
        while let Some(answer) = again.next().await {
            answer.expect("the server answers").ok();
        }
        let (mut said, mut place) = (Vec::new(), 0);
        loop {
            let group = self.chat["_id"].as_str().expect("an id is text");
            let path = format!("/h5/message/sync?group={group}&after={place}&limit=500");
            let part = self.user.client.get(&path).await.ok().data();
            for event in part["events"].as_array().expect("events are an array") {
                place += 1;
                assert_eq!(event["seq"], place, "a hole in the sequence");
                said.push(event["message"]["content"]["text"].as_str().unwrap_or_default().to_owned());
            }
            if part["more"] == false {
                break;
            }
        }
        assert_eq!(said.len(), self.messages.asked.len(), "a message is missing or there twice");
        self.messages.assert_there("message", said);
    }
}

impl Names {
    fn assert_there(&self, what: &str, found: Vec<String>) {
        let count = found.len();
        let found = found.into_iter().collect::<BTreeSet<_>>();
        assert_eq!(found.len(), count, "a {what} is there twice");
        let lost = self.acknowledged.difference(&found).collect::<Vec<_>>();
        assert!(lost.is_empty(), "lost after a kill: {what}s {lost:?}");
        let invented = found.difference(&self.asked).collect::<Vec<_>>();
        assert!(invented.is_empty(), "nobody asked for {what}s {invented:?}");
    }
}
