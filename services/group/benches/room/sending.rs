//! Members who speak at once, through the RPC, each waiting for the acknowledgement before the next message.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chatroom_group::{Links, Store, config::Settings};
use chatroom_kit::{
    bus::Bus,
    clock::Clock,
    ids::GroupId,
    link::Link,
    service_token::{ServiceSecret, ServiceTokens},
    testing::Tokens,
};
use chatroom_proto::message::v1::{
    Content, SendMessageRequest, content::Content as Body, message_service_client::MessageServiceClient,
};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use crate::{group, usage, words};

pub(crate) async fn measure(engine: &str, store: &Store, senders: usize, seconds: u64) {
    let (group, users) = group(store, senders).await;
    let tokens = Tokens::new(Clock::system());
    let nowhere = Link::Local(Routes::default());
    let (secret, clock) = (ServiceSecret::random(), Clock::system());
    let service = ServiceTokens::follow("group", secret, nowhere.clone(), clock, CancellationToken::new());
    let links =
        Links { merchant: nowhere.clone(), file: nowhere.clone(), user: nowhere, tokens: service, moderation: None };
    let (verifier, stop) = (tokens.verifier(), CancellationToken::new());
    let routes = chatroom_group::start(
        store.clone(),
        links,
        Bus::local(),
        verifier,
        Clock::system(),
        Settings::default(),
        stop.clone(),
    );
    let routes = routes.unwrap();
    let _stop = stop.drop_guard();
    let client = MessageServiceClient::new(Link::Local(routes));
    let (begun, processor) = (Instant::now(), usage::processor_time());
    let end = begun + Duration::from_secs(seconds);
    let speaking: Vec<_> = users
        .into_iter()
        .map(|user| tokio::spawn(speak(client.clone(), Arc::from(tokens.user(user)), group, end)))
        .collect();
    let mut waits = Vec::new();
    for speaker in speaking {
        waits.append(&mut speaker.await.unwrap());
    }
    let (elapsed, processor) = (begun.elapsed().as_secs_f64(), usage::processor_time().saturating_sub(processor));
    waits.sort();
    let sent = u32::try_from(waits.len()).unwrap();
    println!(
        "{engine}: {senders} senders into one room: {:.0} messages/s acknowledged, {:.0} µs processor time each, \
         p50 {:.1} ms, p99 {:.1} ms",
        f64::from(sent) / elapsed,
        processor.as_secs_f64() * 1e6 / f64::from(sent),
        waits[waits.len() / 2].as_secs_f64() * 1e3,
        waits[waits.len() * 99 / 100].as_secs_f64() * 1e3,
    );
}

/// How long each message took to be acknowledged.
async fn speak(mut client: MessageServiceClient<Link>, token: Arc<str>, group: GroupId, end: Instant) -> Vec<Duration> {
    let mut waits = Vec::new();
    while Instant::now() < end {
        let number = waits.len();
        let request = SendMessageRequest {
            group: group.to_string(),
            client_id: number.to_string(),
            content: Some(Content { content: Some(Body::Text(words(number))) }),
            ..SendMessageRequest::default()
        };
        let begun = Instant::now();
        client.send_message(Tokens::request(&token, request)).await.unwrap();
        waits.push(begun.elapsed());
    }
    waits
}
