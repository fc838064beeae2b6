//! What every handler works with: the clients of the services, the token verifier, the limits. Owns none of their
//! rules.

use std::sync::Arc;

use chatroom_kit::{account_feed::AccountFeed, auth::Verifier, link::Link};
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
    realtime::Hub, waiting::Way,
};

/// What every handler works with. Clones share it.
pub(crate) type App = Arc<Shared>;

/// What is behind an [`App`].
pub(crate) struct Shared {
    user: UserServiceClient<Way>,
    merchant: MerchantServiceClient<Way>,
    page: PageServiceClient<Way>,
    group: GroupServiceClient<Way>,
    message: MessageServiceClient<Way>,
    webhook: WebhookServiceClient<Way>,
    conduct: ConductServiceClient<Way>,
    record: RecordServiceClient<Way>,
    /// The way to the file service for uploads, which may take as long as they make progress.
    pub(crate) file_link: Link,
    file: FileServiceClient<Way>,
    /// Who the people of the chat are.
    pub(crate) directory: Arc<Directory>,
    /// Who is connected, and what they are told.
    pub(crate) hub: Arc<Hub>,
    session: SessionServiceClient<Way>,
    account_admin: AdminServiceClient<Way>,
    deletion: DeletionServiceClient<Way>,
    /// What is heard of accounts.
    pub(crate) accounts: AccountFeed,
    /// What verifies the callers' tokens.
    pub(crate) verifier: Verifier,
    /// The standing limits.
    pub(crate) limits: Limits,
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
        let (in_all, per_address) = (gateway.settings.max_waiting, gateway.settings.max_waiting_per_address);
        let way = |upstream, link: &Link| Way::new(upstream, link.clone(), Places::new(in_all, per_address));
        let user_way = way("user", &gateway.user);
        let merchant_way = way("merchant", &gateway.merchant);
        let group_way = way("group", &gateway.group);
        let file_way = way("file", &gateway.file);
        // Of its own: a chat goes on without names, and what asks for them takes no place of what cannot be done without.
        let directory = Arc::new(Directory::new(UserServiceClient::new(way("directory", &gateway.user))));
        // What the hub asks for by itself is bounded by what it watches, and goes on while clients are refused.
        let hub = Hub::start(
            gateway.group,
            gateway.service_tokens,
            directory.clone(),
            gateway.bus,
            gateway.verifier.clone(),
            stop.clone(),
        );
        Self {
            session: SessionServiceClient::new(user_way.clone()),
            deletion: DeletionServiceClient::new(user_way.clone()),
            account_admin: AdminServiceClient::new(user_way.clone()),
            user: UserServiceClient::new(user_way),
            accounts: gateway.accounts,
            directory,
            hub,
            merchant: MerchantServiceClient::new(merchant_way.clone()),
            page: PageServiceClient::new(merchant_way),
            // The group service speaks several contracts.
            message: MessageServiceClient::new(group_way.clone()),
            webhook: WebhookServiceClient::new(group_way.clone()),
            conduct: ConductServiceClient::new(group_way.clone()),
            record: RecordServiceClient::new(group_way.clone()),
            group: GroupServiceClient::new(group_way),
            file: FileServiceClient::new(file_way),
            file_link: gateway.file,
            verifier: gateway.verifier,
            limits: Limits::new(&gateway.settings),
            downloads: Places::new(gateway.settings.max_downloads, gateway.settings.max_downloads_per_address),
            trusted_proxies: gateway.settings.trusted_proxies,
            origins: gateway.settings.cors_origins,
            stop,
        }
    }

    // A generated client is called through a mutable reference; clones of it cost a few counters.

    pub(crate) fn user(&self) -> UserServiceClient<Way> {
        self.user.clone()
    }

    pub(crate) fn session(&self) -> SessionServiceClient<Way> {
        self.session.clone()
    }

    pub(crate) fn deletion(&self) -> DeletionServiceClient<Way> {
        self.deletion.clone()
    }

    pub(crate) fn account_admin(&self) -> AdminServiceClient<Way> {
        self.account_admin.clone()
    }

    pub(crate) fn merchant(&self) -> MerchantServiceClient<Way> {
        self.merchant.clone()
    }

    pub(crate) fn page(&self) -> PageServiceClient<Way> {
        self.page.clone()
    }

    pub(crate) fn group(&self) -> GroupServiceClient<Way> {
        self.group.clone()
    }

    pub(crate) fn message(&self) -> MessageServiceClient<Way> {
        self.message.clone()
    }

    pub(crate) fn webhook(&self) -> WebhookServiceClient<Way> {
        self.webhook.clone()
    }

    pub(crate) fn record(&self) -> RecordServiceClient<Way> {
        self.record.clone()
    }

    pub(crate) fn conduct(&self) -> ConductServiceClient<Way> {
        self.conduct.clone()
    }

    pub(crate) fn file(&self) -> FileServiceClient<Way> {
        self.file.clone()
    }
}
