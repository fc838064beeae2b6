//! The group service's RPCs: each decodes, authorises, decides, stores and encodes. Several services over one state.

mod conduct;
mod decode;
pub(crate) mod encode;
mod group;
mod message;
mod record;
mod webhook;

use chatroom_kit::{
    auth::{Caller, Verifier},
    clock::Clock,
    ids::{GroupId, MerchantId, UserId},
    link::Link,
};
use chatroom_proto::{
    merchant::v1::{GetMerchantRequest, Merchant, merchant_service_client::MerchantServiceClient},
    user::v1::user_service_client::UserServiceClient,
};

use crate::{
    Links,
    announce::Announcer,
    commit::Commits,
    config::Settings,
    domain::{Access, Refusal},
    error::Error,
    moderate::Moderator,
    store::{Changed, Store},
    uploads::Uploads,
};

#[derive(Clone)]
pub(crate) struct Service {
    store: Store,
    commits: Commits,
    announcer: Announcer,
    merchants: MerchantServiceClient<Link>,
    users: UserServiceClient<Link>,
    uploads: Uploads,
    moderator: Moderator,
    verifier: Verifier,
    clock: Clock,
    settings: Settings,
}

/// A merchant page as the caller reaches it.
struct Page {
    merchant: Merchant,
    joined: bool,
}

impl Page {
    /// Refuses what a closed page does not take.
    fn must_be_open(&self) -> Result<(), Error> {
        if self.merchant.close_time.is_none() { Ok(()) } else { Err(Error::MerchantClosed) }
    }
}

impl Service {
    pub(crate) fn new(
        store: Store,
        links: Links,
        announcer: Announcer,
        verifier: Verifier,
        clock: Clock,
        settings: Settings,
    ) -> Self {
        let commits = Commits::new(store.clone(), announcer.clone(), clock.clone());
        let (merchants, uploads) = (MerchantServiceClient::new(links.merchant), Uploads::new(links.file));
        let users = UserServiceClient::new(links.user);
        let moderator = Moderator::new(store.clone(), links.moderation, &settings, clock.clone());
        Self { store, commits, announcer, merchants, users, uploads, moderator, verifier, clock, settings }
    }

    /// Asks the merchant service, on the caller's behalf; MERCHANT_NOT_FOUND is its own word and passes.
    async fn page(&self, caller: &Caller, id: MerchantId) -> Result<Page, Error> {
        let request = caller.request(GetMerchantRequest { id: id.to_string() });
        let answer = self.merchants.clone().get_merchant(request).await.map_err(Error::Upstream)?.into_inner();
        Ok(Page { merchant: answer.merchant.unwrap_or_default(), joined: answer.joined })
    }

    /// A group as the caller reaches it.
    async fn access(&self, group: GroupId, user: UserId) -> Result<Access, Error> {
        Ok(self.store.access(group, user).await?.ok_or(Refusal::GroupNotFound)?)
    }

    /// Tells whoever listens what has changed, and answers what is to be answered.
    fn announced<T>(&self, changed: Changed<T>) -> T {
        self.announcer.events(changed.event.into_iter().collect());
        changed.value
    }
}
