//! Who is calling: verification of the tokens that the user service mints (EdDSA JWTs, RFC 7519 and RFC 8037, checked
//! as RFC 8725 asks), for users and for services with no user behind them; neither kind passes for the other. Owns no
//! signing key: nothing here can make a token. What was ended before its time is refused as soon as it is known.

mod revocations;

use std::{
    collections::HashMap,
    fmt::{self, Write as _},
    path::Path,
    sync::Arc,
};

use anyhow::{Context as _, ensure};
use arc_swap::ArcSwap;
use jsonwebtoken::{
    Algorithm, DecodingKey, Validation,
    jwk::{AlgorithmParameters, EllipticCurve, JwkSet},
};
use moka::sync::Cache;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Status, metadata::MetadataMap};

use crate::{
    clock::Clock,
    error::{UNAUTHENTICATED, status},
    files::Changes,
    ids::UserId,
};

use self::revocations::Revocations;
pub use self::revocations::{Revocation, Revoked};

/// Who makes tokens: the claim `iss`.
pub const ISSUER: &str = "chatroom";
/// Whom users' tokens are for: the claim `aud`.
pub const AUDIENCE: &str = "h5";
/// Whom services' tokens are for: the claim `aud`.
pub const SERVICE_AUDIENCE: &str = "service";

/// A token longer than this is refused unread; ours have about 400 bytes.
const TOKEN_MAX: usize = 4096;
/// How many verified tokens are remembered.
const CACHE_TOKENS: u64 = 20_000;
/// How many verified tokens of services are remembered: each process has one at a time.
const CACHE_SERVICE_TOKENS: u64 = 1_000;
/// What stands before a token in the metadata entry that carries it.
const BEARER: &str = "Bearer ";
/// How long the name of a service may be.
const SERVICE_NAME_MAX: usize = 32;

/// What a token says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Claims {
    /// Who made it: [`ISSUER`].
    pub iss: String,
    /// Whom it is for: [`AUDIENCE`].
    pub aud: String,
    /// Whose it is: a user's id.
    pub sub: String,
    /// The user's name when it was made.
    pub username: String,
    /// The user's role when it was made: 0 a user, 1 an administrator.
    pub role: u8,
    /// When it was made, in seconds since the epoch.
    pub iat: i64,
    /// When it ends, in seconds since the epoch.
    pub exp: i64,
    /// Its own id.
    pub jti: String,
    /// The session that it belongs to: what a login begins, and tokens got for tokens carry on. A token without one is
    /// a session of its own.
    #[serde(default)]
    pub sid: String,
    /// How often all of the user's sessions had been ended when it was made.
    #[serde(default, rename = "gen")]
    pub generation: i32,
}

/// What a service's token says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ServiceClaims {
    /// Who made it: [`ISSUER`].
    pub iss: String,
    /// Whom it is for: [`SERVICE_AUDIENCE`].
    pub aud: String,
    /// The service's name, such as `gateway`: 1 to 32 lower-case letters, digits and hyphens.
    pub sub: String,
    /// When it was made, in seconds since the epoch.
    pub iat: i64,
    /// When it ends, in seconds since the epoch.
    pub exp: i64,
    /// Its own id.
    pub jti: String,
}

/// The service behind a call that no user makes, as a verified token names it.
#[derive(Clone, Debug)]
pub struct ServiceCaller {
    /// The service's name.
    pub name: String,
    /// When the token ends, in seconds since the epoch.
    expires: i64,
}

/// The user behind a call, as a verified token names them. What they may do is not in it: a role in a token may be out
/// of date.
#[derive(Clone)]
pub struct Caller {
    /// The user's id.
    pub id: UserId,
    /// The session that the token belongs to.
    pub session: Box<str>,
    /// How often all of the user's sessions had been ended when the token was made.
    pub generation: i32,
    /// When the token was made, in seconds since the epoch.
    pub issued: i64,
    /// When the token ends, in seconds since the epoch.
    pub expires: i64,
    /// `Bearer <token>`, ready to be passed on to the next service.
    authorization: tonic::metadata::AsciiMetadataValue,
}

impl fmt::Debug for Caller {
    /// Without the token, which is as good as a password.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Caller").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Caller {
    /// The token that names the user.
    pub fn token(&self) -> &str {
        self.authorization.to_str().ok().and_then(|value| value.strip_prefix(BEARER)).unwrap_or_default()
    }

    /// A request to the next service on this user's behalf.
    pub fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", self.authorization.clone());
        request
    }
}

/// There is no valid token. It says no more, whatever was wrong: a caller who guesses learns nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no valid token")]
pub struct Unauthenticated;

impl From<Unauthenticated> for Status {
    fn from(error: Unauthenticated) -> Self {
        status(Code::Unauthenticated, UNAUTHENTICATED, error.to_string())
    }
}

/// Verifies tokens. Clones share their keys and what they remember.
#[derive(Clone)]
pub struct Verifier {
    keys: Arc<ArcSwap<Keys>>,
    revocations: Revocations,
    clock: Clock,
}

/// The public keys in force, and what was verified with them: it goes with them, so that nothing is remembered that a
/// removed key has signed.
struct Keys {
    by_id: HashMap<String, DecodingKey>,
    /// As they are published.
    json: Arc<str>,
    /// Tokens that were valid when seen. Looked up by the whole token, so nothing short of the token itself hits.
    seen: Cache<Box<str>, Arc<Caller>>,
    /// The same for services, apart: a user's token is never looked for here, nor the reverse.
    seen_services: Cache<Box<str>, Arc<ServiceCaller>>,
}

impl Verifier {
    /// Verifies with the keys in `jwks`, a JSON Web Key Set (RFC 7517) of Ed25519 public keys.
    pub fn new(jwks: &str, clock: Clock) -> anyhow::Result<Self> {
        let keys = Arc::new(ArcSwap::from_pointee(Keys::parse(jwks)?));
        Ok(Self { keys, revocations: Revocations::new(), clock })
    }

    /// Verifies with the keys in a file and reads it again, until `stop`, whenever it has changed. A file that cannot
    /// be read then leaves the keys as they are.
    pub async fn from_file(path: &Path, clock: Clock, stop: CancellationToken) -> anyhow::Result<Self> {
        let changes = Changes::of(&[path]).await;
        let jwks = tokio::fs::read_to_string(path)
            .await
            .with_context(|| format!("the public keys {} cannot be read", path.display()))?;
        let verifier = Self::new(&jwks, clock).with_context(|| format!("in {}", path.display()))?;
        let (followed, path) = (verifier.clone(), path.to_owned());
        tokio::spawn(async move { changes.follow("public keys", stop, || followed.reload(&path)).await });
        Ok(verifier)
    }

    /// The public keys in force, as a JWKS document.
    pub fn jwks(&self) -> Arc<str> {
        self.keys.load().json.clone()
    }

    /// Who the token names.
    pub fn verify(&self, token: &str) -> Result<Arc<Caller>, Unauthenticated> {
        if token.len() > TOKEN_MAX {
            return Err(Unauthenticated);
        }
        let now = self.clock.now().timestamp();
        let keys = self.keys.load();
        let caller = if let Some(caller) = keys.seen.get(token) {
            caller
        } else {
            let caller = Arc::new(keys.verify_unseen(token, now)?);
            keys.seen.insert(token.into(), caller.clone());
            caller
        };
        // Looked up each time: what is remembered was good when it was seen, and may have been ended since.
        if caller.expires > now && !self.revocations.cover(&caller) { Ok(caller) } else { Err(Unauthenticated) }
    }

    /// Whether the token that named `caller` is still good. For those that hold on to one, such as an open socket.
    pub fn is_good(&self, caller: &Caller) -> bool {
        caller.expires > self.clock.now().timestamp() && !self.revocations.cover(caller)
    }

    /// Changes whenever tokens were ended before their time: the moment to ask [`Self::is_good`] again.
    pub fn revoked(&self) -> watch::Receiver<()> {
        self.revocations.changes()
    }

    /// Refuses tokens from now on.
    pub fn revoke(&self, revocations: Vec<Revocation>) {
        self.revocations.add(revocations, self.clock.now().timestamp());
    }

    /// Who the metadata entry `authorization: Bearer <token>` names.
    pub fn caller<T>(&self, request: &Request<T>) -> Result<Arc<Caller>, Unauthenticated> {
        self.verify(bearer_token(request.metadata()).ok_or(Unauthenticated)?)
    }

    /// Which service the metadata entry `authorization: Bearer <token>` names. Only the RPCs that say so in their
    /// contract ask; for every other one a service's token is as good as none.
    pub fn service<T>(&self, request: &Request<T>) -> Result<Arc<ServiceCaller>, Unauthenticated> {
        let token = bearer_token(request.metadata()).ok_or(Unauthenticated)?;
        if token.len() > TOKEN_MAX {
            return Err(Unauthenticated);
        }
        let now = self.clock.now().timestamp();
        let keys = self.keys.load();
        if let Some(service) = keys.seen_services.get(token) {
            return if service.expires > now { Ok(service) } else { Err(Unauthenticated) };
        }
        let claims: ServiceClaims = keys.claims(token, SERVICE_AUDIENCE)?;
        if claims.exp <= now || !is_service_name(&claims.sub) {
            return Err(Unauthenticated);
        }
        let service = Arc::new(ServiceCaller { name: claims.sub, expires: claims.exp });
        keys.seen_services.insert(token.into(), service.clone());
        Ok(service)
    }

    async fn reload(&self, path: &Path) -> anyhow::Result<()> {
        let keys = Keys::parse(&tokio::fs::read_to_string(path).await?)?;
        self.keys.store(Arc::new(keys));
        Ok(())
    }
}

/// The token in `authorization: Bearer <token>`.
fn bearer_token(metadata: &MetadataMap) -> Option<&str> {
    metadata.get("authorization")?.to_str().ok()?.strip_prefix(BEARER)
}

/// jsonwebtoken lets a token without `aud` or `iss` pass unless they are named as required, ignores `nbf` unless
/// told, and grants a minute of leeway unless told.
fn validation(audience: &str) -> Validation {
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_audience(&[audience]);
    validation.set_issuer(&[ISSUER]);
    validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
    validation.validate_nbf = true;
    validation.leeway = 0;
    validation
}

/// Whether `text` is 1 to 32 lower-case letters, digits and hyphens.
pub fn is_service_name(text: &str) -> bool {
    (1..=SERVICE_NAME_MAX).contains(&text.len())
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

impl Keys {
    fn parse(json: &str) -> anyhow::Result<Self> {
        let set: JwkSet = serde_json::from_str(json).context("the public keys are not a JSON Web Key Set")?;
        ensure!(!set.keys.is_empty(), "there is no public key");
        let by_id = set
            .keys
            .iter()
            .map(|key| {
                let id = key.common.key_id.clone().context("a public key has no kid")?;
                ensure!(
                    matches!(&key.algorithm, AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519),
                    "the public key {id} is not Ed25519"
                );
                Ok((id, DecodingKey::from_jwk(key).context("a public key is malformed")?))
            })
            .collect::<anyhow::Result<HashMap<_, _>>>()?;
        let (seen, seen_services) = (Cache::new(CACHE_TOKENS), Cache::new(CACHE_SERVICE_TOKENS));
        Ok(Self { by_id, json: json.into(), seen, seen_services })
    }

    /// What a token for `audience` says, where one of the keys in force has signed it.
    fn claims<C: DeserializeOwned + Clone>(&self, token: &str, audience: &str) -> Result<C, Unauthenticated> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| Unauthenticated)?;
        let key_id = header.kid.ok_or(Unauthenticated)?;
        let key = self.by_id.get(&key_id).ok_or(Unauthenticated)?;
        Ok(jsonwebtoken::decode(token, key, &validation(audience)).map_err(|_| Unauthenticated)?.claims)
    }

    fn verify_unseen(&self, token: &str, now: i64) -> Result<Caller, Unauthenticated> {
        let claims: Claims = self.claims(token, AUDIENCE)?;
        // The library reads the machine's clock for `exp`; ours can be set by a test.
        if claims.exp <= now || claims.role > 1 {
            return Err(Unauthenticated);
        }
        let mut authorization = String::with_capacity(token.len() + 7);
        // Writing to a String cannot fail.
        let _ = write!(authorization, "Bearer {token}");
        let session = if claims.sid.is_empty() { claims.jti } else { claims.sid };
        Ok(Caller {
            id: claims.sub.parse().map_err(|_| Unauthenticated)?,
            session: session.into(),
            generation: claims.generation,
            issued: claims.iat,
            expires: claims.exp,
            authorization: authorization.parse().map_err(|_| Unauthenticated)?,
        })
    }
}

#[cfg(test)]
mod tests;
