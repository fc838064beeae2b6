//! Each route's answer, byte for byte as documented, and what the service behind it is asked.

use std::sync::{Arc, Mutex};

use chatroom_gateway::Patience;
use chatroom_proto::{
    group::v1::{CreateGroupRequest, CreateGroupResponse, Group, ListGroupsRequest, ListGroupsResponse, ListedGroup},
    merchant::v1::{
        CreateMerchantRequest, CreateMerchantResponse, IssueActivationCodesRequest, IssueActivationCodesResponse,
        JoinMerchantRequest, JoinMerchantResponse, ListMembershipsRequest, ListMembershipsResponse, Membership,
        Merchant,
    },
    user::v1::{LoginRequest, LoginResponse, RegisterRequest, RegisterResponse, Role, User},
};
use prost_types::Timestamp;
use reqwest::Method;

use crate::{
    services::Services,
    world::{World, refusal, send},
};

const REGISTER: &str = "/chatroom.user.v1.UserService/Register";
const LOGIN: &str = "/chatroom.user.v1.UserService/Login";
const LIST_MEMBERSHIPS: &str = "/chatroom.merchant.v1.MerchantService/ListMemberships";
const JOIN: &str = "/chatroom.merchant.v1.MerchantService/JoinMerchant";
const CREATE_MERCHANT: &str = "/chatroom.merchant.v1.MerchantService/CreateMerchant";
const ISSUE_CODES: &str = "/chatroom.merchant.v1.MerchantService/IssueActivationCodes";
const LIST_GROUPS: &str = "/chatroom.group.v1.GroupService/ListGroups";
const CREATE_GROUP: &str = "/chatroom.group.v1.GroupService/CreateGroup";

/// What a service has been asked, in order.
struct Asked<T>(Arc<Mutex<Vec<T>>>);

impl<T> Clone for Asked<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Clone> Asked<T> {
    fn new() -> Self {
        Self(Arc::default())
    }

    fn note(&self, request: tonic::Request<T>) {
        self.0.lock().unwrap().push(request.into_inner());
    }

    fn all(&self) -> Vec<T> {
        self.0.lock().unwrap().clone()
    }
}

/// `2023-08-21T04:16:53.765Z`
const TIME: Option<Timestamp> = Some(Timestamp { seconds: 1_692_591_413, nanos: 765_000_000 });

fn user() -> User {
    User {
        id: "64e2e53561a25a30db767a40".to_owned(),
        username: "admin".to_owned(),
        role: Role::Administrator.into(),
        version: 0,
        create_time: TIME,
        update_time: TIME,
        ..User::default()
    }
}

fn merchant() -> Merchant {
    Merchant {
        id: "64e2ee287afb0737f092ff9b".to_owned(),
        user: "64e2e53561a25a30db767a40".to_owned(),
        activation_code: "asdasad".to_owned(),
        name: "小蓝的商页".to_owned(),
        icon: "https://img.example/59024.jpg".to_owned(),
        customer: "64e2e53561a25a30db767a41".to_owned(),
        version: 3,
        create_time: TIME,
        update_time: TIME,
        ..Merchant::default()
    }
}

fn membership() -> Membership {
    Membership {
        id: "64e2f2047eddc55db967892c".to_owned(),
        user: "64e2e53561a25a30db767a40".to_owned(),
        merchant: Some(merchant()),
        version: 0,
        create_time: TIME,
        update_time: TIME,
    }
}

fn group() -> Group {
    Group {
        id: "64e313309054f1bdf19707c1".to_owned(),
        user: "64e2e53561a25a30db767a40".to_owned(),
        merchant: "64e2ee287afb0737f092ff9b".to_owned(),
        name: "小黑子的世界".to_owned(),
        icon: "https://img.example/59024.jpg".to_owned(),
        version: 0,
        create_time: TIME,
        update_time: TIME,
        ..Group::default()
    }
}

/// The answer to a JSON body.
async fn answer(world: &World, method: Method, path: &str, body: &str) -> String {
    let response = send(world.signed_in(method, path).body(body.to_owned())).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/json");
    response.text().await.unwrap()
}

#[tokio::test]
async fn register() {
    let asked = Asked::new();
    let services = Services::default().unary(REGISTER, {
        let asked = asked.clone();
        move |request: tonic::Request<RegisterRequest>| {
            asked.note(request);
            Ok(RegisterResponse { user: Some(User { role: Role::User.into(), ..user() }) })
        }
    });
    let world = World::new(services).await;
    let body = r#"{"username":"admin","password":"123456"}"#;
    let request = world.request(Method::POST, "/h5/user/reg").header("token", "bad").header("Idempotency-Key", "r-1");
    assert_eq!(
        send(request.body(body)).await.text().await.unwrap(),
        r#"{"data":[{"username":"admin","role":0,"_id":"64e2e53561a25a30db767a40","__v":0,"createdAt":"2023-08-21T04:16:53.765Z","updatedAt":"2023-08-21T04:16:53.765Z"}],"msg":"注册成功","code":200}"#
    );
    let expected =
        RegisterRequest { username: "admin".to_owned(), password: "123456".to_owned(), request_id: "r-1".to_owned() };
    assert_eq!(asked.all(), [expected]);
}

#[tokio::test]
async fn login_tells_the_service_where_the_client_is() {
    let asked = Asked::new();
    let services = Services::default().unary(LOGIN, {
        let asked = asked.clone();
        move |request: tonic::Request<LoginRequest>| {
            asked.note(request);
            Ok(LoginResponse { token: "eyJ".to_owned(), expire_time: TIME, user: Some(user()) })
        }
    });
    let world = World::with(services, &["--trusted-proxies", "127.0.0.1"], Patience::default()).await;
    let request = world.request(Method::POST, "/h5/user/login").header("x-forwarded-for", "6.6.6.6, 203.0.113.7");
    assert_eq!(
        send(request.body(r#"{"username":"admin","password":"123456"}"#)).await.text().await.unwrap(),
        r#"{"data":{"token":"eyJ","_id":"64e2e53561a25a30db767a40","username":"admin","role":1,"__v":0,"createdAt":"2023-08-21T04:16:53.765Z","updatedAt":"2023-08-21T04:16:53.765Z"},"msg":"success","code":200}"#
    );
    assert_eq!(asked.all()[0].client_address, "203.0.113.7");
}

#[tokio::test]
async fn the_joined_pages() {
    let services = Services::default().unary(LIST_MEMBERSHIPS, |_: tonic::Request<ListMembershipsRequest>| {
        Ok(ListMembershipsResponse { memberships: vec![membership()], next_page_token: String::new() })
    });
    let world = World::new(services).await;
    assert_eq!(
        answer(&world, Method::GET, "/h5/merchant", "").await,
        r#"{"data":[{"_id":"64e2f2047eddc55db967892c","user":"64e2e53561a25a30db767a40","merchant":{"_id":"64e2ee287afb0737f092ff9b","user":"64e2e53561a25a30db767a40","activationCode":"asdasad","name":"小蓝的商页","icon":"https://img.example/59024.jpg","customer":"64e2e53561a25a30db767a41","__v":3,"createdAt":"2023-08-21T04:16:53.765Z","updatedAt":"2023-08-21T04:16:53.765Z"},"__v":0,"createdAt":"2023-08-21T04:16:53.765Z","updatedAt":"2023-08-21T04:16:53.765Z"}],"msg":"success","code":200}"#
    );
}

/// A service with `rows` memberships, whose page tokens are positions.
fn many_memberships(rows: usize, asked: &Asked<ListMembershipsRequest>) -> Services {
    let asked = asked.clone();
    Services::default().unary(LIST_MEMBERSHIPS, move |request: tonic::Request<ListMembershipsRequest>| {
        let begin: usize = request.get_ref().page_token.parse().unwrap_or(0);
        let end = rows.min(begin + usize::try_from(request.get_ref().page_size).unwrap());
        asked.note(request);
        let next_page_token = if end < rows { end.to_string() } else { String::new() };
        Ok(ListMembershipsResponse { memberships: vec![membership(); end - begin], next_page_token })
    })
}

async fn rows(world: &World, path: &str) -> usize {
    let response = send(world.signed_in(Method::GET, path)).await;
    let envelope: serde_json::Value = response.json().await.unwrap();
    envelope["data"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_list_is_gathered_up_to_its_limit() {
    let asked = Asked::new();
    let world = World::new(many_memberships(1_500, &asked)).await;
    assert_eq!(rows(&world, "/h5/merchant").await, 1_000);
    assert_eq!(rows(&world, "/h5/merchant?limit=7").await, 7);
    assert_eq!(rows(&world, "/h5/merchant?limit=200&after=64e2f2047eddc55db967892c").await, 200);
    let last = asked.all().pop().unwrap();
    assert_eq!((last.page_size, &*last.page_token), (200, "64e2f2047eddc55db967892c"));
}

#[tokio::test]
async fn a_malformed_limit_is_refused_by_name() {
    let asked = Asked::new();
    let world = World::new(many_memberships(1, &asked)).await;
    for limit in ["0", "201", "-1", "ten", "", "1.5", "99999999999"] {
        let (status, reason, msg) = refusal(world.signed_in(Method::GET, &format!("/h5/merchant?limit={limit}"))).await;
        assert_eq!((status, &*reason), (400, "INVALID_ARGUMENT"), "{limit}");
        assert!(msg.contains("limit"), "{msg}");
    }
    let twice = refusal(world.signed_in(Method::GET, "/h5/merchant?limit=1&limit=2")).await;
    assert_eq!(twice.0, 400);
    assert!(asked.all().is_empty());
}

#[tokio::test]
async fn join() {
    let asked = Asked::new();
    let services = Services::default().unary(JOIN, {
        let asked = asked.clone();
        move |request: tonic::Request<JoinMerchantRequest>| {
            assert!(request.metadata().contains_key("authorization"));
            asked.note(request);
            let page = Merchant { id: merchant().id, ..Merchant::default() };
            Ok(JoinMerchantResponse { membership: Some(Membership { merchant: Some(page), ..membership() }) })
        }
    });
    let world = World::new(services).await;
    assert_eq!(
        answer(&world, Method::POST, "/h5/merchant", r#"{"merchant":"64e2ee287afb0737f092ff9b","user":"me"}"#).await,
        r#"{"data":[{"user":"64e2e53561a25a30db767a40","merchant":"64e2ee287afb0737f092ff9b","_id":"64e2f2047eddc55db967892c","__v":0,"createdAt":"2023-08-21T04:16:53.765Z","updatedAt":"2023-08-21T04:16:53.765Z"}],"msg":"success","code":200}"#
    );
    assert_eq!(asked.all(), [JoinMerchantRequest { merchant: "64e2ee287afb0737f092ff9b".to_owned() }]);
}

#[tokio::test]
async fn create_a_page() {
    let asked = Asked::new();
    let services = Services::default().unary(CREATE_MERCHANT, {
        let asked = asked.clone();
        move |request: tonic::Request<CreateMerchantRequest>| {
            asked.note(request);
            Ok(CreateMerchantResponse { merchant: Some(merchant()) })
        }
    });
    let world = World::new(services).await;
    let body =
        r#"{"activationCode":"asdasad","name":"小蓝的商页","icon":"https://img.example/59024.jpg","customer":"c"}"#;
    assert_eq!(
        answer(&world, Method::POST, "/h5/merchant/createMerchant", body).await,
        r#"{"data":[{"user":"64e2e53561a25a30db767a40","activationCode":"asdasad","name":"小蓝的商页","icon":"https://img.example/59024.jpg","customer":"64e2e53561a25a30db767a41","_id":"64e2ee287afb0737f092ff9b","__v":3,"createdAt":"2023-08-21T04:16:53.765Z","updatedAt":"2023-08-21T04:16:53.765Z"}],"msg":"success","code":200}"#
    );
    let expected = CreateMerchantRequest {
        activation_code: "asdasad".to_owned(),
        name: "小蓝的商页".to_owned(),
        icon: "https://img.example/59024.jpg".to_owned(),
        customer: "c".to_owned(),
        request_id: String::new(),
    };
    assert_eq!(asked.all(), [expected]);
}

#[tokio::test]
async fn issue_codes() {
    let asked = Asked::new();
    let services = Services::default().unary(ISSUE_CODES, {
        let asked = asked.clone();
        move |request: tonic::Request<IssueActivationCodesRequest>| {
            asked.note(request);
            Ok(IssueActivationCodesResponse { codes: vec!["A".to_owned(), "B".to_owned()] })
        }
    });
    let world = World::new(services).await;
    let path = "/h5/merchant/activationCode";
    let codes = r#"{"data":["A","B"],"msg":"success","code":200}"#;
    let body = r#"{"count":2,"expiresAt":"2023-08-21T12:16:53.765+08:00"}"#;
    assert_eq!(answer(&world, Method::POST, path, body).await, codes);
    assert_eq!(answer(&world, Method::POST, path, r#"{"count":2}"#).await, codes);
    assert_eq!(asked.all().iter().map(|request| request.expire_time).collect::<Vec<_>>(), [TIME, None]);
    let (status, _, msg) = refusal(world.signed_in(Method::POST, path).body(r#"{"count":2,"expiresAt":"soon"}"#)).await;
    assert!(status == 400 && msg.contains("expiresAt"), "{msg}");
}

#[tokio::test]
async fn every_group_of_a_page() {
    let asked = Asked::new();
    let services = Services::default().unary(LIST_GROUPS, {
        let asked = asked.clone();
        move |request: tonic::Request<ListGroupsRequest>| {
            let last = request.get_ref().page_token == "more";
            asked.note(request);
            let groups = vec![ListedGroup { group: Some(group()), joined: !last }];
            Ok(ListGroupsResponse { groups, next_page_token: if last { "" } else { "more" }.to_owned() })
        }
    });
    let world = World::new(services).await;
    let row = |state: u8| {
        format!(
            r#"{{"state":{state},"_id":"64e313309054f1bdf19707c1","user":"64e2e53561a25a30db767a40","merchant":"64e2ee287afb0737f092ff9b","name":"小黑子的世界","icon":"https://img.example/59024.jpg","__v":0,"createdAt":"2023-08-21T04:16:53.765Z","updatedAt":"2023-08-21T04:16:53.765Z"}}"#
        )
    };
    assert_eq!(
        answer(&world, Method::POST, "/h5/group/getGroup", r#"{"merchant":"m"}"#).await,
        format!(r#"{{"data":[{},{}],"msg":"success","code":200}}"#, row(1), row(0))
    );
    assert_eq!(asked.all().iter().map(|request| &*request.merchant).collect::<Vec<_>>(), ["m", "m"]);
}

#[tokio::test]
async fn create_a_group() {
    let asked = Asked::new();
    let services = Services::default().unary(CREATE_GROUP, {
        let asked = asked.clone();
        move |request: tonic::Request<CreateGroupRequest>| {
            asked.note(request);
            Ok(CreateGroupResponse { group: Some(group()) })
        }
    });
    let world = World::new(services).await;
    assert_eq!(
        answer(&world, Method::POST, "/h5/group", r#"{"merchant":"m","name":"n","icon":"i"}"#).await,
        r#"{"data":{"user":"64e2e53561a25a30db767a40","merchant":"64e2ee287afb0737f092ff9b","name":"小黑子的世界","icon":"https://img.example/59024.jpg","_id":"64e313309054f1bdf19707c1","__v":0,"createdAt":"2023-08-21T04:16:53.765Z","updatedAt":"2023-08-21T04:16:53.765Z"},"msg":"success","code":200}"#
    );
    assert_eq!((&*asked.all()[0].merchant, &*asked.all()[0].name, &*asked.all()[0].icon), ("m", "n", "i"));
}
