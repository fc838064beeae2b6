//! Tokens of users and services for tests, signed with a key of the test's own.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;
use serde_json::json;
use tonic::{Request, metadata::AsciiMetadataValue};

use crate::{
    auth::{AUDIENCE, Claims, ISSUER, SERVICE_AUDIENCE, ServiceClaims, Verifier},
    clock::Clock,
    ids::UserId,
};

const KEY_ID: &str = "test";
/// How long a test's token is good for, in seconds.
const TTL: i64 = 3600;

/// Makes tokens, and the verifier that accepts them.
pub struct Tokens {
    key: EncodingKey,
    jwks: String,
    clock: Clock,
}

impl Tokens {
    /// With a new key.
    ///
    /// # Panics
    /// Where the machine has no random numbers.
    pub fn new(clock: Clock) -> Self {
        let pair = Ed25519KeyPair::generate().expect("a key can be made");
        let document = pair.to_pkcs8v1().expect("a key can be written");
        let public = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        let jwks = json!({ "keys": [{ "kid": KEY_ID, "kty": "OKP", "crv": "Ed25519", "x": public }] }).to_string();
        Self { key: EncodingKey::from_ed_der(document.as_ref()), jwks, clock }
    }

    /// What accepts them.
    ///
    /// # Panics
    /// Never: the key is well formed.
    pub fn verifier(&self) -> Verifier {
        Verifier::new(&self.jwks, self.clock.clone()).expect("the test's key is well formed")
    }

    /// The clock that they are made by.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// A user's token, good for an hour.
    pub fn user(&self, id: UserId) -> String {
        self.user_in(id, "test", 0)
    }

    /// A user's token of a session and a generation, good for an hour.
    pub fn user_in(&self, id: UserId, session: &str, generation: i32) -> String {
        self.sign_user(id, 0, session, generation)
    }

    /// An administrator's token, good for an hour.
    pub fn administrator(&self, id: UserId) -> String {
        self.sign_user(id, 1, "test", 0)
    }

    fn sign_user(&self, id: UserId, role: u8, session: &str, generation: i32) -> String {
        let now = self.clock.now().timestamp();
        self.sign(&Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: id.to_string(),
            username: "someone".to_owned(),
            role,
            iat: now,
            exp: now + TTL,
            jti: "test".to_owned(),
            sid: session.to_owned(),
            generation,
        })
    }

    /// A service's token, good for an hour.
    pub fn service(&self, name: &str) -> String {
        let now = self.clock.now().timestamp();
        self.sign(&ServiceClaims {
            iss: ISSUER.to_owned(),
            aud: SERVICE_AUDIENCE.to_owned(),
            sub: name.to_owned(),
            iat: now,
            exp: now + TTL,
            jti: "test".to_owned(),
        })
    }

    /// A request that carries `token`.
    ///
    /// # Panics
    /// Where the token is not ASCII.
    pub fn request<T>(token: &str, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let value: AsciiMetadataValue = format!("Bearer {token}").parse().expect("a token is ASCII");
        request.metadata_mut().insert("authorization", value);
        request
    }

    /// `claims`, signed, whatever they say.
    ///
    /// # Panics
    /// Where they cannot be written as JSON.
    pub fn sign(&self, claims: &impl Serialize) -> String {
        let header = Header { kid: Some(KEY_ID.to_owned()), ..Header::new(Algorithm::EdDSA) };
        jsonwebtoken::encode(&header, claims, &self.key).expect("claims can be signed")
    }
}
