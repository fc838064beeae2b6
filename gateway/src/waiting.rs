//! The way to a service, on which only so many answers are waited for at once: what comes beyond would only wait, and is
//! refused. Each service has places of its own, so that one that is slow or silent takes none from the others, and no
//! client's address has them all.

use std::{
    error::Error as _,
    future::{Ready, ready},
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use chatroom_kit::link::Link;
use http::{Request, Response};
use opentelemetry::{KeyValue, global, metrics::Counter};
use tonic::{Status, body::Body};
use tower::Service;

use crate::places::{Full, Place, Places};

tokio::task_local! {
    static ADDRESS: IpAddr;
}

/// Runs what serves a client: the answers that it waits for take this address's places.
pub(crate) async fn on_behalf_of<F: Future>(address: IpAddr, handler: F) -> F::Output {
    ADDRESS.scope(address, handler).await
}

/// Why a way has refused a call; nothing where the call has failed otherwise.
pub(crate) fn refused(status: &Status) -> Option<Full> {
    status.source()?.downcast_ref().copied()
}

/// The way to a service. Clones share its places.
#[derive(Clone)]
pub(crate) struct Way {
    link: Link,
    places: Places,
    refused: Counter<u64>,
    upstream: &'static str,
}

impl Way {
    /// `upstream` is what figures call it.
    pub(crate) fn new(upstream: &'static str, link: Link, places: Places) -> Self {
        let meter = global::meter("chatroom");
        let seen = places.clone();
        meter
            .u64_observable_gauge("gateway.waiting")
            .with_callback(move |observer| {
                observer.observe(seen.in_use().into(), &[KeyValue::new("upstream", upstream)]);
            })
            .build();
        Self { link, places, refused: meter.u64_counter("gateway.refused").build(), upstream }
    }

    fn refuse(&self, full: Full) -> Status {
        let bound = match full {
            Full::Address => "address",
            Full::InAll => "service",
        };
        self.refused.add(1, &[KeyValue::new("upstream", self.upstream), KeyValue::new("bound", bound)]);
        let mut status = Status::resource_exhausted(full.to_string());
        status.set_source(Arc::new(full));
        status
    }
}

impl Service<Request<Body>> for Way {
    type Response = Response<Body>;
    type Error = Status;
    type Future = Waiting;

    /// Always ready: whether there is a place is known when it is taken.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Waiting {
        match self.places.take(ADDRESS.try_with(|address| *address).ok()) {
            Ok(place) => Waiting::Answer(self.link.call(request), place),
            Err(full) => Waiting::Refused(ready(Err(self.refuse(full)))),
        }
    }
}

/// An answer that is waited for, or the refusal to wait for one.
pub(crate) enum Waiting {
    Answer(
        <Link as Service<Request<Body>>>::Future,
        #[expect(dead_code, reason = "held until the answer is there")] Place,
    ),
    Refused(Ready<Result<Response<Body>, Status>>),
}

impl Future for Waiting {
    type Output = Result<Response<Body>, Status>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Answer(answer, _) => answer.as_mut().poll(context).map_err(|never| match never {}),
            Self::Refused(refusal) => Pin::new(refusal).poll(context),
        }
    }
}
