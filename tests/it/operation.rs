//! What an operator does: start it, wrongly too, stop it, start it again, ask how it is.

use std::{
    process::{Command, Output},
    time::Duration,
};

use chatroom_tests::{
    Client, Cluster, Part, Process, Shape,
    process::{self, Environment, PATIENCE},
    raw::Connection,
};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::{
    suite::{Scenario, scenarios},
    world::{World, fresh_name, fresh_password, picture, sign_in, usual},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    let shared = scenarios![Shared: probes_and_figures_answer_on_the_admin_listener];
    let own = scenarios![Own:
        a_restart_keeps_everything,
        told_to_stop_it_ends_whatever_is_open,
        a_used_port_is_one_line,
        a_wrong_setting_is_one_line,
        help_and_version_are_answered,
        an_administrator_is_granted_while_it_runs,
        the_walk_in_the_readme_works,
    ];
    let own_services = scenarios![OwnServices: a_database_that_is_away_is_waited_for];
    [shared, own, own_services].concat()
}

/// The parts of a cluster of this shape, each before those that it asks.
pub(crate) fn parts(shape: Shape) -> &'static [Part] {
    match shape {
        Shape::Standalone => &[Part::Standalone],
        Shape::Distributed => &[Part::Gateway, Part::File, Part::Group, Part::Merchant, Part::User],
    }
}

async fn probes_and_figures_answer_on_the_admin_listener(world: World) {
    world.user().await;
    for process in world.cluster.processes() {
        let admin = Client::new(format!("http://{}", process.admin_address()));
        assert_eq!(admin.get("/livez").await.ok().text, "live\n");
        assert_eq!(admin.get("/readyz").await.ok().text, "ready\n");
        let figures = admin.get("/metrics").await.ok().text;
        assert!(figures.contains("# TYPE"), "{}: {figures}", process.name());
    }
    // Clients see none of it.
    for path in ["/livez", "/metrics"] {
        assert_eq!(world.client().get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

async fn a_restart_keeps_everything(shape: Shape) {
    let mut world = World::own(usual(shape)).await;
    let user = world.user().await;
    let page = world.page(&user).await;
    world.group(&user, &page).await;
    let bytes = picture(100_000);
    let file = user.client.upload("a.png", bytes.clone()).await.ok().data();
    let seen = || async {
        let pages = user.client.get("/h5/merchant").await.ok().text;
        let groups = user.client.post("/h5/group/getGroup", &json!({"merchant": page["_id"]})).await.ok().text;
        (pages, groups)
    };
    let before = seen().await;
    for &part in parts(shape) {
        let mut process = world.cluster_mut().take(part);
        process.terminate();
        assert!(process.wait(PATIENCE).is_some_and(|status| status.success()), "{part:?} did not end well");
    }
    for &part in parts(shape).iter().rev() {
        world.cluster_mut().restart(part);
    }
    // The token is good still: the key that signed it was kept.
    assert_eq!(seen().await, before);
    sign_in(&world.client(), &user.name, &user.password).await;
    let again = world.client().register(&user.name, &fresh_password()).await;
    assert_eq!(again.reason(), "USERNAME_TAKEN");
    let file = world.client().request(Method::GET, file.as_str().unwrap()).send().await.unwrap();
    assert!(file.bytes().await.unwrap() == bytes);
}

async fn told_to_stop_it_ends_whatever_is_open(shape: Shape) {
    let mut world = World::own(usual(shape)).await;
    let user = world.user().await;
    let address = world.cluster.address();
    // A connection that says nothing, half a request, an upload that does not go on: none may hold the process.
    let mut open = [Connection::open(address).await, Connection::open(address).await, Connection::open(address).await];
    open[1].send("GET /h5/merchant HTTP/1.1\r\nhost: a\r\nx-slow: ").await;
    let token = user.client.token().unwrap_or_default();
    let upload = format!(
        "POST /upload HTTP/1.1\r\nhost: a\r\ntoken: {token}\r\ncontent-type: multipart/form-data; boundary=edge\r\n\
         content-length: 100000\r\n\r\n--edge\r\n"
    );
    open[2].send(upload).await;
    user.client.get("/h5/merchant").await.ok();
    for &part in parts(shape) {
        let mut process = world.cluster_mut().take(part);
        process.terminate();
        let ended = process.wait(Duration::from_secs(15));
        assert!(ended.is_some_and(|status| status.code() == Some(0)), "{part:?}: {ended:?}");
    }
}

/// Asserts that a process ended by itself, badly, and said why in one line that holds `reason`.
fn assert_one_line(ended: &Output, reason: &str) {
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.code().is_some_and(|code| code != 0), "{ended:?}");
    let complaint = said.lines().filter(|line| !line.starts_with('{')).collect::<Vec<_>>();
    assert_eq!(complaint.len(), 1, "{said}");
    assert!(complaint[0].contains(reason), "{said} does not say {reason}");
    assert!(complaint[0].len() < 400, "{said}");
}

/// Settings with which a part would start.
fn good_settings(cluster: &Cluster, part: Part) -> Environment {
    let mut environment = cluster.environment(part);
    environment.insert("CHATROOM_LISTEN", "127.0.0.1:0".to_owned());
    environment
}

async fn a_used_port_is_one_line(shape: Shape) {
    let cluster = usual(shape).start().await;
    for &part in parts(shape) {
        let mut environment = good_settings(&cluster, part);
        let address = cluster.address_of(part).to_string();
        environment.insert("CHATROOM_LISTEN", address.clone());
        assert_one_line(&process::run(part.binary(), &[], &environment), &address);
    }
}

async fn a_wrong_setting_is_one_line(shape: Shape) {
    let cluster = usual(shape).start().await;
    let file = tempfile::NamedTempFile::new().expect("a file can be made");
    // Not even root can make a folder below a file.
    let below_a_file = file.path().join("data").display().to_string();
    for (part, name, value, said) in [
        (Part::Standalone, "CHATROOM_DATA_DIR", below_a_file.as_str(), below_a_file.as_str()),
        (Part::Standalone, "CHATROOM_LISTEN", "nowhere", "listen"),
        (Part::Standalone, "CHATROOM_ACTIVATION", "maybe", "activation"),
        (Part::Standalone, "CHATROOM_CORS_ORIGINS", "shop.example", "shop.example"),
        (Part::Standalone, "CHATROOM_TRUSTED_PROXIES", "everybody", "everybody"),
        (Part::Standalone, "CHATROOM_UPLOAD_MAX_BYTES", "64MB", "upload-max-bytes"),
        (Part::Standalone, "CHATROOM_PASSWORD_MIN_LENGTH", "0", "password-min-length"),
        (Part::Standalone, "CHATROOM_TOKEN_TTL", "soon", "token-ttl"),
        (Part::Standalone, "CHATROOM_LOG_FORMAT", "xml", "log-format"),
        (Part::Standalone, "RUST_LOG", "info,=,", "RUST_LOG"),
        (Part::User, "CHATROOM_DATABASE_URL", "mysql://a", "postgres://"),
        (Part::User, "CHATROOM_DATABASE_URL", "postgres://a:secret@127.0.0.1:port/a", "malformed"),
        (Part::User, "CHATROOM_JWT_SIGNING_KEY_FILE", "/nonexistent", "/nonexistent"),
        (Part::User, "CHATROOM_JWKS_FILE", "/nonexistent", "/nonexistent"),
        (Part::Merchant, "CHATROOM_JWKS_FILE", "/dev/null", "/dev/null"),
        (Part::Group, "CHATROOM_DATABASE_POOL", "many", "database-pool"),
        (Part::Group, "CHATROOM_NATS_URL", "nats://group:secret@127.0.0.1:99999", "bus"),
        (Part::Group, "CHATROOM_MERCHANT_URL", "not a url", "merchant-url"),
        (Part::File, "CHATROOM_S3_BUCKET", "", "s3-bucket"),
        (Part::File, "CHATROOM_S3_ENDPOINT", "::", "s3-endpoint"),
        (Part::Gateway, "CHATROOM_WRITES_PER_SECOND", "19", "writes-per-second"),
    ] {
        if !parts(shape).contains(&part) {
            continue;
        }
        let mut environment = good_settings(&cluster, part);
        environment.insert(name, value.to_owned());
        let ended = process::run(part.binary(), &[], &environment);
        assert_one_line(&ended, said);
        assert!(!String::from_utf8_lossy(&ended.stderr).contains("secret"), "a password is not for a log");
    }
}

async fn a_database_that_is_away_is_waited_for() {
    let cluster = usual(Shape::Distributed).start().await;
    for part in [Part::User, Part::Merchant, Part::Group] {
        let mut environment = good_settings(&cluster, part);
        environment.insert("CHATROOM_DATABASE_URL", "postgres://a:secret@127.0.0.1:1/a".to_owned());
        let mut process = Process::start(part.binary(), &environment);
        let line = process.wait_for_line(|line| line["message"] == "waiting for the database").to_string();
        assert!(line.contains("127.0.0.1:1") && !line.contains("secret"), "{line}");
        process.terminate();
        assert!(process.wait(PATIENCE).is_some(), "{part:?} waits although it was told to stop");
    }
}

async fn help_and_version_are_answered(shape: Shape) {
    for &part in parts(shape) {
        let answer = |argument: &str| {
            let output = process::run(part.binary(), &[argument], &Environment::new());
            assert!(output.status.success(), "{part:?} {argument}: {output:?}");
            String::from_utf8(output.stdout).expect("what it says is text")
        };
        let version = answer("--version");
        assert!(version.starts_with(part.binary()) && version.trim().ends_with(env!("CARGO_PKG_VERSION")), "{version}");
        let help = answer("--help");
        for setting in ["CHATROOM_LISTEN", "CHATROOM_ADMIN_LISTEN", "RUST_LOG", "CHATROOM_LOG_FORMAT"] {
            assert!(help.contains(setting), "{part:?} does not document {setting}: {help}");
        }
    }
}

async fn an_administrator_is_granted_while_it_runs(shape: Shape) {
    let world = World::own(usual(shape)).await;
    let user = world.user().await;
    world.cluster.grant_administrator(&user.name.to_uppercase());
    // Again is as well as once.
    world.cluster.grant_administrator(&user.name);
    let account = world.client().login(&user.name, &user.password).await.ok().data();
    assert_eq!(account["role"], 1);
    let administrator = sign_in(&world.client(), &user.name, &user.password).await;
    administrator.client.post("/h5/merchant/activationCode", &json!({"count": 1})).await.ok();
    let part = world.cluster.part_for(Part::User);
    let nobody = process::run(part.binary(), &["grant-admin", &fresh_name("nobody")], &world.cluster.environment(part));
    assert_one_line(&nobody, "nobody");
}

/// The first shell block of a text that calls the API.
fn walk(text: &str) -> &str {
    let blocks = text.split("```sh\n").skip(1).filter_map(|rest| rest.split_once("```"));
    let mut walks = blocks.map(|(block, _)| block).filter(|block| block.contains("api=http"));
    walks.next().expect("there is a walk")
}

async fn the_walk_in_the_readme_works(shape: Shape) {
    for readme in [include_str!("../../README.md"), include_str!("../../README.zh-CN.md")] {
        let cluster = usual(shape).start().await;
        let place = tempfile::tempdir().expect("a folder can be made");
        let script = walk(readme).replace("http://127.0.0.1:8080", &cluster.url());
        let walked = Command::new("bash").args(["-euc", &script]).current_dir(&place).output();
        let walked = walked.expect("there is a shell");
        let said = String::from_utf8_lossy(&walked.stdout);
        assert!(walked.status.success(), "{walked:?}");
        // Registered, signed in, uploaded, shown, opened, joined, listed, opened a group, listed.
        assert_eq!(said.matches(r#""code":200"#).count(), 8, "{said}");
        assert_eq!(said.matches("HTTP/1.1 200").count(), 1, "{said}");
        assert!(said.contains(r#""state":1"#), "{said}");
    }
}
