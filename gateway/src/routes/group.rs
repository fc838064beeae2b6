//! Group chats (群聊) of merchant pages: `/h5/group*`.

mod membership;
mod order;

use axum::{extract::State, response::Response};
use chatroom_kit::{auth::Caller, link::repeatable};
use chatroom_proto::group::v1::{CreateGroupRequest, Group, ListGroupsRequest, ListedGroup};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::SignedIn,
    body::Json,
    envelope::{self, Envelope, ErrorEnvelope},
    error::{Refusal, filled},
    idempotency::IdempotencyKey,
    limit::Writer,
    openapi::{NotServed, NotSignedIn, WrongBody},
    state::App,
    value::{Id, Time},
};

/// How many are asked for in one call: so many are always smaller than a message may be.
const PAGE_MAX: i32 = 400;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(create))
        .routes(routes!(membership::join))
        .routes(routes!(membership::leave))
        .routes(routes!(membership::members))
        .routes(routes!(order::remove))
        .routes(routes!(order::mute))
        .routes(routes!(order::set_admin))
        .routes(routes!(order::mute_all))
        .routes(routes!(order::update))
        .routes(routes!(order::dismiss))
}

/// Whose groups to list.
#[derive(Deserialize, ToSchema)]
struct ListGroups {
    /// The merchant page's id.
    #[schema(pattern = "^[0-9a-f]{24}$", example = "64e2f4773f81c20a68e41abc")]
    merchant: String,
}

/// A group chat.
#[derive(Serialize, ToSchema)]
struct Room<'a> {
    /// Its creator.
    user: Id<'a>,
    /// The page it belongs to.
    merchant: Id<'a>,
    #[schema(example = "小黑子的世界")]
    name: &'a str,
    icon: &'a str,
    #[serde(rename = "_id")]
    id: Id<'a>,
    /// How often the record has been changed.
    #[serde(rename = "__v")]
    version: i32,
    #[serde(rename = "createdAt")]
    create_time: Time,
    #[serde(rename = "updatedAt")]
    update_time: Time,
}

impl<'a> From<&'a Group> for Room<'a> {
    fn from(group: &'a Group) -> Self {
        Self {
            user: Id(&group.user),
            merchant: Id(&group.merchant),
            name: &group.name,
            icon: &group.icon,
            id: Id(&group.id),
            version: group.version,
            create_time: group.create_time.into(),
            update_time: group.update_time.into(),
        }
    }
}

/// A group chat as the caller sees it.
#[derive(Serialize, ToSchema)]
struct ListedRoom<'a> {
    /// 1 where the caller is in it, and so may open the chat; else 0.
    state: u8,
    #[serde(rename = "_id")]
    id: Id<'a>,
    /// Its creator.
    user: Id<'a>,
    /// The page it belongs to.
    merchant: Id<'a>,
    #[schema(example = "小黑子的世界")]
    name: &'a str,
    icon: &'a str,
    /// How often the record has been changed.
    #[serde(rename = "__v")]
    version: i32,
    #[serde(rename = "createdAt")]
    create_time: Time,
    #[serde(rename = "updatedAt")]
    update_time: Time,
}

impl<'a> ListedRoom<'a> {
    /// None where the group is missing, which a service never lets happen.
    fn of(listed: &'a ListedGroup) -> Option<Self> {
        let Room { user, merchant, name, icon, id, version, create_time, update_time } = listed.group.as_ref()?.into();
        let state = u8::from(listed.joined);
        Some(Self { state, id, user, merchant, name, icon, version, create_time, update_time })
    }
}

/// List a page's groups, oldest first
#[utoipa::path(
    post, path = "/h5/group/getGroup", tag = "group", operation_id = "listGroups",
    request_body = ListGroups,
    responses(
        (status = 200, description = "Every group of the page", body = Envelope<Vec<ListedRoom<'static>>>),
        (status = 404, description = "`MERCHANT_NOT_FOUND`", body = ErrorEnvelope<'static>),
        NotSignedIn, WrongBody, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
async fn list(
    caller: SignedIn,
    State(app): State<App>,
    Json(ListGroups { merchant }): Json<ListGroups>,
) -> Result<Response, Refusal> {
    let groups = groups(&app, &caller, merchant).await?;
    let rows = filled(groups.iter().map(ListedRoom::of).collect::<Option<Vec<_>>>())?;
    Ok(envelope::success(rows))
}

async fn groups(app: &App, caller: &Caller, merchant: String) -> Result<Vec<ListedGroup>, Refusal> {
    let mut client = app.group();
    let (mut rows, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListGroupsRequest { merchant: merchant.clone(), page_size: PAGE_MAX, page_token };
        let mut page = client.list_groups(caller.request(request)).await?.into_inner();
        rows.append(&mut page.groups);
        if page.next_page_token.is_empty() {
            return Ok(rows);
        }
        page_token = page.next_page_token;
    }
}

/// The group to open.
#[derive(Deserialize, ToSchema)]
struct OpenRoom {
    /// The merchant page's id.
    #[schema(pattern = "^[0-9a-f]{24}$", example = "64e2f4773f81c20a68e41abc")]
    merchant: String,
    /// 1 to 64 characters.
    #[schema(example = "小黑子的世界", min_length = 1, max_length = 64)]
    name: String,
    /// An http(s) URL or a path that an upload answered, at most 2,048 characters.
    #[schema(
        example = "https://img.example/59024.jpg",
        max_length = 2048,
        pattern = "^(https?://[^ ]+|/upload/[0-9]{8}/[0-9a-f]{25}\\.[0-9a-z]{2,5})$"
    )]
    icon: String,
}

/// Open a group on the caller's own page; the caller joins it
#[utoipa::path(
    post, path = "/h5/group", tag = "group", operation_id = "createGroup",
    params(IdempotencyKey),
    request_body = OpenRoom,
    responses(
        (status = 200, description = "The group", body = Envelope<Room<'static>>),
        (status = 403, description = "`NOT_MERCHANT_OWNER`", body = ErrorEnvelope<'static>),
        (status = 404, description = "`MERCHANT_NOT_FOUND`", body = ErrorEnvelope<'static>),
        (status = 409, description = "`TOO_MANY_GROUPS`: a page has at most 2,000; `MERCHANT_CLOSED`",
         body = ErrorEnvelope<'static>),
        NotSignedIn, WrongBody, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
async fn create(
    caller: Writer,
    IdempotencyKey(request_id): IdempotencyKey,
    State(app): State<App>,
    Json(OpenRoom { merchant, name, icon }): Json<OpenRoom>,
) -> Result<Response, Refusal> {
    let key = request_id.clone();
    let request = caller.request(CreateGroupRequest { merchant, name, icon, request_id });
    let answer = app.group().create_group(repeatable(request, &key)).await?.into_inner();
    let group = filled(answer.group)?;
    Ok(envelope::success(Room::from(&group)))
}
