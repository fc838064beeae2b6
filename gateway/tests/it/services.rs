//! Services made of closures, method by method: a test says what it needs and nothing else.

use std::{future::ready, pin::Pin};

use axum::{Router, extract::Request, routing};
use futures::Stream;
use prost::Message;
use tonic::{Response, Status, Streaming, server::Grpc, service::Routes};
use tonic_prost::ProstCodec;
use tower::service_fn;

use crate::held::Held;

/// What a streaming method answers.
pub(crate) type Items<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// The services that a test stands the gateway on.
#[derive(Default)]
pub(crate) struct Services(Router);

impl Services {
    /// Answers `path` with what `method` makes of the request.
    pub(crate) fn unary<A, B, F>(self, path: &str, method: F) -> Self
    where
        A: Message + Default + 'static,
        B: Message + Default + 'static,
        F: Fn(tonic::Request<A>) -> Result<B, Status> + Clone + Send + Sync + 'static,
    {
        self.unary_in_time(path, move |request| ready(method(request)))
    }

    /// Answers `path` with what `method` makes of the request in time.
    pub(crate) fn unary_in_time<A, B, F, O>(self, path: &str, method: F) -> Self
    where
        A: Message + Default + 'static,
        B: Message + Default + 'static,
        F: Fn(tonic::Request<A>) -> O + Clone + Send + Sync + 'static,
        O: Future<Output = Result<B, Status>> + Send + 'static,
    {
        let handler = move |request: Request| {
            let method = method.clone();
            let service = service_fn(move |request| {
                let outcome = method(request);
                async move { outcome.await.map(Response::new) }
            });
            async move { Grpc::new(ProstCodec::<B, A>::default()).unary(service, request).await }
        };
        Self(self.0.route(path, routing::post(handler)))
    }

    /// Answers `path` with a message that says nothing, when `held` is let.
    pub(crate) fn unary_held<A, B>(self, path: &str, held: &Held) -> Self
    where
        A: Message + Default + 'static,
        B: Message + Default + 'static,
    {
        let held = held.clone();
        self.unary_in_time(path, move |_: tonic::Request<A>| {
            let turn = held.clone().turn();
            async move {
                turn.await;
                Ok(B::default())
            }
        })
    }

    /// Answers `path` with a stream.
    pub(crate) fn answers_stream<A, B, F>(self, path: &str, method: F) -> Self
    where
        A: Message + Default + 'static,
        B: Message + Default + 'static,
        F: Fn(&A) -> Result<Items<B>, Status> + Clone + Send + Sync + 'static,
    {
        let handler = move |request: Request| {
            let method = method.clone();
            let service =
                service_fn(move |request: tonic::Request<A>| ready(method(request.get_ref()).map(Response::new)));
            async move { Grpc::new(ProstCodec::<B, A>::default()).server_streaming(service, request).await }
        };
        Self(self.0.route(path, routing::post(handler)))
    }

    /// Gives the stream that is sent to `path` to `method`.
    pub(crate) fn takes_stream<A, B, F, O>(self, path: &str, method: F) -> Self
    where
        A: Message + Default + 'static,
        B: Message + Default + 'static,
        F: Fn(Streaming<A>) -> O + Clone + Send + Sync + 'static,
        O: Future<Output = Result<B, Status>> + Send + 'static,
    {
        let handler = move |request: Request| {
            let method = method.clone();
            let service = service_fn(move |request: tonic::Request<Streaming<A>>| {
                let outcome = method(request.into_inner());
                async move { outcome.await.map(Response::new) }
            });
            async move { Grpc::new(ProstCodec::<B, A>::default()).client_streaming(service, request).await }
        };
        Self(self.0.route(path, routing::post(handler)))
    }

    /// The routes of all methods.
    pub(crate) fn routes(self) -> Routes {
        Routes::from(self.0)
    }
}
