//! The people of a test: accounts, sessions, and what they write. Owns no expectation beyond that what everybody does
//! succeeds.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::Client;

/// In every password: no log may ever hold it.
pub const SECRET: &str = "Seifenkiste";
/// The icon in most examples.
pub const ICON: &str = "https://img.example/59024.jpg";

/// Somebody with an account, signed in.
#[derive(Clone)]
pub struct User {
    /// Their client, with their token.
    pub client: Client,
    /// Their id.
    pub id: String,
    /// Their name.
    pub name: String,
    /// Their password.
    pub password: String,
}

/// Signs somebody in.
pub async fn sign_in(client: &Client, name: &str, password: &str) -> User {
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
pub fn page_request(customer: &str) -> Value {
    json!({"activationCode": "asdasad", "name": "小蓝的商页", "icon": ICON, "customer": customer})
}

/// A name that nobody has.
pub fn fresh_name(what: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{what}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A password that nobody has.
pub fn fresh_password() -> String {
    fresh_name(SECRET)
}

/// A file of `size` bytes that begins as a PNG picture does.
pub fn picture(size: usize) -> Vec<u8> {
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
