//! The limit: the least that could answer the measured routes, to compare the product with. Plain axum handlers run
//! the product's statements, selecting no column that is not shown, on a copy of its databases, with its pragmas and
//! pool sizes, and answer the same bytes. There is no gRPC, no tracing, no figures, no limit of any kind, and a caller
//! is known by looking the token up in a table that is filled at the start: no signature is ever verified or made.

mod database;
mod group;
mod login;
mod merchant;
mod time;

use std::{collections::HashMap, path::Path, sync::Arc};

use anyhow::Context as _;
use axum::{
    Json, Router,
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
    response::{IntoResponse, Response},
    routing,
    serve::ListenerExt as _,
};
use chatroom_kit::db::Db;
use serde::Serialize;
use tokio::net::TcpListener;

use crate::options::LimitOptions;

/// What the handlers share.
struct Limit {
    user: Db,
    merchant: Db,
    group: Db,
    /// Whose token it is: the user's id.
    callers: HashMap<String, String>,
    /// A token of each user, by the user's id.
    tokens: HashMap<String, String>,
    hasher: login::Hasher,
}

/// Serves until the process is killed.
pub(crate) async fn serve(options: LimitOptions) -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let limit = Limit::open(&options).await?;
    let router = Router::new()
        .route("/h5/merchant", routing::get(merchant::list).post(merchant::join))
        .route("/h5/group/getGroup", routing::post(group::list))
        .route("/h5/user/login", routing::post(login::login))
        .with_state(Arc::new(limit));
    // The line the harness waits for, as the product writes it.
    eprintln!(r#"{{"message":"listening","address":"{}"}}"#, listener.local_addr()?);
    let listener = listener.tap_io(|stream| {
        // A socket that cannot be told is slower, and that is all.
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, router).await?;
    Ok(())
}

impl Limit {
    async fn open(options: &LimitOptions) -> anyhow::Result<Self> {
        let (callers, tokens) = read_tokens(&options.tokens).context("the tokens cannot be read")?;
        Ok(Self {
            user: database::open(&options.user_database_url).await?,
            merchant: database::open(&options.merchant_database_url).await?,
            group: database::open(&options.group_database_url).await?,
            callers,
            tokens,
            hasher: login::Hasher::new()?,
        })
    }
}

type Table = HashMap<String, String>;

/// Reads lines of a token and its user's id, into a table for each direction.
fn read_tokens(file: &Path) -> anyhow::Result<(Table, Table)> {
    let text = std::fs::read_to_string(file)?;
    let pairs = text.lines().filter_map(|line| line.split_once(' '));
    Ok(pairs.map(|(token, user)| ((token.to_owned(), user.to_owned()), (user.to_owned(), token.to_owned()))).unzip())
}

/// The id of the user whose token a request carries.
struct Caller(String);

impl FromRequestParts<Arc<Limit>> for Caller {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, limit: &Arc<Limit>) -> Result<Self, StatusCode> {
        let token = parts.headers.get("token").and_then(|token| token.to_str().ok());
        let user = token.and_then(|token| limit.callers.get(token)).ok_or(StatusCode::UNAUTHORIZED)?;
        Ok(Self(user.clone()))
    }
}

/// The product's envelope around a success.
#[derive(Serialize)]
struct Envelope<T> {
    data: T,
    msg: &'static str,
    code: u16,
}

type Answer<T> = Result<Json<Envelope<T>>, Failure>;

fn answer<T>(data: T) -> Json<Envelope<T>> {
    Json(Envelope { data, msg: "success", code: 200 })
}

/// Anything that went wrong: the benchmark ends with it.
struct Failure(String);

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, self.0).into_response()
    }
}
