//! Clients of the file service, near and far.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use chatroom_file::{Objects, config::Settings};
use chatroom_kit::{
    auth::{AUDIENCE, Claims, ISSUER},
    clock::Clock,
    error::{Reason, reason_of},
    ids::UserId,
    lifecycle,
    link::Link,
    testing::Tokens,
};
use chatroom_proto::file::v1::{
    ByteRange, CheckOwnerRequest, DeleteFileRequest, DownloadFileHeader, DownloadFileRequest, DownloadFileResponse,
    File, GetFileRequest, UploadFileEnd, UploadFileHeader, UploadFileRequest, download_file_response,
    file_service_client::FileServiceClient, upload_file_request::Part,
};
use chrono::{DateTime, Utc};
use clap::Parser;
use futures::{Stream, StreamExt as _, stream};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::{Code, Status, Streaming, service::Routes};

/// A way to a file service.
#[derive(Clone)]
pub(crate) struct Service {
    files: FileServiceClient<Link>,
    tokens: Arc<Tokens>,
}

impl Service {
    /// In this process, with the machine's clock and settings as on a command line.
    pub(crate) fn local(objects: &Objects, settings: &[&str]) -> Self {
        Self::at(Clock::system(), objects, settings)
    }

    /// In this process, by this clock.
    pub(crate) fn at(clock: Clock, objects: &Objects, settings: &[&str]) -> Self {
        let tokens = Tokens::new(clock.clone());
        let link = Link::Local(routes(objects, &tokens, clock, settings));
        Self { files: FileServiceClient::new(link), tokens: tokens.into() }
    }

    /// On the other side of a socket, for as long as the guard lives.
    pub(crate) async fn far(objects: &Objects) -> (Self, DropGuard) {
        let clock = Clock::system();
        let tokens = Tokens::new(clock.clone());
        let stop = CancellationToken::new();
        let listener = lifecycle::listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        tokio::spawn(lifecycle::serve_rpc(listener, routes(objects, &tokens, clock, &[]), None, stop.clone()));
        let link = Link::connect(&[url], None).unwrap();
        (Self { files: FileServiceClient::new(link), tokens: tokens.into() }, stop.drop_guard())
    }

    /// Someone new who calls it. Their token outlives any clock.
    pub(crate) fn user(&self) -> Client {
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: UserId::new().to_string(),
            username: "admin".to_owned(),
            role: 0,
            iat: 0,
            exp: 10_000_000_000,
            jti: "test".to_owned(),
            sid: String::new(),
            generation: 0,
        };
        Client { files: self.files.clone(), token: self.tokens.sign(&claims) }
    }

    /// Another service.
    pub(crate) fn service(&self, name: &str) -> Client {
        Client { files: self.files.clone(), token: self.tokens.service(name) }
    }

    /// Someone whose token is none.
    pub(crate) fn nobody(&self) -> Client {
        Client { files: self.files.clone(), token: "none".to_owned() }
    }
}

fn routes(objects: &Objects, tokens: &Tokens, clock: Clock, settings: &[&str]) -> Routes {
    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        settings: Settings,
    }
    let flags = Flags::parse_from([&["test"], settings].concat());
    chatroom_file::routes(objects.clone(), tokens.verifier(), clock, &flags.settings)
}

/// Someone who calls a file service.
#[derive(Clone)]
pub(crate) struct Client {
    files: FileServiceClient<Link>,
    token: String,
}

impl Client {
    /// Sends these parts and, where `more` is pending, never ends.
    pub(crate) async fn send<S>(&self, parts: Vec<Part>, more: S) -> Result<File, Status>
    where
        S: Stream<Item = Part> + Send + 'static,
    {
        let messages = stream::iter(parts).chain(more).map(|part| UploadFileRequest { part: Some(part) });
        let request = Tokens::request(&self.token, messages);
        let response = self.files.clone().upload_file(request).await?.into_inner();
        Ok(response.file.unwrap())
    }

    /// Uploads a file.
    pub(crate) async fn upload(&self, request_id: &str, content: &Bytes) -> Result<File, Status> {
        self.send(parts(request_id, content), stream::iter([end(content.len())])).await
    }

    /// Uploads the beginning of a file that never ends.
    pub(crate) async fn upload_endlessly(&self, request_id: &str, content: &Bytes) -> Result<File, Status> {
        self.send(parts(request_id, content), stream::pending()).await
    }

    /// Opens a download and reads nothing behind its header.
    pub(crate) async fn open(&self, name: &str) -> Streaming<DownloadFileResponse> {
        let request = DownloadFileRequest { name: name.to_owned(), range: None };
        let mut messages = self.files.clone().download_file(request).await.unwrap().into_inner();
        messages.message().await.unwrap().unwrap();
        messages
    }

    /// Downloads a file, or a range of it.
    pub(crate) async fn download(
        &self,
        name: &str,
        range: Option<ByteRange>,
    ) -> Result<(DownloadFileHeader, Bytes), Status> {
        let request = DownloadFileRequest { name: name.to_owned(), range };
        let mut messages = self.files.clone().download_file(request).await?.into_inner();
        let first = messages.message().await?.and_then(|message| message.part);
        let Some(download_file_response::Part::Header(header)) = first else { panic!("the header comes first") };
        let mut content = BytesMut::new();
        while let Some(message) = messages.message().await? {
            let Some(download_file_response::Part::Chunk(chunk)) = message.part else { panic!("chunks follow") };
            assert!((1..=256 << 10).contains(&chunk.len()), "{}", chunk.len());
            content.extend_from_slice(&chunk);
        }
        Ok((header, content.freeze()))
    }

    /// Describes a file.
    pub(crate) async fn describe(&self, name: &str) -> Result<File, Status> {
        let request = GetFileRequest { name: name.to_owned() };
        Ok(self.files.clone().get_file(request).await?.into_inner().file.unwrap())
    }

    /// Describes a file that the caller has stored.
    pub(crate) async fn check_owner(&self, name: &str) -> Result<File, Status> {
        let request = Tokens::request(&self.token, CheckOwnerRequest { name: name.to_owned() });
        Ok(self.files.clone().check_owner(request).await?.into_inner().file.unwrap())
    }

    /// Deletes a file.
    pub(crate) async fn delete(&self, name: &str) -> Result<(), Status> {
        let request = Tokens::request(&self.token, DeleteFileRequest { name: name.to_owned() });
        self.files.clone().delete_file(request).await.map(drop)
    }
}

/// The messages that a file is sent in, without the last one.
pub(crate) fn parts(request_id: &str, content: &Bytes) -> Vec<Part> {
    let header = Part::Header(UploadFileHeader { request_id: request_id.to_owned() });
    let starts = (0..content.len()).step_by(256 << 10);
    let chunks = starts.map(|start| Part::Chunk(content.slice(start..content.len().min(start + (256 << 10)))));
    std::iter::once(header).chain(chunks).collect()
}

/// The message that says that so many bytes were all.
pub(crate) fn end(size: usize) -> Part {
    Part::End(UploadFileEnd { size: i64::try_from(size).unwrap() })
}

/// When a file was stored, as it says.
pub(crate) fn created(file: &File) -> DateTime<Utc> {
    let time = file.create_time.unwrap();
    DateTime::from_timestamp(time.seconds, time.nanos.try_into().unwrap()).unwrap()
}

/// The code and the reason of a failure.
pub(crate) fn failure<T: std::fmt::Debug>(outcome: Result<T, Status>) -> (Code, Reason) {
    let status = outcome.expect_err("it fails");
    (status.code(), reason_of(&status).expect("it has a reason"))
}
