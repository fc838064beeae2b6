//! Uploads: `POST /upload`. Bytes go from the socket to the file service as they come.

mod transfer;

use axum::{body::Body, extract::State, response::Response};
use http::HeaderMap;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    envelope::{self, Envelope, ErrorEnvelope},
    error::Refusal,
    idempotency::IdempotencyKey,
    limit::Uploader,
    multipart::Form,
    openapi::{NotServed, NotSignedIn},
    state::App,
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(upload))
}

/// A form with a file.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes the form, which is read as a stream")]
struct FileForm {
    /// A picture, sound, film or document.
    #[schema(value_type = String, format = Binary, content_media_type = "application/octet-stream")]
    file: Vec<u8>,
}

/// Store a file
#[utoipa::path(
    post, path = "/upload", tag = "upload", operation_id = "upload",
    params(IdempotencyKey),
    request_body(content = FileForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "The path under which the file can be had", body = Envelope<String>,
         example = json!({"data": "/upload/20230821/7e23cd7207e15d29589565701.png", "msg": "success", "code": 200})),
        (status = 400, description = "`INVALID_ARGUMENT`: no file, an empty one, or a malformed form",
         body = ErrorEnvelope<'static>),
        (status = 413, description = "`FILE_TOO_LARGE`", body = ErrorEnvelope<'static>),
        (status = 415, description = "`UNSUPPORTED_FILE_TYPE`: decided by its first bytes",
         body = ErrorEnvelope<'static>),
        NotSignedIn, NotServed,
        (status = 429, description = "`RATE_LIMITED` or `DAILY_VOLUME_EXCEEDED`", body = ErrorEnvelope<'static>,
         headers(("Retry-After" = u64, description = "Seconds to wait")))
    ),
    security(("token" = []), ("bearer" = []))
)]
async fn upload(
    caller: Uploader,
    IdempotencyKey(request_id): IdempotencyKey,
    State(app): State<App>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let mut form = Form::open(&headers, body)?;
    let mut file = form.file().await?;
    let first = file.next().await?.ok_or_else(Refusal::no_file)?;
    let (mut sender, mut outcome) = transfer::begin(&app.file_link, &caller, request_id);
    let sent = async move {
        let mut piece = Some(first);
        while let Some(chunk) = piece {
            sender.send(chunk).await?;
            piece = file.next().await?;
        }
        drop(file);
        form.finish().await?;
        sender.end().await
    };
    // The service may answer before it has seen everything: a file that it refuses is not read to its end.
    let stored = tokio::select! {
        stored = outcome.known() => stored?,
        sent = sent => {
            sent?;
            outcome.soon().await?
        }
    };
    Ok(envelope::success(format_args!("/upload/{}", stored.name)))
}
