//! People as the chat shows them. Where they are looked up is `directory.rs`'s.

use std::{collections::HashMap, sync::Arc};

use chatroom_proto::user::v1::User;
use serde::Serialize;
use utoipa::ToSchema;

/// Someone as the chat shows them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
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
    /// There, and true, only where the account was deleted: it is called 已注销用户 then.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    deleted: bool,
}

impl<'a> Person<'a> {
    /// Somebody of whom no more is known.
    fn unknown(id: &'a str) -> Self {
        Self { id, username: "", nickname: "", avatar: "", deleted: false }
    }

    /// The service `name`, in whose name a system message was sent.
    fn service(name: &'a str) -> Self {
        Self { username: name, ..Self::unknown("") }
    }
}

/// What someone is called.
#[derive(Debug)]
pub(super) struct Profile {
    username: String,
    nickname: String,
    avatar: String,
    deleted: bool,
}

impl From<User> for Profile {
    fn from(user: User) -> Self {
        Self { username: user.username, nickname: user.nickname, avatar: user.avatar, deleted: user.deleted }
    }
}

/// The people of one answer.
#[derive(Debug, Default)]
pub(crate) struct People(HashMap<String, Arc<Profile>>);

impl People {
    pub(super) fn insert(&mut self, id: String, profile: Arc<Profile>) {
        self.0.insert(id, profile);
    }

    /// The user `id`; only that where they could not be looked up.
    pub(crate) fn person<'a>(&'a self, id: &'a str) -> Person<'a> {
        let Some(profile) = self.0.get(id) else {
            return Person::unknown(id);
        };
        let Profile { username, nickname, avatar, deleted } = &**profile;
        Person { id, username, nickname, avatar, deleted: *deleted }
    }

    /// Who said something: a user, or where there is none a service.
    pub(crate) fn sender<'a>(&'a self, user: &'a str, service: &'a str) -> Person<'a> {
        if user.is_empty() { Person::service(service) } else { self.person(user) }
    }
}
