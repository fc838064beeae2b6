//! The file service, as far as it is asked here.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use chatroom_kit::{auth::Verifier, error::status, ids::UserId, link::Link};
use chatroom_proto::file::v1::{
    CheckOwnerRequest, CheckOwnerResponse, DeleteFileRequest, DeleteFileResponse, DownloadFileRequest,
    DownloadFileResponse, File, GetFileRequest, GetFileResponse, UploadFileRequest, UploadFileResponse,
    file_service_server::{FileService, FileServiceServer},
};
use futures::stream::Empty;
use tonic::{Code, Request, Response, Status, Streaming, service::Routes};

/// Files and whose they are.
#[derive(Clone)]
pub(crate) struct Files {
    owners: Arc<Mutex<HashMap<String, UserId>>>,
    away: Arc<AtomicBool>,
    refused: Arc<AtomicU32>,
    verifier: Verifier,
}

impl Files {
    pub(crate) fn new(verifier: Verifier) -> Self {
        Self { owners: Arc::default(), away: Arc::default(), refused: Arc::default(), verifier }
    }

    pub(crate) fn link(&self) -> Link {
        Link::Local(Routes::new(FileServiceServer::new(self.clone())))
    }

    /// Stores a picture of `owner`'s and answers its path.
    pub(crate) fn upload(&self, owner: UserId) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("20230821/{:025x}.png", NEXT.fetch_add(1, Ordering::Relaxed));
        self.owners.lock().unwrap().insert(name.clone(), owner);
        format!("/upload/{name}")
    }

    /// Whether the file is there still.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.owners.lock().unwrap().contains_key(path.strip_prefix("/upload/").unwrap())
    }

    /// How often it was asked while the store was away.
    pub(crate) fn refused(&self) -> u32 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Lets the store behind the service go away, or come back.
    pub(crate) fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::Relaxed);
    }

    fn must_be_there(&self) -> Result<(), Status> {
        if self.away.load(Ordering::Relaxed) {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return Err(status(Code::Unavailable, "STORAGE_UNAVAILABLE", "the object store failed"));
        }
        Ok(())
    }
}

fn not_found() -> Status {
    status(Code::NotFound, "FILE_NOT_FOUND", "there is no such file")
}

#[tonic::async_trait]
impl FileService for Files {
    type DownloadFileStream = Empty<Result<DownloadFileResponse, Status>>;

    async fn check_owner(&self, request: Request<CheckOwnerRequest>) -> Result<Response<CheckOwnerResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        self.must_be_there()?;
        let name = request.into_inner().name;
        let owner = self.owners.lock().unwrap().get(&name).copied();
        owner.filter(|owner| *owner == caller.id).ok_or_else(not_found)?;
        Ok(Response::new(CheckOwnerResponse { file: Some(File { name, ..File::default() }) }))
    }

    async fn delete_file(&self, request: Request<DeleteFileRequest>) -> Result<Response<DeleteFileResponse>, Status> {
        self.verifier.service(&request)?;
        self.must_be_there()?;
        self.owners.lock().unwrap().remove(&request.get_ref().name);
        Ok(Response::new(DeleteFileResponse {}))
    }

    async fn upload_file(
        &self,
        _: Request<Streaming<UploadFileRequest>>,
    ) -> Result<Response<UploadFileResponse>, Status> {
        Err(Status::unimplemented("not asked"))
    }

    async fn download_file(
        &self,
        _: Request<DownloadFileRequest>,
    ) -> Result<Response<Self::DownloadFileStream>, Status> {
        Err(Status::unimplemented("not asked"))
    }

    async fn get_file(&self, _: Request<GetFileRequest>) -> Result<Response<GetFileResponse>, Status> {
        Err(Status::unimplemented("not asked"))
    }
}
