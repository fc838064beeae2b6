//! Webhooks of pages.

use chatroom_kit::{auth::Caller, ids::MerchantId, wire};
use chatroom_proto::webhook::v1::{
    self as proto, CreateWebhookRequest, CreateWebhookResponse, DeleteWebhookRequest, DeleteWebhookResponse,
    ListWebhooksRequest, ListWebhooksResponse, WebhookState, webhook_service_server::WebhookService,
};
use tonic::{Request, Response, Status};

use super::Service;
use crate::{
    domain::{NewWebhook, Secret, Webhook, WebhookId, WebhookUrl},
    error::Error,
};

#[tonic::async_trait]
impl WebhookService for Service {
    async fn create_webhook(
        &self,
        request: Request<CreateWebhookRequest>,
    ) -> Result<Response<CreateWebhookResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let CreateWebhookRequest { merchant, url, secret } = request.get_ref();
        let new = NewWebhook {
            merchant: MerchantId::parse("merchant", merchant)?,
            url: WebhookUrl::parse(url, self.settings.webhook_allow_private)?,
            secret: Secret::parse(secret)?,
        };
        self.must_own_page(&caller, new.merchant).await?;
        let created = self.store.create_webhook(&new, self.clock.now()).await.map_err(Error::from)?;
        let webhook = created.ok_or(Error::WebhookLimitReached)?;
        tracing::info!(user.id = %caller.id, webhook.id = %webhook.id, "webhook created");
        Ok(Response::new(CreateWebhookResponse { webhook: Some(encode(webhook)) }))
    }

    async fn list_webhooks(
        &self,
        request: Request<ListWebhooksRequest>,
    ) -> Result<Response<ListWebhooksResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let merchant = MerchantId::parse("merchant", &request.get_ref().merchant)?;
        self.must_own_page(&caller, merchant).await?;
        let webhooks = self.store.webhooks(merchant).await.map_err(Error::from)?;
        Ok(Response::new(ListWebhooksResponse { webhooks: webhooks.into_iter().map(encode).collect() }))
    }

    async fn delete_webhook(
        &self,
        request: Request<DeleteWebhookRequest>,
    ) -> Result<Response<DeleteWebhookResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let id = WebhookId::parse("webhook", &request.get_ref().webhook)?;
        let merchant = self.store.webhook_page(id).await.map_err(Error::from)?.ok_or(Error::WebhookNotFound)?;
        match self.must_own_page(&caller, merchant).await {
            Err(Error::NotMerchantOwner) => return Err(Error::WebhookNotFound.into()),
            outcome => outcome?,
        }
        self.store.delete_webhook(id).await.map_err(Error::from)?;
        tracing::info!(user.id = %caller.id, webhook.id = %id, "webhook deleted");
        Ok(Response::new(DeleteWebhookResponse {}))
    }
}

impl Service {
    /// Refuses everyone but the page's creator.
    pub(super) async fn must_own_page(&self, caller: &Caller, merchant: MerchantId) -> Result<(), Error> {
        if self.page(caller, merchant).await?.merchant.user == caller.id.to_string() {
            Ok(())
        } else {
            Err(Error::NotMerchantOwner)
        }
    }
}

fn encode(webhook: Webhook) -> proto::Webhook {
    let state = match (webhook.disabled_at, webhook.failing_since) {
        (Some(_), _) => WebhookState::Disabled,
        (None, Some(_)) => WebhookState::Failing,
        (None, None) => WebhookState::Active,
    };
    proto::Webhook {
        id: webhook.id.to_string(),
        merchant: webhook.merchant.to_string(),
        url: webhook.url,
        state: state.into(),
        failing_since: webhook.failing_since.map(wire::timestamp),
        last_error: webhook.last_error.unwrap_or_default(),
        version: webhook.version,
        create_time: Some(wire::timestamp(webhook.created_at)),
        update_time: Some(wire::timestamp(webhook.updated_at)),
    }
}
