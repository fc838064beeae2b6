//! What the trials ask for: a page with a group and a file, two people in it, and the routes that each promise is shown
//! on. Owns no expectation about the answers.

use std::fmt;

use chatroom_tests::{
    Client, Part,
    client::Answer,
    cluster::Dependency,
    people::{ICON, User, fresh_name, fresh_password, page_request, picture, sign_in},
};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

/// How large the file is that everybody may read.
pub(crate) const FILE_SIZE: usize = 20_000;

/// A page with a group in it.
#[derive(Clone)]
pub(crate) struct Scene {
    /// Whose page it is.
    pub(crate) owner: User,
    /// Who has joined page and group.
    pub(crate) member: User,
    /// The page's id.
    pub(crate) page: String,
    /// The group's id.
    pub(crate) group: String,
    /// The path of a file.
    file: String,
}

impl Scene {
    /// A new scene, made through the gateway at `base`.
    pub(crate) async fn make(base: &str) -> Self {
        let owner = register(base).await;
        let page = owner.client.post("/h5/merchant/createMerchant", &page_request(&owner.id)).await.ok().data();
        let page = text(&page[0]["_id"]);
        let body = json!({"merchant": page, "name": fresh_name("group"), "icon": ICON});
        let group = text(&owner.client.post("/h5/group", &body).await.ok().data()["_id"]);
        let file = text(&owner.client.upload("a.png", picture(FILE_SIZE)).await.ok().data());
        let member = register(base).await;
        let scene = Self { owner, member, page, group, file };
        scene.join(&scene.member).await.ok();
        scene
    }

    /// Makes somebody a member of page and group.
    pub(crate) async fn join(&self, user: &User) -> Answer {
        user.client.post("/h5/merchant", &json!({"merchant": self.page})).await.ok();
        user.client.post("/h5/group/join", &json!({"group": self.group})).await
    }
}

/// A new account, signed in.
pub(crate) async fn register(base: &str) -> User {
    let (name, password) = (fresh_name("user"), fresh_password());
    let client = Client::new(base);
    client.register(&name, &password).await.ok();
    sign_in(&client, &name, &password).await
}

/// The text in a field that has one.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A request that the member makes, in any number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Route {
    Account,
    Login,
    Pages,
    JoinPage,
    Groups,
    JoinGroup,
    History,
    Conversations,
    Say,
    Download,
    Upload,
}

impl Route {
    /// Every one.
    pub(crate) const ALL: [Self; 11] = [
        Self::Account,
        Self::Login,
        Self::Pages,
        Self::JoinPage,
        Self::Groups,
        Self::JoinGroup,
        Self::History,
        Self::Conversations,
        Self::Say,
        Self::Download,
        Self::Upload,
    ];

    /// Those that may be repeated: they read, or come to the same however often they are made.
    pub(crate) const IDEMPOTENT: [Self; 9] = [
        Self::Account,
        Self::Pages,
        Self::JoinPage,
        Self::Groups,
        Self::JoinGroup,
        Self::History,
        Self::Conversations,
        Self::Say,
        Self::Download,
    ];

    /// The request, to be made at the gateway at `base`.
    pub(crate) fn request(self, scene: &Scene, base: &str) -> RequestBuilder {
        let Scene { member, page, group, file, .. } = scene;
        let client = member.client.on(base);
        let post = |path: &str, body: Value| client.request(Method::POST, path).json(&body);
        match self {
            Self::Account => client.request(Method::GET, "/h5/user/me"),
            Self::Login => post("/h5/user/login", json!({"username": member.name, "password": member.password})),
            Self::Pages => client.request(Method::GET, "/h5/merchant"),
            Self::JoinPage => post("/h5/merchant", json!({"merchant": page})),
            Self::Groups => post("/h5/group/getGroup", json!({"merchant": page})),
            Self::JoinGroup => post("/h5/group/join", json!({"group": group})),
            Self::History => client.request(Method::GET, &format!("/h5/message?group={group}")),
            Self::Conversations => client.request(Method::GET, "/h5/conversation"),
            Self::Say => post("/h5/message", message(group, &fresh_name("said"))),
            Self::Download => client.request(Method::GET, file),
            Self::Upload => upload(&client, picture(FILE_SIZE)),
        }
    }

    /// Whether it cannot be served without `dependency`.
    pub(crate) fn needs(self, dependency: Dependency) -> bool {
        let (service, beside) = match self {
            Self::Account | Self::Login => (Part::User, Dependency::Database),
            Self::Pages | Self::JoinPage => (Part::Merchant, Dependency::Database),
            Self::Groups | Self::JoinGroup | Self::History | Self::Conversations | Self::Say => {
                (Part::Group, Dependency::Database)
            }
            Self::Download | Self::Upload => (Part::File, Dependency::Storage),
        };
        // A group is a page's: the page is asked about.
        let asks_page = matches!(self, Self::Groups | Self::JoinGroup);
        dependency == Dependency::Service(service)
            || dependency == beside
            || (asks_page && dependency == Dependency::Service(Part::Merchant))
    }
}

impl fmt::Display for Route {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

/// The body that sends the message `name`, which it also says.
pub(crate) fn message(group: &str, name: &str) -> Value {
    json!({"group": group, "clientId": name, "kind": "text", "content": {"text": name}})
}

/// The request that uploads a picture.
pub(crate) fn upload(client: &Client, bytes: Vec<u8>) -> RequestBuilder {
    let part = reqwest::multipart::Part::bytes(bytes).file_name("a.png");
    client.request(Method::POST, "/upload").multipart(reqwest::multipart::Form::new().part("file", part))
}
