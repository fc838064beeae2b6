//! Refusals: the single table from a reason to its HTTP status and its Chinese sentence, and how a failed call, a
//! malformed request or a broken rule becomes one. Owns no envelope.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use chatroom_kit::{
    auth::Unauthenticated,
    error::{self, Invalid, Reason},
};
use http::{HeaderValue, StatusCode, header};
use tonic::{Code, Status};

use crate::{
    envelope,
    json::{Fault, Malformed},
    places::Full,
    waiting,
};

/// One reason as HTTP shows it.
#[derive(Debug)]
struct Row {
    /// In upper snake case, as in the services' `ErrorInfo`.
    reason: &'static str,
    status: StatusCode,
    /// For a user to read.
    sentence: &'static str,
}

const fn row(reason: &'static str, status: StatusCode, sentence: &'static str) -> Row {
    Row { reason, status, sentence }
}

/// A fault of ours: also what stands for a reason that nobody knows.
const INTERNAL: Row = row(error::INTERNAL, StatusCode::INTERNAL_SERVER_ERROR, "服务器内部错误");

/// Every reason that can reach a client: the services', as their `.proto` files name them, and the gateway's own.
static TABLE: &[Row] = &[
    INTERNAL,
    row(error::INVALID_ARGUMENT, StatusCode::BAD_REQUEST, "请求参数不正确"),
    row(error::UNAUTHENTICATED, StatusCode::UNAUTHORIZED, "请先登录"),
    row("INVALID_CREDENTIALS", StatusCode::UNAUTHORIZED, "用户名或密码不正确"),
    row("PASSWORD_WRONG", StatusCode::FORBIDDEN, "原密码不正确"),
    row("ACCOUNT_DISABLED", StatusCode::FORBIDDEN, "该账号已被停用"),
    row("ADMIN_ONLY", StatusCode::FORBIDDEN, "只有管理员可以这样做"),
    row("NOT_MERCHANT_OWNER", StatusCode::FORBIDDEN, "只有商页的创建者可以这样做"),
    row("NOT_CUSTOMER", StatusCode::FORBIDDEN, "只有商页的客服可以这样做"),
    row("NOT_PAGE_MEMBER", StatusCode::FORBIDDEN, "请先加入该商页"),
    row("NOT_GROUP_MEMBER", StatusCode::FORBIDDEN, "您不在该群聊中"),
    row("BANNED", StatusCode::FORBIDDEN, "您已被移出该群聊，不能再加入"),
    row("ROLE_TOO_LOW", StatusCode::FORBIDDEN, "您在该群聊中没有这样做的权限"),
    row("MUTED", StatusCode::FORBIDDEN, "您已被禁言"),
    row("GROUP_MUTED", StatusCode::FORBIDDEN, "该群聊已开启全员禁言"),
    row("BLOCKED", StatusCode::FORBIDDEN, "对方不接收您的消息"),
    row("WORDS_REFUSED", StatusCode::FORBIDDEN, "消息含有该商页不允许的内容"),
    row("MODERATION_REFUSED", StatusCode::FORBIDDEN, "消息未通过审核"),
    row("ACTIVATION_CODE_INVALID", StatusCode::FORBIDDEN, "激活码无效"),
    row("ORIGIN_NOT_ALLOWED", StatusCode::FORBIDDEN, "不允许来自该页面的连接"),
    row("NOT_FOUND", StatusCode::NOT_FOUND, "请求的地址不存在"),
    row("USER_NOT_FOUND", StatusCode::NOT_FOUND, "用户不存在"),
    row("CUSTOMER_NOT_FOUND", StatusCode::NOT_FOUND, "客服用户不存在"),
    row("MERCHANT_NOT_FOUND", StatusCode::NOT_FOUND, "商页不存在"),
    row("MEMBERSHIP_NOT_FOUND", StatusCode::NOT_FOUND, "after 所指的记录不存在"),
    row("GROUP_NOT_FOUND", StatusCode::NOT_FOUND, "群聊不存在"),
    row("PAGE_MEMBER_NOT_FOUND", StatusCode::NOT_FOUND, "该用户没有加入这个商页"),
    row("MEMBER_NOT_FOUND", StatusCode::NOT_FOUND, "该用户不在群聊中"),
    row("MESSAGE_NOT_FOUND", StatusCode::NOT_FOUND, "消息不存在"),
    row("REPORT_NOT_FOUND", StatusCode::NOT_FOUND, "举报不存在"),
    row("WEBHOOK_NOT_FOUND", StatusCode::NOT_FOUND, "回调地址不存在"),
    row("FILE_NOT_FOUND", StatusCode::NOT_FOUND, "文件不存在"),
    row("METHOD_NOT_ALLOWED", StatusCode::METHOD_NOT_ALLOWED, "该地址不支持这种请求方法"),
    row("USERNAME_TAKEN", StatusCode::CONFLICT, "用户名已被注册"),
    row("OWN_ACCOUNT", StatusCode::CONFLICT, "不能对自己的账号这样做"),
    row("ACTIVATION_CODE_USED", StatusCode::CONFLICT, "激活码已被使用"),
    row("OWNS_PAGES", StatusCode::CONFLICT, "您还有开着的商页，请先转让或关闭"),
    row("MERCHANT_CLOSED", StatusCode::CONFLICT, "商页已关闭"),
    row("CREATOR_CANNOT_LEAVE", StatusCode::CONFLICT, "商页的创建者不能退出，请先转让商页"),
    row("OWNER_CANNOT_LEAVE", StatusCode::CONFLICT, "群主不能退出群聊"),
    row("SERVICE_CONVERSATION", StatusCode::CONFLICT, "客服会话不支持这样做"),
    row("TOO_MANY_GROUPS", StatusCode::CONFLICT, "该商页的群聊数量已达上限"),
    row("GROUP_DISMISSED", StatusCode::CONFLICT, "群聊已解散"),
    row("MESSAGE_RECALLED", StatusCode::CONFLICT, "消息已被撤回"),
    row("BLOCK_LIMIT_REACHED", StatusCode::CONFLICT, "拉黑的用户已达上限"),
    row("WEBHOOK_LIMIT_REACHED", StatusCode::CONFLICT, "该商页的回调地址已达上限"),
    row("TOO_LATE", StatusCode::CONFLICT, "已超过可以这样做的时间"),
    row("CONTACT_SELF", StatusCode::CONFLICT, "您就是该商页的客服"),
    row("CUSTOMER_NOT_SERVING", StatusCode::CONFLICT, "该商页的客服暂未开启咨询"),
    row("CONTENDED", StatusCode::CONFLICT, "操作有冲突，请稍后再试"),
    row("PAYLOAD_TOO_LARGE", StatusCode::PAYLOAD_TOO_LARGE, "请求体过大"),
    row("FILE_TOO_LARGE", StatusCode::PAYLOAD_TOO_LARGE, "文件过大"),
    row("UNSUPPORTED_FILE_TYPE", StatusCode::UNSUPPORTED_MEDIA_TYPE, "不支持这种文件类型"),
    row("RANGE_NOT_SATISFIABLE", StatusCode::RANGE_NOT_SATISFIABLE, "请求的范围超出了文件大小"),
    row("UPGRADE_REQUIRED", StatusCode::UPGRADE_REQUIRED, "该地址只接受 WebSocket 连接"),
    row("RATE_LIMITED", StatusCode::TOO_MANY_REQUESTS, "操作过于频繁，请稍后再试"),
    row("TOO_MANY_ATTEMPTS", StatusCode::TOO_MANY_REQUESTS, "登录失败次数过多，请稍后再试"),
    row("DAILY_VOLUME_EXCEEDED", StatusCode::TOO_MANY_REQUESTS, "今天的上传总量已达上限，请明天再试"),
    row("OVERLOADED", StatusCode::SERVICE_UNAVAILABLE, "服务器繁忙，请稍后再试"),
    row(error::UPSTREAM_UNAVAILABLE, StatusCode::SERVICE_UNAVAILABLE, "服务暂时不可用，请稍后再试"),
    row(error::DATABASE_UNAVAILABLE, StatusCode::SERVICE_UNAVAILABLE, "服务暂时不可用，请稍后再试"),
    row("STORAGE_UNAVAILABLE", StatusCode::SERVICE_UNAVAILABLE, "文件存储暂时不可用，请稍后再试"),
    row("MODERATION_UNAVAILABLE", StatusCode::SERVICE_UNAVAILABLE, "消息审核暂时不可用，请稍后再试"),
    row("DRAINING", StatusCode::SERVICE_UNAVAILABLE, "服务正在停止，请稍后再试"),
    row(error::DEADLINE_EXCEEDED, StatusCode::GATEWAY_TIMEOUT, "请求超时，请稍后再试"),
];

/// The path is none of ours.
pub(crate) const NOT_FOUND: &str = "NOT_FOUND";
/// The path is ours, the method is not.
pub(crate) const METHOD_NOT_ALLOWED: &str = "METHOD_NOT_ALLOWED";
/// The body is larger than the route accepts.
pub(crate) const PAYLOAD_TOO_LARGE: &str = "PAYLOAD_TOO_LARGE";
/// A standing limit is used up.
pub(crate) const RATE_LIMITED: &str = "RATE_LIMITED";
/// More is under way than can be.
pub(crate) const OVERLOADED: &str = "OVERLOADED";
/// The process is about to end.
pub(crate) const DRAINING: &str = "DRAINING";
/// A page of another origin asks for a WebSocket.
pub(crate) const ORIGIN_NOT_ALLOWED: &str = "ORIGIN_NOT_ALLOWED";
/// The address speaks WebSocket, and the request does not.
pub(crate) const UPGRADE_REQUIRED: &str = "UPGRADE_REQUIRED";
/// The caller is not in the group.
pub(crate) const NOT_GROUP_MEMBER: &str = "NOT_GROUP_MEMBER";
/// There is no such file.
pub(crate) const FILE_NOT_FOUND: &str = "FILE_NOT_FOUND";
/// The file has none of the bytes that were asked for.
const RANGE_NOT_SATISFIABLE: &str = "RANGE_NOT_SATISFIABLE";

/// When to try again where nobody knows better.
const RETRY_SOON: Duration = Duration::from_secs(1);

/// Why a request was not served, on its way to the client.
#[derive(Debug)]
pub(crate) struct Refusal {
    row: &'static Row,
    /// Where the row's own sentence does not say enough.
    sentence: Option<String>,
    retry_after: Option<Duration>,
    content_range: Option<HeaderValue>,
    /// Figures tell of each.
    counted: bool,
}

impl Refusal {
    /// The refusal for `reason`; for one that the table does not have, INTERNAL.
    pub(crate) fn new(reason: &str) -> Self {
        Self::of(find(reason).unwrap_or(&INTERNAL))
    }

    fn of(row: &'static Row) -> Self {
        Self { row, sentence: None, retry_after: None, content_range: None, counted: false }
    }

    /// A malformed request, in a sentence that says where.
    fn invalid(sentence: String) -> Self {
        Self { sentence: Some(sentence), ..Self::new(error::INVALID_ARGUMENT) }
    }

    /// A form that holds no file where one is needed.
    pub(crate) fn no_file() -> Self {
        Self::invalid("请以 multipart/form-data 上传字段 file，且文件不能为空".to_owned())
    }

    /// A form that is malformed, or has more than one file and a few small fields.
    pub(crate) fn malformed_form() -> Self {
        Self::invalid("上传的表单格式不正确，字段 file 无法读取".to_owned())
    }

    /// A body that ended before it was whole.
    pub(crate) fn incomplete_body() -> Self {
        Self::invalid("请求体不完整".to_owned())
    }

    /// A standing limit that has room again after a while.
    pub(crate) fn rate_limited(after: Duration) -> Self {
        Self { retry_after: Some(after), ..Self::new(RATE_LIMITED) }
    }
}

/// The part of a service's answer that it always fills.
pub(crate) fn filled<T>(part: Option<T>) -> Result<T, Refusal> {
    part.ok_or_else(|| {
        tracing::error!(part = std::any::type_name::<T>(), "a service left out a part of its answer");
        Refusal::new(error::INTERNAL)
    })
}

fn find(reason: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.reason == reason)
}

impl From<Unauthenticated> for Refusal {
    fn from(Unauthenticated: Unauthenticated) -> Self {
        Self::new(error::UNAUTHENTICATED)
    }
}

impl From<Malformed> for Refusal {
    fn from(malformed: Malformed) -> Self {
        let problem = match malformed.fault {
            Fault::NotUtf8 => return Self::invalid("请求体不是合法的 UTF-8 文本".to_owned()),
            Fault::NotAnObject => return Self::invalid("请求体必须是一个 JSON 对象".to_owned()),
            Fault::Syntax => "不是合法的 JSON",
            Fault::TooDeep => "嵌套过深",
            Fault::Duplicate => "重复出现",
            Fault::Nul => "含有不允许的字符 NUL",
            Fault::Missing => "不能缺少",
            Fault::WrongType => "的类型不正确",
        };
        Self::invalid(match malformed.field {
            Some(field) => format!("字段 {field} {problem}"),
            None => format!("请求体中的内容{problem}"),
        })
    }
}

impl From<Invalid> for Refusal {
    fn from(invalid: Invalid) -> Self {
        Status::from(invalid).into()
    }
}

impl From<Full> for Refusal {
    fn from(full: Full) -> Self {
        Self::new(match full {
            Full::Address => RATE_LIMITED,
            Full::InAll => OVERLOADED,
        })
    }
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        if let Some(full) = waiting::refused(&status) {
            return Self { counted: true, ..full.into() };
        }
        match error::reason_of(&status) {
            Some(reason) => Self::from_reason(&reason),
            None => Self::from_code(&status),
        }
    }
}

impl Refusal {
    fn from_reason(reason: &Reason) -> Self {
        if reason.reason == error::INVALID_ARGUMENT {
            return Self::invalid(field_sentence(reason));
        }
        let Some(row) = find(&reason.reason) else {
            tracing::error!(reason = reason.reason, "a service gave a reason that the gateway does not know");
            return Self::new(error::INTERNAL);
        };
        Self { retry_after: reason.retry_after, content_range: content_range(reason), ..Self::of(row) }
    }

    /// A status that none of our services made: the transport's, or that of something between.
    fn from_code(status: &Status) -> Self {
        let reason = match status.code() {
            Code::Unavailable => error::UPSTREAM_UNAVAILABLE,
            Code::ResourceExhausted => OVERLOADED,
            Code::DeadlineExceeded | Code::Cancelled => error::DEADLINE_EXCEEDED,
            _ => error::INTERNAL,
        };
        tracing::warn!(code = ?status.code(), message = status.message(), "a call failed without a reason");
        Self::new(reason)
    }
}

/// The sentence for a request field that breaks its rule, as [`Invalid`] describes it.
fn field_sentence(reason: &Reason) -> String {
    let fact = |name: &str| reason.metadata.get(name).map(String::as_str).unwrap_or_default();
    let field = match fact("field") {
        // What the protocol calls otherwise than HTTP does.
        "request_id" => "Idempotency-Key",
        "page_token" => "after",
        "page_size" => "limit",
        "old_password" => "old",
        "new_password" => "new",
        field => field,
    };
    let bound = fact("bound");
    match fact("problem") {
        "MISSING" => format!("字段 {field} 不能为空"),
        "TOO_SHORT" => format!("字段 {field} 至少需要 {bound} 个字符"),
        "TOO_LONG" => format!("字段 {field} 不能超过 {bound} 个字符"),
        "OUT_OF_RANGE" => format!("字段 {field} 必须在 {bound} 之间"),
        "PAST" => format!("字段 {field} 必须晚于当前时间"),
        _ => format!("字段 {field} 的格式不正确"),
    }
}

/// What tells a client how large the file is whose bytes it has missed.
fn content_range(reason: &Reason) -> Option<HeaderValue> {
    if reason.reason != RANGE_NOT_SATISFIABLE {
        return None;
    }
    let size: u64 = reason.metadata.get("size")?.parse().ok()?;
    HeaderValue::try_from(format!("bytes */{size}")).ok()
}

/// What is known of a refusal, as an extension of its answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused {
    /// Its reason.
    pub(crate) reason: &'static str,
    /// Figures tell of each.
    pub(crate) counted: bool,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = envelope::answer(self.row.status, self.json());
        if let Some(after) = self.retry_after() {
            response.headers_mut().insert(header::RETRY_AFTER, seconds(after).into());
        }
        if let Some(content_range) = self.content_range {
            response.headers_mut().insert(header::CONTENT_RANGE, content_range);
        }
        if self.row.status == StatusCode::UPGRADE_REQUIRED {
            response.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            response.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        response.extensions_mut().insert(Refused { reason: self.row.reason, counted: self.counted });
        response
    }
}

impl Refusal {
    /// Its envelope.
    pub(crate) fn json(&self) -> Vec<u8> {
        envelope::refusal(self.row.status, self.sentence(), self.row.reason)
    }

    /// Its HTTP status.
    pub(crate) fn code(&self) -> u16 {
        self.row.status.as_u16()
    }

    /// For a program to match.
    pub(crate) fn reason(&self) -> &'static str {
        self.row.reason
    }

    /// For a user to read.
    pub(crate) fn sentence(&self) -> &str {
        self.sentence.as_deref().unwrap_or(self.row.sentence)
    }

    /// When the same may be tried again, where it may.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.retry_after.or_else(|| self.passes().then_some(RETRY_SOON))
    }

    /// Whether the same request may be served in a while.
    fn passes(&self) -> bool {
        matches!(self.row.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)
    }
}

/// Rounded up: a client that waits as long as it is told must not be refused again.
fn seconds(duration: Duration) -> u64 {
    (duration.as_secs() + u64::from(duration.subsec_nanos() > 0)).max(1)
}

#[cfg(test)]
mod tests;
