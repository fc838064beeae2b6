//! This process's own token, for calls that no user stands behind: got from the user service with a secret, and renewed
//! ahead of its end. Owns the secret and the current token; whom a token convinces is `auth`'s.

use std::{fmt, path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, ensure};
use chatroom_proto::user::v1::{IssueServiceTokenRequest, user_service_client::UserServiceClient};
use chrono::{DateTime, Utc};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Status, metadata::AsciiMetadataValue};

use crate::{
    clock::Clock,
    error::{UPSTREAM_UNAVAILABLE, status},
    link::{CallContext, Link},
};

/// How long getting a token may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a call waits for the first token, or for one after an outage.
const WAIT: Duration = Duration::from_secs(2);
/// The shortest and the longest pause after a token could not be got; it doubles in between.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// How soon a token that was refused is replaced again: a callee that refuses every token is no reason to hurry.
const RENEWED_AT_MOST_EVERY: Duration = Duration::from_secs(5);

/// What a service proves itself with. Shows itself to nobody.
#[derive(Clone)]
pub struct ServiceSecret(Arc<str>);

impl ServiceSecret {
    /// A secret of 256 random bits.
    pub fn random() -> Self {
        let bits: [u128; 2] = rand::random();
        Self(format!("{:032x}{:032x}", bits[0], bits[1]).into())
    }

    /// The secret in the file at `path`.
    pub fn from_file(path: &Path) -> anyhow::Result<Self> {
        let unreadable = || format!("the service's secret {} cannot be read", path.display());
        let text = std::fs::read_to_string(path).with_context(unreadable)?;
        let text = text.trim();
        ensure!(!text.is_empty(), "the service's secret {} is empty", path.display());
        Ok(Self(text.into()))
    }

    /// The secret, to be stored or sent.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ServiceSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ServiceSecret")
    }
}

/// A service's own tokens. Clones share the current one.
#[derive(Clone)]
pub struct ServiceTokens {
    current: watch::Receiver<Option<Current>>,
    refused: Arc<Notify>,
    clock: Clock,
}

#[derive(Clone)]
struct Current {
    authorization: AsciiMetadataValue,
    expires_at: DateTime<Utc>,
}

impl ServiceTokens {
    /// The tokens of the service `name`, which `users` exchanges for its secret; got and renewed until `stop`.
    pub fn follow(
        name: &'static str,
        secret: ServiceSecret,
        users: Link,
        clock: Clock,
        stop: CancellationToken,
    ) -> Self {
        let (sender, current) = watch::channel(None);
        let refused = Arc::new(Notify::new());
        let renewal = Renewal { name, secret, users: UserServiceClient::new(users), clock: clock.clone(), sender };
        let notified = refused.clone();
        tokio::spawn(async move { stop.run_until_cancelled(renewal.run(&notified)).await });
        Self { current, refused, clock }
    }

    /// A request that carries the current token. It waits a little where there is none yet.
    pub async fn request<T>(&self, message: T) -> Result<Request<T>, Status> {
        let mut current = self.current.clone();
        let good = |current: &Option<Current>| current.as_ref().is_some_and(|it| it.expires_at > self.clock.now());
        let token = match timeout(WAIT, current.wait_for(good)).await {
            Ok(Ok(token)) => token.as_ref().map(|token| token.authorization.clone()),
            _ => None,
        };
        let token = token.ok_or_else(|| {
            status(Code::Unavailable, UPSTREAM_UNAVAILABLE, "the user service has issued no service token")
        })?;
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", token);
        Ok(request)
    }

    /// A request that carries the current token, or none where there is none yet: for what can be done without.
    pub fn sign<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(token) = &*self.current.borrow() {
            request.metadata_mut().insert("authorization", token.authorization.clone());
        }
        request
    }

    /// Takes note of how a call with the token ended: one that a callee does not believe any more, since the key that
    /// signed it was withdrawn, is replaced before its time.
    pub fn note<T>(&self, answer: Result<T, Status>) -> Result<T, Status> {
        answer.inspect_err(|status| {
            if status.code() == Code::Unauthenticated {
                self.refused.notify_one();
            }
        })
    }
}

struct Renewal {
    name: &'static str,
    secret: ServiceSecret,
    users: UserServiceClient<Link>,
    clock: Clock,
    sender: watch::Sender<Option<Current>>,
}

impl Renewal {
    /// Keeps a token that is good, for as long as anybody may ask for it.
    async fn run(mut self, refused: &Notify) {
        let mut pause = PAUSES.0;
        loop {
            match self.get().await {
                Ok(token) => {
                    let begun = Instant::now();
                    let rest = self.renew_after(&token);
                    self.sender.send_replace(Some(token));
                    pause = PAUSES.0;
                    tokio::select! {
                        () = sleep(rest) => {}
                        () = refused.notified() => sleep_until(begun + RENEWED_AT_MOST_EVERY).await,
                    }
                }
                Err(error) => {
                    tracing::warn!(code = ?error.code(), message = error.message(), "no service token");
                    sleep(pause.mul_f64(rand::random_range(0.5..1.0))).await;
                    pause = (pause * 2).min(PAUSES.1);
                }
            }
        }
    }

    async fn get(&mut self) -> Result<Current, Status> {
        let request =
            IssueServiceTokenRequest { service: self.name.to_owned(), secret: self.secret.reveal().to_owned() };
        let call = self.users.issue_service_token(request);
        let answer = CallContext::new(Some(PATIENCE), None).scope(call).await?.into_inner();
        let authorization = format!("Bearer {}", answer.token).parse();
        let expires_at = answer.expire_time.unwrap_or_default();
        Ok(Current {
            authorization: authorization.map_err(|_| Status::internal("a token is no header"))?,
            expires_at: DateTime::from_timestamp(expires_at.seconds, 0).unwrap_or_default(),
        })
    }

    /// Two thirds of its time, so that an outage of the user service has to last a third of it to be felt.
    fn renew_after(&self, token: &Current) -> Duration {
        let left = (token.expires_at - self.clock.now()).to_std().unwrap_or_default();
        (left * 2 / 3).max(PAUSES.0)
    }
}
