//! One connection from its first byte to its last. Owns how hyper is set up.

use std::{convert::Infallible, net::IpAddr, pin::pin, sync::Arc};

use axum::Router;
use http::{HeaderValue, Request, Response, header};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio_util::sync::CancellationToken;
use tower::Service as _;

use super::{
    body::{Answer, Received},
    expiry::Expiry,
    socket::Socket,
    watch::Watch,
};
use crate::address::Peer;

/// How large a request's head may be; hyper answers 431 above.
const HEAD_MAX: usize = 32 << 10;
/// How much hyper holds of either direction.
const BUFFER_MAX: usize = 128 << 10;

/// A connection that has been accepted.
pub(super) struct Connection {
    pub(super) socket: Socket,
    pub(super) peer: IpAddr,
    pub(super) watch: Arc<Watch>,
    pub(super) router: Router,
    /// Fires when the process is told to stop.
    pub(super) stop: CancellationToken,
}

impl Connection {
    /// Serves it until either side closes it, its peer is too slow, or the process stops.
    pub(super) async fn serve(self) {
        let Self { socket, peer, watch, router, stop } = self;
        let expiry = Expiry::new(watch.clone());
        let service = {
            let watch = watch.clone();
            service_fn(move |request| answer(router.clone(), Peer(peer), watch.clone(), request))
        };
        // hyper's own timeout for a head also ends connections that are merely idle, and a proxy, which keeps such
        // connections to use them again, would answer 502.
        let connection = http1::Builder::new()
            .header_read_timeout(None)
            .max_header_size(HEAD_MAX)
            .max_buf_size(BUFFER_MAX)
            .serve_connection(TokioIo::new(socket), service)
            .with_upgrades();
        let (mut connection, mut expiry) = (pin!(connection), pin!(expiry));
        loop {
            tokio::select! {
                biased;
                outcome = &mut connection => return report(outcome),
                () = &mut expiry => {
                    tracing::debug!("a connection was closed: its peer is too slow");
                    return;
                }
                () = stop.cancelled(), if !watch.is_draining() => {
                    watch.drain();
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

async fn answer(
    mut router: Router,
    peer: Peer,
    watch: Arc<Watch>,
    request: Request<Incoming>,
) -> Result<Response<Answer>, Infallible> {
    watch.begin();
    let mut request = request.map(|body| Received::of(body, &watch));
    request.extensions_mut().insert(peer);
    let mut response = router.call(request).await?;
    if watch.is_unread() {
        // What is left of the request stands between this answer and the next one.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response.map(|body| Answer::new(body, watch)))
}

fn report(outcome: hyper::Result<()>) {
    if let Err(error) = outcome {
        // Peers go away in the middle of things.
        tracing::debug!(error = &error as &dyn std::error::Error, "a connection broke");
    }
}
