//! A group service with a merchant service beside it, and the people who call them.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use chatroom_group::{Links, Store, config::Settings};
use chatroom_kit::{
    auth::Verifier,
    bus::Bus,
    clock::Clock,
    ids::{MerchantId, UserId},
    link::Link,
    service_token::{ServiceSecret, ServiceTokens},
    testing::{FreshDatabase, Tokens, opened},
};
use chatroom_proto::{
    conduct::v1::conduct_service_client::ConductServiceClient,
    group::v1::{CreateGroupRequest, JoinGroupRequest, group_service_client::GroupServiceClient},
    merchant::v1::{CheckPictureRequest, CheckPictureResponse, GetMerchantRequest, GetMerchantResponse, Merchant},
    message::v1::{
        Content, Message, SendMessageRequest, content::Content as Body, message_service_client::MessageServiceClient,
    },
    webhook::v1::webhook_service_client::WebhookServiceClient,
};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Status};

use crate::{checker::Checker, files::Files, people::People, served::Served};

/// The service under test.
pub(crate) struct World {
    pub(crate) groups: GroupServiceClient<Link>,
    pub(crate) messages: MessageServiceClient<Link>,
    pub(crate) webhooks: WebhookServiceClient<Link>,
    pub(crate) conduct: ConductServiceClient<Link>,
    pub(crate) bus: Bus,
    pub(crate) clock: Clock,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) pages: Pages,
    pub(crate) files: Files,
    pub(crate) people: People,
    pub(crate) database: Arc<FreshDatabase>,
}

pub(crate) async fn open(database: FreshDatabase) -> World {
    let clock = Clock::standing_at(Clock::system().now());
    let tokens = Arc::new(Tokens::new(clock.clone()));
    let around = Around {
        pages: Pages { records: Arc::default(), verifier: tokens.verifier() },
        files: Files::new(tokens.verifier()),
        people: People::new(tokens.clone()),
        bus: Bus::local(),
    };
    let settings = Settings { webhook_allow_private: true, ..Settings::default() };
    let group = replica(&database, &around, &tokens, &clock, None, settings).await;
    World::of(database.into(), around, tokens, clock, group)
}

/// What stands around the service under test.
#[derive(Clone)]
struct Around {
    pages: Pages,
    files: Files,
    people: People,
    bus: Bus,
}

async fn replica(
    database: &FreshDatabase,
    around: &Around,
    tokens: &Tokens,
    clock: &Clock,
    checker: Option<&Checker>,
    settings: Settings,
) -> Link {
    let store = opened(async || Store::open(&database.url, 8).await).await;
    let (user, stop) = (around.people.link(), CancellationToken::new());
    let service = ServiceTokens::follow("group", ServiceSecret::random(), user.clone(), clock.clone(), stop.clone());
    let links = Links {
        merchant: around.pages.link(),
        file: around.files.link(),
        user,
        tokens: service,
        moderation: checker.map(Checker::link),
    };
    let (bus, verifier, clock, stop) = (around.bus.clone(), tokens.verifier(), clock.clone(), CancellationToken::new());
    Link::Local(chatroom_group::start(store, links, bus, verifier, clock, settings, stop).expect("it can be started"))
}

/// A request on a user's behalf.
pub(crate) fn as_user<T>(world: &World, user: UserId, message: T) -> Request<T> {
    Tokens::request(&world.tokens.user(user), message)
}

/// A request of a service.
pub(crate) fn as_service<T>(world: &World, name: &str, message: T) -> Request<T> {
    Tokens::request(&world.tokens.service(name), message)
}

/// `ok`, or the reason of an error.
pub(crate) fn outcome<T>(answer: &Result<T, Status>) -> String {
    match answer {
        Ok(_) => "ok".to_owned(),
        Err(status) => chatroom_kit::error::reason_of(status).unwrap().reason,
    }
}

pub(crate) fn words(text: &str) -> Content {
    Content { content: Some(Body::Text(text.to_owned())) }
}

/// Waits until `condition` holds.
pub(crate) async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let holds = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), holds).await.unwrap_or_else(|_| panic!("not reached: {what}"));
}

impl World {
    /// Moves the clock on, again and again, until `condition` holds: what is waited for may not yet have been put off
    /// when the clock is moved.
    pub(crate) async fn advance(&self, by: Duration, mut condition: impl AsyncFnMut() -> bool) {
        let mut steps = 0;
        while !condition().await {
            assert!(steps < 100, "not reached by moving the clock");
            if steps % 10 == 0 {
                self.clock.advance(by);
            }
            steps += 1;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    fn of(database: Arc<FreshDatabase>, around: Around, tokens: Arc<Tokens>, clock: Clock, group: Link) -> Self {
        let Around { pages, files, people, bus } = around;
        Self {
            groups: GroupServiceClient::new(group.clone()),
            messages: MessageServiceClient::new(group.clone()),
            webhooks: WebhookServiceClient::new(group.clone()),
            conduct: ConductServiceClient::new(group),
            bus,
            clock,
            tokens,
            pages,
            files,
            people,
            database,
        }
    }

    fn around(&self) -> Around {
        let (pages, files) = (self.pages.clone(), self.files.clone());
        Around { pages, files, people: self.people.clone(), bus: self.bus.clone() }
    }

    /// Another replica of the service on the same database and bus.
    pub(crate) async fn replica(&self) -> MessageServiceClient<Link> {
        let settings = Settings { webhook_allow_private: true, ..Settings::default() };
        let around = self.around();
        let replica = replica(&self.database, &around, &self.tokens, &self.clock, None, settings).await;
        MessageServiceClient::new(replica)
    }

    /// The same world, with a replica of other settings that asks `checker`.
    pub(crate) async fn checked_by(&self, checker: &Checker, settings: Settings) -> Self {
        let around = self.around();
        let group = replica(&self.database, &around, &self.tokens, &self.clock, Some(checker), settings).await;
        Self::of(self.database.clone(), around, self.tokens.clone(), self.clock.clone(), group)
    }

    /// A new administrator and their token.
    pub(crate) fn administrator(&self) -> (String, UserId) {
        let user = UserId::new();
        self.people.promote(user);
        (self.tokens.administrator(user), user)
    }

    /// A new group of a page, by the page's creator.
    pub(crate) async fn group(&self, merchant: MerchantId, owner: UserId) -> String {
        let new = CreateGroupRequest {
            merchant: merchant.to_string(),
            name: "小黑子的世界".to_owned(),
            icon: "https://img.example/59024.jpg".to_owned(),
            request_id: String::new(),
        };
        let answer = self.groups.clone().create_group(as_user(self, owner, new)).await.unwrap();
        answer.into_inner().group.unwrap().id
    }

    /// Joins a group, and its page before.
    pub(crate) async fn join(&self, merchant: MerchantId, group: &str, user: UserId) {
        self.pages.join(merchant, user);
        let request = JoinGroupRequest { group: group.to_owned() };
        self.groups.clone().join_group(as_user(self, user, request)).await.unwrap();
    }

    /// Says something that is not refused.
    pub(crate) async fn say(&self, group: &str, user: UserId, client_id: &str, text: &str) -> Message {
        let request = send_request(group, client_id, text);
        let answer = self.messages.clone().send_message(as_user(self, user, request)).await.unwrap();
        answer.into_inner().message.unwrap()
    }
}

pub(crate) fn send_request(group: &str, client_id: &str, text: &str) -> SendMessageRequest {
    SendMessageRequest {
        group: group.to_owned(),
        client_id: client_id.to_owned(),
        content: Some(words(text)),
        reply_to: String::new(),
        mentions: Vec::new(),
    }
}

/// The merchant service, as far as it is asked here.
#[derive(Clone)]
pub(crate) struct Pages {
    records: Arc<Mutex<HashMap<String, Page>>>,
    verifier: Verifier,
}

struct Page {
    merchant: Merchant,
    members: HashSet<UserId>,
}

impl Pages {
    pub(crate) fn link(&self) -> Link {
        let pages = self.clone();
        Served::default()
            .call("/chatroom.merchant.v1.MerchantService/GetMerchant", move |request| pages.get(&request))
            .call("/chatroom.merchant.v1.MerchantService/CheckPicture", |_: Request<CheckPictureRequest>| {
                Ok(CheckPictureResponse { used: false })
            })
            .link()
    }

    fn get(&self, request: &Request<GetMerchantRequest>) -> Result<GetMerchantResponse, Status> {
        let caller = self.verifier.caller(request)?;
        let records = self.records.lock().unwrap();
        let page = records.get(&request.get_ref().id).ok_or_else(|| {
            chatroom_kit::error::status(Code::NotFound, "MERCHANT_NOT_FOUND", "there is no such merchant page")
        })?;
        let joined = page.members.contains(&caller.id);
        Ok(GetMerchantResponse { merchant: Some(page.merchant.clone()), joined })
    }

    /// A new page that its creator and its customer-service user have joined.
    pub(crate) fn open(&self, creator: UserId, customer: UserId) -> MerchantId {
        let id = MerchantId::new();
        let merchant = Merchant {
            id: id.to_string(),
            user: creator.to_string(),
            customer: customer.to_string(),
            name: "小蓝的商页".to_owned(),
            icon: "https://img.example/1.jpg".to_owned(),
            ..Merchant::default()
        };
        let page = Page { merchant, members: HashSet::from([creator, customer]) };
        self.records.lock().unwrap().insert(id.to_string(), page);
        id
    }

    pub(crate) fn join(&self, merchant: MerchantId, user: UserId) {
        self.records.lock().unwrap().get_mut(&merchant.to_string()).unwrap().members.insert(user);
    }

    pub(crate) fn serve(&self, merchant: MerchantId) {
        self.records.lock().unwrap().get_mut(&merchant.to_string()).unwrap().merchant.serving = true;
    }
}
