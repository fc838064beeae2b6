//! The threat model, line by line: every function is named after the line it shows. That a socket that is not read is
//! dropped is shown by `realtime/slow.rs`.

mod browser;
mod download;
mod every_route;
mod login;
mod matrix;
mod pages;
mod register;
mod socket;
mod tokens;
mod upload;

use crate::suite::Scenario;

pub(crate) fn scenarios() -> Vec<Scenario> {
    [
        every_route::scenarios(),
        tokens::scenarios(),
        register::scenarios(),
        login::scenarios(),
        pages::scenarios(),
        matrix::scenarios(),
        socket::scenarios(),
        upload::scenarios(),
        download::scenarios(),
        browser::scenarios(),
    ]
    .concat()
}
