//! What a message may say on its page: unwanted words, and a check by somebody else's service where one is named. Asked
//! before a message is stored, so that no group waits for it. Owns no rule about who may speak.

use std::{sync::Arc, time::Duration};

use chatroom_kit::{
    clock::Clock,
    ids::{GroupId, MerchantId, UserId},
    link::{CallContext, Link},
};
use chatroom_proto::moderation::v1::{
    CheckMessageRequest, CheckMessageResponse, Verdict, moderation_service_client::ModerationServiceClient,
};
use moka::sync::Cache;
use tokio::sync::Mutex;

use crate::{
    config::{OnFailure, Settings},
    domain::{Action, ActionId, ActionKind, Content, Filtered, Refusal, WordFilter},
    error::Error,
    store::Store,
};

/// How many groups' pages are remembered; a group never changes its page.
const PAGES: u64 = 100_000;
/// How long it is believed that a page's words have not changed.
const VERSION_FOR: Duration = Duration::from_secs(5);
/// How many bytes of words made ready are kept.
const FILTERS_BYTES: u64 = 256 << 20;
/// How many characters of a check's reason are kept.
const REASON_MAX: usize = 200;

/// Looks at messages before they are stored.
#[derive(Clone)]
pub(crate) struct Moderator {
    store: Store,
    clock: Clock,
    pages: Cache<GroupId, MerchantId>,
    /// Which version of its words a page has; 0 where it has none.
    versions: Cache<MerchantId, i64>,
    filters: Cache<(MerchantId, i64), Arc<WordFilter>>,
    /// Held by whoever makes words ready, so that many messages do not do it all at once.
    making: Arc<Mutex<()>>,
    external: Option<External>,
}

/// Somebody else's check.
#[derive(Clone)]
struct External {
    client: ModerationServiceClient<Link>,
    patience: Duration,
    on_failure: OnFailure,
}

/// Who is about to say something, and where.
#[derive(Clone, Copy)]
pub(crate) struct Speaker {
    pub(crate) user: UserId,
    pub(crate) group: GroupId,
}

impl Moderator {
    pub(crate) fn new(store: Store, external: Option<Link>, settings: &Settings, clock: Clock) -> Self {
        let filters = Cache::builder()
            .max_capacity(FILTERS_BYTES)
            .weigher(|_, filter: &Arc<WordFilter>| u32::try_from(filter.size()).unwrap_or(u32::MAX))
            .build();
        let external = external.map(|link| External {
            client: ModerationServiceClient::new(link),
            patience: settings.moderation_timeout,
            on_failure: settings.moderation_on_failure,
        });
        Self {
            store,
            clock,
            pages: Cache::new(PAGES),
            versions: Cache::builder().max_capacity(PAGES).time_to_live(VERSION_FOR).build(),
            filters,
            making: Arc::default(),
            external,
        }
    }

    /// What is to be said in place of `content`, where it may not be said as it is.
    pub(crate) async fn check(&self, speaker: Speaker, content: &Content) -> Result<Option<Content>, Error> {
        let Some(page) = self.page(speaker.group).await? else {
            return Ok(None);
        };
        let mut changed = None;
        if let Some(filter) = self.filter(page).await? {
            match filter.apply(content.words()) {
                Filtered::Clean => {}
                Filtered::Masked(words) => {
                    self.note(ActionKind::Masked, page, speaker, String::new()).await?;
                    changed = Some(content.with_words(words));
                }
                Filtered::Refused => {
                    self.note(ActionKind::Refused, page, speaker, String::new()).await?;
                    return Err(Refusal::WordsRefused.into());
                }
            }
        }
        match &self.external {
            None => Ok(changed),
            Some(external) => {
                let content = changed.as_ref().unwrap_or(content);
                Ok(self.ask(external, page, speaker, content).await?.or(changed))
            }
        }
    }

    /// Says which version of its words a page has from now on, without waiting until it is looked up again.
    pub(crate) fn set_version(&self, page: MerchantId, version: i64) {
        self.versions.insert(page, version);
    }

    /// Records what was done. What cannot be recorded is logged: it has been done all the same.
    pub(crate) async fn record(
        &self,
        kind: ActionKind,
        merchant: MerchantId,
        group: Option<GroupId>,
        user: UserId,
        detail: String,
    ) {
        let action = Action { id: ActionId::new(), kind, merchant, group, user, detail, created_at: self.clock.now() };
        if let Err(error) = self.store.record(&action).await {
            tracing::warn!(%error, kind = ?action.kind, merchant.id = %merchant, user.id = %user, "not recorded");
        }
    }

    /// Records what was done about a member's message. Outsiders are refused anyway, and fill no record.
    async fn note(&self, kind: ActionKind, page: MerchantId, speaker: Speaker, detail: String) -> Result<(), Error> {
        let access = self.store.access(speaker.group, speaker.user).await?.ok_or(Refusal::GroupNotFound)?;
        access.must_be_member()?;
        self.record(kind, page, Some(speaker.group), speaker.user, detail).await;
        Ok(())
    }

    async fn page(&self, group: GroupId) -> Result<Option<MerchantId>, Error> {
        if let Some(page) = self.pages.get(&group) {
            return Ok(Some(page));
        }
        let page = self.store.page_of(group).await?;
        if let Some(page) = page {
            self.pages.insert(group, page);
        }
        Ok(page)
    }

    /// A page's unwanted words, ready to be looked for.
    async fn filter(&self, page: MerchantId) -> Result<Option<Arc<WordFilter>>, Error> {
        let version = self.version(page).await?;
        if version == 0 {
            return Ok(None);
        }
        match self.filters.get(&(page, version)) {
            Some(filter) => Ok(Some(filter)),
            None => self.make(page, version).await,
        }
    }

    async fn version(&self, page: MerchantId) -> Result<i64, Error> {
        if let Some(version) = self.versions.get(&page) {
            return Ok(version);
        }
        let version = self.store.words_version(page).await?;
        self.versions.insert(page, version);
        Ok(version)
    }

    async fn make(&self, page: MerchantId, version: i64) -> Result<Option<Arc<WordFilter>>, Error> {
        let _turn = self.making.lock().await;
        if let Some(filter) = self.filters.get(&(page, version)) {
            return Ok(Some(filter));
        }
        let Some((list, version)) = self.store.words(page).await? else {
            return Ok(None);
        };
        let count = list.words.len();
        let made = tokio::task::spawn_blocking(move || WordFilter::new(&list)).await;
        let Some(filter) = made.ok().flatten().map(Arc::new) else {
            tracing::error!(merchant.id = %page, words = count, "a page's words cannot be made ready");
            return Err(Error::ModerationUnavailable);
        };
        self.filters.insert((page, version), filter.clone());
        self.versions.insert(page, version);
        Ok(Some(filter))
    }

    async fn ask(
        &self,
        external: &External,
        page: MerchantId,
        speaker: Speaker,
        content: &Content,
    ) -> Result<Option<Content>, Error> {
        let request = CheckMessageRequest {
            merchant: page.to_string(),
            group: speaker.group.to_string(),
            user: speaker.user.to_string(),
            text: content.words().to_owned(),
            attachment: content.attachment().map(|attachment| attachment.path.clone()).unwrap_or_default(),
        };
        let mut client = external.client.clone();
        let call = CallContext::new(Some(external.patience), None).scope(client.check_message(request)).await;
        let answer = match call.map(tonic::Response::into_inner) {
            Ok(answer) if answer.verdict() != Verdict::Unspecified => answer,
            outcome => {
                tracing::warn!(code = ?outcome.err().map(|status| status.code()), "the external check gave no verdict");
                return match external.on_failure {
                    OnFailure::Open => Ok(None),
                    OnFailure::Closed => Err(Error::ModerationUnavailable),
                };
            }
        };
        self.obey(answer, page, speaker, content).await
    }

    async fn obey(
        &self,
        answer: CheckMessageResponse,
        page: MerchantId,
        speaker: Speaker,
        content: &Content,
    ) -> Result<Option<Content>, Error> {
        let verdict = answer.verdict();
        let reason = answer.reason.chars().take(REASON_MAX).collect();
        let replaced = content.with_words(answer.text).checked();
        match (verdict, replaced) {
            (Verdict::Allow, _) => Ok(None),
            (Verdict::Replace, Ok(content)) => {
                self.note(ActionKind::Replaced, page, speaker, reason).await?;
                Ok(Some(content))
            }
            // What is to be said instead cannot be said either.
            _ => {
                self.note(ActionKind::Rejected, page, speaker, reason).await?;
                Err(Refusal::ModerationRefused.into())
            }
        }
    }
}
