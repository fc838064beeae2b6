//! Sockets whose session was ended: closed as soon as this gateway hears of it. One that misses the moment, since it was
//! just being opened, is found by the clock's round.

use std::sync::Arc;

use super::{frame::Close, hub::Hub};

/// Closes sockets whenever tokens were ended.
pub(super) async fn close(hub: Arc<Hub>) {
    let mut revoked = hub.verifier.revoked();
    while revoked.changed().await.is_ok() {
        for device in hub.devices() {
            if device.caller().is_some_and(|caller| !hub.verifier.is_good(&caller)) {
                device.outbox.close(None, Close::SignedOut);
            }
        }
    }
}
