//! The binary as an operator uses it: its command line, and the service behind it on PostgreSQL.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use chatroom_kit::{
    link::Link,
    testing::{self, FreshDatabase},
};
use chatroom_proto::user::v1::{
    IssueServiceTokenRequest, LoginRequest, LoginResponse, RegisterRequest, Role,
    user_service_client::UserServiceClient,
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// How long anything that the process does by itself may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Keys in a folder and an empty database.
struct Place {
    folder: TempDir,
    database: FreshDatabase,
}

impl Place {
    async fn new() -> Self {
        let place = Self { folder: TempDir::new().unwrap(), database: testing::postgres().await };
        let made = place.keygen("keys", None).await;
        assert!(made.status.success(), "{}", text(&made.stderr));
        let added = place.add_service("gateway").await;
        assert!(added.status.success(), "{}", text(&added.stderr));
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn keygen(&self, out: &str, add_to: Option<&Path>) -> Output {
        let mut command = command();
        command.arg("keygen").arg("--out").arg(self.path(out));
        if let Some(jwks) = add_to {
            command.arg("--add-to").arg(jwks);
        }
        command.output().await.unwrap()
    }

    async fn add_service(&self, name: &str) -> Output {
        command().args(["add-service", name, "--dir"]).arg(self.path("keys")).output().await.unwrap()
    }

    async fn grant_admin(&self, name: &str) -> Output {
        command().args(["grant-admin", name]).env("CHATROOM_DATABASE_URL", &self.database.url).output().await.unwrap()
    }

    /// The command that serves with the key in the folder `keys`.
    fn serve(&self, keys: &str) -> Command {
        let mut command = command();
        command
            .env("CHATROOM_LISTEN", "127.0.0.1:0")
            .env("CHATROOM_LOG_FORMAT", "json")
            .env("CHATROOM_DATABASE_URL", &self.database.url)
            .env("CHATROOM_JWT_SIGNING_KEY_FILE", self.path(keys).join("signing-key.pem"))
            .env("CHATROOM_JWKS_FILE", self.path("keys/jwks.json"))
            .env("CHATROOM_SERVICE_SECRETS_FILE", self.path("keys/services"))
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }
}

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chatroom-user"));
    command.env_clear().stdin(Stdio::null());
    command
}

fn text(output: &[u8]) -> &str {
    std::str::from_utf8(output).unwrap()
}

/// A client of the process, once it serves.
async fn client(process: &mut Child) -> UserServiceClient<Link> {
    let mut lines = BufReader::new(process.stderr.as_mut().unwrap()).lines();
    let address = timeout(PATIENCE, async {
        loop {
            let line = lines.next_line().await.unwrap().expect("it serves before it ends");
            let event: Value = serde_json::from_str(&line).expect("it logs JSON");
            if event["message"] == "listening" {
                return event["address"].as_str().unwrap().to_owned();
            }
        }
    })
    .await
    .expect("it serves in time");
    UserServiceClient::new(Link::connect(&[format!("http://{address}").parse().unwrap()], None).unwrap())
}

async fn login(client: &UserServiceClient<Link>) -> LoginResponse {
    let request = LoginRequest { username: "lily".into(), password: "123456".into(), client_address: String::new() };
    client.clone().login(request).await.unwrap().into_inner()
}

#[tokio::test]
async fn it_serves_and_makes_administrators_meanwhile() {
    let place = Place::new().await;
    let mut process = place.serve("keys").spawn().unwrap();
    let client = client(&mut process).await;
    let request = RegisterRequest { username: "lily".into(), password: "123456".into(), request_id: String::new() };
    client.clone().register(request).await.unwrap();
    assert_eq!(login(&client).await.user.unwrap().role(), Role::User);

    let granted = place.grant_admin("LILY").await;
    assert!(granted.status.success() && text(&granted.stdout).starts_with("lily ("), "{granted:?}");
    assert_eq!(login(&client).await.user.unwrap().role(), Role::Administrator);

    let unknown = place.grant_admin("rose").await;
    assert_eq!(unknown.status.code(), Some(1));
    assert_eq!(text(&unknown.stderr), "error: there is no user called rose\n");
}

#[tokio::test]
async fn it_serves_only_with_a_key_that_is_published() {
    let place = Place::new().await;
    assert!(place.keygen("new", None).await.status.success());
    let refused = place.serve("new").output().await.unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let line = text(&refused.stderr);
    assert!(line.contains("is not among the public keys") && line.lines().count() == 1, "{line}");

    assert!(place.keygen("newer", Some(&place.path("keys/jwks.json"))).await.status.success());
    let mut process = place.serve("newer").spawn().unwrap();
    client(&mut process).await;
}

#[tokio::test]
async fn a_service_added_while_it_runs_gets_tokens() {
    let place = Place::new().await;
    let mut process = place.serve("keys").spawn().unwrap();
    let client = client(&mut process).await;
    let token = |service: &str, secret: String| {
        let request = IssueServiceTokenRequest { service: service.to_owned(), secret };
        let mut client = client.clone();
        async move { client.issue_service_token(request).await.map(|answer| answer.into_inner().token) }
    };
    let secret = |name: &str| std::fs::read_to_string(place.path("keys").join(format!("{name}.secret"))).unwrap();
    assert!(token("gateway", secret("gateway")).await.is_ok());

    // Which is not undone by asking again, and overwritten by nobody.
    let again = place.add_service("gateway").await;
    assert_eq!(again.status.code(), Some(1));
    assert_eq!(text(&again.stderr).lines().count(), 1);
    assert!(place.add_service("bot").await.status.success());
    let issued = timeout(PATIENCE, async {
        loop {
            if let Ok(token) = token("bot", secret("bot")).await {
                return token;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    assert!(!issued.await.expect("the file is read again").is_empty());
    assert!(token("gateway", secret("gateway")).await.is_ok());
    assert!(token("bot", secret("gateway")).await.is_err());
}

#[tokio::test]
async fn wrong_settings_are_refused_with_one_line() {
    let place = Place::new().await;
    for (variable, value) in [
        ("CHATROOM_PASSWORD_MIN_LENGTH", "129"),
        ("CHATROOM_TOKEN_TTL", "soon"),
        ("CHATROOM_DATABASE_URL", "mysql://localhost/chatroom"),
        ("CHATROOM_JWKS_FILE", "/nowhere/jwks.json"),
        ("CHATROOM_JWT_SIGNING_KEY_FILE", "/nowhere/signing-key.pem"),
        ("CHATROOM_SERVICE_SECRETS_FILE", "/nowhere/services"),
    ] {
        let refused = place.serve("keys").env(variable, value).output().await.unwrap();
        assert!(!refused.status.success(), "{variable}");
        assert_eq!(text(&refused.stderr).lines().count(), 1, "{}", text(&refused.stderr));
    }
}
