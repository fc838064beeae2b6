//! The examples of the public contract, answered field for field: the same keys in the same order, the same types, the
//! same `msg` and `code`. Each example stands here as it is documented; ids, times, tokens and upload paths count by
//! their form.

use reqwest::Method;
use serde_json::json;

use crate::{
    skeleton::skeleton,
    suite::{Scenario, scenarios},
    world::{ICON, NOBODY, World, fresh_name, fresh_password, page_request, picture},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![Shared:
        register,
        login,
        list_joined_pages,
        join_a_page,
        create_a_page,
        issue_activation_codes,
        list_groups_of_a_page,
        create_a_group,
        upload_a_file,
        download_a_file,
        an_error,
    ]
}

async fn register(world: World) {
    let answer = world.client().register(&fresh_name("admin1"), &fresh_password()).await.ok();
    let username = answer.data()[0]["username"].clone();
    let example = r#"{"data":[{"username":"admin1","role":0,"_id":"64e2e5bdf2dc01079367511e","__v":0,"createdAt":"2023-08-21T04:19:09.838Z","updatedAt":"2023-08-21T04:19:09.838Z"}],"msg":"注册成功","code":200}"#;
    let example = example.replace(r#""admin1""#, &username.to_string());
    assert_eq!(skeleton(&answer.text), skeleton(&example));
    assert_eq!(answer.data()[0]["createdAt"], answer.data()[0]["updatedAt"]);
}

async fn login(world: World) {
    let user = world.user().await;
    let answer = world.client().login(&user.name, &user.password).await.ok();
    let example = r#"{"data":{"token":"eyJ…","_id":"64e2e53561a25a30db767a40","username":"admin","role":0,"__v":0,"createdAt":"2023-08-21T04:16:53.765Z","updatedAt":"2023-08-21T04:16:53.765Z"},"msg":"success","code":200}"#;
    let example = example.replace("\"admin\"", &json!(user.name).to_string());
    assert_eq!(skeleton(&answer.text), skeleton(&example));
    assert_eq!(answer.data()["_id"], user.id);
}

async fn list_joined_pages(world: World) {
    let user = world.user().await;
    let page = world.page(&user).await;
    let answer = user.client.get("/h5/merchant").await.ok();
    let example = r#"{"data":[{"_id":"64e2f2047eddc55db967892c","user":"64e2e53561a25a30db767a40","merchant":{"_id":"64e2ee287afb0737f092ff9b","user":"64e2e53561a25a30db767a40","activationCode":"asdasad","name":"小蓝的商页","icon":"https://img.example/59024.jpg","customer":"64e2e53561a25a30db767a40","__v":0,"createdAt":"2023-08-21T05:02:00.000Z","updatedAt":"2023-08-21T05:02:00.000Z"},"__v":0,"createdAt":"2023-08-21T05:11:32.043Z","updatedAt":"2023-08-21T05:11:32.043Z"}],"msg":"success","code":200}"#;
    assert_eq!(skeleton(&answer.text), skeleton(example));
    let row = &answer.data()[0];
    assert_eq!(row["user"], user.id);
    assert_eq!(row["merchant"], page);
}

async fn join_a_page(world: World) {
    let (owner, user) = (world.user().await, world.user().await);
    let page = world.page(&owner).await;
    let answer = user.client.post("/h5/merchant", &json!({"merchant": page["_id"]})).await.ok();
    let example = r#"{"data":[{"user":"64e2e53561a25a30db767a40","merchant":"64e2ee287afb0737f092ff9b","_id":"64e2f2047eddc55db967892c","__v":0,"createdAt":"2023-08-21T05:11:32.043Z","updatedAt":"2023-08-21T05:11:32.043Z"}],"msg":"success","code":200}"#;
    assert_eq!(skeleton(&answer.text), skeleton(example));
    let record = &answer.data()[0];
    assert_eq!(record["user"], user.id);
    assert_eq!(record["merchant"], page["_id"]);
}

async fn create_a_page(world: World) {
    let (owner, customer) = (world.user().await, world.user().await);
    let body = json!({"activationCode": "asdasad", "name": "小蓝的商页1", "icon": ICON, "customer": customer.id});
    let answer = owner.client.post("/h5/merchant/createMerchant", &body).await.ok();
    let example = r#"{"data":[{"user":"64e2e53561a25a30db767a40","activationCode":"asdasad","name":"小蓝的商页1","icon":"https://img.example/59024.jpg","customer":"64e2e53561a25a30db767a40","_id":"64e2f4773f81c20a68e41abc","__v":0,"createdAt":"2023-08-21T05:21:59.172Z","updatedAt":"2023-08-21T05:21:59.172Z"}],"msg":"success","code":200}"#;
    assert_eq!(skeleton(&answer.text), skeleton(example));
    let page = &answer.data()[0];
    assert_eq!(page["user"], owner.id);
    assert_eq!(page["customer"], customer.id);
}

async fn issue_activation_codes(world: World) {
    let administrator = world.administrator().await;
    let body = json!({"count": 10, "expiresAt": "2099-01-01T00:00:00.000Z"});
    let answer = administrator.client.post("/h5/merchant/activationCode", &body).await.ok();
    let codes = answer.data();
    let codes = codes.as_array().expect("codes are an array");
    assert_eq!(codes.len(), 10);
    let example = json!({"data": codes, "msg": "success", "code": 200});
    assert_eq!(answer.json(), example);
    for code in codes {
        assert!(code.as_str().is_some_and(|code| (16..=64).contains(&code.len())), "{code}");
    }
}

async fn list_groups_of_a_page(world: World) {
    let user = world.user().await;
    let page = world.page(&user).await;
    let group = world.group(&user, &page).await;
    let answer = user.client.post("/h5/group/getGroup", &json!({"merchant": page["_id"]})).await.ok();
    let example = r#"{"data":[{"state":1,"_id":"64e313309054f1bdf19707c1","user":"64e2e53561a25a30db767a40","merchant":"64e2f4773f81c20a68e41abc","name":"小黑子的世界","icon":"https://img.example/59024.jpg","__v":0,"createdAt":"2023-08-21T07:33:04.305Z","updatedAt":"2023-08-21T07:33:04.305Z"}],"msg":"success","code":200}"#;
    assert_eq!(skeleton(&answer.text), skeleton(example));
    let mut listed = answer.data()[0].take();
    listed.as_object_mut().expect("a group is an object").remove("state");
    assert_eq!(listed, group);
}

async fn create_a_group(world: World) {
    let user = world.user().await;
    let page = world.page(&user).await;
    let body = json!({"merchant": page["_id"], "name": "小黑子的世界2群", "icon": ICON});
    let answer = user.client.post("/h5/group", &body).await.ok();
    let example = r#"{"data":{"user":"64e2e53561a25a30db767a40","merchant":"64e2f4773f81c20a68e41abc","name":"小黑子的世界2群","icon":"https://img.example/59024.jpg","_id":"64e313ab46b6b56336dc06ab","__v":0,"createdAt":"2023-08-21T07:35:07.499Z","updatedAt":"2023-08-21T07:35:07.499Z"},"msg":"success","code":200}"#;
    assert_eq!(skeleton(&answer.text), skeleton(example));
    let group = answer.data();
    assert_eq!(group["user"], user.id);
    assert_eq!(group["merchant"], page["_id"]);
}

async fn upload_a_file(world: World) {
    let answer = world.user().await.client.upload("59024.png", picture(2_000)).await.ok();
    let example = r#"{"data":"/upload/20230821/7e23cd7207e15d29589565701.png","msg":"success","code":200}"#;
    assert_eq!(skeleton(&answer.text), skeleton(example));
}

async fn download_a_file(world: World) {
    let bytes = picture(200_000);
    let path = world.user().await.client.upload("59024.png", bytes.clone()).await.ok().data();
    let path = path.as_str().expect("a path is text");
    let stranger = world.client();
    let response = stranger.request(Method::GET, path).send().await.unwrap();
    let head = stranger.request(Method::HEAD, path).send().await.unwrap();
    for (name, value) in [
        ("content-type", "image/png"),
        ("content-length", "200000"),
        ("cache-control", "public, max-age=31536000, immutable"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; sandbox"),
    ] {
        assert_eq!(response.headers()[name], value);
        assert_eq!(head.headers()[name], value);
    }
    let etag = response.headers()["etag"].to_str().unwrap().to_owned();
    assert!(etag.starts_with('"') && etag.ends_with('"') && etag.len() > 2, "{etag}");
    assert_eq!(head.headers()["etag"], etag);
    assert!(response.headers().get("content-disposition").is_none(), "a picture is shown inline");
    assert!(head.bytes().await.unwrap().is_empty());
    assert!(response.bytes().await.unwrap() == bytes, "the bytes come back as they went");
    let unchanged = stranger.request(Method::GET, path).header("if-none-match", &etag).send().await.unwrap();
    assert_eq!(unchanged.status(), 304);
    assert!(unchanged.bytes().await.unwrap().is_empty());
}

async fn an_error(world: World) {
    let user = world.user().await;
    let answer = user.client.post("/h5/merchant/createMerchant", &page_request(NOBODY)).await;
    assert_eq!(answer.status, 404);
    let msg = answer.json()["msg"].as_str().expect("msg is text").to_owned();
    assert!(msg.chars().any(|char| ('\u{4e00}'..='\u{9fff}').contains(&char)), "{msg} is no Chinese sentence");
    let example = r#"{"data":null,"msg":"<msg>","code":404,"reason":"CUSTOMER_NOT_FOUND"}"#.replace("<msg>", &msg);
    assert_eq!(skeleton(&answer.text), skeleton(&example));
    assert_eq!(answer.header("content-type"), "application/json");
}
