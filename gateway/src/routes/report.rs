//! What a page's creator is told of, and what comes of it: `/h5/report*`.

use axum::{extract::State, response::Response};
use chatroom_kit::error::{Invalid, Problem};
use chatroom_proto::conduct::v1::{
    CreateReportRequest, ListReportsRequest, Report as ProtoReport, ResolveReportRequest,
    create_report_request::Subject,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::SignedIn,
    body::Json,
    chat::{
        message::{self, Message},
        people::{People, Person},
    },
    envelope::{self, Envelope, ErrorEnvelope},
    error::{Refusal, filled},
    limit::Writer,
    openapi::{NotServed, NotSignedIn, WrongBody, WrongQuery},
    query::{Query, after, limit, next},
    state::App,
    value::{Id, Time},
};

/// How many reports an answer has where the client does not say, and at most.
const REPORTS: (i32, i32) = (50, 200);

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(resolve))
}

/// What is reported: a message, or a user and the page whose creator is told.
#[derive(Deserialize, ToSchema)]
struct NewReport {
    /// The id of a message in a group of the caller's.
    #[schema(pattern = "^[0-9a-f]{24}$", example = "64e3142a9054f1bdf19707d2")]
    message: Option<String>,
    /// The id of a user.
    #[schema(pattern = "^[0-9a-f]{24}$")]
    user: Option<String>,
    /// With `user`: the page's id.
    #[schema(pattern = "^[0-9a-f]{24}$")]
    merchant: Option<String>,
    /// Why, 1 to 500 characters.
    #[schema(example = "广告", min_length = 1, max_length = 500)]
    reason: String,
}

impl NewReport {
    fn request(self) -> Result<CreateReportRequest, Invalid> {
        let subject = match (self.message, self.user) {
            (Some(message), None) => Subject::Message(message),
            (None, Some(user)) => Subject::User(user),
            (None, None) => return Err(Invalid::new("message", Problem::Missing)),
            // One report is about one thing.
            (Some(_), Some(_)) => return Err(Invalid::new("user", Problem::Malformed)),
        };
        let merchant = self.merchant.unwrap_or_default();
        Ok(CreateReportRequest { subject: Some(subject), merchant, reason: self.reason })
    }
}

/// What a page's creator was told of.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report<'a> {
    #[serde(rename = "_id")]
    id: Id<'a>,
    /// The page.
    merchant: Id<'a>,
    reporter: Id<'a>,
    /// Who is reported; null for a service.
    user: Option<Id<'a>>,
    /// The id of the reported message; null where a user is reported.
    message: Option<Id<'a>>,
    #[schema(example = "广告")]
    reason: &'a str,
    /// Null where it waits.
    resolved_at: Option<Time>,
    /// What came of it; empty where it waits.
    resolution: &'a str,
    created_at: Time,
}

impl<'a> From<&'a ProtoReport> for Report<'a> {
    fn from(report: &'a ProtoReport) -> Self {
        Self {
            id: Id(&report.id),
            merchant: Id(&report.merchant),
            reporter: Id(&report.reporter),
            user: Some(Id(&report.user)).filter(|id| !id.0.is_empty()),
            message: report.message.as_ref().map(|message| Id(&message.id)),
            reason: &report.reason,
            resolved_at: report.resolve_time.map(Time::from),
            resolution: &report.resolution,
            created_at: report.create_time.into(),
        }
    }
}

/// Report a message or a user to a page's creator; what waits already is answered again
#[utoipa::path(
    post, path = "/h5/report", tag = "report", operation_id = "createReport",
    request_body = NewReport,
    responses(
        (status = 200, description = "The report", body = Envelope<Report<'static>>),
        (status = 403, description = "`NOT_GROUP_MEMBER`, `NOT_PAGE_MEMBER`", body = ErrorEnvelope<'static>),
        (status = 404, description = "`MESSAGE_NOT_FOUND`, `MERCHANT_NOT_FOUND`", body = ErrorEnvelope<'static>),
        (status = 409, description = "`MESSAGE_RECALLED`", body = ErrorEnvelope<'static>),
        NotSignedIn, WrongBody, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
async fn create(caller: Writer, State(app): State<App>, Json(new): Json<NewReport>) -> Result<Response, Refusal> {
    let request = caller.request(new.request()?);
    let report = filled(app.conduct().create_report(request).await?.into_inner().report)?;
    Ok(envelope::success(Report::from(&report)))
}

/// Which reports to list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Window {
    /// The page's id.
    #[param(pattern = "^[0-9a-f]{24}$", example = "64e2ee287afb0737f092ff9b")]
    merchant: String,
    /// `true` for those that were dealt with, in place of those that wait.
    #[param(value_type = Option<bool>)]
    resolved: Option<String>,
    /// How many reports at most; 50 where it is not said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i32>,
    /// The `after` of the answer that this one goes on from.
    #[param(pattern = "^[0-9]{1,15}\\.[0-9a-f]{24}$")]
    after: Option<String>,
}

/// A part of a page's reports.
#[derive(Serialize, ToSchema)]
struct Reports<'a> {
    reports: Vec<ListedReport<'a>>,
    /// What to ask for with `after` to go on; null where there are no more.
    after: Option<&'a str>,
}

/// A report as the page's creator sees it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ListedReport<'a> {
    #[serde(rename = "_id")]
    id: Id<'a>,
    /// The page.
    merchant: Id<'a>,
    reporter: Person<'a>,
    /// Who is reported; null for a service.
    user: Option<Person<'a>>,
    /// The reported message as it is now; null where a user is reported.
    message: Option<Message<'a>>,
    #[schema(example = "广告")]
    reason: &'a str,
    /// Null where it waits.
    resolved_at: Option<Time>,
    /// What came of it; empty where it waits.
    resolution: &'a str,
    created_at: Time,
}

impl<'a> ListedReport<'a> {
    fn of(report: &'a ProtoReport, people: &'a People) -> Self {
        Self {
            id: Id(&report.id),
            merchant: Id(&report.merchant),
            reporter: people.person(&report.reporter),
            user: Some(report.user.as_str()).filter(|id| !id.is_empty()).map(|id| people.person(id)),
            message: report.message.as_ref().map(|message| Message::of(message, people)),
            reason: &report.reason,
            resolved_at: report.resolve_time.map(Time::from),
            resolution: &report.resolution,
            created_at: report.create_time.into(),
        }
    }
}

fn people(report: &ProtoReport) -> impl Iterator<Item = &str> {
    let of_message = report.message.iter().flat_map(message::people);
    of_message.chain([report.reporter.as_str(), report.user.as_str()]).filter(|id| !id.is_empty())
}

/// List a page's reports, oldest first, with the reported messages as they are now
#[utoipa::path(
    get, path = "/h5/report", tag = "report", operation_id = "listReports",
    params(Window),
    responses(
        (status = 200, description = "The reports", body = Envelope<Reports<'static>>),
        (status = 403, description = "`NOT_MERCHANT_OWNER`", body = ErrorEnvelope<'static>),
        (status = 404, description = "`MERCHANT_NOT_FOUND`", body = ErrorEnvelope<'static>),
        NotSignedIn, WrongQuery, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
async fn list(caller: SignedIn, State(app): State<App>, Query(window): Query<Window>) -> Result<Response, Refusal> {
    let resolved = match window.resolved.as_deref() {
        Some("true") => true,
        None | Some("false") => false,
        Some(_) => return Err(Invalid::new("resolved", Problem::Malformed).into()),
    };
    let request = ListReportsRequest {
        merchant: window.merchant,
        resolved,
        page_size: limit(window.limit, REPORTS.0, REPORTS.1)?,
        page_token: after(window.after)?,
    };
    let answer = app.conduct().list_reports(caller.request(request)).await?.into_inner();
    let people = app.directory.people(answer.reports.iter().flat_map(people), |message| caller.request(message)).await;
    let reports = answer.reports.iter().map(|report| ListedReport::of(report, &people)).collect();
    let after = next(&answer.next_page_token);
    Ok(envelope::success(Reports { reports, after }))
}

/// What came of a report.
#[derive(Deserialize, ToSchema)]
struct Resolve {
    /// The report's id.
    #[schema(pattern = "^[0-9a-f]{24}$", example = "64e3142a9054f1bdf19707d2")]
    report: String,
    /// 1 to 500 characters.
    #[schema(example = "已撤回", min_length = 1, max_length = 500)]
    resolution: String,
}

/// Say what came of a report; saying it again changes nothing
#[utoipa::path(
    post, path = "/h5/report/resolve", tag = "report", operation_id = "resolveReport",
    request_body = Resolve,
    responses(
        (status = 200, description = "The report as it is now", body = Envelope<Report<'static>>),
        (status = 404, description = "`REPORT_NOT_FOUND`", body = ErrorEnvelope<'static>),
        NotSignedIn, WrongBody, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
async fn resolve(
    caller: Writer,
    State(app): State<App>,
    Json(Resolve { report, resolution }): Json<Resolve>,
) -> Result<Response, Refusal> {
    let request = caller.request(ResolveReportRequest { report, resolution });
    let report = filled(app.conduct().resolve_report(request).await?.into_inner().report)?;
    Ok(envelope::success(Report::from(&report)))
}
