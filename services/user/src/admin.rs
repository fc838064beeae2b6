//! What operators do to accounts on the command line. By design no RPC does it.

use anyhow::Context as _;
use chatroom_kit::clock::Clock;

use crate::{domain::Username, store::Store};

/// Makes the user called `name` an administrator, and says so on standard output. Works while the service runs; tokens
/// say so from the next login on.
pub async fn grant_admin(store: &Store, name: &str, clock: &Clock) -> anyhow::Result<()> {
    let username = Username::parse(name)?;
    let user = store.make_administrator(&username, clock.now()).await.context("the database failed")?;
    let user = user.with_context(|| format!("there is no user called {name}"))?;
    println!("{} ({}) is an administrator from the next login on", user.username, user.id);
    Ok(())
}
