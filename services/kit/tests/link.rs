//! What the link between services promises, over real connections on loopback. Each test names the pitfall that it
//! fails on where the cure is taken away.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    future,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use chatroom_kit::{
    error::{DEADLINE_EXCEEDED, INTERNAL, UPSTREAM_UNAVAILABLE, reason_of},
    lifecycle,
    link::{CallContext, Link, repeatable},
    rpc,
    testing::unserved,
};
use chatroom_proto::user::v1::{
    BatchGetUsersRequest, BatchGetUsersResponse, CheckPictureRequest, CheckPictureResponse, GetUserRequest,
    GetUserResponse, IssueServiceTokenRequest, IssueServiceTokenResponse, LoginRequest, LoginResponse, RegisterRequest,
    RegisterResponse, UpdateProfileRequest, UpdateProfileResponse, User,
    user_service_client::UserServiceClient,
    user_service_server::{UserService, UserServiceServer},
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Response, Status, service::Routes};

/// A service whose answers say which replica gave them, and how often it was asked.
#[derive(Clone, Default)]
struct Stub {
    name: &'static str,
    asked: Arc<AtomicU32>,
    /// How long it thinks.
    pause: Duration,
}

#[tonic::async_trait]
impl UserService for Stub {
    async fn register(&self, _: Request<RegisterRequest>) -> Result<Response<RegisterResponse>, Status> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(self.pause).await;
        Ok(Response::new(RegisterResponse::default()))
    }

    async fn login(&self, _: Request<LoginRequest>) -> Result<Response<LoginResponse>, Status> {
        panic!("as a bug would")
    }

    async fn get_user(&self, request: Request<GetUserRequest>) -> Result<Response<GetUserResponse>, Status> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(self.pause).await;
        let left = request.metadata().get("grpc-timeout").map_or("none", |value| value.to_str().unwrap());
        let user = User { id: left.to_owned(), username: self.name.to_owned(), ..User::default() };
        Ok(Response::new(GetUserResponse { user: Some(user) }))
    }

    async fn batch_get_users(
        &self,
        _: Request<BatchGetUsersRequest>,
    ) -> Result<Response<BatchGetUsersResponse>, Status> {
        Err(Status::unimplemented("no test asks"))
    }

    async fn check_picture(&self, _: Request<CheckPictureRequest>) -> Result<Response<CheckPictureResponse>, Status> {
        Err(Status::unimplemented("no test asks"))
    }

    async fn update_profile(
        &self,
        _: Request<UpdateProfileRequest>,
    ) -> Result<Response<UpdateProfileResponse>, Status> {
        Err(Status::unimplemented("no test asks"))
    }

    async fn issue_service_token(
        &self,
        _: Request<IssueServiceTokenRequest>,
    ) -> Result<Response<IssueServiceTokenResponse>, Status> {
        Err(Status::unimplemented("no test asks"))
    }
}

impl Stub {
    fn routes(&self) -> Routes {
        rpc::surround(Routes::new(UserServiceServer::new(self.clone())), None)
    }

    fn asked(&self) -> u32 {
        self.asked.load(Ordering::SeqCst)
    }
}

/// A stub that listens.
struct Replica {
    stub: Stub,
    address: SocketAddr,
    stop: CancellationToken,
    server: JoinHandle<anyhow::Result<()>>,
}

impl Replica {
    async fn start(stub: Stub, address: &str) -> Self {
        let listener = TcpListener::bind(address).await.expect("the address is free");
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let server = tokio::spawn(lifecycle::serve_rpc(listener, stub.routes(), None, stop.clone()));
        Self { stub, address, stop, server }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

fn client(urls: &[String]) -> UserServiceClient<Link> {
    let urls: Vec<_> = urls.iter().map(|url| url.parse().unwrap()).collect();
    UserServiceClient::new(Link::connect(&urls, None).expect("the addresses are well formed"))
}

async fn ask(client: &UserServiceClient<Link>) -> Result<User, Status> {
    let answer = client.clone().get_user(GetUserRequest::default()).await?;
    Ok(answer.into_inner().user.unwrap())
}

fn reason(status: &Status) -> String {
    reason_of(status).expect("the status carries a reason").reason
}

/// An address where connecting never ends: its queue of waiting connections is full. The sockets that fill it must
/// be kept.
async fn black_hole() -> (SocketAddr, Vec<Box<dyn Send>>) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut kept: Vec<Box<dyn Send>> = vec![Box::new(listener)];
    while let Ok(Ok(stream)) = tokio::time::timeout(Duration::from_millis(300), TcpStream::connect(address)).await {
        kept.push(Box::new(stream));
    }
    (address, kept)
}

#[tokio::test]
async fn near_and_far_answer_alike() {
    let stub = Stub { name: "one", ..Stub::default() };
    let near = UserServiceClient::new(Link::Local(stub.routes()));
    let far = client(&[Replica::start(stub, "127.0.0.1:0").await.url()]);
    for client in [near, far] {
        assert_eq!(ask(&client).await.unwrap().username, "one");
        let status = client.clone().login(LoginRequest::default()).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::Internal, INTERNAL));
    }
}

// `Endpoint::timeout` does not cover connecting (tonic #1635): the operating system gives up after two minutes.
#[tokio::test]
async fn an_address_that_swallows_packets_costs_seconds_and_not_minutes() {
    let (address, _kept) = black_hole().await;
    let client = client(&[format!("http://{address}")]);
    let begun = Instant::now();
    let status = ask(&client).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!(reason(&status), UPSTREAM_UNAVAILABLE);
}

// A replica that is frozen, or behind a network that swallows everything, breaks no connection.
#[tokio::test]
async fn a_silent_replica_keeps_nobody_waiting_for_long() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            kept.push(stream);
        }
    });
    let alone = client(std::slice::from_ref(&silent));
    let begun = Instant::now();
    let status = ask(&alone).await.unwrap_err();
    // About 3.3 s on a machine that is not busy; keepalive alone would take 40.
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    assert_eq!(reason(&status), UPSTREAM_UNAVAILABLE);
    // What may be repeated is repeated elsewhere, but not after 3.5 s, and a busy machine may notice the silence
    // later than that; from then on the silent one is passed over. Which one is asked first depends on their ports.
    let live = Replica::start(Stub::default(), "127.0.0.1:0").await;
    let both = client(&[silent, live.url()]);
    let mut too_late = 0;
    for _ in 0..4 {
        let begun = Instant::now();
        if let Err(status) = ask(&both).await {
            assert!(begun.elapsed() > Duration::from_millis(3500), "{status} after {:?}", begun.elapsed());
            too_late += 1;
        }
    }
    assert!(too_late <= 1, "the live replica answers");
}

// A network may forget a connection while it swallows packets: TCP and keepalive alone take 40 s to notice.
#[tokio::test]
async fn a_replica_whose_connection_is_forgotten_is_connected_anew() {
    let live = Replica::start(Stub::default(), "127.0.0.1:0").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let ((remembered, _), (forgot, mut forgotten)) = (watch::channel(()), mpsc::channel(1));
    tokio::spawn(forward(listener, live.address, remembered.clone(), forgot));
    let client = client(&[url]);
    ask(&client).await.expect("the network is whole");
    remembered.send_replace(());
    forgotten.recv().await.expect("there was a connection to forget");
    let begun = Instant::now();
    while ask(&client).await.is_err() {
        assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    }
}

/// Hands connections on to `target` until they are forgotten, and says so then: neither side hears of the other any more.
async fn forward(listener: TcpListener, target: SocketAddr, remembered: watch::Sender<()>, forgot: mpsc::Sender<()>) {
    while let Ok((mut client, _)) = listener.accept().await {
        let (mut forgotten, forgot) = (remembered.subscribe(), forgot.clone());
        tokio::spawn(async move {
            let mut server = TcpStream::connect(target).await.unwrap();
            tokio::select! {
                _ = copy_bidirectional(&mut client, &mut server) => {}
                _ = forgotten.changed() => {
                    forgot.send(()).await.unwrap();
                    future::pending::<()>().await;
                }
            }
        });
    }
}

// One that is overloaded has enough to do: it is not connected anew with every check, two in three seconds.
#[tokio::test]
async fn a_replica_that_stays_silent_is_connected_anew_but_seldom() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let begun = Instant::now();
    let _asking = client(&[format!("http://{}", listener.local_addr().unwrap())]);
    let mut kept = Vec::new();
    while kept.len() < 4 {
        let accepted = tokio::time::timeout(Duration::from_mins(1), listener.accept()).await;
        kept.push(accepted.expect("it is connected anew").unwrap());
    }
    // Three times as long as silence may last; a busy machine only takes longer.
    assert!(begun.elapsed() >= Duration::from_secs(9), "{:?}", begun.elapsed());
}

// Whatever it answers, it is not silent.
#[tokio::test]
async fn a_replica_that_knows_of_no_health_keeps_its_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let _asking = client(&[format!("http://{}", listener.local_addr().unwrap())]);
    let (connected, (asked, mut times)) = (Arc::new(AtomicU32::new(0)), watch::channel(0));
    tokio::spawn(know_nothing(listener, connected.clone(), asked));
    // Longer than any silence may last: it is asked twice a second.
    let often = times.wait_for(|times| *times >= 10);
    tokio::time::timeout(Duration::from_secs(30), often).await.expect("it is asked for its health").unwrap();
    assert_eq!(connected.load(Ordering::SeqCst), 1);
}

/// Answers that it knows no call, and counts connections and calls.
async fn know_nothing(listener: TcpListener, connected: Arc<AtomicU32>, asked: watch::Sender<u32>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        connected.fetch_add(1, Ordering::SeqCst);
        let asked = asked.clone();
        tokio::spawn(async move {
            let mut connection = h2::server::handshake(stream).await.unwrap();
            while let Some(Ok((_, mut respond))) = connection.accept().await {
                let unknown = Status::unimplemented("no such call").into_http::<()>();
                // Whoever asked may have given up, and has heard nothing then.
                if respond.send_response(unknown, true).is_ok() {
                    asked.send_modify(|times| *times += 1);
                }
            }
        });
    }
}

// Deadlines are not propagated (tonic #2316), and a local call is not bound by `grpc-timeout` at all.
#[tokio::test]
async fn the_deadline_travels_and_shrinks() {
    let far = client(&[Replica::start(Stub::default(), "127.0.0.1:0").await.url()]);
    let context = CallContext::new(Some(Duration::from_secs(5)), None);
    let left = context.scope(ask(&far)).await.unwrap().id;
    let left: u64 = left.strip_suffix('m').expect("milliseconds").parse().unwrap();
    assert!((1..=5000).contains(&left), "{left}");
}

// Every timeout of tonic's surfaces as CANCELLED.
#[tokio::test]
async fn a_late_answer_is_deadline_exceeded_near_and_far() {
    let slow = Stub { pause: Duration::from_secs(20), ..Stub::default() };
    let near = UserServiceClient::new(Link::Local(slow.routes()));
    let far = client(&[Replica::start(slow, "127.0.0.1:0").await.url()]);
    for client in [near, far] {
        let begun = Instant::now();
        let context = CallContext::new(Some(Duration::from_millis(300)), None);
        let status = context.scope(ask(&client)).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::DeadlineExceeded, DEADLINE_EXCEEDED));
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    }
}

// The balancer picks dead endpoints: with one live and one dead, 185 of 500 calls failed (tonic #2839).
#[tokio::test]
async fn no_call_fails_while_one_of_two_replicas_is_dead() {
    let live = Replica::start(Stub::default(), "127.0.0.1:0").await;
    let (dead, _unserved) = unserved();
    let client = client(&[live.url(), format!("http://{dead}")]);
    for _ in 0..500 {
        ask(&client).await.expect("the live replica answers");
    }
    assert_eq!(live.stub.asked(), 500);
}

// No DNS re-resolution, and no notice of a replica that comes back.
#[tokio::test]
async fn a_replica_that_comes_back_is_used_again() {
    let one = Replica::start(Stub { name: "one", ..Stub::default() }, "127.0.0.1:0").await;
    let two = Replica::start(Stub { name: "two", ..Stub::default() }, "127.0.0.1:0").await;
    let client = client(&[one.url(), two.url()]);
    two.stop.cancel();
    two.server.await.unwrap().unwrap();
    assert_eq!(ask(&client).await.unwrap().username, "one");
    let _again = Replica::start(Stub { name: "again", ..Stub::default() }, &two.address.to_string()).await;
    let seen_again = async { while ask(&client).await.unwrap().username != "again" {} };
    tokio::time::timeout(Duration::from_secs(10), seen_again).await.expect("it is used again");
}

#[tokio::test]
async fn a_replica_that_stops_fails_no_call() {
    let one = Replica::start(Stub::default(), "127.0.0.1:0").await;
    let two = Replica::start(Stub::default(), "127.0.0.1:0").await;
    let client = client(&[one.url(), two.url()]);
    let mut server = two.server;
    two.stop.cancel();
    loop {
        tokio::select! {
            answer = ask(&client) => drop(answer.expect("one of the two answers")),
            ended = &mut server => break ended.unwrap().unwrap(),
        }
    }
}

// Only an error in connecting proves that nothing ran.
#[tokio::test]
async fn a_call_that_may_have_run_is_repeated_only_with_a_request_id() {
    for (request_id, attempts) in [("", 1), ("request", 3)] {
        // Accepts, reads, and hangs up without an answer.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let calls = Arc::new(AtomicU32::new(0));
        tokio::spawn(hang_up_on_calls(listener, calls.clone()));
        let mut client = client(&[format!("http://{address}")]);
        let request = repeatable(Request::new(RegisterRequest::default()), request_id);
        let status = client.register(request).await.unwrap_err();
        assert_eq!(reason(&status), UPSTREAM_UNAVAILABLE);
        assert_eq!(calls.load(Ordering::SeqCst), attempts, "with the request id {request_id:?}");
    }
}

/// Speaks HTTP/2 until a call of the user service has arrived, and then drops the connection.
async fn hang_up_on_calls(listener: TcpListener, calls: Arc<AtomicU32>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let calls = calls.clone();
        tokio::spawn(async move {
            let mut connection = h2::server::handshake(stream).await.unwrap();
            while let Some(Ok((request, _respond))) = connection.accept().await {
                if request.uri().path().starts_with("/chatroom.user") {
                    calls.fetch_add(1, Ordering::SeqCst);
                    return;
                }
            }
        });
    }
}

// `serve_with_shutdown` never ends while a stream or a silent peer is open (tonic #1820).
#[tokio::test]
async fn a_server_ends_although_a_peer_is_silent() {
    let replica = Replica::start(Stub::default(), "127.0.0.1:0").await;
    let _silent = TcpStream::connect(replica.address).await.unwrap();
    let slow = Replica::start(Stub { pause: Duration::from_mins(1), ..Stub::default() }, "127.0.0.1:0").await;
    let hanging = client(&[slow.url()]);
    let stub = slow.stub.clone();
    let call = tokio::spawn(async move { ask(&hanging).await });
    while stub.asked() == 0 {
        tokio::task::yield_now().await;
    }
    replica.stop.cancel();
    slow.stop.cancel();
    for server in [replica.server, slow.server] {
        tokio::time::timeout(Duration::from_secs(15), server).await.expect("it ends").unwrap().unwrap();
    }
    call.abort();
}
