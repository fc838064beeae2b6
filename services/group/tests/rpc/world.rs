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
    testing::{FreshDatabase, Tokens},
};
use chatroom_proto::{
    group::v1::{CreateGroupRequest, JoinGroupRequest, group_service_client::GroupServiceClient},
    merchant::v1::{
        CreateMerchantRequest, CreateMerchantResponse, GetMerchantRequest, GetMerchantResponse,
        IssueActivationCodesRequest, IssueActivationCodesResponse, JoinMerchantRequest, JoinMerchantResponse,
        ListMembershipsRequest, ListMembershipsResponse, Merchant, SetServingRequest, SetServingResponse,
        merchant_service_server::{MerchantService, MerchantServiceServer},
    },
    message::v1::{
        Content, Message, SendMessageRequest, content::Content as Body, message_service_client::MessageServiceClient,
    },
    webhook::v1::webhook_service_client::WebhookServiceClient,
};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Response, Status, service::Routes};

use crate::files::Files;

/// The service under test.
pub(crate) struct World {
    pub(crate) groups: GroupServiceClient<Link>,
    pub(crate) messages: MessageServiceClient<Link>,
    pub(crate) webhooks: WebhookServiceClient<Link>,
    pub(crate) bus: Bus,
    pub(crate) clock: Clock,
    pub(crate) tokens: Tokens,
    pub(crate) pages: Pages,
    pub(crate) files: Files,
    pub(crate) database: FreshDatabase,
}

pub(crate) async fn open(database: FreshDatabase) -> World {
    let clock = Clock::standing_at(Clock::system().now());
    let tokens = Tokens::new(clock.clone());
    let pages = Pages { records: Arc::default(), verifier: tokens.verifier() };
    let files = Files::new(tokens.verifier());
    let bus = Bus::local();
    let group = replica(&database, &pages, &files, &bus, &tokens, &clock).await;
    World {
        groups: GroupServiceClient::new(group.clone()),
        messages: MessageServiceClient::new(group.clone()),
        webhooks: WebhookServiceClient::new(group),
        bus,
        clock,
        tokens,
        pages,
        files,
        database,
    }
}

async fn replica(
    database: &FreshDatabase,
    pages: &Pages,
    files: &Files,
    bus: &Bus,
    tokens: &Tokens,
    clock: &Clock,
) -> Link {
    let store = Store::open(&database.url, 8).await.expect("the store opens");
    let links =
        Links { merchant: Link::Local(Routes::new(MerchantServiceServer::new(pages.clone()))), file: files.link() };
    let settings = Settings { webhook_allow_private: true, ..Settings::default() };
    let (bus, verifier, clock, stop) = (bus.clone(), tokens.verifier(), clock.clone(), CancellationToken::new());
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

    /// Another replica of the service on the same database and bus.
    pub(crate) async fn replica(&self) -> MessageServiceClient<Link> {
        let replica = replica(&self.database, &self.pages, &self.files, &self.bus, &self.tokens, &self.clock);
        MessageServiceClient::new(replica.await)
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

#[tonic::async_trait]
impl MerchantService for Pages {
    async fn get_merchant(
        &self,
        request: Request<GetMerchantRequest>,
    ) -> Result<Response<GetMerchantResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let records = self.records.lock().unwrap();
        let page = records.get(&request.get_ref().id).ok_or_else(|| {
            chatroom_kit::error::status(Code::NotFound, "MERCHANT_NOT_FOUND", "there is no such merchant page")
        })?;
        let joined = page.members.contains(&caller.id);
        Ok(Response::new(GetMerchantResponse { merchant: Some(page.merchant.clone()), joined }))
    }

    async fn create_merchant(
        &self,
        _: Request<CreateMerchantRequest>,
    ) -> Result<Response<CreateMerchantResponse>, Status> {
        Err(Status::unimplemented("not asked"))
    }

    async fn join_merchant(&self, _: Request<JoinMerchantRequest>) -> Result<Response<JoinMerchantResponse>, Status> {
        Err(Status::unimplemented("not asked"))
    }

    async fn list_memberships(
        &self,
        _: Request<ListMembershipsRequest>,
    ) -> Result<Response<ListMembershipsResponse>, Status> {
        Err(Status::unimplemented("not asked"))
    }

    async fn set_serving(&self, _: Request<SetServingRequest>) -> Result<Response<SetServingResponse>, Status> {
        Err(Status::unimplemented("not asked"))
    }

    async fn issue_activation_codes(
        &self,
        _: Request<IssueActivationCodesRequest>,
    ) -> Result<Response<IssueActivationCodesResponse>, Status> {
        Err(Status::unimplemented("not asked"))
    }
}
