//! The caller's conversations: `/h5/conversation`.

use axum::{extract::State, response::Response};
use chatroom_proto::message::v1::ListConversationsRequest;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::SignedIn,
    chat::conversation::{self, Conversation},
    envelope::{self, Envelope},
    error::{Refusal, filled},
    openapi::{NotServed, NotSignedIn, WrongQuery},
    query::{Query, after, limit, next},
    state::App,
};

/// How many conversations an answer has where the client does not say, and at most.
const CONVERSATIONS: (i32, i32) = (200, 200);

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Which conversations to list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Window {
    /// How many conversations at most; 200 where it is not said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i32>,
    /// The `after` of the answer that this one goes on from.
    #[param(pattern = "^[0-9]{1,15}\\.[0-9a-f]{24}$")]
    after: Option<String>,
}

/// A part of the caller's list.
#[derive(Serialize, ToSchema)]
struct Conversations<'a> {
    conversations: Vec<Conversation<'a>>,
    /// What to ask for with `after` to go on; null where there are no more.
    after: Option<&'a str>,
}

/// List the groups that the caller is in, newest activity first
#[utoipa::path(
    get, path = "/h5/conversation", tag = "message", operation_id = "listConversations",
    params(Window),
    responses(
        (status = 200, description = "Group chats and customer-service conversations, each with its last message",
         body = Envelope<Conversations<'static>>),
        NotSignedIn, WrongQuery, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
async fn list(caller: SignedIn, State(app): State<App>, Query(window): Query<Window>) -> Result<Response, Refusal> {
    let page_size = limit(window.limit, CONVERSATIONS.0, CONVERSATIONS.1)?;
    let page_token = after(window.after)?;
    let request = caller.request(ListConversationsRequest { page_size, page_token, heads_only: false });
    let answer = app.message().list_conversations(request).await?.into_inner();
    let ids = answer.conversations.iter().flat_map(conversation::people);
    let people = app.directory.people(ids, |message| caller.request(message)).await;
    let conversations = answer.conversations.iter().map(|conversation| Conversation::of(conversation, &people));
    let conversations = filled(conversations.collect::<Option<Vec<_>>>())?;
    let after = next(&answer.next_page_token);
    Ok(envelope::success(Conversations { conversations, after }))
}
