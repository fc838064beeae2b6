//! What operators do to accounts on the command line. By design no RPC does it.

use anyhow::Context as _;
use chatroom_kit::clock::Clock;

use crate::{
    domain::{Role, User, Username},
    store::Store,
};

/// Makes the user called `name` an administrator, and says so on standard output. Works while the service runs, and from
/// the next request on: rights are looked up.
pub async fn grant_admin(store: &Store, name: &str, clock: &Clock) -> anyhow::Result<()> {
    let user = set_role(store, name, Role::Administrator, clock).await?;
    println!("{} ({}) is an administrator", user.username, user.id);
    Ok(())
}

/// Makes the administrator called `name` an ordinary user, and says so on standard output.
pub async fn revoke_admin(store: &Store, name: &str, clock: &Clock) -> anyhow::Result<()> {
    let user = set_role(store, name, Role::User, clock).await?;
    println!("{} ({}) is no administrator", user.username, user.id);
    Ok(())
}

async fn set_role(store: &Store, name: &str, role: Role, clock: &Clock) -> anyhow::Result<User> {
    let username = Username::parse(name)?;
    let user = store.set_role(&username, role, clock.now()).await.context("the database failed")?;
    user.with_context(|| format!("there is no user called {name}"))
}
