//! How accounts are deleted, over gRPC, and how services hear what they have to take away.

use chatroom_kit::{auth::Unauthenticated, ids::UserId, wire};
use chatroom_proto::user::v1::{
    ConfirmDeletionRequest, ConfirmDeletionResponse, DeleteAccountRequest, DeleteAccountResponse, ListDeletionsRequest,
    ListDeletionsResponse, deletion_service_server::DeletionService,
};
use tonic::{Request, Response, Status};

use super::{Service, encode};
use crate::error::Error;

#[tonic::async_trait]
impl DeletionService for Service {
    async fn delete_account(
        &self,
        request: Request<DeleteAccountRequest>,
    ) -> Result<Response<DeleteAccountResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let DeleteAccountRequest { password, client_address, erase_messages } = request.into_inner();
        let account = self.prove_password(&caller, "password", password, &client_address).await?;
        let deleted = self.store.delete_account(&account, erase_messages, self.clock.now()).await;
        if !deleted.map_err(Error::from)? {
            // What came in between has ended the caller's session.
            return Err(Unauthenticated.into());
        }
        tracing::info!(user.id = %caller.id, erase_messages, "account deleted");
        Ok(Response::new(DeleteAccountResponse {}))
    }

    async fn list_deletions(
        &self,
        request: Request<ListDeletionsRequest>,
    ) -> Result<Response<ListDeletionsResponse>, Status> {
        let service = self.verifier.service(&request)?;
        let limit = wire::page_size(request.get_ref().page_size)?;
        let deletions = self.store.deletions(&service.name, limit).await.map_err(Error::from)?;
        let now = self.clock.now();
        let deletions = deletions.into_iter().map(|deletion| encode::deletion(deletion, now)).collect();
        Ok(Response::new(ListDeletionsResponse { deletions }))
    }

    async fn confirm_deletion(
        &self,
        request: Request<ConfirmDeletionRequest>,
    ) -> Result<Response<ConfirmDeletionResponse>, Status> {
        let service = self.verifier.service(&request)?;
        let user = UserId::parse("user", &request.get_ref().user)?;
        self.store.confirm_deletion(&service.name, user).await.map_err(Error::from)?;
        Ok(Response::new(ConfirmDeletionResponse {}))
    }
}
