//! A client of the HTTP contract, as an H5 page is one. Speaks the routes and reads the envelope; expects nothing.

use std::{
    net::IpAddr,
    sync::atomic::{AtomicU32, Ordering},
};

use reqwest::{Method, RequestBuilder, StatusCode, header::HeaderMap};
use serde_json::{Value, json};

/// A client at one address, signed in or not. Clones share connections.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    /// What the client says in `X-Forwarded-For`: standing limits count by address, and each client has its own.
    forwarded_for: String,
    token: Option<String>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The HTTP headers.
    pub headers: HeaderMap,
    /// The body, as it came.
    pub text: String,
}

impl Client {
    /// A client that nobody has signed in.
    pub fn new(base: impl Into<String>) -> Self {
        Self { http: http(None), base: base.into(), forwarded_for: fresh_address(), token: None }
    }

    /// The same client at another address.
    #[must_use]
    pub fn elsewhere(&self) -> Self {
        self.at(fresh_address())
    }

    /// The same client at the address `address`.
    #[must_use]
    pub fn at(&self, address: impl Into<String>) -> Self {
        Self { forwarded_for: address.into(), ..self.clone() }
    }

    /// The same client on connections that come from the address `address` of this machine.
    #[must_use]
    pub fn from(&self, address: IpAddr) -> Self {
        Self { http: http(Some(address)), ..self.clone() }
    }

    /// The same client at another server.
    #[must_use]
    pub fn on(&self, base: impl Into<String>) -> Self {
        Self { base: base.into(), ..self.clone() }
    }

    /// The same client with a token.
    #[must_use]
    pub fn with_token(&self, token: impl Into<String>) -> Self {
        Self { token: Some(token.into()), ..self.clone() }
    }

    /// The same client without a token.
    #[must_use]
    pub fn anonymous(&self) -> Self {
        Self { token: None, ..self.clone() }
    }

    /// The token, where there is one.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// A request for `path` from this client's address, with its token.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request =
            self.http.request(method, format!("{}{path}", self.base)).header("x-forwarded-for", &self.forwarded_for);
        match &self.token {
            Some(token) => request.header("token", token),
            None => request,
        }
    }

    /// Gets `path`.
    pub async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    /// Posts a JSON body to `path`.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        send(self.request(Method::POST, path).json(body)).await
    }

    /// Posts `body`, whatever it is, as JSON to `path`.
    pub async fn post_raw(&self, path: &str, body: impl Into<reqwest::Body>) -> Answer {
        send(self.request(Method::POST, path).header("content-type", "application/json").body(body)).await
    }

    /// Opens an account.
    pub async fn register(&self, username: &str, password: &str) -> Answer {
        self.post("/h5/user/reg", &json!({"username": username, "password": password})).await
    }

    /// Asks for a token.
    pub async fn login(&self, username: &str, password: &str) -> Answer {
        self.post("/h5/user/login", &json!({"username": username, "password": password})).await
    }

    /// Uploads `bytes` in the field `file`, under the name `name`.
    pub async fn upload(&self, name: &str, bytes: impl Into<Vec<u8>>) -> Answer {
        let part = reqwest::multipart::Part::bytes(bytes.into()).file_name(name.to_owned());
        let form = reqwest::multipart::Form::new().part("file", part);
        send(self.request(Method::POST, "/upload").multipart(form)).await
    }
}

fn http(from: Option<IpAddr>) -> reqwest::Client {
    reqwest::Client::builder().no_proxy().local_address(from).build().expect("a client needs nothing")
}

/// Sends a request and reads the answer to its end.
pub async fn send(request: RequestBuilder) -> Answer {
    try_send(request).await.expect("the server answers")
}

/// Sends a request and reads the answer to its end, where there is one.
pub async fn try_send(request: RequestBuilder) -> reqwest::Result<Answer> {
    let response = request.send().await?;
    let (status, headers) = (response.status(), response.headers().clone());
    Ok(Answer { status, headers, text: response.text().await? })
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("no JSON ({error}): {self:?}"))
    }

    /// The envelope's `data`.
    pub fn data(&self) -> Value {
        self.json()["data"].take()
    }

    /// The error's `reason`.
    pub fn reason(&self) -> String {
        self.json()["reason"].as_str().unwrap_or_default().to_owned()
    }

    /// A header's value, empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The answer itself where it is a success.
    #[expect(clippy::return_self_not_must_use, reason = "that it is a success may be all that matters")]
    pub fn ok(self) -> Self {
        assert_eq!(self.status, StatusCode::OK, "{self:?}");
        self
    }
}

/// An address that no other client of this process has.
pub fn fresh_address() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0x0a00_0001);
    std::net::Ipv4Addr::from(NEXT.fetch_add(1, Ordering::Relaxed)).to_string()
}
