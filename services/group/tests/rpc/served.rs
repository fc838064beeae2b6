//! Services of which only the calls that are made are served, so that what else they learn to do changes nothing here.

use std::future::ready;

use axum::{Router, extract::Request as HttpRequest, routing::post};
use chatroom_kit::link::Link;
use prost::Message;
use tonic::{Request, Response, Status, body::Body, server::Grpc, service::Routes};
use tonic_prost::ProstCodec;

/// Some calls of a service.
#[derive(Default)]
pub(crate) struct Served(Router);

impl Served {
    /// Answers the call `path` with what `method` makes of the request.
    pub(crate) fn call<A, B, F>(self, path: &str, method: F) -> Self
    where
        A: Message + Default + 'static,
        B: Message + Default + 'static,
        F: Fn(Request<A>) -> Result<B, Status> + Clone + Send + Sync + 'static,
    {
        let handler = move |request: HttpRequest| {
            let method = method.clone();
            let service = tower::service_fn(move |request| ready(method(request).map(Response::new)));
            async move {
                let mut grpc = Grpc::new(ProstCodec::<B, A>::default());
                grpc.unary(service, request.map(Body::new)).await.map(axum::body::Body::new)
            }
        };
        Self(self.0.route(path, post(handler)))
    }

    pub(crate) fn link(self) -> Link {
        Link::Local(Routes::from(self.0))
    }
}
