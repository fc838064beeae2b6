//! What becomes of groups and messages when an account is deleted: its owner is in no group any more, their groups go on
//! under somebody else, their picture is thrown away, and what they have said loses its content where they wanted it so.
//! When that happens is the user service's to say.

use std::time::Duration;

use chatroom_kit::{
    clock::Clock,
    deletions::{Deletion, TakeAway},
    error::reason_of,
    ids::{MerchantId, UserId},
    link::Link,
    service_token::ServiceTokens,
};
use chatroom_proto::merchant::v1::{GetMerchantRequest, merchant_service_client::MerchantServiceClient};
use tokio::time;
use tonic::Status;

use crate::{Links, announce::Announcer, error::Error, store::Store};

/// The pause between two batches, so that whoever speaks comes first.
const PAUSE: Duration = Duration::from_millis(20);

/// Takes deleted users out of groups.
pub(crate) struct Deleted {
    store: Store,
    merchants: MerchantServiceClient<Link>,
    tokens: ServiceTokens,
    announcer: Announcer,
    clock: Clock,
}

impl TakeAway for Deleted {
    async fn take_away(&self, deletion: &Deletion) -> Result<(), Status> {
        let user = deletion.user;
        self.hand_on_groups(user).await?;
        for group in self.store.groups_of(user).await.map_err(Error::from)? {
            let ended = self.store.end_membership(group, user, self.clock.now()).await?;
            self.announcer.events(ended.event.into_iter().collect());
        }
        self.store.forget_blocks(user).await.map_err(Error::from)?;
        if !deletion.avatar.is_empty() {
            self.store.discard_picture(&deletion.avatar, self.clock.now()).await.map_err(Error::from)?;
        }
        if deletion.erase_messages {
            self.erase(user).await.map_err(Error::from)?;
        }
        Ok(())
    }
}

impl Deleted {
    pub(crate) fn new(store: Store, links: &Links, announcer: Announcer, clock: Clock) -> Self {
        let merchants = MerchantServiceClient::new(links.merchant.clone());
        Self { store, merchants, tokens: links.tokens.clone(), announcer, clock }
    }

    async fn hand_on_groups(&self, user: UserId) -> Result<(), Status> {
        for (group, page) in self.store.owned_by(user).await.map_err(Error::from)? {
            let creator = self.creator(page).await?.filter(|creator| *creator != user);
            let handed_on = self.store.hand_on(group, user, creator, self.clock.now()).await?;
            self.announcer.events(handed_on.event.into_iter().collect());
        }
        Ok(())
    }

    /// Whose a page is; nobody's where there is no such page.
    async fn creator(&self, page: MerchantId) -> Result<Option<UserId>, Status> {
        let request = self.tokens.request(GetMerchantRequest { id: page.to_string() }).await?;
        match self.tokens.note(self.merchants.clone().get_merchant(request).await) {
            Ok(answer) => Ok(answer.into_inner().merchant.and_then(|page| page.user.parse().ok())),
            Err(status) if reason_of(&status).is_some_and(|reason| reason.reason == "MERCHANT_NOT_FOUND") => Ok(None),
            Err(status) => Err(status),
        }
    }

    /// Takes the content from what a user has said, a few messages at a time, and blanks what they have reported.
    async fn erase(&self, user: UserId) -> Result<(), sqlx::Error> {
        let mut place = None;
        while let Some(reached) = self.store.erase_said(user, place, self.clock.now()).await? {
            place = Some(reached);
            time::sleep(PAUSE).await;
        }
        self.store.blank_reports(user).await?;
        self.store.wipe().await;
        Ok(())
    }
}
