//! The data that is there before anything is measured, made through the public interface: users with pages, pages
//! with groups, a picture. Owns what it is called and how much of it there is.

use std::{net::SocketAddr, sync::Arc};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{http::Connection, request};

/// How many connections make the data.
pub(crate) const CONNECTIONS: usize = 16;
/// How many do where passwords are hashed: more would only wait, and on a busy machine be refused.
const HASHING: usize = 4;
/// How many pages each user opens.
const PAGES_PER_USER: usize = 10;
/// How many groups the first page of each user has.
const GROUPS_PER_PAGE: usize = 3;
/// How many users open no page but join others'.
const JOINERS: usize = 32;
/// How long a picture is that is downloaded.
pub(crate) const PICTURE_SIZE: usize = 64 << 10;

/// How much data.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// How many users with pages.
    pub(crate) users: usize,
}

/// What was made.
#[derive(Debug)]
pub(crate) struct Seeded {
    /// Those who have pages.
    pub(crate) owners: Vec<User>,
    /// Those who have none.
    pub(crate) joiners: Vec<User>,
    /// Every page's id.
    pub(crate) pages: Vec<String>,
    /// The path of a picture.
    pub(crate) picture: String,
}

/// An account.
#[derive(Debug)]
pub(crate) struct User {
    /// Its name.
    pub(crate) name: String,
    /// Its id.
    pub(crate) id: String,
    /// A token of it.
    pub(crate) token: String,
    /// The ids of its pages; the first one has groups.
    pub(crate) pages: Vec<String>,
}

/// The password of every account.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// Makes the data.
pub(crate) async fn seed(address: SocketAddr, size: Size) -> anyhow::Result<Seeded> {
    let mut users = register(address, size.users + JOINERS).await.context("users cannot be made")?;
    let joiners = users.split_off(size.users);
    let mut owners = users;
    open_pages(address, &mut owners).await.context("pages cannot be made")?;
    open_groups(address, &owners).await.context("groups cannot be made")?;
    let picture = upload_picture(address, &owners[0]).await.context("the picture cannot be uploaded")?;
    let pages = owners.iter().flat_map(|owner| owner.pages.iter().cloned()).collect();
    Ok(Seeded { owners, joiners, pages, picture })
}

/// Registers so many users and signs them in.
pub(crate) async fn register(address: SocketAddr, count: usize) -> anyhow::Result<Vec<User>> {
    let names: Vec<_> = (0..count).map(|index| format!("bench-{index}")).collect();
    let credentials = |path: &str, name: &String| {
        let mut head = Vec::new();
        request::post(&mut head, path, "", &json!({"username": name, "password": PASSWORD}).to_string());
        head
    };
    let all = |path| names.iter().map(|name| credentials(path, name)).collect();
    ask_all(address, HASHING, all("/h5/user/reg")).await?;
    let answers = ask_all(address, HASHING, all("/h5/user/login")).await?;
    names
        .iter()
        .zip(answers)
        .map(|(name, data)| {
            Ok(User { name: name.clone(), id: text(&data["_id"])?, token: text(&data["token"])?, pages: Vec::new() })
        })
        .collect()
}

async fn open_pages(address: SocketAddr, owners: &mut [User]) -> anyhow::Result<()> {
    let page = |owner: &User, index: usize| {
        let mut head = Vec::new();
        let body = json!({
            "activationCode": format!("code-{index}"),
            "name": format!("小蓝的商页{index}"),
            "icon": "https://img.example.com/2023/08/21/59024.jpg",
            "customer": owner.id,
        });
        request::post(&mut head, "/h5/merchant/createMerchant", &owner.token, &body.to_string());
        head
    };
    // A page at a time for each owner: the order in which an owner joined is then the same everywhere.
    for index in 0..PAGES_PER_USER {
        let answers = ask_all(address, CONNECTIONS, owners.iter().map(|owner| page(owner, index)).collect()).await?;
        for (owner, data) in owners.iter_mut().zip(answers) {
            owner.pages.push(text(&data[0]["_id"])?);
        }
    }
    Ok(())
}

async fn open_groups(address: SocketAddr, owners: &[User]) -> anyhow::Result<()> {
    let group = |owner: &User, index: usize| {
        let mut head = Vec::new();
        let body = json!({
            "merchant": owner.pages[0],
            "name": format!("小黑子的世界{index}群"),
            "icon": "https://img.example.com/2023/08/21/59024.jpg",
        });
        request::post(&mut head, "/h5/group", &owner.token, &body.to_string());
        head
    };
    for index in 0..GROUPS_PER_PAGE {
        ask_all(address, CONNECTIONS, owners.iter().map(|owner| group(owner, index)).collect()).await?;
    }
    Ok(())
}

async fn upload_picture(address: SocketAddr, owner: &User) -> anyhow::Result<String> {
    let body = request::multipart(&picture(PICTURE_SIZE));
    let mut head = Vec::new();
    request::upload(&mut head, &owner.token, body.len());
    head.extend(body);
    let answers = ask_all(address, 1, vec![head]).await?;
    text(&answers[0])
}

/// Bytes that pass for a PNG picture: its signature and first chunk, then anything.
pub(crate) fn picture(size: usize) -> Vec<u8> {
    const BEGINNING: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89";
    let mut bytes = BEGINNING.to_vec();
    // Not all alike: a file system that compresses would make it too easy.
    let noise =
        std::iter::successors(Some(0x2545_f491_u32), |state| Some(state.wrapping_mul(747_796_405).wrapping_add(1)));
    bytes.extend(noise.take((size - BEGINNING.len()).div_ceil(4)).flat_map(u32::to_le_bytes));
    bytes.truncate(size);
    bytes
}

/// Sends every request over so many connections; answers the `data` of each, in their order.
pub(crate) async fn ask_all(
    address: SocketAddr,
    connections: usize,
    requests: Vec<Vec<u8>>,
) -> anyhow::Result<Vec<Value>> {
    let count = requests.len();
    let requests = Arc::new(requests);
    let mut askers = JoinSet::new();
    for first in 0..connections.min(count) {
        let requests = requests.clone();
        askers.spawn(async move {
            let mut connection = Connection::open(address).await?;
            let mut answers = Vec::new();
            for index in (first..requests.len()).step_by(connections) {
                let answer = connection.call(&requests[index], &[]).await?;
                let text = String::from_utf8_lossy(answer.body);
                ensure!(answer.status == 200, "answered {}: {text}", answer.status);
                let mut envelope: Value = serde_json::from_str(&text).context("the answer is not JSON")?;
                answers.push((index, envelope["data"].take()));
            }
            anyhow::Ok(answers)
        });
    }
    let mut all = vec![Value::Null; count];
    while let Some(answers) = askers.join_next().await {
        for (index, data) in answers?? {
            all[index] = data;
        }
    }
    Ok(all)
}

/// A text in an answer.
pub(crate) fn text(value: &Value) -> anyhow::Result<String> {
    Ok(value.as_str().with_context(|| format!("the answer has {value} where a text is promised"))?.to_owned())
}
