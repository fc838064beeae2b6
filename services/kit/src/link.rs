//! One client type for a service that is near (in this process) or far (over the network). Generated clients are
//! built on it and cannot tell. Owns the call's deadline and what travels with it; who the caller is travels in the
//! request, by [`crate::auth::Caller::request`].

mod context;
mod remote;
mod replica;
mod retry;

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use http::{Request, Response};
use tonic::{body::Body, service::Routes};
use tower::{Service, ServiceExt as _};

use crate::tls::Tls;

pub use context::{CallContext, REQUEST_ID};
pub use remote::Remote;
pub use retry::{Repeatable, repeatable};

/// The most a message may take, in either direction; files travel in chunks far smaller.
pub const MESSAGE_MAX: usize = 4 << 20;

/// How much of one stream may be on its way unread, in either direction.
pub(crate) const STREAM_WINDOW: u32 = 256 << 10;
/// The same for a connection, whose streams share it: the most there is. With hyper's own windows, 2 of 5 MiB towards
/// the caller and 1 of 1 MiB towards the service, three slow downloads or one slow upload use up the connection's, and
/// every other call on it waits for them, checks of health included.
pub(crate) const CONNECTION_WINDOW: u32 = i32::MAX.unsigned_abs();

/// A way to a service.
#[derive(Clone, Debug)]
pub enum Link {
    /// In this process: about 5 µs a call.
    Local(Routes),
    /// Over the network: about 190 µs a call over loopback.
    Remote(Remote),
}

impl Link {
    /// A way to the service at `urls`: one name with any number of replicas behind it, or several names. Connections are made when they
    /// are first needed, and made again when they broke. `tls` is what an https address is called with.
    pub fn connect(urls: &[http::Uri], tls: Option<&Tls>) -> anyhow::Result<Self> {
        Remote::connect(urls, tls).map(Self::Remote)
    }
}

impl Service<Request<Body>> for Link {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    /// Always ready: the wait for a connection belongs to the call, so that the deadline covers it.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match self {
            // The context is around a local call already, and the routes obey it.
            Self::Local(routes) => Box::pin(routes.clone().oneshot(request)),
            Self::Remote(remote) => {
                let remote = remote.clone();
                let context = CallContext::current().unwrap_or_default();
                Box::pin(async move { Ok(context.bound(remote.call(request, &context)).await) })
            }
        }
    }
}
