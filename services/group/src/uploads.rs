//! Whether a caller may show a file in a message: the file service is asked who has uploaded it. Owns no file and no
//! rule about what becomes of one.

use std::time::Duration;

use chatroom_kit::{auth::Caller, error::reason_of, ids::UserId, link::Link};
use chatroom_proto::file::v1::{CheckOwnerRequest, file_service_client::FileServiceClient};
use moka::sync::Cache;

use crate::{domain::Refusal, error::Error, store::Store};

/// How many answers are remembered.
const REMEMBERED: u64 = 10_000;
/// How long: whoever has uploaded a file stays the one who has, and a file thrown away is known to the store.
const REMEMBERED_FOR: Duration = Duration::from_mins(10);

/// Asks the file service.
#[derive(Clone)]
pub(crate) struct Uploads {
    files: FileServiceClient<Link>,
    owned: Cache<(UserId, Box<str>), ()>,
}

impl Uploads {
    pub(crate) fn new(files: Link) -> Self {
        let owned = Cache::builder().max_capacity(REMEMBERED).time_to_live(REMEMBERED_FOR).build();
        Self { files: FileServiceClient::new(files), owned }
    }

    /// A caller shows what they have uploaded, and passes on what is shown in one of their groups.
    pub(crate) async fn must_be_shown_by(&self, caller: &Caller, path: &str, store: &Store) -> Result<(), Error> {
        if self.is_owner(caller, path).await? || store.is_shown_to(path, caller.id).await? {
            return Ok(());
        }
        Err(Refusal::FileNotFound.into())
    }

    async fn is_owner(&self, caller: &Caller, path: &str) -> Result<bool, Error> {
        let key = (caller.id, path.into());
        if self.owned.contains_key(&key) {
            return Ok(true);
        }
        let name = path.strip_prefix("/upload/").unwrap_or(path).to_owned();
        match self.files.clone().check_owner(caller.request(CheckOwnerRequest { name })).await {
            Ok(_) => {
                self.owned.insert(key, ());
                Ok(true)
            }
            Err(status) if reason_of(&status).is_some_and(|reason| reason.reason == "FILE_NOT_FOUND") => Ok(false),
            Err(status) => Err(Error::Upstream(status)),
        }
    }
}
