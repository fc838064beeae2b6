//! Real time: WebSockets, and the delivery of what happens in groups to the members who are connected here. Owns no
//! rule of the chat: what is said goes to the group service as it does over HTTP, and what is delivered is read from the
//! groups' sequences.
//!
//! ```text
//! bus ── hint ──▶ follower (one a watched group) ── piece ──▶ room ──▶ users ──▶ devices ──▶ outboxes ──▶ sockets
//!                    │  ▲                                       ▲
//!          ReadEvents▼  │ a gap, a lost hint               check, memberships: CheckGroups, ListConversations
//!                group service
//! ```

mod allowance;
mod check;
mod clock;
mod device;
mod figures;
mod follower;
mod frame;
mod handshake;
mod hub;
mod memberships;
mod outbox;
mod presence;
mod reply;
mod request;
mod room;
mod session;
mod signed_out;
mod socket;
mod source;
mod user;

use std::{pin::Pin, sync::Arc, time::Duration};

use chatroom_kit::{
    auth::{Caller, Verifier},
    bus::Bus,
    link::Link,
    service_token::ServiceTokens,
};
use hyper::upgrade::OnUpgrade;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use self::{frame::Close, socket::Socket, source::Source};
use crate::{address::ClientAddress, chat::directory::Directory, error::DRAINING, serve::TakenOver, state::App};

pub(crate) use allowance::Pace;
pub(crate) use handshake::open;
pub(crate) use hub::Hub;

/// The longest that a client is asked to wait before it connects again: all of them at once would be a storm.
const RETRY_MAX_MS: u64 = 5000;
/// The shortest.
const RETRY_MIN_MS: u64 = 200;

impl Hub {
    /// A hub that delivers until it has been drained.
    pub(crate) fn start(
        group: Link,
        tokens: ServiceTokens,
        directory: Arc<Directory>,
        bus: Bus,
        verifier: Verifier,
        stop: CancellationToken,
    ) -> Arc<Self> {
        let hub = Self::new(Source::new(group, tokens, directory), bus, verifier, stop);
        let until_drained = |task: Task| tokio::spawn(hub.drained.clone().run_until_cancelled_owned(task));
        until_drained(Box::pin(clock::run(hub.clone())));
        until_drained(Box::pin(check::run(hub.clone())));
        until_drained(Box::pin(memberships::listen(hub.clone())));
        until_drained(Box::pin(memberships::list(hub.clone())));
        until_drained(Box::pin(presence::listen(hub.clone())));
        until_drained(Box::pin(signed_out::close(hub.clone())));
        hub
    }

    /// Waits for `stop`, then tells every client to come back later and closes its socket. Ends once they are gone, or
    /// after `patience`.
    pub(crate) async fn drain(&self, patience: Duration) {
        self.stop.cancelled().await;
        self.say_bye();
        self.sockets.close();
        if timeout(patience, self.sockets.wait()).await.is_err() {
            tracing::warn!(sockets = self.sockets.len(), "sockets were cut off");
        }
        self.drained.cancel();
    }

    fn say_bye(&self) {
        for device in self.devices() {
            let retry_ms = rand::random_range(RETRY_MIN_MS..=RETRY_MAX_MS);
            device.outbox.close(Some(reply::bye(DRAINING, retry_ms)), Close::Draining);
        }
    }
}

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Serves a socket once HTTP has let go of its connection.
fn serve(app: App, upgrade: OnUpgrade, address: ClientAddress, caller: Option<Arc<Caller>>) {
    let hub = app.hub.clone();
    let opening = async move {
        let connection = upgrade.await.ok().and_then(TakenOver::from_http);
        let Some(connection) = connection else {
            tracing::debug!("a socket broke before it was open");
            return;
        };
        // A task of its own, since this one is as large as what it has waited for.
        let socket = Socket::new(&app, connection, address, caller);
        app.hub.sockets.spawn(socket);
        if app.hub.stop.is_cancelled() {
            // It came in while the others were being closed.
            app.hub.say_bye();
        }
    };
    hub.sockets.spawn(opening);
}
