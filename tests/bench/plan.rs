//! What each route is asked, turn by turn: different users and pages in turn, so that no cache of rows could help
//! that real load would not fill as well.

use std::sync::Arc;

use bytes::Bytes;

use crate::{
    load::Plan,
    request,
    route::Route,
    seed::{PASSWORD, Seeded, User, picture},
};

/// How long a file is that is uploaded.
pub(crate) const UPLOAD_SIZE: usize = 10 << 20;

/// What a route is asked.
pub(crate) fn plan(route: Route, seeded: &Arc<Seeded>) -> Plan {
    let seeded = seeded.clone();
    match route {
        Route::List => json(move |turn, head| list(&seeded, turn, head)),
        Route::Groups => json(move |turn, head| groups(&seeded, turn, head)),
        Route::Mixed => json(move |turn, head| mixed(&seeded, turn, head)),
        Route::Join => json(move |turn, head| first_join(&seeded, even_joiners(&seeded), turn, head)),
        Route::Rejoin => json(move |turn, head| repeated_join(&seeded, turn, head)),
        Route::Login => json(move |turn, head| login(&seeded, turn, head)),
        Route::Upload => upload(seeded),
        Route::Download => json(move |turn, head| {
            request::get(head, &seeded.picture, &pick(&seeded.owners, turn).token);
        }),
    }
}

/// How many turns a route has before it would ask the same again and no longer be what its name says.
pub(crate) fn turns_at_most(route: Route, seeded: &Seeded) -> Option<usize> {
    let first_joins = seeded.joiners.len() / 2 * seeded.pages.len();
    match route {
        Route::Join => Some(first_joins),
        Route::Mixed => Some(first_joins / MIXTURE_JOINS * MIXTURE),
        _ => None,
    }
}

/// A plan of requests that are sent as one piece.
fn json(write: impl Fn(usize, &mut Vec<u8>) + Send + Sync + 'static) -> Plan {
    Arc::new(move |turn, head| {
        write(turn, head);
        Bytes::new()
    })
}

fn pick<T>(from: &[T], turn: usize) -> &T {
    &from[turn % from.len()]
}

fn list(seeded: &Seeded, turn: usize, head: &mut Vec<u8>) {
    request::get(head, "/h5/merchant", &pick(&seeded.owners, turn).token);
}

fn groups(seeded: &Seeded, turn: usize, head: &mut Vec<u8>) {
    // Strides without a common divisor: everyone looks at everyone's page.
    let page = &pick(&seeded.owners, turn * 7 + turn / seeded.owners.len()).pages[0];
    let body = format!(r#"{{"merchant":"{page}"}}"#);
    request::post(head, "/h5/group/getGroup", &pick(&seeded.owners, turn).token, &body);
}

/// Of so many requests of the mixture …
const MIXTURE: usize = 20;
/// … so many are lists …
const MIXTURE_LISTS: usize = 12;
/// … and so many first joins; the others are getGroup.
const MIXTURE_JOINS: usize = 3;

fn mixed(seeded: &Seeded, turn: usize, head: &mut Vec<u8>) {
    let (cycle, place) = (turn / MIXTURE, turn % MIXTURE);
    if place < MIXTURE_LISTS {
        list(seeded, turn, head);
    } else if place < MIXTURE - MIXTURE_JOINS {
        groups(seeded, turn, head);
    } else {
        let join = cycle * MIXTURE_JOINS + place - (MIXTURE - MIXTURE_JOINS);
        first_join(seeded, odd_joiners(seeded), join, head);
    }
}

fn even_joiners(seeded: &Seeded) -> &[User] {
    &seeded.joiners[..seeded.joiners.len() / 2]
}

fn odd_joiners(seeded: &Seeded) -> &[User] {
    &seeded.joiners[seeded.joiners.len() / 2..]
}

/// Every pair of a joiner and a page once.
fn first_join(seeded: &Seeded, joiners: &[User], turn: usize, head: &mut Vec<u8>) {
    let page = pick(&seeded.pages, turn / joiners.len());
    join(pick(joiners, turn), page, head);
}

fn repeated_join(seeded: &Seeded, turn: usize, head: &mut Vec<u8>) {
    let owner = pick(&seeded.owners, turn);
    let page: &String = pick(&owner.pages, turn / seeded.owners.len());
    join(owner, page, head);
}

fn join(user: &User, page: &str, head: &mut Vec<u8>) {
    request::post(head, "/h5/merchant", &user.token, &format!(r#"{{"merchant":"{page}"}}"#));
}

fn login(seeded: &Seeded, turn: usize, head: &mut Vec<u8>) {
    let name = &pick(&seeded.owners, turn).name;
    request::post(head, "/h5/user/login", "", &format!(r#"{{"username":"{name}","password":"{PASSWORD}"}}"#));
}

fn upload(seeded: Arc<Seeded>) -> Plan {
    let body = Bytes::from(request::multipart(&picture(UPLOAD_SIZE)));
    Arc::new(move |turn, head| {
        request::upload(head, &pick(&seeded.owners, turn).token, body.len());
        body.clone()
    })
}
