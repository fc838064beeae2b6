//! What administrators do on the command line: the same commands against both shapes.

use std::{
    io::Write as _,
    process::{Output, Stdio},
    time::Instant,
};

use chatroom_tests::{
    Part, Shape,
    process::{self, Environment},
};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    suite::{Scenario, scenarios},
    world::{User, World},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![Shared:
        an_administrator_signs_in_and_stops_somebody,
        a_creator_looks_after_a_page,
        what_is_wrong_is_one_line,
        people_are_shown_tables,
    ]
}

/// The command line of somebody.
struct CommandLine {
    environment: Environment,
}

impl CommandLine {
    fn new(world: &World) -> Self {
        let part = if world.cluster.shape() == Shape::Standalone { Part::Standalone } else { Part::Gateway };
        Self { environment: world.cluster.environment(part) }
    }

    /// Signs somebody in, the password being typed.
    fn sign_in(&mut self, user: &User) {
        let mut command = process::command("chatroom", &self.environment);
        command.args(["admin", "login", &user.name]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut login = command.spawn().expect("the binary can be started");
        let mut stdin = login.stdin.take().expect("standard input is piped");
        writeln!(stdin, "{}", user.password).expect("it reads the password");
        drop(stdin);
        let output = login.wait_with_output().expect("what it says can be read");
        assert!(output.status.success());
        let token = String::from_utf8(output.stdout).expect("a token is text");
        self.environment.insert("CHATROOM_TOKEN", token.trim().to_owned());
    }

    fn run(&self, arguments: &[&str]) -> Output {
        process::run("chatroom", &[&["admin"], arguments].concat(), &self.environment)
    }

    /// The answer to a command that succeeds.
    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[&["--json"], arguments].concat());
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("it answers JSON")
    }
}

async fn an_administrator_signs_in_and_stops_somebody(world: World) {
    let (administrator, user) = (world.administrator().await, world.user().await);
    let mut line = CommandLine::new(&world);
    line.sign_in(&administrator);
    let found = line.json(&["user", "list", "--name", &user.name, "--limit", "1"]);
    assert_eq!(found["accounts"][0]["user"]["id"], json!(user.id), "{found}");

    let disabled = line.json(&["user", "disable", &user.id]);
    assert!(disabled["account"]["disableTime"].is_string(), "{disabled}");
    let login = world.client().login(&user.name, &user.password).await;
    assert_eq!((login.status, &*login.reason()), (StatusCode::FORBIDDEN, "ACCOUNT_DISABLED"));
    line.json(&["user", "enable", &user.id]);
    world.client().login(&user.name, &user.password).await.ok();

    let audit = line.json(&["audit", "user", "--user", &user.id]);
    let kinds: Vec<_> = audit["deeds"].as_array().unwrap().iter().map(|deed| deed["kind"].clone()).collect();
    assert_eq!(kinds, ["DEED_KIND_ENABLED", "DEED_KIND_DISABLED"]);
    assert_eq!(audit["deeds"][0]["by"], json!(administrator.id));

    let codes = line.json(&["code", "issue", "--count", "2", "--expires-at", "2099-01-01T00:00:00Z"]);
    assert_eq!(codes["codes"].as_array().map(Vec::len), Some(2));
    line.json(&["logout"]);
    // The services hear of it within seconds.
    let begun = Instant::now();
    let mut after = line.run(&["user", "list"]);
    while after.status.success() && begun.elapsed() < process::PATIENCE {
        after = line.run(&["user", "list"]);
    }
    assert!(String::from_utf8_lossy(&after.stderr).contains("UNAUTHENTICATED"), "{after:?}");
}

async fn a_creator_looks_after_a_page(world: World) {
    let (owner, member) = (world.user().await, world.user().await);
    let page = world.page(&owner).await;
    let merchant = page["_id"].as_str().expect("an id is text");
    member.client.post("/h5/merchant", &json!({"merchant": merchant})).await.ok();
    let mut line = CommandLine::new(&world);
    line.sign_in(&owner);

    let updated = line.json(&["page", "update", merchant, "--name", "新名字"]);
    assert_eq!(updated["merchant"]["name"], "新名字");
    let members = line.json(&["page", "members", merchant]);
    assert_eq!(members["memberships"].as_array().map(Vec::len), Some(2), "{members}");

    let words = tempfile::NamedTempFile::new().expect("a file can be made");
    std::fs::write(words.path(), "坏话\n\n另一句\n").expect("a file can be written");
    let set = line.json(&["words", "set", merchant, "--mode", "mask", words.path().to_str().unwrap()]);
    assert_eq!(set["count"], 2);
    assert_eq!(line.json(&["words", "show", merchant])["mode"], "WORD_MODE_MASK");
    line.json(&["retention", "set", merchant, "30"]);
    assert_eq!(line.json(&["retention", "show", merchant])["days"], 30);
    line.json(&["retention", "set", merchant, "forever"]);
    assert_eq!(line.json(&["retention", "show", merchant]), json!({}));

    let report = json!({"merchant": merchant, "user": owner.id, "reason": "没有理由"});
    member.client.post("/h5/report", &report).await.ok();
    let waiting = line.json(&["report", "list", merchant]);
    let report = waiting["reports"][0]["id"].as_str().expect("an id is text");
    assert_eq!(line.json(&["report", "resolve", report, "已处理"])["report"]["resolution"], "已处理");

    line.json(&["page", "transfer", merchant, &member.id]);
    let closed = line.run(&["page", "close", merchant]);
    assert!(String::from_utf8_lossy(&closed.stderr).contains("NOT_MERCHANT_OWNER"), "{closed:?}");
}

async fn what_is_wrong_is_one_line(world: World) {
    let user = world.user().await;
    let mut line = CommandLine::new(&world);
    let refused = |line: &CommandLine, arguments: &[&str], reason: &str| {
        let output = line.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.lines().count() == 1 && said.contains(reason), "{said}");
    };
    refused(&line, &["user", "list"], "CHATROOM_TOKEN");
    line.sign_in(&user);
    refused(&line, &["user", "list"], "ADMIN_ONLY");
    refused(&line, &["page", "close", "64e2e53561a25a30db767a40"], "MERCHANT_NOT_FOUND");
    line.environment.insert("CHATROOM_TOKEN", "no token".to_owned());
    refused(&line, &["user", "list"], "UNAUTHENTICATED");
}

async fn people_are_shown_tables(world: World) {
    let (administrator, user) = (world.administrator().await, world.user().await);
    let mut line = CommandLine::new(&world);
    line.sign_in(&administrator);
    let output = line.run(&["user", "list", "--name", "user", "--limit", "1"]);
    let table = String::from_utf8(output.stdout).expect("a table is text");
    let (head, rows) = table.split_once('\n').expect("there is a head");
    assert!(head.contains("user.username") && rows.trim_end().lines().count() == 1, "{table}");
    let more = String::from_utf8_lossy(&output.stderr).into_owned();
    let after = more.trim().split_once("--after ").expect("there are more").1;
    let next = line.run(&["user", "list", "--name", "user", "--limit", "1", "--after", after]);
    assert_ne!(String::from_utf8_lossy(&next.stdout), table);
    let done = line.run(&["logout"]);
    assert_eq!(String::from_utf8_lossy(&done.stdout), "done\n", "of {}", user.name);
}
