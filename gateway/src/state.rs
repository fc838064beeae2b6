//! What every handler works with: the clients of the services, the token verifier, the limits. Owns none of their
//! rules.

use std::{num::NonZeroU32, sync::Arc};

use chatroom_kit::{
    account_feed::AccountFeed,
    auth::Verifier,
    link::{self, Link},
};
use chatroom_proto::{
    conduct::v1::conduct_service_client::ConductServiceClient,
    file::v1::file_service_client::FileServiceClient,
    group::v1::group_service_client::GroupServiceClient,
    merchant::v1::{merchant_service_client::MerchantServiceClient, page_service_client::PageServiceClient},
    message::v1::message_service_client::MessageServiceClient,
    record::v1::record_service_client::RecordServiceClient,
    user::v1::{
        admin_service_client::AdminServiceClient, deletion_service_client::DeletionServiceClient,
        session_service_client::SessionServiceClient, user_service_client::UserServiceClient,
    },
    webhook::v1::webhook_service_client::WebhookServiceClient,
};
use tokio_util::sync::CancellationToken;

use crate::{
    Gateway, address::TrustedProxies, chat::directory::Directory, config::Origins, limit::Limits, places::Places,
    realtime::Hub,
};

/// What every handler works with. Clones share it.
pub(crate) type App = Arc<Shared>;

/// What is behind an [`App`].
pub(crate) struct Shared {
    user: UserServiceClient<Link>,
    merchant: MerchantServiceClient<Link>,
    page: PageServiceClient<Link>,
    group: GroupServiceClient<Link>,
    message: MessageServiceClient<Link>,
    webhook: WebhookServiceClient<Link>,
    conduct: ConductServiceClient<Link>,
    record: RecordServiceClient<Link>,
    /// The way to the file service: an upload goes it in its own manner.
    pub(crate) file_link: Link,
    file: FileServiceClient<Link>,
    /// Who the people of the chat are.
    pub(crate) directory: Arc<Directory>,
    /// Who is connected, and what they are told.
    pub(crate) hub: Arc<Hub>,
    session: SessionServiceClient<Link>,
    account_admin: AdminServiceClient<Link>,
    deletion: DeletionServiceClient<Link>,
    /// What is heard of accounts.
    pub(crate) accounts: AccountFeed,
    /// What verifies the callers' tokens.
    pub(crate) verifier: Verifier,
    /// The standing limits.
    pub(crate) limits: Limits,
    /// How many answers may be waited for.
    pub(crate) max_waiting: NonZeroU32,
    /// The places for downloads under way.
    pub(crate) downloads: Places,
    /// Whose word about a client's address counts.
    pub(crate) trusted_proxies: TrustedProxies,
    /// The web origins whose pages may open a socket.
    pub(crate) origins: Origins,
    /// Fires when the process is about to end.
    pub(crate) stop: CancellationToken,
}

impl Shared {
    pub(crate) fn new(gateway: Gateway, stop: CancellationToken) -> Self {
        let user = UserServiceClient::new(gateway.user.clone());
        let directory = Arc::new(Directory::new(user.clone()));
        let hub = Hub::start(
            gateway.group.clone(),
            gateway.service_tokens,
            directory.clone(),
            gateway.bus,
            gateway.verifier.clone(),
            stop.clone(),
        );
        Self {
            session: SessionServiceClient::new(gateway.user.clone()),
            deletion: DeletionServiceClient::new(gateway.user.clone()),
            account_admin: AdminServiceClient::new(gateway.user),
            accounts: gateway.accounts,
            directory,
            hub,
            user,
            merchant: MerchantServiceClient::new(gateway.merchant.clone()),
            page: PageServiceClient::new(gateway.merchant),
            // The group service speaks several contracts.
            message: MessageServiceClient::new(gateway.group.clone()),
            webhook: WebhookServiceClient::new(gateway.group.clone()),
            conduct: ConductServiceClient::new(gateway.group.clone()),
            record: RecordServiceClient::new(gateway.group.clone()),
            group: GroupServiceClient::new(gateway.group),
            file: FileServiceClient::new(gateway.file.clone()),
            file_link: gateway.file,
            verifier: gateway.verifier,
            limits: Limits::new(&gateway.settings),
            max_waiting: gateway.settings.max_waiting,
            downloads: Places::new(gateway.settings.max_downloads, gateway.settings.max_downloads_per_address),
            trusted_proxies: gateway.settings.trusted_proxies,
            origins: gateway.settings.cors_origins,
            stop,
        }
    }

    /// Whether as many answers are waited for as may be. Requests whose bodies are still on their way do not count:
    /// otherwise, who sends slowly would keep others out.
    pub(crate) fn is_full(&self) -> bool {
        link::awaited() >= self.max_waiting.get().try_into().unwrap_or(usize::MAX)
    }

    // A generated client is called through a mutable reference; clones of it cost a few counters.

    pub(crate) fn user(&self) -> UserServiceClient<Link> {
        self.user.clone()
    }

    pub(crate) fn session(&self) -> SessionServiceClient<Link> {
        self.session.clone()
    }

    pub(crate) fn deletion(&self) -> DeletionServiceClient<Link> {
        self.deletion.clone()
    }

    pub(crate) fn account_admin(&self) -> AdminServiceClient<Link> {
        self.account_admin.clone()
    }

    pub(crate) fn merchant(&self) -> MerchantServiceClient<Link> {
        self.merchant.clone()
    }

    pub(crate) fn page(&self) -> PageServiceClient<Link> {
        self.page.clone()
    }

    pub(crate) fn group(&self) -> GroupServiceClient<Link> {
        self.group.clone()
    }

    pub(crate) fn message(&self) -> MessageServiceClient<Link> {
        self.message.clone()
    }

    pub(crate) fn webhook(&self) -> WebhookServiceClient<Link> {
        self.webhook.clone()
    }

    pub(crate) fn record(&self) -> RecordServiceClient<Link> {
        self.record.clone()
    }

    pub(crate) fn conduct(&self) -> ConductServiceClient<Link> {
        self.conduct.clone()
    }

    pub(crate) fn file(&self) -> FileServiceClient<Link> {
        self.file.clone()
    }
}
