//! The people in what the chat shows: looked up in batches, and remembered for a short while. Owns no account.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use chatroom_kit::link::Link;
use chatroom_proto::user::v1::{BatchGetUsersRequest, User, user_service_client::UserServiceClient};
use moka::sync::Cache;
use serde::Serialize;
use tonic::Request;
use utoipa::ToSchema;

/// How many people are remembered: some 5 MB.
const KNOWN_MAX: u64 = 20_000;
/// How long what is remembered is believed: so long, too, a former nickname may be seen.
const KNOWN_FOR: Duration = Duration::from_secs(30);
/// How many people are asked for in one call.
const BATCH_MAX: usize = 200;
/// How long a name is worth waiting for: what was said matters more than what its sender is called.
const PATIENCE: Duration = Duration::from_secs(1);

/// Someone as the chat shows them.
#[derive(Clone, Copy, Serialize, ToSchema)]
pub(crate) struct Person<'a> {
    /// Empty for a service that sent a system message.
    #[serde(rename = "_id")]
    #[schema(pattern = "^([0-9a-f]{24})?$", example = "64e2e53561a25a30db767a40")]
    id: &'a str,
    /// Of a service its name; empty where the account is gone, or cannot be looked up for the moment.
    #[schema(example = "admin")]
    username: &'a str,
    /// Empty where the user has chosen none.
    #[schema(example = "小蓝")]
    nickname: &'a str,
    /// Empty where the user has chosen none.
    #[schema(example = "/upload/20230821/7e23cd7207e15d29589565701.png")]
    avatar: &'a str,
}

impl<'a> Person<'a> {
    /// The service `name`, in whose name a system message was sent.
    pub(crate) fn service(name: &'a str) -> Self {
        Self { id: "", username: name, nickname: "", avatar: "" }
    }
}

/// What is remembered of someone.
#[derive(Debug)]
struct Profile {
    username: String,
    nickname: String,
    avatar: String,
}

impl From<User> for Profile {
    fn from(user: User) -> Self {
        Self { username: user.username, nickname: user.nickname, avatar: user.avatar }
    }
}

/// The people of one answer.
#[derive(Debug, Default)]
pub(crate) struct People(HashMap<String, Arc<Profile>>);

impl People {
    /// The user `id`; only that where they could not be looked up.
    pub(crate) fn person<'a>(&'a self, id: &'a str) -> Person<'a> {
        match self.0.get(id) {
            Some(profile) => {
                Person { id, username: &profile.username, nickname: &profile.nickname, avatar: &profile.avatar }
            }
            None => Person { id, username: "", nickname: "", avatar: "" },
        }
    }

    /// Who said something: a user, or where there is none a service.
    pub(crate) fn sender<'a>(&'a self, user: &'a str, service: &'a str) -> Person<'a> {
        if user.is_empty() { Person::service(service) } else { self.person(user) }
    }
}

/// Where people are looked up.
pub(crate) struct Directory {
    users: UserServiceClient<Link>,
    known: Cache<String, Arc<Profile>>,
}

impl Directory {
    pub(crate) fn new(users: UserServiceClient<Link>) -> Self {
        let known = Cache::builder().max_capacity(KNOWN_MAX).time_to_live(KNOWN_FOR).build();
        Self { users, known }
    }

    /// Looks up everyone of `ids`, in one call where not all are remembered. `signed` makes a request that says who
    /// asks. Whoever cannot be found is left out: nothing that was said is kept back for want of a name.
    pub(crate) async fn people<'a, S>(&self, ids: impl IntoIterator<Item = &'a str>, signed: S) -> People
    where
        S: Fn(BatchGetUsersRequest) -> Request<BatchGetUsersRequest>,
    {
        let ids: HashSet<&str> = ids.into_iter().filter(|id| !id.is_empty()).collect();
        let mut people = People::default();
        let mut unknown = Vec::new();
        for id in ids {
            match self.known.get(id) {
                Some(profile) => drop(people.0.insert(id.to_owned(), profile)),
                None => unknown.push(id.to_owned()),
            }
        }
        for batch in unknown.chunks(BATCH_MAX) {
            for user in self.fetch(signed(BatchGetUsersRequest { ids: batch.to_vec() })).await {
                let (id, profile) = (user.id.clone(), Arc::new(Profile::from(user)));
                self.known.insert(id.clone(), profile.clone());
                people.0.insert(id, profile);
            }
        }
        people
    }

    async fn fetch(&self, request: Request<BatchGetUsersRequest>) -> Vec<User> {
        let mut users = self.users.clone();
        match tokio::time::timeout(PATIENCE, users.batch_get_users(request)).await {
            Ok(Ok(answer)) => answer.into_inner().users,
            Ok(Err(status)) => {
                tracing::warn!(code = ?status.code(), message = status.message(), "people could not be looked up");
                Vec::new()
            }
            Err(_) => {
                tracing::warn!("people could not be looked up in time");
                Vec::new()
            }
        }
    }
}
