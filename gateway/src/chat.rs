//! The chat as clients see it and speak of it: the JSON of messages, events, members and conversations, the people in
//! them, and the requests that HTTP routes and WebSocket frames share. Owns no route, no socket and no rule of the chat.

pub(crate) mod conversation;
pub(crate) mod directory;
pub(crate) mod event;
pub(crate) mod group;
pub(crate) mod member;
pub(crate) mod message;
pub(crate) mod people;
pub(crate) mod reading;
pub(crate) mod sending;
