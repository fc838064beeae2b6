//! Accounts that live: their sessions, how they are shown, and who stops them.

mod administration;
mod command_line;
mod deletion;
mod erasure;
mod export;
mod profile;
pub(crate) mod session;

use crate::suite::Scenario;

pub(crate) fn scenarios() -> Vec<Scenario> {
    [
        session::scenarios(),
        profile::scenarios(),
        administration::scenarios(),
        command_line::scenarios(),
        deletion::scenarios(),
        erasure::scenarios(),
        export::scenarios(),
    ]
    .concat()
}
