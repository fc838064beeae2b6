//! The services themselves, asked over gRPC as another service or a stolen pod would ask: on the distributed shape
//! only, since in one process there is no way to them but the gateway.

use std::time::{Duration, Instant};

use chatroom_proto::{
    file::v1::{GetFileRequest, UploadFileRequest, file_service_client::FileServiceClient},
    group::v1::{CreateGroupRequest, ListGroupsRequest, group_service_client::GroupServiceClient},
    merchant::v1::{
        CreateMerchantRequest, GetMerchantRequest, IssueActivationCodesRequest, JoinMerchantRequest,
        ListMembershipsRequest, SetServingRequest, merchant_service_client::MerchantServiceClient,
    },
    user::v1::{GetUserRequest, LoginRequest, user_service_client::UserServiceClient},
};
use chatroom_tests::{Part, Shape};
use futures::{StreamExt as _, stream};
use prost::Message as _;
use prost_types::FileDescriptorSet;
use reqwest::StatusCode;
use serde_json::json;
use tonic::{
    Code, Request, Status,
    transport::{Channel, Endpoint},
};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};
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

/// What each RPC that needs a caller answers to `user`.
async fn ask_everything(world: &World, user: Option<&User>, page: &str) -> Vec<(&'static str, Result<(), Status>)> {
    let mut users = UserServiceClient::new(channel(world, Part::User).await);
    let mut merchants = MerchantServiceClient::new(channel(world, Part::Merchant).await);
    let mut groups = GroupServiceClient::new(channel(world, Part::Group).await);
    let mut files = FileServiceClient::new(channel(world, Part::File).await);
    let page = page.to_owned();
    let create_merchant = CreateMerchantRequest {
        activation_code: "asdasad".to_owned(),
        name: "page".to_owned(),
        icon: ICON.to_owned(),
        customer: user.map_or(NOBODY, |user| &user.id).to_owned(),
        ..Default::default()
    };
    let create_group = CreateGroupRequest {
        merchant: page.clone(),
        name: "group".to_owned(),
        icon: ICON.to_owned(),
        ..Default::default()
    };
    let join = JoinMerchantRequest { merchant: page.clone() };
    let list_groups = ListGroupsRequest { merchant: page.clone(), ..Default::default() };
    let get_user = GetUserRequest { id: user.map_or(NOBODY, |user| &user.id).to_owned() };
    let serving = SetServingRequest { merchant: page.clone(), serving: true };
    let codes = IssueActivationCodesRequest { count: 1, ..Default::default() };
    let upload = stream::iter([UploadFileRequest::default()]);
    vec![
        ("GetUser", users.get_user(request(user, get_user)).await.map(drop)),
        ("CreateMerchant", merchants.create_merchant(request(user, create_merchant)).await.map(drop)),
        ("GetMerchant", merchants.get_merchant(request(user, GetMerchantRequest { id: page })).await.map(drop)),
        ("JoinMerchant", merchants.join_merchant(request(user, join)).await.map(drop)),
        (
            "ListMemberships",
            merchants.list_memberships(request(user, ListMembershipsRequest::default())).await.map(drop),
        ),
        ("SetServing", merchants.set_serving(request(user, serving)).await.map(drop)),
        ("IssueActivationCodes", merchants.issue_activation_codes(request(user, codes)).await.map(drop)),
        ("CreateGroup", groups.create_group(request(user, create_group)).await.map(drop)),
        ("ListGroups", groups.list_groups(request(user, list_groups)).await.map(drop)),
        ("UploadFile", files.upload_file(request(user, upload)).await.map(drop)),
    ]
}

/// The reason in a status.
fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

/// The RPCs that need no caller.
const OPEN: [&str; 4] = ["Register", "Login", "DownloadFile", "GetFile"];

async fn no_service_answers_without_a_token(world: World) {
    let page = world.page(&world.user().await).await;
    let answers = ask_everything(&world, None, page["_id"].as_str().unwrap()).await;
    let contracts = FileDescriptorSet::decode(chatroom_proto::DESCRIPTORS).unwrap();
    let ours = contracts.file.iter().filter(|file| file.package().starts_with("chatroom."));
    let methods = ours.flat_map(|file| &file.service).flat_map(|service| &service.method);
    for rpc in methods.map(prost_types::MethodDescriptorProto::name) {
        let asked = answers.iter().any(|(name, _)| *name == rpc);
        assert_ne!(asked, OPEN.contains(&rpc), "{rpc} is either open to all or asked here");
    }
    for (rpc, answer) in answers {
        let status = answer.expect_err(rpc);
        assert_eq!((status.code(), &*reason(&status)), (Code::Unauthenticated, "UNAUTHENTICATED"), "{rpc}: {status}");
    }
}

async fn no_service_is_fooled_by_a_request_field(world: World) {
    let (owner, stranger) = (world.user().await, world.user().await);
    let page = world.page(&owner).await;
    let page = page["_id"].as_str().unwrap();
    for (rpc, answer) in ask_everything(&world, Some(&stranger), page).await {
        match (rpc, answer) {
            ("CreateGroup", answer) => assert_eq!(reason(&answer.expect_err(rpc)), "NOT_MERCHANT_OWNER"),
            ("SetServing", answer) => assert_eq!(reason(&answer.expect_err(rpc)), "NOT_CUSTOMER"),
            ("IssueActivationCodes", answer) => assert_eq!(reason(&answer.expect_err(rpc)), "ADMIN_ONLY"),
            ("UploadFile", answer) => assert_eq!(answer.expect_err(rpc).code(), Code::InvalidArgument),
            (_, answer) => answer.unwrap_or_else(|status| panic!("{rpc}: {status}")),
        }
    }
    // Metadata of a caller's own invention changes nothing either.
    let mut merchants = MerchantServiceClient::new(channel(&world, Part::Merchant).await);
    let mut asked = request(Some(&stranger), GetMerchantRequest { id: page.to_owned() });
    for name in ["user", "x-user-id", "sub", "x-forwarded-user"] {
        asked.metadata_mut().insert(name, owner.id.parse().unwrap());
    }
    let seen = merchants.get_merchant(asked).await.unwrap().into_inner().merchant.unwrap();
    assert_eq!(seen.activation_code, "", "the code is its creator's to see");
}

async fn a_service_verifies_the_token_itself(world: World) {
    let user = world.user().await;
    let mut forged = user.clone();
    let token = user.client.token().unwrap_or_default();
    let (message, _) = token.rsplit_once('.').expect("a token has three parts");
    forged.client = user.client.with_token(format!("{message}.{}", "A".repeat(86)));
    for (rpc, answer) in ask_everything(&world, Some(&forged), NOBODY).await {
        assert_eq!(answer.expect_err(rpc).code(), Code::Unauthenticated, "{rpc}");
    }
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

/// With `gone` killed, posting what `ask` makes is refused within 2 seconds; with it back, it is done.
async fn assert_503_while_gone(gone: Part, path: &str, ask: impl AsyncFn(&World, &User) -> serde_json::Value) {
    let mut world = World::own(usual(Shape::Distributed)).await;
    let user = world.user().await;
    let body = ask(&world, &user).await;
    user.client.post(path, &body).await.ok();
    world.cluster_mut().kill(gone);
    for _ in 0..3 {
        let begun = Instant::now();
        let answer = user.client.post(path, &body).await;
        assert!(begun.elapsed() < Duration::from_secs(2), "the refusal took {:?}", begun.elapsed());
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{answer:?}");
        assert_eq!(answer.json()["code"], 503);
        assert!(answer.header("retry-after").parse::<u64>().is_ok(), "{answer:?}");
    }
    world.cluster_mut().restart(gone);
    let again = async {
        while user.client.post(path, &body).await.status != StatusCode::OK {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), again).await.expect("it serves again");
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
