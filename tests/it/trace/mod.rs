//! One request is one trace, across processes, from the client's own span to every statement, as a collector receives
//! it. `--nocapture` shows the trees.

mod collector;
mod span;

use std::time::Duration;

use chatroom_tests::{Client, Shape};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use reqwest::Method;

use self::{collector::Collector, span::Trace};
use crate::{
    suite::{Scenario, scenarios},
    world::{SECRET, User, World, fresh_name, page_request, picture, usual},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![Own:
        opening_a_page_is_one_trace,
        an_upload_is_traced_to_the_storage,
        a_trace_is_continued_for_trusted_proxies_only,
        no_secret_is_in_a_trace,
    ]
}

/// The trace that a client has begun, and its span, as it says them in `traceparent`.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

/// By how much a process may close its span after its answer has arrived: it is sent first, and the machine is busy.
const LATE: Duration = Duration::from_secs(2);

/// By how much a span may close after the one that it is part of in the same process: each closes once the last who holds
/// it has let go.
const HELD: Duration = Duration::from_millis(500);

/// A collector, and a product that exports to it.
async fn traced(shape: Shape) -> (Collector, World) {
    let collector = Collector::start().await;
    let builder = usual(shape).set("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint());
    let world = World::own(builder.set("OTEL_BSP_SCHEDULE_DELAY", "100")).await;
    (collector, world)
}

/// Opens a page that is served by `customer`, as part of the trace of `client`'s, and answers the request's id.
async fn open_page(client: &Client, customer: &User) -> String {
    let request = client.request(Method::POST, "/h5/merchant/createMerchant").json(&page_request(&customer.id));
    let request = request.header("traceparent", format!("00-{TRACE}-{SPAN}-01"));
    chatroom_tests::client::send(request).await.ok().header("x-request-id").to_owned()
}

/// Asserts that it is one tree whose spans lie within those that they are part of, all for the request `id`.
fn assert_sound(trace: &Trace, id: &str) {
    assert_eq!(trace.roots().count(), 1, "there are spans without a parent:\n{trace}");
    for span in &trace.spans {
        if span.kind == SpanKind::Server {
            assert_eq!(span.request_id(), id, "{span} is for another request:\n{trace}");
        }
        let Some(parent) = trace.parent(span) else { continue };
        let slack = if span.process == parent.process { HELD } else { LATE };
        assert!(span.begin >= parent.begin, "{span} begins before {parent}:\n{trace}");
        assert!(span.end <= parent.end + slack, "{span} ends after {parent}:\n{trace}");
        assert!(span.duration() <= parent.duration() + slack, "{span} takes longer than {parent}:\n{trace}");
    }
}

/// Waits for the trace of a request until it has the expected outline, and looks at it.
async fn expect_trace(collector: &Collector, id: &str, outline: &str) -> Trace {
    let lines = outline.lines().count();
    let trace = collector.trace_of(id, |trace| trace.spans.len() >= lines).await;
    println!("{trace}");
    assert_eq!(trace.outline(), outline, "\n{trace}");
    assert_sound(&trace, id);
    trace
}

async fn opening_a_page_is_one_trace(shape: Shape) {
    let (collector, world) = traced(shape).await;
    let (owner, customer) = (world.user().await, world.user().await);
    let id = open_page(&owner.client, &customer).await;
    let outline = match shape {
        Shape::Standalone => {
            "\
chatroom server POST /h5/merchant/createMerchant
  chatroom server merchant.rpc.CreateMerchant
    chatroom server user.rpc.GetUser
      chatroom internal db.account.select
    chatroom internal db.merchant.insert
"
        }
        Shape::Distributed => {
            "\
chatroom-gateway server POST /h5/merchant/createMerchant
  chatroom-gateway client merchant.rpc.CreateMerchant
    chatroom-merchant server merchant.rpc.CreateMerchant
      chatroom-merchant client user.rpc.GetUser
        chatroom-user server user.rpc.GetUser
          chatroom-user internal db.account.select
      chatroom-merchant internal db.merchant.insert
"
        }
    };
    let trace = expect_trace(&collector, &id, outline).await;
    assert!(trace.spans.iter().all(|span| span.trace == TRACE), "the client's trace is another one");
    assert_eq!(trace.spans[0].parent, SPAN, "the client's span is another one");
}

async fn an_upload_is_traced_to_the_storage(shape: Shape) {
    let (collector, world) = traced(shape).await;
    let user = world.user().await;
    for (size, calls) in [
        (10_000, &["s3.put"][..]),
        // Two parts of a multipart upload.
        (6 << 20, &["s3.multipart.create", "s3.multipart.part", "s3.multipart.part", "s3.multipart.complete"]),
    ] {
        let answer = user.client.upload("a.png", picture(size)).await.ok();
        let id = answer.header("x-request-id");
        let called = |trace: &Trace| {
            let names = trace.spans.iter().map(|span| span.name.as_str());
            names.filter(|name| calls.contains(name)).count()
        };
        let is_rooted = |trace: &Trace| trace.roots().all(|root| root.parent.is_empty());
        let is_whole = |trace: &Trace| called(trace) == calls.len() && is_rooted(trace);
        let trace = collector.trace_of(id, is_whole).await;
        println!("{trace}");
        assert_eq!(trace.spans[0].name, "POST /upload", "{trace}");
        assert_sound(&trace, id);
        for span in trace.spans.iter().filter(|span| calls.contains(&span.name.as_str())) {
            let file = if shape == Shape::Standalone { "chatroom" } else { "chatroom-file" };
            assert_eq!(span.process, file, "{trace}");
        }
    }
}

async fn a_trace_is_continued_for_trusted_proxies_only(shape: Shape) {
    let (collector, world) = traced(shape).await;
    let (owner, customer) = (world.user().await, world.user().await);
    // The trusted proxy is 127.0.0.1; all of 127.0.0.0/8 is this machine.
    let stranger = owner.client.from([127, 0, 0, 2].into());
    let id = open_page(&stranger, &customer).await;
    let trace = collector.trace_of(&id, |trace| trace.roots().any(|root| root.name.starts_with("POST"))).await;
    assert_ne!(trace.spans[0].trace, TRACE, "anybody may claim to be part of any trace:\n{trace}");
    assert_eq!(trace.spans[0].parent, "", "{trace}");
}

async fn no_secret_is_in_a_trace(shape: Shape) {
    let (collector, world) = traced(shape).await;
    let (owner, customer) = (world.user().await, world.user().await);
    // A name that is in a path or a query may be seen; what proves who somebody is may not.
    world.client().login(&owner.name, &format!("{SECRET}-wrong")).await;
    world.client().register(&fresh_name("user"), SECRET).await.ok();
    let last = open_page(&owner.client, &customer).await;
    let whole = |trace: &Trace| {
        let inserted = trace.spans.iter().any(|span| span.name == "db.merchant.insert");
        inserted && trace.roots().any(|root| root.name.starts_with("POST"))
    };
    collector.trace_of(&last, whole).await;
    let spans = collector.spans();
    for name in ["POST /h5/user/reg", "POST /h5/user/login", "db.account.insert", "db.merchant.insert"] {
        assert!(spans.iter().any(|span| span.name == name), "{name} was not traced");
    }
    for span in &spans {
        let secret = [SECRET, "eyJ", "asdasad"].into_iter().find(|secret| span.whole.contains(secret));
        assert_eq!(secret, None, "{span} holds a secret: {}", span.whole);
    }
}
