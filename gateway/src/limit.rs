//! The standing limits: how many writes and uploads a caller may make, and how many registrations an address. They
//! hold per process: several replicas allow as many times more. Counting failed logins is the user service's.

use std::{
    collections::HashSet,
    hash::Hash,
    net::IpAddr,
    num::NonZeroU32,
    ops::Deref,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::extract::FromRequestParts;
use chatroom_kit::{auth::Caller, ids::UserId};
use governor::{DefaultKeyedRateLimiter, Quota, clock::Clock as _};
use http::request::Parts;
use tokio_util::sync::CancellationToken;

use crate::{address::ClientAddress, auth::SignedIn, config::Settings, error::Refusal, realtime::Pace, state::App};

/// How often keys that have all their allowance back are forgotten: what is kept is bounded by what happens in
/// between.
const FORGET_EVERY: Duration = Duration::from_secs(10);
/// How many exports a user may have one after the other, and in an hour.
const EXPORTS_BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(4);
const EXPORTS_PER_HOUR: NonZeroU32 = NonZeroU32::MIN.saturating_add(5);
/// How soon to ask again while another export is being sent.
const EXPORT_UNDER_WAY: Duration = Duration::from_secs(10);

/// The limits and who has used how much of them.
pub(crate) struct Limits {
    writes: Limit<UserId>,
    uploads: Limit<UserId>,
    registrations: Limit<IpAddr>,
    exports: Limit<UserId>,
    /// Whose exports are being sent.
    exporting: Arc<Mutex<HashSet<UserId>>>,
    /// How fast frames may come on a socket, which counts its own.
    pub(crate) frames: Pace,
}

impl Limits {
    pub(crate) fn new(settings: &Settings) -> Self {
        let per_second = |rate: NonZeroU32, burst| Quota::per_second(rate).allow_burst(burst);
        let per_minute = |rate: NonZeroU32, burst| Quota::per_minute(rate).allow_burst(burst);
        Self {
            writes: Limit::new(per_second(settings.writes_per_second, settings.writes_burst)),
            uploads: Limit::new(per_minute(settings.uploads_per_minute, settings.uploads_per_minute)),
            registrations: Limit::new(per_minute(settings.registrations_per_minute, settings.registrations_burst)),
            exports: Limit::new(Quota::per_hour(EXPORTS_PER_HOUR).allow_burst(EXPORTS_BURST)),
            exporting: Arc::default(),
            frames: Pace::beside_writes(settings.writes_per_second, settings.writes_burst),
        }
    }

    /// Counts a write of `user`'s.
    pub(crate) fn write(&self, user: &UserId) -> Result<(), Refusal> {
        self.writes.check(user)
    }

    /// Forgets, until `stop`, whoever has not used any of a limit lately.
    pub(crate) async fn keep_small(&self, stop: CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(FORGET_EVERY)).await.is_some() {
            self.writes.0.retain_recent();
            self.uploads.0.retain_recent();
            self.registrations.0.retain_recent();
            self.exports.0.retain_recent();
        }
    }
}

/// One limit, counted by `K`.
struct Limit<K: Clone + Eq + Hash>(DefaultKeyedRateLimiter<K>);

impl<K: Clone + Eq + Hash> Limit<K> {
    fn new(quota: Quota) -> Self {
        Self(DefaultKeyedRateLimiter::keyed(quota))
    }

    fn check(&self, key: &K) -> Result<(), Refusal> {
        self.0.check_key(key).map_err(|refused| Refusal::rate_limited(refused.wait_time_from(self.0.clock().now())))
    }
}

/// A caller who may write now.
pub(crate) struct Writer(SignedIn);

impl Deref for Writer {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.0
    }
}

impl FromRequestParts<App> for Writer {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        let caller = SignedIn::from_request_parts(parts, app).await?;
        app.limits.write(&caller.id)?;
        Ok(Self(caller))
    }
}

/// A caller who may upload now.
pub(crate) struct Uploader(SignedIn);

impl Deref for Uploader {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.0
    }
}

impl FromRequestParts<App> for Uploader {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        let caller = SignedIn::from_request_parts(parts, app).await?;
        app.limits.uploads.check(&caller.id)?;
        Ok(Self(caller))
    }
}

/// A caller who may have an export now. No other of theirs begins before this is dropped.
pub(crate) struct Exporter {
    caller: SignedIn,
    exporting: Arc<Mutex<HashSet<UserId>>>,
}

impl Deref for Exporter {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}

impl FromRequestParts<App> for Exporter {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        let caller = SignedIn::from_request_parts(parts, app).await?;
        let exporting = app.limits.exporting.clone();
        if !exporting.lock().unwrap_or_else(PoisonError::into_inner).insert(caller.id) {
            return Err(Refusal::rate_limited(EXPORT_UNDER_WAY));
        }
        let exporter = Self { caller, exporting };
        app.limits.exports.check(&exporter.id)?;
        Ok(exporter)
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.exporting.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.caller.id);
    }
}

/// Somebody whose address may register now.
pub(crate) struct Registrant;

impl FromRequestParts<App> for Registrant {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        let address = ClientAddress::from_request_parts(parts, app).await?;
        app.limits.registrations.check(&address.subscriber())?;
        Ok(Self)
    }
}
