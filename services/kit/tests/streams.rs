//! What the link promises for calls whose request or answer is a stream, over real connections on loopback.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use chatroom_kit::{lifecycle, link::Link, rpc, testing::unserved};
use chatroom_proto::file::v1::{
    CheckOwnerRequest, CheckOwnerResponse, DeleteFileRequest, DeleteFileResponse, DownloadFileRequest,
    DownloadFileResponse, GetFileRequest, GetFileResponse, UploadFileRequest, UploadFileResponse,
    file_service_client::FileServiceClient,
    file_service_server::{FileService, FileServiceServer},
};
use futures::{FutureExt as _, StreamExt as _, stream};
use http::{Method, header};
use tokio::{net::TcpListener, sync::Notify};
use tokio_stream::Iter;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming, body::Body, service::Routes};
use tower::Service as _;

/// A file service that counts what it is asked.
#[derive(Clone, Default)]
struct Stub {
    asked: Arc<AtomicU32>,
    uploading: Arc<Notify>,
}

#[tonic::async_trait]
impl FileService for Stub {
    type DownloadFileStream = Iter<std::vec::IntoIter<Result<DownloadFileResponse, Status>>>;

    async fn upload_file(
        &self,
        request: Request<Streaming<UploadFileRequest>>,
    ) -> Result<Response<UploadFileResponse>, Status> {
        self.uploading.notify_one();
        let parts = request.into_inner();
        parts.for_each(|_| async {}).await;
        Ok(Response::new(UploadFileResponse::default()))
    }

    async fn download_file(
        &self,
        _: Request<DownloadFileRequest>,
    ) -> Result<Response<Self::DownloadFileStream>, Status> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Ok(Response::new(tokio_stream::iter(vec![Ok(DownloadFileResponse::default())])))
    }

    async fn get_file(&self, _: Request<GetFileRequest>) -> Result<Response<GetFileResponse>, Status> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Ok(Response::new(GetFileResponse::default()))
    }

    async fn check_owner(&self, _: Request<CheckOwnerRequest>) -> Result<Response<CheckOwnerResponse>, Status> {
        Err(Status::unimplemented("no test asks"))
    }

    async fn delete_file(&self, _: Request<DeleteFileRequest>) -> Result<Response<DeleteFileResponse>, Status> {
        Err(Status::unimplemented("no test asks"))
    }
}

impl Stub {
    /// Serves it; answers where.
    async fn serve(&self) -> http::Uri {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = rpc::surround(Routes::new(FileServiceServer::new(self.clone())), None);
        tokio::spawn(lifecycle::serve_rpc(listener, routes, None, CancellationToken::new()));
        format!("http://{address}").parse().unwrap()
    }

    fn asked(&self) -> u32 {
        self.asked.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn a_download_is_begun_again_elsewhere_where_a_replica_is_dead() {
    let live = Stub::default();
    let (dead, _unserved) = unserved();
    // Half of the first calls would meet the dead one: each link begins with both unknown.
    for _ in 0..10 {
        let dead = format!("http://{dead}").parse().unwrap();
        let mut client = FileServiceClient::new(Link::connect(&[dead, live.serve().await], None).unwrap());
        for _ in 0..2 {
            let answer = client.download_file(DownloadFileRequest::default()).await.expect("the live replica answers");
            assert!(answer.into_inner().next().await.is_some_and(|message| message.is_ok()));
        }
    }
    assert_eq!(live.asked(), 20);
}

#[tokio::test]
async fn a_client_that_goes_away_says_nothing_of_the_replica() {
    let uploading = Arc::new(Notify::new());
    let replicas = [(); 2].map(|()| Stub { uploading: uploading.clone(), ..Stub::default() });
    let urls = [replicas[0].serve().await, replicas[1].serve().await];
    let begun = Instant::now();
    let mut link = Link::connect(&urls, None).unwrap();
    let mut client = FileServiceClient::new(link.clone());
    // Both are connected and known to answer.
    while replicas.iter().any(|replica| replica.asked() == 0) {
        client.get_file(GetFileRequest::default()).await.unwrap();
    }
    for _ in 0..2 {
        // The body breaks once the upload is under way, as a client's does that goes away.
        let broken = uploading
            .clone()
            .notified_owned()
            .map(|()| Err::<bytes::Bytes, _>(Status::aborted("the client went away")));
        let request = http::Request::builder()
            .method(Method::POST)
            .uri("/chatroom.file.v1.FileService/UploadFile")
            .header(header::CONTENT_TYPE, "application/grpc")
            .header(header::TE, "trailers")
            .body(Body::new(axum::body::Body::from_stream(stream::once(broken))))
            .unwrap();
        let answer = link.call(request).await.unwrap();
        assert!(Status::from_header_map(answer.headers()).is_some(), "the upload failed");
    }
    let mut rounds = 0;
    loop {
        let before = replicas.each_ref().map(Stub::asked);
        for _ in 0..4 {
            client.get_file(GetFileRequest::default()).await.unwrap();
        }
        let after = replicas.each_ref().map(Stub::asked);
        let shares = [after[0] - before[0], after[1] - before[1]];
        if shares == [2, 2] {
            break;
        }
        // A replica that a busy machine leaves no time to answer a check within its second is passed over too, until it
        // answers one. Before that second is over, nothing but the uploads can be held against it.
        rounds += 1;
        let busy = begun.elapsed() > Duration::from_secs(1);
        assert!(busy && rounds < 10, "both still have their turn: {shares:?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
