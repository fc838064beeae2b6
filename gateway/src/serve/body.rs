//! The bodies of a connection's requests and answers, as far as its watch must know of them.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;

use super::watch::Watch;

/// The body of a request.
pub(super) struct Received {
    body: Incoming,
    watch: Arc<Watch>,
    ended: bool,
}

impl Received {
    /// `body`, watched where there is one.
    pub(super) fn of(body: Incoming, watch: &Arc<Watch>) -> Body {
        if body.is_end_stream() { Body::empty() } else { Body::new(Self { body, watch: watch.clone(), ended: false }) }
    }
}

impl http_body::Body for Received {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        match &frame {
            Poll::Pending => self.watch.body_waits(),
            Poll::Ready(Some(Ok(frame))) => self.watch.body_came(frame.data_ref().map_or(0, Bytes::len)),
            Poll::Ready(None | Some(Err(_))) => self.ended = true,
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        self.watch.body_done(!self.ended && !self.body.is_end_stream());
    }
}

/// The body of an answer.
pub(super) struct Answer {
    body: Body,
    watch: Arc<Watch>,
}

impl Answer {
    pub(super) fn new(body: Body, watch: Arc<Watch>) -> Self {
        Self { body, watch }
    }
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.watch.answered();
    }
}
