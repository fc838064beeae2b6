//! Spans as a collector receives them, and the tree that those of one request make.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
    time::Duration,
};

use opentelemetry_proto::tonic::{
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{self as otlp, ResourceSpans, span::SpanKind},
};

/// A span of some process.
#[derive(Clone, Debug)]
pub(super) struct Span {
    pub(super) trace: String,
    pub(super) id: String,
    /// Empty where there is none.
    pub(super) parent: String,
    /// What the process calls itself.
    pub(super) process: String,
    pub(super) kind: SpanKind,
    pub(super) name: String,
    /// When it began and ended, since 1970.
    pub(super) begin: Duration,
    pub(super) end: Duration,
    /// Those that are text.
    pub(super) attributes: BTreeMap<String, String>,
    /// Everything that was exported with it, its events and the process's attributes included.
    pub(super) whole: String,
}

impl Span {
    /// The spans that a process has exported.
    pub(super) fn of_process(exported: ResourceSpans) -> impl Iterator<Item = Self> {
        let resource = exported.resource.unwrap_or_default();
        let process = texts(&resource.attributes).remove("service.name").unwrap_or_default();
        let resource = format!("{resource:?}");
        let spans = exported.scope_spans.into_iter().flat_map(|scope| scope.spans);
        spans.map(move |span| Self::new(&span, &process, &resource))
    }

    fn new(span: &otlp::Span, process: &str, resource: &str) -> Self {
        Self {
            trace: hex(&span.trace_id),
            id: hex(&span.span_id),
            parent: hex(&span.parent_span_id),
            process: process.to_owned(),
            kind: span.kind(),
            name: span.name.clone(),
            begin: Duration::from_nanos(span.start_time_unix_nano),
            end: Duration::from_nanos(span.end_time_unix_nano),
            attributes: texts(&span.attributes),
            whole: format!("{span:?} {resource}"),
        }
    }

    /// How long it took.
    pub(super) fn duration(&self) -> Duration {
        self.end.saturating_sub(self.begin)
    }

    fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }

    /// The request on whose behalf it is, where it says so.
    pub(super) fn request_id(&self) -> &str {
        self.attribute("request.id")
    }
}

/// What was done for one HTTP request, in every process.
#[derive(Debug)]
pub(super) struct Trace {
    /// In the order in which they began.
    pub(super) spans: Vec<Span>,
}

impl Trace {
    /// The spans of the request `id` among `spans`.
    pub(super) fn of_request(spans: &[Span], id: &str) -> Option<Self> {
        let root = spans.iter().find(|span| span.request_id() == id)?;
        let mut spans: Vec<_> = spans.iter().filter(|span| span.trace == root.trace).cloned().collect();
        spans.sort_by_key(|span| span.begin);
        Some(Self { spans })
    }

    /// The span that `span` is part of.
    pub(super) fn parent(&self, span: &Span) -> Option<&Span> {
        self.spans.iter().find(|parent| parent.id == span.parent)
    }

    /// Those that are part of no other here.
    pub(super) fn roots(&self) -> impl Iterator<Item = &Span> {
        self.spans.iter().filter(|span| self.parent(span).is_none())
    }

    /// Each span as `<process> <kind> <name>`, indented below the one that it is part of.
    pub(super) fn outline(&self) -> String {
        let mut outline = String::new();
        self.walk(&mut |span, depth| writeln!(outline, "{:depth$}{span}", "", depth = 2 * depth));
        outline
    }

    fn walk(&self, visit: &mut impl FnMut(&Span, usize) -> fmt::Result) {
        for root in self.roots() {
            self.walk_below(root, 0, visit);
        }
    }

    fn walk_below(&self, span: &Span, depth: usize, visit: &mut impl FnMut(&Span, usize) -> fmt::Result) {
        visit(span, depth).expect("text can be written");
        for child in self.spans.iter().filter(|child| child.parent == span.id) {
            self.walk_below(child, depth + 1, visit);
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind.as_str_name().trim_start_matches("SPAN_KIND_").to_lowercase();
        write!(formatter, "{} {kind} {}", self.process, self.name)
    }
}

/// The tree, each span with when it began and how long it took.
impl fmt::Display for Trace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let begin = self.spans.first().map_or(Duration::ZERO, |span| span.begin);
        let mut lines = String::new();
        self.walk(&mut |span, depth| {
            let name = format!("{:depth$}{span}", "", depth = 2 * depth);
            let (after, took) = (span.begin.saturating_sub(begin), span.duration());
            writeln!(lines, "{name:<72} +{:>8.3} ms {:>8.3} ms", millis(after), millis(took))
        });
        let trace = self.spans.first().map_or("", |span| span.trace.as_str());
        write!(formatter, "trace {trace}\n{lines}")
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn texts(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |attribute: &KeyValue| match attribute.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some((attribute.key.clone(), text.clone())),
        _ => None,
    };
    attributes.iter().filter_map(text).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
