//! The services themselves, asked over gRPC as another service or a stolen pod would ask: on the distributed shape
//! only, since in one process there is no way to them but the gateway.

use std::time::{Duration, Instant};

use chatroom_proto::{
    file::v1::{GetFileRequest, file_service_client::FileServiceClient},
    group::v1::{CreateGroupRequest, group_service_client::GroupServiceClient},
    merchant::v1::{
        GetMerchantRequest, IssueActivationCodesRequest, SetServingRequest,
        merchant_service_client::MerchantServiceClient,
    },
    user::v1::{GetUserRequest, LoginRequest, user_service_client::UserServiceClient},
};
use chatroom_tests::{Part, Shape, process::PATIENCE};
use futures::{StreamExt as _, stream};
use http::uri::PathAndQuery;
use prost::Message as _;
use prost_types::{FileDescriptorSet, MethodDescriptorProto, ServiceDescriptorProto};
use reqwest::StatusCode;
use serde_json::json;
use tonic::{
    Code, Request, Status,
    transport::{Channel, Endpoint},
};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};
use tonic_prost::ProstCodec;
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};
use tonic_types::StatusExt as _;

use crate::{
    suite::{Scenario, scenarios},
    world::{ICON, NOBODY, User, World, page_request, usual},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    let shared = scenarios![Services:
        no_service_answers_without_a_token,
        no_service_is_fooled_by_a_request_field,
        a_service_verifies_the_token_itself,
        every_error_carries_a_reason,
        health_and_reflection_answer,
    ];
    let own = scenarios![OwnServices:
        with_the_user_service_gone_a_page_is_503_within_2_seconds,
        with_the_merchant_service_gone_a_group_is_503_within_2_seconds,
        with_the_group_service_gone_a_list_is_503_within_2_seconds,
    ];
    [shared, own].concat()
}

const SERVICES: [Part; 4] = [Part::User, Part::Merchant, Part::Group, Part::File];

/// A connection to a service.
async fn channel(world: &World, part: Part) -> Channel {
    let address = format!("http://{}", world.cluster.address_of(part));
    Endpoint::from_shared(address).expect("an address").connect().await.expect("the service listens")
}

/// A request as `user`, or as nobody.
fn request<T>(user: Option<&User>, message: T) -> Request<T> {
    let mut request = Request::new(message);
    if let Some(token) = user.and_then(|user| user.client.token()) {
        let authorization = format!("Bearer {token}").parse().expect("a token is ASCII");
        request.metadata_mut().insert("authorization", authorization);
    }
    request
}

/// An RPC as the contracts list it.
struct Rpc {
    part: Part,
    name: String,
    path: PathAndQuery,
}

/// What others serve, and we ask.
const FOREIGN: &str = "chatroom.moderation.v1";

/// Every RPC of every contract that we serve.
fn every_rpc() -> Vec<Rpc> {
    let contracts = FileDescriptorSet::decode(chatroom_proto::DESCRIPTORS).unwrap();
    let ours =
        contracts.file.iter().filter(|file| file.package().starts_with("chatroom.") && file.package() != FOREIGN);
    let of_service = |package: &str, service: &ServiceDescriptorProto| {
        let part = match package.split('.').nth(1) {
            Some("user") => Part::User,
            Some("merchant") => Part::Merchant,
            Some("conduct" | "group" | "message" | "record" | "webhook") => Part::Group,
            Some("file") => Part::File,
            _ => panic!("{package} is served by nobody"),
        };
        let rpc = |method: &MethodDescriptorProto| {
            let path = format!("/{package}.{}/{}", service.name(), method.name());
            Rpc { part, name: method.name().to_owned(), path: path.parse().unwrap() }
        };
        service.method.iter().map(rpc).collect::<Vec<_>>()
    };
    ours.flat_map(|file| file.service.iter().flat_map(move |service| of_service(file.package(), service))).collect()
}

/// Asks an RPC with an empty message, which every message type reads. On the wire a single message and a stream of one
/// are the same.
async fn ask_empty(world: &World, rpc: &Rpc, user: Option<&User>) -> Result<(), Status> {
    let mut client = tonic::client::Grpc::new(channel(world, rpc.part).await);
    client.ready().await.expect("the service listens");
    let asked = request(user, stream::iter([()]));
    let mut answers = client.streaming(asked, rpc.path.clone(), ProstCodec::<(), ()>::default()).await?.into_inner();
    while answers.message().await?.is_some() {}
    Ok(())
}

/// The reason in a status.
fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

/// The RPCs that need no caller.
const OPEN: [&str; 4] = ["Register", "Login", "DownloadFile", "GetFile"];

/// Asserts that `status` says that there is no valid token, and no more.
fn assert_unauthenticated(rpc: &Rpc, answer: Result<(), Status>) {
    let status = answer.expect_err(&rpc.name);
    assert_eq!((status.code(), &*reason(&status)), (Code::Unauthenticated, "UNAUTHENTICATED"), "{}", rpc.name);
}

async fn no_service_answers_without_a_token(world: World) {
    for rpc in every_rpc() {
        let answer = ask_empty(&world, &rpc, None).await;
        if OPEN.contains(&&*rpc.name) {
            // An empty message asks for nothing that there is; that is all that is wrong with it.
            let code = answer.expect_err(&rpc.name).code();
            assert!(matches!(code, Code::InvalidArgument | Code::NotFound), "{}: {code}", rpc.name);
        } else {
            assert_unauthenticated(&rpc, answer);
        }
    }
}

async fn a_service_verifies_the_token_itself(world: World) {
    let mut user = world.user().await;
    let token = user.client.token().unwrap_or_default();
    let (message, _) = token.rsplit_once('.').expect("a token has three parts");
    user.client = user.client.with_token(format!("{message}.{}", "A".repeat(86)));
    for rpc in every_rpc().iter().filter(|rpc| !OPEN.contains(&&*rpc.name)) {
        assert_unauthenticated(rpc, ask_empty(&world, rpc, Some(&user)).await);
    }
}

async fn no_service_is_fooled_by_a_request_field(world: World) {
    let (owner, customer, stranger) = (world.user().await, world.user().await, world.user().await);
    let page = world.page_served_by(&owner, &customer).await;
    let page = page["_id"].as_str().unwrap().to_owned();
    let mut merchants = MerchantServiceClient::new(channel(&world, Part::Merchant).await);
    let mut groups = GroupServiceClient::new(channel(&world, Part::Group).await);
    let (name, icon) = ("group".to_owned(), ICON.to_owned());
    let group = CreateGroupRequest { merchant: page.clone(), name, icon, ..Default::default() };
    let codes = IssueActivationCodesRequest { count: 1, ..Default::default() };
    let serving = SetServingRequest { merchant: page.clone(), serving: true };
    for (refused, expected) in [
        (groups.create_group(request(Some(&stranger), group)).await.map(drop), "NOT_MERCHANT_OWNER"),
        (merchants.set_serving(request(Some(&stranger), serving)).await.map(drop), "NOT_CUSTOMER"),
        (merchants.issue_activation_codes(request(Some(&stranger), codes)).await.map(drop), "ADMIN_ONLY"),
    ] {
        let status = refused.expect_err(expected);
        assert_eq!((status.code(), &*reason(&status)), (Code::PermissionDenied, expected));
    }
    // Metadata of a caller's own invention changes nothing either.
    let mut asked = request(Some(&stranger), GetMerchantRequest { id: page });
    for name in ["user", "x-user-id", "sub", "x-forwarded-user"] {
        asked.metadata_mut().insert(name, owner.id.parse().unwrap());
    }
    let seen = merchants.get_merchant(asked).await.unwrap().into_inner().merchant.unwrap();
    assert_eq!(seen.activation_code, "", "the code is its creator's to see");
}

async fn every_error_carries_a_reason(world: World) {
    let user = world.user().await;
    let mut users = UserServiceClient::new(channel(&world, Part::User).await);
    let mut merchants = MerchantServiceClient::new(channel(&world, Part::Merchant).await);
    let mut files = FileServiceClient::new(channel(&world, Part::File).await);
    let nobody = GetUserRequest { id: NOBODY.to_owned() };
    let malformed = GetMerchantRequest { id: "x".to_owned() };
    let wrong =
        LoginRequest { username: user.name.clone(), password: "wrong password".to_owned(), ..Default::default() };
    let missing = GetFileRequest { name: "20230821/0123456789012345678901234.png".to_owned() };
    for (status, code, expected) in [
        (users.get_user(request(Some(&user), nobody)).await.map(drop), Code::NotFound, "USER_NOT_FOUND"),
        (users.login(wrong).await.map(drop), Code::Unauthenticated, "INVALID_CREDENTIALS"),
        (
            merchants.get_merchant(request(Some(&user), malformed)).await.map(drop),
            Code::InvalidArgument,
            "INVALID_ARGUMENT",
        ),
        (files.get_file(missing).await.map(drop), Code::NotFound, "FILE_NOT_FOUND"),
    ] {
        let status = status.expect_err(expected);
        assert_eq!((status.code(), &*reason(&status)), (code, expected));
        assert_eq!(status.get_details_error_info().unwrap().domain, "chatroom");
    }
}

async fn health_and_reflection_answer(world: World) {
    for part in SERVICES {
        let channel = channel(&world, part).await;
        let health =
            HealthClient::new(channel.clone()).check(HealthCheckRequest::default()).await.unwrap().into_inner();
        assert_eq!(health.status(), ServingStatus::Serving, "{part:?}");
        let ask = ServerReflectionRequest {
            message_request: Some(MessageRequest::ListServices(String::new())),
            ..Default::default()
        };
        let mut answers = ServerReflectionClient::new(channel)
            .server_reflection_info(stream::iter([ask]))
            .await
            .unwrap()
            .into_inner();
        let answer = answers.next().await.expect("an answer").unwrap().message_response;
        let Some(MessageResponse::ListServicesResponse(listed)) = answer else {
            panic!("{part:?} lists no services: {answer:?}");
        };
        let own = format!("chatroom.{}.v1.", format!("{part:?}").to_lowercase());
        assert!(listed.service.iter().any(|service| service.name.starts_with(&own)), "{part:?}: {listed:?}");
    }
}

/// With `gone` killed, posting what `ask` makes is refused within 2 seconds, and on a busy machine not much later; with it
/// back, it is done.
async fn assert_503_while_gone(gone: Part, path: &str, ask: impl AsyncFn(&World, &User) -> serde_json::Value) {
    let mut world = World::own(usual(Shape::Distributed)).await;
    let user = world.user().await;
    let body = ask(&world, &user).await;
    user.client.post(path, &body).await.ok();
    world.cluster_mut().kill(gone);
    let mut fastest = Duration::MAX;
    for _ in 0..3 {
        let begun = Instant::now();
        let answer = user.client.post(path, &body).await;
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(8), "the refusal took {took:?}");
        fastest = fastest.min(took);
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{answer:?}");
        assert_eq!(answer.json()["code"], 503);
        assert!(answer.header("retry-after").parse::<u64>().is_ok(), "{answer:?}");
    }
    assert!(fastest < Duration::from_secs(2), "every refusal took {fastest:?} or more");
    world.cluster_mut().restart(gone);
    let again = async {
        while user.client.post(path, &body).await.status != StatusCode::OK {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, again).await.expect("it serves again");
}

async fn with_the_user_service_gone_a_page_is_503_within_2_seconds() {
    assert_503_while_gone(Part::User, "/h5/merchant/createMerchant", async |world, _| {
        page_request(&world.user().await.id)
    })
    .await;
}

async fn with_the_merchant_service_gone_a_group_is_503_within_2_seconds() {
    assert_503_while_gone(Part::Merchant, "/h5/group", async |world, user| {
        let page = world.page(user).await;
        json!({"merchant": page["_id"], "name": "群", "icon": ICON})
    })
    .await;
}

async fn with_the_group_service_gone_a_list_is_503_within_2_seconds() {
    assert_503_while_gone(Part::Group, "/h5/group/getGroup", async |world, user| {
        let page = world.page(user).await;
        json!({"merchant": page["_id"]})
    })
    .await;
}
