//! How many HTTP requests there are, how long they take and how they end: by method, route and status, never by caller
//! or path.

use std::time::Instant;

use axum::extract::MatchedPath;
use http::{Method, Request, StatusCode};
use opentelemetry::{
    KeyValue, global,
    metrics::{Histogram, UpDownCounter},
};

/// The buckets that OpenTelemetry's conventions for HTTP recommend, in seconds.
const BUCKETS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// The figures of all requests.
#[derive(Clone)]
pub(crate) struct Figures {
    duration: Histogram<f64>,
    in_flight: UpDownCounter<i64>,
}

impl Figures {
    pub(crate) fn new() -> Self {
        let meter = global::meter("chatroom");
        Self {
            duration: meter
                .f64_histogram("http.server.duration")
                .with_unit("s")
                .with_boundaries(BUCKETS.to_vec())
                .build(),
            in_flight: meter.i64_up_down_counter("http.server.in_flight").build(),
        }
    }

    pub(crate) fn begin<B>(&self, request: &Request<B>) -> Timed {
        self.in_flight.add(1, &[]);
        Timed {
            figures: self.clone(),
            method: method(request.method()),
            route: request.extensions().get::<MatchedPath>().cloned(),
            begun: Instant::now(),
        }
    }
}

/// A request under way; dropping it unfinished counts it as gone.
pub(crate) struct Timed {
    figures: Figures,
    pub(crate) method: &'static str,
    route: Option<MatchedPath>,
    begun: Instant,
}

impl Timed {
    /// The route's template; one word for every path that is none of ours.
    pub(crate) fn route(&self) -> &str {
        self.route.as_ref().map_or("unknown", MatchedPath::as_str)
    }

    pub(crate) fn end(self, status: StatusCode) {
        let attributes = [
            KeyValue::new("http.method", self.method),
            KeyValue::new("http.route", self.route().to_owned()),
            KeyValue::new("http.status_code", i64::from(status.as_u16())),
        ];
        self.figures.duration.record(self.begun.elapsed().as_secs_f64(), &attributes);
    }
}

impl Drop for Timed {
    fn drop(&mut self) {
        self.figures.in_flight.add(-1, &[]);
    }
}

/// A method's name. A client may make any up, and each would be a series of its own.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::TRACE => "TRACE",
        Method::CONNECT => "CONNECT",
        _ => "OTHER",
    }
}
