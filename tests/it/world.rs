//! What a scenario finds: a cluster, and people in it. Owns the ways to get users, pages and files that many scenarios
//! need; what only one needs stays with it.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use chatroom_tests::{Client, Cluster, Shape, cluster::Builder};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

/// In every password: no log may ever hold it.
pub(crate) const SECRET: &str = "Seifenkiste";
/// The icon in most examples.
pub(crate) const ICON: &str = "https://img.example/59024.jpg";

/// A cluster of the settings that the shared ones have: whoever sits on loopback may say for whom it speaks, so that
/// each scenario's clients have addresses of their own.
pub(crate) fn usual(shape: Shape) -> Builder {
    Cluster::builder(shape).set("CHATROOM_TRUSTED_PROXIES", "127.0.0.1/32")
}

/// What no process may have logged: faults, passwords and tokens.
pub(crate) fn faults(cluster: &Cluster) -> Vec<String> {
    let secrets = cluster.log().into_iter().filter(|(_, line)| line.contains(SECRET) || line.contains("eyJ"));
    let secrets = secrets.map(|(name, line)| format!("{name} logged a secret: {line}"));
    cluster.faults().into_iter().chain(secrets).collect()
}

/// What a scenario finds.
pub(crate) struct World {
    /// The product.
    pub(crate) cluster: Arc<Cluster>,
}

/// Somebody with an account, signed in.
#[derive(Clone)]
pub(crate) struct User {
    /// Their client, with their token.
    pub(crate) client: Client,
    /// Their id.
    pub(crate) id: String,
    /// Their name.
    pub(crate) name: String,
    /// Their password.
    pub(crate) password: String,
}

impl World {
    /// A world on `cluster`.
    pub(crate) fn on(cluster: Arc<Cluster>) -> Self {
        Self { cluster }
    }

    /// A world on a cluster of its own.
    pub(crate) async fn own(builder: Builder) -> Self {
        Self::on(Arc::new(builder.start().await))
    }

    /// The cluster, to be changed.
    pub(crate) fn cluster_mut(&mut self) -> &mut Cluster {
        Arc::get_mut(&mut self.cluster).expect("the cluster is this scenario's own")
    }

    /// A client that nobody has signed in, at an address of its own.
    pub(crate) fn client(&self) -> Client {
        Client::new(self.cluster.url())
    }

    /// A new user, signed in.
    pub(crate) async fn user(&self) -> User {
        let (name, password) = (fresh_name("user"), fresh_password());
        let client = self.client();
        client.register(&name, &password).await.ok();
        sign_in(&client, &name, &password).await
    }

    /// A new administrator, signed in.
    pub(crate) async fn administrator(&self) -> User {
        let user = self.user().await;
        self.cluster.grant_administrator(&user.name);
        sign_in(&user.client, &user.name, &user.password).await
    }

    /// A page of `owner`'s, served by the owner.
    pub(crate) async fn page(&self, owner: &User) -> Value {
        self.page_served_by(owner, owner).await
    }

    /// A page of `owner`'s, served by `customer`.
    pub(crate) async fn page_served_by(&self, owner: &User, customer: &User) -> Value {
        let answer = owner.client.post("/h5/merchant/createMerchant", &page_request(&customer.id)).await.ok();
        answer.data()[0].take()
    }

    /// A group chat on `owner`'s page.
    pub(crate) async fn group(&self, owner: &User, page: &Value) -> Value {
        let body = json!({"merchant": page["_id"], "name": "小黑子的世界", "icon": ICON});
        owner.client.post("/h5/group", &body).await.ok().data()
    }
}

/// Signs somebody in.
pub(crate) async fn sign_in(client: &Client, name: &str, password: &str) -> User {
    let data = client.login(name, password).await.ok().data();
    let token = data["token"].as_str().expect("a token is text");
    User {
        client: client.with_token(token),
        id: data["_id"].as_str().expect("an id is text").to_owned(),
        name: name.to_owned(),
        password: password.to_owned(),
    }
}

/// The body that creates a page served by the user `customer`.
pub(crate) fn page_request(customer: &str) -> Value {
    json!({"activationCode": "asdasad", "name": "小蓝的商页", "icon": ICON, "customer": customer})
}

/// A name that nobody has.
pub(crate) fn fresh_name(what: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{what}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A password that nobody has.
pub(crate) fn fresh_password() -> String {
    fresh_name(SECRET)
}

/// A well-formed id of nothing.
pub(crate) const NOBODY: &str = "0123456789abcdef01234567";

/// A file of `size` bytes that begins as a PNG picture does.
pub(crate) fn picture(size: usize) -> Vec<u8> {
    const START: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0";
    // A prime: no two pieces of a chunk's or a part's size are alike, so that one in the wrong place shows.
    const PATTERN: usize = 65_521;
    let mut byte = 1_u8;
    let pattern = std::iter::repeat_with(|| {
        byte = byte.wrapping_mul(5).wrapping_add(113);
        byte
    });
    let pattern =
        pattern.enumerate().map(|(index, byte)| byte ^ index.to_le_bytes()[1]).take(PATTERN).collect::<Vec<_>>();
    let mut bytes = START.to_vec();
    while bytes.len() < size {
        bytes.extend_from_slice(&pattern[..pattern.len().min(size - bytes.len())]);
    }
    bytes
}

/// A ZIP archive of one empty file.
pub(crate) fn archive() -> Vec<u8> {
    let file = b"\x0a\0\0\0\0\0\0\0!X\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0";
    let end = b"\0\0\0\0\x01\0\x01\0/\0\0\0\x1f\0\0\0\0\0";
    [&b"PK\x03\x04"[..], file, b"a", b"PK\x01\x02\x0a\0", file, &[0; 14], b"a", b"PK\x05\x06", end].concat()
}

/// The time of day, to the millisecond.
#[expect(clippy::disallowed_methods, reason = "a scenario stands outside the product, whose clock it cannot set")]
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now()
}
