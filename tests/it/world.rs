//! What a scenario finds: a cluster, and people in it. Owns the ways to get users, pages and files that many scenarios
//! need; what only one needs stays with it.

use std::sync::Arc;

use chatroom_tests::{Client, Cluster, Shape, cluster::Builder};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

pub(crate) use chatroom_tests::people::{
    ICON, SECRET, User, fresh_name, fresh_password, page_request, picture, sign_in,
};

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

/// A well-formed id of nothing.
pub(crate) const NOBODY: &str = "0123456789abcdef01234567";

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
