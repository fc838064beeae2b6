//! What a deleted user has said, where they wanted it gone: nothing of it is found any more, nor of them, whatever is
//! killed meanwhile.

use std::{fs, path::Path};

use chatroom_tests::{Part, Shape, store::files_below};
use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::deletion::{delete, until};
use crate::{
    chat::room::{Room, rows},
    suite::{Scenario, scenarios},
    world::{User, World, fresh_name, fresh_password, picture, sign_in, usual},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    let shared = scenarios![Shared: erased_messages_are_gone_wherever_they_were_shown];
    let own = scenarios![Own:
        a_service_that_is_killed_meanwhile_finishes_after_its_start,
        nothing_that_is_stored_or_logged_names_who_is_gone,
    ];
    [shared, own].concat()
}

/// Sends a file that `user` has uploaded, and answers its path.
async fn send_file(room: &Room, user: &User, name: &str, bytes: Vec<u8>) -> String {
    let size = bytes.len();
    let path = user.client.upload(name, bytes).await.ok().data();
    let content = json!({"path": path, "name": name, "size": size});
    let body = json!({"group": room.group, "clientId": fresh_name("message"), "kind": "image", "content": content});
    room.send(user, &body).await.ok();
    path.as_str().unwrap().to_owned()
}

async fn erased_messages_are_gone_wherever_they_were_shown(world: World) {
    let room = Room::new(&world).await;
    let user = room.member(&world).await;
    let said = room.say(&user, "葡萄要酸一点的").await;
    let mut answer = room.text("我也喜欢葡萄");
    answer["replyTo"] = said["_id"].clone();
    room.send(&room.owner, &answer).await.ok();
    let file = send_file(&room, &user, "葡萄.png", picture(100)).await;
    let report = json!({"user": room.owner.id, "merchant": room.page, "reason": "葡萄广告"});
    user.client.post("/h5/report", &report).await.ok();
    assert_eq!(world.client().get(&file).await.status, StatusCode::OK);

    delete(&user, "erase").await;
    until("what they have said is gone", async || {
        let history = rows(&room.history(&room.owner, "").await["messages"]);
        history.iter().filter(|message| message["user"]["_id"] == json!(user.id)).all(|it| it["content"] == Value::Null)
    })
    .await;
    let history = rows(&room.history(&room.owner, "").await["messages"]);
    assert_eq!(history.len(), 3, "their places stay");
    assert_eq!(history[1]["replyTo"]["content"], Value::Null, "{}", history[1]);
    assert_eq!(history[1]["content"]["text"], json!("我也喜欢葡萄"));
    assert_eq!(room.conversation(&room.owner).await["lastMessage"]["content"], Value::Null);
    for event in room.events(&room.owner, 0).await {
        assert!(event["message"]["user"]["_id"] != json!(user.id) || event["message"]["content"] == Value::Null);
    }
    let search = format!("/h5/message/search?group={}&q=葡萄", room.group);
    let found = rows(&room.owner.client.get(&search).await.ok().data()["messages"]);
    assert!(found.iter().all(|message| message["user"]["_id"] == json!(room.owner.id)), "{found:?}");
    assert_eq!(found.len(), 1);
    until("the file is gone", async || world.client().get(&file).await.status == StatusCode::NOT_FOUND).await;
    let reports = format!("/h5/report?merchant={}", room.page.as_str().unwrap());
    until("the report has no words", async || {
        room.owner.client.get(&reports).await.ok().data()["reports"][0]["reason"] == json!("")
    })
    .await;
}

async fn a_service_that_is_killed_meanwhile_finishes_after_its_start(shape: Shape) {
    let mut world = World::own(usual(shape)).await;
    let room = Room::new(&world).await;
    let user = room.member(&world).await;
    for number in 0..20 {
        room.say(&user, &number.to_string()).await;
    }
    let parts = [Part::Merchant, Part::Group].map(|part| world.cluster.part_for(part));
    delete(&user, "erase").await;
    // No service has confirmed by then: accounts settle only after some time.
    for part in &parts[usize::from(shape == Shape::Standalone)..] {
        world.cluster_mut().kill(*part);
    }
    for part in &parts[usize::from(shape == Shape::Standalone)..] {
        world.cluster_mut().restart(*part);
    }
    let members = format!("/h5/merchant/members?merchant={}", room.page.as_str().unwrap());
    until("nobody but the owner is there, and nothing that was said", async || {
        let members = room.owner.client.get(&members).await;
        if members.status != StatusCode::OK || rows(&members.data()["members"]).len() != 1 {
            return false;
        }
        let history = room.owner.client.get(&format!("/h5/message?group={}", room.group)).await;
        history.status == StatusCode::OK
            && rows(&history.data()["messages"]).iter().all(|message| message["content"] == Value::Null)
    })
    .await;
    let group = format!("/h5/group/members?group={}", room.group);
    assert_eq!(rows(&room.owner.client.get(&group).await.ok().data()["members"]).len(), 1);
}

/// What somebody leaves: unlike anything else in a cluster.
const TRACES: [&str; 4] = ["Zwetschgenknoedel", "Powidltascherl", "Marillenmarmelade", "Topfenstrudelrezept"];

async fn nothing_that_is_stored_or_logged_names_who_is_gone(shape: Shape) {
    let world = World::own(usual(shape)).await;
    let room = Room::new(&world).await;
    let [name, nickname, text, inside] = TRACES;
    let password = fresh_password();
    world.client().register(name, &password).await.ok();
    // A login that fails is counted by the name.
    world.client().login(name, "not the password").await;
    let user = sign_in(&world.client(), name, &password).await;
    user.client.post("/h5/merchant", &json!({"merchant": room.page})).await.ok();
    room.join(&user).await.ok();
    let with_text = |text: &str| [picture(1000), text.as_bytes().to_vec()].concat();
    let avatar = user.client.upload(&format!("{name}.png"), with_text(inside)).await.ok().data();
    user.client.post("/h5/user/profile", &json!({"nickname": nickname, "avatar": avatar})).await.ok();
    let said = room.say(&user, text).await;
    let edited = json!({"message": said["_id"], "content": {"text": format!("{text}!")}});
    user.client.post("/h5/message/edit", &edited).await.ok();
    send_file(&room, &user, &format!("{text}.png"), with_text(inside)).await;
    let report = json!({"user": room.owner.id, "merchant": room.page, "reason": text});
    user.client.post("/h5/report", &report).await.ok();
    let stored = stored(&world).await;
    for trace in TRACES {
        assert!(stored.iter().any(|(_, found)| found == trace), "{trace} is not looked for where it is");
    }

    delete(&user, "erase").await;
    until("nothing is stored", async || self::stored(&world).await.is_empty()).await;
    let logged =
        world.cluster.log().into_iter().filter(|(_, line)| TRACES.iter().any(|trace| mentions(line.as_bytes(), trace)));
    assert_eq!(logged.collect::<Vec<_>>(), []);
}

/// Where traces are stored: the files and tables that hold them, and which.
async fn stored(world: &World) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let folders = [Some(world.cluster.data_dir()), world.cluster.objects()];
    for folder in folders.into_iter().flatten().filter(|folder| folder.exists()) {
        found.extend(in_files(&folder));
    }
    for (name, bytes) in world.cluster.distant_objects().await {
        let traces = TRACES.into_iter().filter(|trace| mentions(name.as_bytes(), trace) || mentions(&bytes, trace));
        found.extend(traces.map(|trace| (name.clone(), trace.to_owned())));
    }
    if world.cluster.shape() == Shape::Distributed {
        for part in [Part::User, Part::Merchant, Part::Group] {
            let url = world.cluster.environment(part)["CHATROOM_DATABASE_URL"].clone();
            found.extend(in_tables(&url).await);
        }
    }
    found
}

fn in_files(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (path, _) in files_below(folder) {
        // A file may go away while it is looked for.
        let bytes = [path.display().to_string().into_bytes(), fs::read(&path).unwrap_or_default()].concat();
        let traces = TRACES.into_iter().filter(|trace| mentions(&bytes, trace));
        found.extend(traces.map(|trace| (path.display().to_string(), trace.to_owned())));
    }
    found
}

/// In every table of a database, and in what the planner keeps of its values.
async fn in_tables(url: &str) -> Vec<(String, String)> {
    let mut connection = PgConnection::connect(url).await.expect("the database answers");
    // Whatever the planner wants to keep of values, it keeps from then on.
    sqlx::query("analyze").execute(&mut connection).await.expect("tables can be analysed");
    let mut tables: Vec<String> =
        sqlx::query_scalar("select quote_ident(tablename) from pg_tables where schemaname = 'public'")
            .fetch_all(&mut connection)
            .await
            .expect("tables are listed");
    assert!(!tables.is_empty());
    tables.push("pg_stats".to_owned());
    let mut found = Vec::new();
    for table in tables {
        for trace in TRACES {
            let rows = AssertSqlSafe(format!("select count(*) from {table} t where t::text ilike '%{trace}%'"));
            let rows: i64 = sqlx::query_scalar(rows).fetch_one(&mut connection).await.expect("a table can be read");
            if rows > 0 {
                found.push((table.clone(), trace.to_owned()));
            }
        }
    }
    found
}

/// Whether `bytes` hold `trace`, in whatever case.
fn mentions(bytes: &[u8], trace: &str) -> bool {
    bytes.windows(trace.len()).any(|window| window.eq_ignore_ascii_case(trace.as_bytes()))
}
