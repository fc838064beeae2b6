//! Whose a file is: the file service is asked. Owns no file.

use chatroom_kit::{auth::Caller, error::reason_of, link::Link};
use chatroom_proto::file::v1::{CheckOwnerRequest, file_service_client::FileServiceClient};

use crate::{domain::Avatar, error::Error};

/// Asks the file service.
#[derive(Clone)]
pub(crate) struct Files(FileServiceClient<Link>);

impl Files {
    pub(crate) fn new(files: Link) -> Self {
        Self(FileServiceClient::new(files))
    }

    /// Makes sure that a picture is an image that the caller has uploaded; none needs no file.
    pub(crate) async fn must_be_callers(&self, caller: &Caller, avatar: &Avatar) -> Result<(), Error> {
        let Some(name) = avatar.as_str().strip_prefix("/upload/") else {
            return Ok(());
        };
        let request = caller.request(CheckOwnerRequest { name: name.to_owned() });
        let file = match self.0.clone().check_owner(request).await {
            Ok(answer) => answer.into_inner().file.unwrap_or_default(),
            Err(status) if reason_of(&status).is_some_and(|reason| reason.reason == "FILE_NOT_FOUND") => {
                return Err(Error::FileNotFound);
            }
            Err(status) => return Err(Error::Upstream(status)),
        };
        Ok(Avatar::must_be_image(&file.content_type)?)
    }
}
