//! What the OpenAPI document says beside the routes: its head, the ways to send a token, and the refusals that many
//! routes share. The routes describe themselves where they stand.

use std::collections::BTreeMap;

use utoipa::{
    IntoResponses, OpenApi,
    openapi::{
        self, ContentBuilder, Ref, RefOr, Response, ResponseBuilder,
        header::HeaderBuilder,
        schema::{ObjectBuilder, Type},
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use crate::envelope::ErrorEnvelope;

/// The name of the scheme for the documented header.
const TOKEN: &str = "token";
/// The name of the scheme for the standard header.
const BEARER: &str = "bearer";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "chatroom",
        description = "The backend of a chat-room H5 app. Every JSON answer is an envelope `{data, msg, code}` whose \
                       `code` is the HTTP status; a refusal also has a `reason` for programs. An unknown path is \
                       answered with 404 `NOT_FOUND`, a wrong method with 405 `METHOD_NOT_ALLOWED` and `Allow`, and a \
                       request head over 32 KiB with a bare 431."
    ),
    components(schemas(ErrorEnvelope)),
    tags(
        (name = "user", description = "Accounts and tokens"),
        (name = "merchant", description = "Merchant pages (商页)"),
        (name = "group", description = "Group chats (群聊) and their members"),
        (name = "message", description = "What is said in groups"),
        (name = "admin", description = "For administrators"),
        (name = "report", description = "What pages' creators are told of"),
        (name = "upload", description = "Files"),
        (name = "operation", description = "For operators and other services")
    )
)]
struct Head;

/// The document without routes.
pub(crate) fn head() -> openapi::OpenApi {
    let mut document = Head::openapi();
    let components = document.components.get_or_insert_default();
    let description = "The token that a login answers. Wins over `Authorization`.";
    components.add_security_scheme(
        TOKEN,
        SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description("token", description))),
    );
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    components.add_security_scheme(BEARER, SecurityScheme::Http(bearer));
    document
}

/// No valid token.
pub(crate) struct NotSignedIn;

impl IntoResponses for NotSignedIn {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        refusals([("401", "`UNAUTHENTICATED`: no valid token")])
    }
}

/// A JSON body that is not what the route takes.
pub(crate) struct WrongBody;

impl IntoResponses for WrongBody {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        refusals([
            ("400", "`INVALID_ARGUMENT`: `msg` names the field"),
            ("413", "`PAYLOAD_TOO_LARGE`: the body has more than 64 KiB"),
        ])
    }
}

/// A query string that is not what the route takes.
pub(crate) struct WrongQuery;

impl IntoResponses for WrongQuery {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        refusals([("400", "`INVALID_ARGUMENT`: `msg` names the parameter")])
    }
}

/// What can befall any call to a service.
pub(crate) struct NotServed;

impl IntoResponses for NotServed {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        refusals([
            ("429", "`RATE_LIMITED`: a standing limit is used up for now, or too much is under way from this address"),
            ("500", "`INTERNAL`: a fault of the server"),
            ("503", "`UPSTREAM_UNAVAILABLE`, `DATABASE_UNAVAILABLE`, `STORAGE_UNAVAILABLE` or `OVERLOADED`: try again"),
            ("504", "`DEADLINE_EXCEEDED`: the request took too long"),
        ])
    }
}

fn refusals<const N: usize>(statuses: [(&str, &str); N]) -> BTreeMap<String, RefOr<Response>> {
    statuses.map(|(status, description)| (status.to_owned(), RefOr::T(refusal(status, description)))).into()
}

fn refusal(status: &str, description: &str) -> Response {
    let envelope = Ref::from_schema_name("ErrorEnvelope");
    let response = ResponseBuilder::new()
        .description(description)
        .content("application/json", ContentBuilder::new().schema(Some(envelope)).build());
    if !matches!(status, "429" | "503") {
        return response.build();
    }
    let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).build();
    let retry_after = HeaderBuilder::new().schema(Some(seconds)).description(Some("Seconds to wait")).build();
    response.header("Retry-After", retry_after).build()
}
