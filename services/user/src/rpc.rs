//! The user service's RPCs: each decodes, authorises, decides, stores and encodes. Several services over one state.

mod admin;
mod deletion;
mod encode;
mod session;
mod user;

use std::sync::Arc;

use chatroom_kit::{
    auth::{Caller, Unauthenticated, Verifier},
    clock::Clock,
};

use tonic::Request;

use crate::{
    config::Settings,
    domain::{Account, Role},
    error::Error,
    files::Files,
    password::Passwords,
    services::Services,
    store::Store,
    throttle::Throttle,
    token::{Signer, Token},
};

pub(crate) struct Service {
    store: Store,
    files: Files,
    signer: Signer,
    services: Services,
    verifier: Verifier,
    clock: Clock,
    passwords: Passwords,
    throttle: Throttle,
    settings: Settings,
}

impl Service {
    pub(crate) fn new(
        store: Store,
        files: Files,
        signer: Signer,
        services: Services,
        verifier: Verifier,
        clock: Clock,
        settings: &Settings,
    ) -> anyhow::Result<Self> {
        let passwords = Passwords::start()?;
        let throttle = Throttle::new(settings.login_failures_per_address.into(), clock.clone());
        Ok(Self { store, files, signer, services, verifier, clock, passwords, throttle, settings: settings.clone() })
    }

    /// The first token of a new session.
    fn new_session(&self, account: &Account) -> Result<Token, Error> {
        self.signer.mint(account, None, self.clock.now(), self.settings.token_ttl)
    }

    /// The caller's account as it is now. A token of one that is gone or disabled, or that all tokens of its age have ended
    /// with, is none, whether or not this process has heard of that.
    async fn own_account(&self, caller: &Caller) -> Result<Account, Error> {
        let account = self.store.own_account(caller.id).await?.ok_or(Unauthenticated)?;
        if caller.generation < account.generation || account.disabled_at.is_some() || account.user.deleted {
            return Err(Unauthenticated.into());
        }
        Ok(account)
    }

    /// The caller, who has to be an administrator now, whatever their token says.
    async fn administrator<T: Sync>(&self, request: &Request<T>) -> Result<Arc<Caller>, Error> {
        let caller = self.verifier.caller(request)?;
        match self.own_account(&caller).await?.user.role {
            Role::Administrator => Ok(caller),
            Role::User => Err(Error::AdminOnly),
        }
    }
}
