//! Accounts that live: their sessions and who stops them.

mod administration;
mod session;

use crate::suite::Scenario;

pub(crate) fn scenarios() -> Vec<Scenario> {
    [session::scenarios(), administration::scenarios()].concat()
}
