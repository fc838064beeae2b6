//! Whether and how a call over the network is made again. Owns the table of what may be repeated.
//!
//! A peer that is killed shows itself as UNAVAILABLE, UNKNOWN or CANCELLED, and so may a call that was executed: only
//! an error in connecting proves that nothing ran. Everything else is repeated only where repeating does no harm.

use std::{
    error::Error,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Chain;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Collected, Full};
use tonic::{Code, body::Body, transport::Channel};
use tower::{
    ServiceExt as _,
    retry::budget::{Budget as _, TpsBudget},
};

use super::replica::Replica;
use crate::error::{UPSTREAM_UNAVAILABLE, status};

/// How often a call is made at most.
const ATTEMPTS: u32 = 3;
/// After this long a call is not made again where no connection was made: whoever waits for a service that is gone should
/// learn it within two seconds, and one attempt at connecting takes up to half a second.
const LAST_CONNECTION: Duration = Duration::from_secs(1);
/// After this long a call is not made again at all. Until then, the silence of one replica has been noticed, and another
/// may answer.
const LAST_ATTEMPT: Duration = Duration::from_millis(3500);
/// The longest pause before a call is made again; the pause is drawn between nothing and this.
const PAUSE_MAX: Duration = Duration::from_millis(50);

/// RPCs that read, or whose repetition changes nothing: joining twice is joining once, and a message sent twice under
/// one `client_id` is one message. Not among them: removing somebody twice fails, and each edit counts.
const IDEMPOTENT: &[&str] = &[
    "/chatroom.user.v1.UserService/GetUser",
    "/chatroom.user.v1.UserService/CheckPicture",
    "/chatroom.user.v1.UserService/BatchGetUsers",
    "/chatroom.user.v1.UserService/IssueServiceToken",
    "/chatroom.user.v1.UserService/UpdateProfile",
    "/chatroom.user.v1.SessionService/RenewToken",
    "/chatroom.user.v1.SessionService/ListAccountChanges",
    "/chatroom.user.v1.AdminService/FindAccounts",
    "/chatroom.user.v1.AdminService/DisableAccount",
    "/chatroom.user.v1.AdminService/EnableAccount",
    "/chatroom.user.v1.AdminService/ListDeeds",
    "/chatroom.user.v1.DeletionService/ListDeletions",
    "/chatroom.user.v1.DeletionService/ConfirmDeletion",
    "/chatroom.merchant.v1.MerchantService/CheckPicture",
    "/chatroom.merchant.v1.MerchantService/GetMerchant",
    "/chatroom.merchant.v1.MerchantService/JoinMerchant",
    "/chatroom.merchant.v1.MerchantService/ListMemberships",
    "/chatroom.merchant.v1.MerchantService/SetServing",
    "/chatroom.merchant.v1.PageService/UpdateMerchant",
    "/chatroom.merchant.v1.PageService/CloseMerchant",
    "/chatroom.merchant.v1.PageService/LeaveMerchant",
    "/chatroom.merchant.v1.PageService/ListPageMembers",
    "/chatroom.merchant.v1.PageService/ListOwnPages",
    "/chatroom.merchant.v1.PageService/ListPageDeeds",
    "/chatroom.merchant.v1.PageService/CheckNoOpenPages",
    "/chatroom.group.v1.GroupService/ListGroups",
    "/chatroom.group.v1.GroupService/GetGroup",
    "/chatroom.group.v1.GroupService/JoinGroup",
    "/chatroom.group.v1.GroupService/LeaveGroup",
    "/chatroom.group.v1.GroupService/ListMembers",
    "/chatroom.group.v1.GroupService/MuteMember",
    "/chatroom.group.v1.GroupService/SetAdmin",
    "/chatroom.group.v1.GroupService/MuteGroup",
    "/chatroom.group.v1.GroupService/UpdateGroup",
    "/chatroom.group.v1.GroupService/DismissGroup",
    "/chatroom.message.v1.MessageService/SendMessage",
    "/chatroom.message.v1.MessageService/SendSystemMessage",
    "/chatroom.message.v1.MessageService/ListMessages",
    "/chatroom.message.v1.MessageService/SearchMessages",
    "/chatroom.message.v1.MessageService/SyncEvents",
    "/chatroom.message.v1.MessageService/MarkRead",
    "/chatroom.message.v1.MessageService/RecallMessage",
    "/chatroom.message.v1.MessageService/ListConversations",
    "/chatroom.message.v1.MessageService/OpenContact",
    "/chatroom.message.v1.MessageService/ReadEvents",
    "/chatroom.message.v1.MessageService/CheckGroups",
    "/chatroom.webhook.v1.WebhookService/CreateWebhook",
    "/chatroom.webhook.v1.WebhookService/ListWebhooks",
    "/chatroom.record.v1.RecordService/SetRetention",
    "/chatroom.record.v1.RecordService/GetRetention",
    "/chatroom.record.v1.RecordService/ExportMessages",
    "/chatroom.conduct.v1.ConductService/SetBlock",
    "/chatroom.conduct.v1.ConductService/ListBlocks",
    "/chatroom.conduct.v1.ConductService/CreateReport",
    "/chatroom.conduct.v1.ConductService/ListReports",
    "/chatroom.conduct.v1.ConductService/ListOwnReports",
    "/chatroom.conduct.v1.ConductService/ResolveReport",
    "/chatroom.conduct.v1.ConductService/GetWords",
    "/chatroom.conduct.v1.ConductService/ListModerationActions",
    "/chatroom.file.v1.FileService/GetFile",
    "/chatroom.file.v1.FileService/CheckOwner",
    "/chatroom.file.v1.FileService/DeleteFile",
    "/chatroom.file.v1.FileService/DownloadFile",
];

/// RPCs whose request is a stream: it is used up by the first attempt.
const STREAMS_IN: [&str; 1] = ["/chatroom.file.v1.FileService/UploadFile"];
/// RPCs whose answer is a stream: it is handed on as it comes, so a call that breaks later is not made again.
const STREAMS_OUT: [&str; 1] = ["/chatroom.file.v1.FileService/DownloadFile"];

/// Marks a request that carries a `request_id`, and so may be repeated.
#[derive(Clone, Copy, Debug)]
pub struct Repeatable;

/// Marks `request` as one that may be repeated where it carries a `request_id`.
pub fn repeatable<T>(mut request: tonic::Request<T>, request_id: &str) -> tonic::Request<T> {
    if !request_id.is_empty() {
        request.extensions_mut().insert(Repeatable);
    }
    request
}

/// How many calls may be repeated: a fifth of those made, and ten a second besides, so that a struggling service is
/// not struck down by repetitions.
pub(super) type Budget = Arc<TpsBudget>;

/// A full budget.
pub(super) fn budget() -> Budget {
    Arc::new(TpsBudget::new(Duration::from_secs(10), 10, 0.2))
}

/// The attempts at one call.
pub(super) struct Attempts<'a> {
    budget: &'a Budget,
    request: Request<Body>,
}

/// How much of an answer an attempt waits for.
#[derive(Clone, Copy)]
enum Answer {
    /// All of it.
    Whole,
    /// Its head.
    AsItComes,
}

/// How an attempt failed.
enum Failure {
    /// Nothing ran.
    NotBegun,
    /// It may have run.
    Unknown,
}

impl<'a> Attempts<'a> {
    pub(super) fn new(budget: &'a Budget, request: Request<Body>) -> Self {
        budget.deposit();
        Self { budget, request }
    }

    /// Makes the call on the replicas that `pick` names until it succeeds, may not be repeated, or has been tried
    /// often enough.
    pub(super) async fn run(self, pick: impl Fn() -> Option<Arc<Replica>>) -> Response<Body> {
        let (parts, body) = self.request.into_parts();
        let path = parts.uri.path();
        if STREAMS_IN.contains(&path) {
            let answer = attempt(&pick, Request::from_parts(parts, body), Answer::AsItComes).await;
            return answer.unwrap_or_else(|_| unavailable());
        }
        let form = if STREAMS_OUT.contains(&path) { Answer::AsItComes } else { Answer::Whole };
        let idempotent = IDEMPOTENT.contains(&path) || parts.extensions.get::<Repeatable>().is_some();
        let Ok(body) = body.collect().await.map(Collected::to_bytes) else {
            return unavailable();
        };
        let begun = Instant::now();
        for number in 1..=ATTEMPTS {
            let request = Request::from_parts(parts.clone(), Body::new(Full::new(body.clone())));
            match attempt(&pick, request, form).await {
                Ok(answer) => return answer,
                Err(Failure::Unknown) if !idempotent => break,
                Err(_) if number == ATTEMPTS || begun.elapsed() > LAST_ATTEMPT => break,
                Err(Failure::NotBegun) if begun.elapsed() > LAST_CONNECTION => break,
                Err(_) if !self.budget.withdraw() => break,
                Err(_) => tokio::time::sleep(PAUSE_MAX.mul_f64(rand::random())).await,
            }
        }
        unavailable()
    }
}

/// Makes a call on a replica, for as long as that one shows any sign of life.
async fn attempt(
    pick: &impl Fn() -> Option<Arc<Replica>>,
    request: Request<Body>,
    form: Answer,
) -> Result<Response<Body>, Failure> {
    let replica = pick().ok_or(Failure::NotBegun)?;
    let connection = replica.connection();
    let call = async {
        let answer = send(&replica, connection.channel(), request).await?;
        match form {
            Answer::AsItComes => Ok(answer),
            Answer::Whole => whole(answer).await,
        }
    };
    tokio::select! {
        biased;
        answer = call => {
            if answer.is_ok() {
                connection.heard();
            }
            answer
        }
        () = connection.fallen_silent() => {
            replica.mark(false);
            Err(Failure::Unknown)
        }
    }
}

async fn send(replica: &Replica, channel: Channel, request: Request<Body>) -> Result<Response<Body>, Failure> {
    match channel.oneshot(request).await {
        Ok(answer) => Ok(answer),
        Err(error) => {
            if !broken_off_by_us(&error) {
                replica.mark(false);
            }
            tracing::debug!(error = &error as &dyn Error, "attempt failed");
            Err(if never_connected(&error) { Failure::NotBegun } else { Failure::Unknown })
        }
    }
}

/// Waits for the whole of an answer, so that a peer that dies while answering is noticed here.
async fn whole(answer: Response<Body>) -> Result<Response<Body>, Failure> {
    let (head, body) = answer.into_parts();
    let body = body.collect().await.map_err(|_| Failure::Unknown)?;
    Ok(Response::from_parts(head, Body::new(body)))
}

/// Whether the connection was never made: refused, unreachable, or not answered in time.
fn never_connected(error: &(dyn Error + 'static)) -> bool {
    Chain::new(error).any(<dyn Error>::is::<tonic::ConnectError>)
}

/// Whether it was this side that ended the call: a client that goes away in the middle of an upload says nothing of
/// the replica that was taking it.
fn broken_off_by_us(error: &(dyn Error + 'static)) -> bool {
    Chain::new(error)
        .find_map(<dyn Error>::downcast_ref)
        .is_some_and(|error: &h2::Error| !error.is_remote() && !error.is_io() && !error.is_go_away())
}

fn unavailable() -> Response<Body> {
    status(Code::Unavailable, UPSTREAM_UNAVAILABLE, "the service does not answer").into_http()
}
