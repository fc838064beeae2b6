//! Making tokens: EdDSA JWTs (RFC 7519, RFC 8037) signed with the one key that only this service holds. Verifying them
//! is the kit's `auth`.

use std::{fmt, fs, path::Path};

use anyhow::{Context as _, anyhow, ensure};
use aws_lc_rs::{
    rand,
    signature::{Ed25519KeyPair, KeyPair as _},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chatroom_kit::auth::{AUDIENCE, Claims, ISSUER, SERVICE_AUDIENCE, ServiceClaims};
use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use jsonwebtoken::{
    Algorithm, EncodingKey, Header,
    jwk::{
        AlgorithmParameters, CommonParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, OctetKeyPairParameters,
        OctetKeyPairType, PublicKeyUse, ThumbprintHash,
    },
};
use pem::{EncodeConfig, LineEnding, Pem};

use crate::{domain::Account, error::Error};

/// What a PKCS#8 private key is called in PEM (RFC 7468).
const PEM_TAG: &str = "PRIVATE KEY";
/// How long a service's token is good for: it cannot be withdrawn, and is renewed by itself.
const SERVICE_TTL: TimeDelta = TimeDelta::minutes(10);
/// How long a token's own id is, in bytes.
const TOKEN_ID: usize = 16;

/// Signs tokens with an Ed25519 key.
#[derive(Clone)]
pub struct Signer {
    key: EncodingKey,
    header: Header,
    public: Jwk,
}

/// A signed token. Has no `Debug`: it belongs in no log.
#[derive(Clone)]
pub struct Token {
    /// As a client sends it.
    pub text: String,
    /// When it stops to be accepted.
    pub expires_at: DateTime<Utc>,
}

impl Signer {
    /// A new key, as a PKCS#8 PEM document.
    pub fn generate() -> anyhow::Result<String> {
        let key = Ed25519KeyPair::generate().and_then(|pair| pair.to_pkcs8v1()).context("no key can be made")?;
        let document = Pem::new(PEM_TAG, key.as_ref());
        Ok(pem::encode_config(&document, EncodeConfig::new().set_line_ending(LineEnding::LF)))
    }

    /// Signs with the key in `text`, a PKCS#8 PEM document. No error repeats any of it.
    pub fn from_pem(text: &str) -> anyhow::Result<Self> {
        let document = pem::parse(text).ok().filter(|document| document.tag() == PEM_TAG);
        let document = document.context("the signing key is not a PKCS#8 PEM document")?;
        let pair = Ed25519KeyPair::from_pkcs8(document.contents())
            .map_err(|_| anyhow!("the signing key is not an Ed25519 key"))?;
        let public = public_key(pair.public_key().as_ref())?;
        let header = Header { kid: public.common.key_id.clone(), ..Header::new(Algorithm::EdDSA) };
        Ok(Self { key: EncodingKey::from_ed_der(document.contents()), header, public })
    }

    /// Signs with the key in the file at `path`.
    pub fn from_file(path: &Path) -> anyhow::Result<Self> {
        let text =
            fs::read_to_string(path).with_context(|| format!("the signing key {} cannot be read", path.display()))?;
        Self::from_pem(&text).with_context(|| format!("in {}", path.display()))
    }

    /// The id of the key: the thumbprint of its public half (RFC 7638).
    pub fn key_id(&self) -> &str {
        self.header.kid.as_deref().unwrap_or_default()
    }

    /// The public half, as a JWKS document (RFC 7517) of one key.
    pub fn jwks(&self) -> String {
        serde_json::json!({ "keys": [self.public] }).to_string()
    }

    /// `jwks`, a JWKS document, with the public half added.
    pub fn added_to(&self, jwks: &str) -> anyhow::Result<String> {
        let mut set = read_jwks(jwks)?;
        set.keys.push(self.public.clone());
        Ok(serde_json::to_string(&set)?)
    }

    /// Refuses a JWKS document in which the public half is missing: what this key signs, nobody would accept.
    pub fn must_be_published_in(&self, jwks: &str) -> anyhow::Result<()> {
        let published = read_jwks(jwks)?.find(self.key_id()).is_some_and(|key| key.algorithm == self.public.algorithm);
        ensure!(published, "the signing key's public half (kid {}) is not among the public keys", self.key_id());
        Ok(())
    }

    /// A token for `account` that is good for `ttl` from `now` on, cut to whole seconds as JWTs count them: of `session`,
    /// or of a new one.
    pub fn mint(
        &self,
        account: &Account,
        session: Option<&str>,
        now: DateTime<Utc>,
        ttl: TimeDelta,
    ) -> Result<Token, Error> {
        let expires_at = now.checked_add_signed(ttl).unwrap_or(DateTime::<Utc>::MAX_UTC).trunc_subsecs(0);
        let mut id = [0; TOKEN_ID];
        rand::fill(&mut id)?;
        let id = URL_SAFE_NO_PAD.encode(id);
        let user = &account.user;
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: user.id.to_string(),
            username: user.username.clone(),
            role: user.role.number(),
            iat: now.timestamp(),
            exp: expires_at.timestamp(),
            sid: session.unwrap_or(&id).to_owned(),
            jti: id,
            generation: account.generation,
        };
        let text = jsonwebtoken::encode(&self.header, &claims, &self.key)?;
        Ok(Token { text, expires_at })
    }

    /// A token for the service `name`, good for ten minutes from `now` on.
    pub fn mint_for_service(&self, name: &str, now: DateTime<Utc>) -> Result<Token, Error> {
        let expires_at = now.checked_add_signed(SERVICE_TTL).unwrap_or(now).trunc_subsecs(0);
        let mut id = [0; TOKEN_ID];
        rand::fill(&mut id)?;
        let claims = ServiceClaims {
            iss: ISSUER.to_owned(),
            aud: SERVICE_AUDIENCE.to_owned(),
            sub: name.to_owned(),
            iat: now.timestamp(),
            exp: expires_at.timestamp(),
            jti: URL_SAFE_NO_PAD.encode(id),
        };
        let text = jsonwebtoken::encode(&self.header, &claims, &self.key)?;
        Ok(Token { text, expires_at })
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Signer").field("key_id", &self.key_id()).finish_non_exhaustive()
    }
}

fn read_jwks(text: &str) -> anyhow::Result<JwkSet> {
    serde_json::from_str(text).context("the public keys are not a JSON Web Key Set")
}

fn public_key(bytes: &[u8]) -> anyhow::Result<Jwk> {
    let mut key = Jwk {
        common: CommonParameters {
            public_key_use: Some(PublicKeyUse::Signature),
            key_algorithm: Some(KeyAlgorithm::EdDSA),
            ..CommonParameters::default()
        },
        algorithm: AlgorithmParameters::OctetKeyPair(OctetKeyPairParameters {
            key_type: OctetKeyPairType::OctetKeyPair,
            curve: EllipticCurve::Ed25519,
            x: URL_SAFE_NO_PAD.encode(bytes),
        }),
    };
    key.common.key_id = Some(key.thumbprint(ThumbprintHash::SHA256)?);
    Ok(key)
}
