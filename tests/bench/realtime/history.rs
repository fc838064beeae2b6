//! Whether what was said is in a group's history, once each: read page by page, as a client does.

use std::{collections::HashSet, net::SocketAddr};

use anyhow::{Context as _, ensure};
use serde::Deserialize;

use super::load::Heard;
use crate::{http::Connection, request};

/// A page of history, as far as it is looked at.
#[derive(Deserialize)]
struct Answer {
    data: Page,
}

#[derive(Deserialize)]
struct Page {
    messages: Vec<Message>,
    /// Where to go on; nothing at the end.
    after: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    seq: i64,
    client_id: String,
}

/// Fails unless everything that was heard is in the history, in one sequence without a hole, and nothing else.
pub(crate) async fn check(address: SocketAddr, token: &str, heard: &Heard) -> anyhow::Result<()> {
    let stored = read(address, token, heard).await.context("the history cannot be read")?;
    let places = stored.iter().map(|message| message.seq);
    ensure!(places.eq((heard.after + 1..).take(stored.len())), "the history has a hole, or its order is wrong");
    let count = stored.len();
    let stored: HashSet<_> = stored.into_iter().map(|message| message.client_id).collect();
    let mut said = 0;
    for (run, count) in &heard.said {
        let missing = (0..*count).map(|number| format!("{run}-{number}")).find(|name| !stored.contains(name));
        ensure!(missing.is_none(), "the message {missing:?} was acknowledged and is not in the history");
        said += usize::try_from(*count)?;
    }
    ensure!(count == said, "there are {count} messages in the history, and {said} were said");
    Ok(())
}

async fn read(address: SocketAddr, token: &str, heard: &Heard) -> anyhow::Result<Vec<Message>> {
    let mut connection = Connection::open(address).await?;
    let (mut all, mut after) = (Vec::new(), Some(heard.after));
    while let Some(place) = after {
        let mut asked = Vec::new();
        let path = format!("/h5/message?group={}&after={place}&limit=200", heard.group);
        request::get(&mut asked, &path, token);
        let answer = connection.call(&asked, &[]).await?;
        ensure!(answer.status == 200, "answered {}: {}", answer.status, String::from_utf8_lossy(answer.body));
        let Answer { data } = serde_json::from_slice(answer.body)?;
        all.extend(data.messages);
        after = data.after;
    }
    Ok(all)
}
