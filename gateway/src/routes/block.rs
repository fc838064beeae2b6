//! Whom the caller wants to hear nothing of: `/h5/user/block` and `/h5/user/blocks`.

use axum::{extract::State, response::Response};
use chatroom_proto::conduct::v1::{Block as ProtoBlock, ListBlocksRequest, SetBlockRequest};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::SignedIn,
    body::Json,
    chat::people::{People, Person},
    envelope::{self, EmptyEnvelope, Envelope, ErrorEnvelope},
    error::Refusal,
    limit::Writer,
    openapi::{NotServed, NotSignedIn, WrongBody, WrongQuery},
    query::{Query, after, limit, next},
    state::App,
    value::Time,
};

/// How many blocks an answer has where the client does not say, and at most.
const BLOCKS: (i32, i32) = (200, 200);

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(set)).routes(routes!(list))
}

/// Whom to block, or no longer.
#[derive(Deserialize, ToSchema)]
struct SetBlock {
    /// The user's id; not the caller's own.
    #[schema(pattern = "^[0-9a-f]{24}$", example = "64e2e53561a25a30db767a40")]
    user: String,
    /// Whether the caller wants to hear nothing of them.
    #[schema(example = true)]
    blocked: bool,
}

/// Hear nothing of a user any more, or again: no private message, no mention
#[utoipa::path(
    post, path = "/h5/user/block", tag = "user", operation_id = "setBlock",
    request_body = SetBlock,
    responses(
        (status = 200, description = "It is so; saying it again changes nothing", body = EmptyEnvelope),
        (status = 409, description = "`BLOCK_LIMIT_REACHED`", body = ErrorEnvelope<'static>),
        NotSignedIn, WrongBody, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
async fn set(
    caller: Writer,
    State(app): State<App>,
    Json(SetBlock { user, blocked }): Json<SetBlock>,
) -> Result<Response, Refusal> {
    app.conduct().set_block(caller.request(SetBlockRequest { user, blocked })).await?;
    Ok(envelope::done())
}

/// Which blocks to list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Window {
    /// How many blocks at most; 200 where it is not said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i32>,
    /// The `after` of the answer that this one goes on from.
    #[param(pattern = "^[0-9]{1,15}\\.[0-9a-f]{24}$")]
    after: Option<String>,
}

/// A part of the caller's list.
#[derive(Serialize, ToSchema)]
struct Blocks<'a> {
    blocks: Vec<Block<'a>>,
    /// What to ask for with `after` to go on; null where there are no more.
    after: Option<&'a str>,
}

/// Somebody whom the caller wants to hear nothing of.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Block<'a> {
    user: Person<'a>,
    created_at: Time,
}

impl<'a> Block<'a> {
    fn of(block: &'a ProtoBlock, people: &'a People) -> Self {
        Self { user: people.person(&block.user), created_at: block.create_time.into() }
    }
}

/// List whom the caller wants to hear nothing of, latest first
#[utoipa::path(
    get, path = "/h5/user/blocks", tag = "user", operation_id = "listBlocks",
    params(Window),
    responses(
        (status = 200, description = "The blocked users", body = Envelope<Blocks<'static>>),
        NotSignedIn, WrongQuery, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
async fn list(caller: SignedIn, State(app): State<App>, Query(window): Query<Window>) -> Result<Response, Refusal> {
    let page_size = limit(window.limit, BLOCKS.0, BLOCKS.1)?;
    let page_token = after(window.after)?;
    let answer = app.conduct().list_blocks(caller.request(ListBlocksRequest { page_size, page_token })).await?;
    let answer = answer.into_inner();
    let ids = answer.blocks.iter().map(|block| block.user.as_str());
    let people = app.directory.people(ids, |message| caller.request(message)).await;
    let blocks = answer.blocks.iter().map(|block| Block::of(block, &people)).collect();
    let after = next(&answer.next_page_token);
    Ok(envelope::success(Blocks { blocks, after }))
}
