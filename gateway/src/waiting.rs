//! The way to a service, on which only so many answers are waited for at once: what comes beyond would only wait, and is
//! refused. Each service has places of its own, so that one that is slow or silent takes none from the others, and no
//! client's address has them all. Owns no call's time; that is the context's.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    net::IpAddr,
    pin::Pin,
    task::{Context, Poll},
};

use chatroom_kit::{error::status, link::Link};
use http::{Request, Response};
use opentelemetry::{KeyValue, global, metrics::Counter};
use tonic::{Code, body::Body};
use tower::Service;

use crate::{
    error::OVERLOADED,
    places::{Place, Places},
};

tokio::task_local! {
    static ADDRESS: IpAddr;
}

/// Runs what serves a client: the answers that it waits for take this address's places.
pub(crate) async fn on_behalf_of<F: Future>(address: IpAddr, handler: F) -> F::Output {
    ADDRESS.scope(address, handler).await
}

/// The way to a service. Clones share its places.
#[derive(Clone)]
pub(crate) struct Way {
    link: Link,
    places: Places,
    refused: Counter<u64>,
    service: &'static str,
}

impl Way {
    pub(crate) fn new(service: &'static str, link: Link, places: Places) -> Self {
        let meter = global::meter("chatroom");
        let seen = places.clone();
        meter
            .u64_observable_gauge("gateway.waiting")
            .with_callback(move |observer| {
                observer.observe(seen.in_use().into(), &[KeyValue::new("upstream", service)]);
            })
            .build();
        Self { link, places, refused: meter.u64_counter("gateway.refused").build(), service }
    }

    fn refuse(&self) -> Response<Body> {
        self.refused.add(1, &[KeyValue::new("upstream", self.service)]);
        status(Code::ResourceExhausted, OVERLOADED, "as many answers are waited for as may be").into_http()
    }
}

impl Service<Request<Body>> for Way {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Waiting;

    /// Always ready: whether there is a place is known when it is taken.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Waiting {
        match self.places.take(ADDRESS.try_with(|address| *address).ok()) {
            Some(place) => Waiting::Answer(self.link.call(request), place),
            None => Waiting::Refused(ready(Ok(self.refuse()))),
        }
    }
}

/// An answer that is waited for, or the refusal to wait for one.
pub(crate) enum Waiting {
    Answer(
        <Link as Service<Request<Body>>>::Future,
        #[expect(dead_code, reason = "held until the answer is there")] Place,
    ),
    Refused(Ready<Result<Response<Body>, Infallible>>),
}

impl Future for Waiting {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Answer(answer, _) => answer.as_mut().poll(context),
            Self::Refused(refusal) => Pin::new(refusal).poll(context),
        }
    }
}
