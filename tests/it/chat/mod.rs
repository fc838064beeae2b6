//! The chat over HTTP: who is in a group, what is said in it, and what everybody sees of that.

mod conduct;
mod conversation;
mod documented;
mod faults;
mod history;
mod membership;
mod order;
mod reading;
mod recall;
pub(crate) mod room;
mod search;
mod sending;
mod service;
mod webhook;

use crate::suite::Scenario;

pub(crate) fn scenarios() -> Vec<Scenario> {
    [
        documented::scenarios(),
        membership::scenarios(),
        order::scenarios(),
        service::scenarios(),
        sending::scenarios(),
        history::scenarios(),
        reading::scenarios(),
        recall::scenarios(),
        search::scenarios(),
        conversation::scenarios(),
        faults::scenarios(),
        webhook::scenarios(),
        conduct::scenarios(),
    ]
    .concat()
}
