//! Threats by tokens that the user service did not make, and by those that it made for something else.

use std::{fs, time::Duration};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use chatroom_tests::{
    Part, Process,
    client::{Answer, Client, send},
    cluster::Cluster,
};
use jsonwebtoken::{Algorithm, EncodingKey};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    suite::{Scenario, scenarios},
    world::{User, World, now},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    let shared = scenarios![Shared:
        every_forged_or_misused_token_is_the_same_401,
        a_header_too_large_is_431,
        a_token_stops_at_exp,
    ];
    let services = scenarios![Services: a_token_works_at_every_replica];
    [shared, services].concat()
}

/// Makes tokens with the product's own key, and with others.
struct Forge {
    key: EncodingKey,
    /// The public key, raw.
    public: Vec<u8>,
    header: Value,
    claims: Value,
    signature: String,
}

impl Forge {
    /// Takes a token of `user`'s apart.
    fn new(cluster: &Cluster, user: &User) -> Self {
        let pem = fs::read_to_string(cluster.signing_key()).expect("the signing key can be read");
        let der = pem.lines().filter(|line| !line.starts_with('-')).collect::<String>();
        let der = base64::engine::general_purpose::STANDARD.decode(der).expect("a PEM file holds base64");
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).expect("the signing key is Ed25519");
        let token = user.client.token().unwrap_or_default();
        let parts = token.split('.').collect::<Vec<_>>();
        let decode = |part: &str| serde_json::from_slice(&BASE64.decode(part).unwrap()).unwrap();
        Self {
            key: EncodingKey::from_ed_pem(pem.as_bytes()).expect("the signing key is Ed25519"),
            public: pair.public_key().as_ref().to_vec(),
            header: decode(parts[0]),
            claims: decode(parts[1]),
            signature: parts[2].to_owned(),
        }
    }

    /// A token signed with the product's own key, after `change` has been at its claims.
    fn signed(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = self.claims.clone();
        change(&mut claims);
        Self::sealed(&self.header, &claims, &self.key)
    }

    /// A token with these parts, signed by `key`.
    fn sealed(header: &Value, claims: &Value, key: &EncodingKey) -> String {
        let message = format!("{}.{}", encode(header), encode(claims));
        let algorithm = if header["alg"] == "HS256" { Algorithm::HS256 } else { Algorithm::EdDSA };
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm).expect("the key signs");
        format!("{message}.{signature}")
    }

    fn header_with(&self, changes: &[(&str, Value)]) -> Value {
        let mut header = self.header.clone();
        for (name, value) in changes {
            header[*name] = value.clone();
        }
        header
    }

    /// Every token that must be refused, with what is wrong with it.
    fn bad_tokens(&self) -> Vec<(String, String)> {
        [self.unsigned(), self.signed_by_others(), self.misused(), self.spoilt()]
            .concat()
            .into_iter()
            .map(|(what, token)| (what.to_owned(), token))
            .collect()
    }

    fn unsigned(&self) -> Vec<(&'static str, String)> {
        let claims = encode(&self.claims);
        let none = |alg: &str| encode(&self.header_with(&[("alg", json!(alg))]));
        vec![
            ("alg none", format!("{}.{claims}.", none("none"))),
            ("alg NoNe", format!("{}.{claims}.", none("NoNe"))),
            ("alg none with a signature", format!("{}.{claims}.{}", none("none"), self.signature)),
            ("alg missing", format!("{}.{claims}.{}", encode(&json!({"typ": "JWT"})), self.signature)),
            ("empty signature", format!("{}.{claims}.", encode(&self.header))),
            ("no signature", format!("{}.{claims}", encode(&self.header))),
        ]
    }

    fn signed_by_others(&self) -> Vec<(&'static str, String)> {
        let hs256 = self.header_with(&[("alg", json!("HS256"))]);
        let x = BASE64.encode(&self.public);
        let spki =
            [&[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00][..], &self.public].concat();
        let spki = base64::engine::general_purpose::STANDARD.encode(spki);
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{spki}\n-----END PUBLIC KEY-----\n");
        let secret = |bytes: &[u8]| Self::sealed(&hs256, &self.claims, &EncodingKey::from_secret(bytes));
        let stranger = Ed25519KeyPair::generate().expect("a key pair can be made");
        let key = EncodingKey::from_ed_der(stranger.to_pkcs8v1().expect("a key pair can be written").as_ref());
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": BASE64.encode(stranger.public_key().as_ref())});
        let by_stranger = |changes: &[(&str, Value)]| Self::sealed(&self.header_with(changes), &self.claims, &key);
        vec![
            ("HS256 keyed with the public key", secret(&self.public)),
            ("HS256 keyed with the public key's x", secret(x.as_bytes())),
            ("HS256 keyed with the public key's PEM", secret(pem.as_bytes())),
            ("HS256 keyed with nothing", secret(b"")),
            ("attacker's key under our kid", by_stranger(&[])),
            ("attacker's jwk", by_stranger(&[("jwk", jwk)])),
            ("attacker's jku", by_stranger(&[("jku", json!("http://127.0.0.1:1/jwks.json"))])),
            ("attacker's x5u", by_stranger(&[("x5u", json!("http://127.0.0.1:1/key.pem"))])),
            ("attacker's kid", by_stranger(&[("kid", json!("../../../../dev/null"))])),
            ("attacker's kid in SQL", by_stranger(&[("kid", json!("x' union select 'key'--"))])),
            ("no kid", by_stranger(&[("kid", Value::Null)])),
        ]
    }

    fn misused(&self) -> Vec<(&'static str, String)> {
        let now = now().timestamp();
        let without = |claim: &'static str| {
            self.signed(|claims| {
                claims.as_object_mut().expect("claims are an object").remove(claim);
            })
        };
        let with = |claim: &'static str, value: Value| self.signed(|claims| claims[claim] = value);
        vec![
            ("expired", with("exp", json!(now - 1))),
            ("expired a minute ago", with("exp", json!(now - 60))),
            ("no exp", without("exp")),
            ("exp a text", with("exp", json!("9999999999"))),
            ("future nbf", with("nbf", json!(now + 600))),
            ("wrong aud", with("aud", json!("service"))),
            ("aud of several", with("aud", json!(["service", "other"]))),
            ("no aud", without("aud")),
            ("wrong iss", with("iss", json!("https://evil.example"))),
            ("no iss", without("iss")),
            ("no sub", without("sub")),
            ("sub no id", with("sub", json!("admin"))),
            ("unknown role", with("role", json!(2))),
        ]
    }

    fn spoilt(&self) -> Vec<(&'static str, String)> {
        let good = self.signed(|_| {});
        let mut claims = self.claims.clone();
        claims["role"] = json!(1);
        let promoted = format!("{}.{}.{}", encode(&self.header), encode(&claims), self.signature);
        vec![
            ("role changed", promoted),
            ("truncated", good[..good.len() - 1].to_owned()),
            ("half", good[..good.len() / 2].to_owned()),
            ("one part too many", format!("{good}.")),
            ("padded", format!("{good}=")),
            ("8 KiB long", format!("{good}{}", "A".repeat(8_192 - good.len()))),
            ("another scheme", format!("Basic {good}")),
            ("the scheme twice", format!("Bearer {good}")),
            ("no token", "null".to_owned()),
            ("empty", String::new()),
            ("dots", "..".to_owned()),
        ]
    }
}

fn encode(value: &Value) -> String {
    BASE64.encode(value.to_string())
}

/// What of an answer a caller can tell apart: all but the date and the request's id.
fn seen(answer: &Answer) -> (StatusCode, Vec<(String, String)>, String) {
    let headers = answer.headers.iter().filter(|(name, _)| !["date", "x-request-id"].contains(&name.as_str()));
    let mut headers = headers
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect::<Vec<_>>();
    headers.sort();
    (answer.status, headers, answer.text.clone())
}

async fn ask(client: &Client, method: &Method, path: &str) -> Answer {
    send(client.request(method.clone(), path).header("content-type", "application/json").body("{}")).await
}

async fn every_forged_or_misused_token_is_the_same_401(world: World) {
    let user = world.user().await;
    let forge = Forge::new(&world.cluster, &user);
    // A token made here with the right key and claims is good: the others fail for what is wrong with them.
    user.client.with_token(forge.signed(|_| {})).get("/h5/merchant").await.ok();
    for (method, path) in [
        (Method::GET, "/h5/merchant"),
        (Method::POST, "/h5/merchant"),
        (Method::POST, "/h5/merchant/activationCode"),
        (Method::POST, "/h5/group"),
        (Method::POST, "/upload"),
    ] {
        let client = world.client();
        let without = ask(&client, &method, path).await;
        assert_eq!((without.status, &*without.reason()), (StatusCode::UNAUTHORIZED, "UNAUTHENTICATED"), "{path}");
        for (what, token) in forge.bad_tokens() {
            let answer = ask(&client.with_token(token.clone()), &method, path).await;
            assert_eq!(seen(&answer), seen(&without), "{path}: {what}");
            let bearer = client.request(method.clone(), path).header("authorization", format!("Bearer {token}"));
            let answer = send(bearer.header("content-type", "application/json").body("{}")).await;
            assert_eq!(seen(&answer), seen(&without), "{path}: Bearer {what}");
        }
    }
    let bytes = world.client().request(Method::GET, "/h5/merchant").header("token", &b"\xff\xfe"[..]);
    assert_eq!(send(bytes).await.status, StatusCode::UNAUTHORIZED);
}

async fn a_header_too_large_is_431(world: World) {
    let request = |size: usize| {
        format!("GET /h5/merchant HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntoken: {}\r\n\r\n", "A".repeat(size))
    };
    let answer = chatroom_tests::raw::exchange(world.cluster.address(), request(1 << 20)).await;
    assert_eq!(answer.status, 431, "{answer:?}");
    let many = "x-a: b\r\n".repeat(2_000);
    let many = format!("GET /h5/merchant HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{many}\r\n");
    let answer = chatroom_tests::raw::exchange(world.cluster.address(), many).await;
    assert_eq!(answer.status, 431, "{answer:?}");
}

async fn a_token_stops_at_exp(world: World) {
    let user = world.user().await;
    let forge = Forge::new(&world.cluster, &user);
    let end = now().timestamp() + 6;
    let client = user.client.with_token(forge.signed(|claims| claims["exp"] = json!(end)));
    // Seen while it was good, and so remembered.
    client.get("/h5/merchant").await.ok();
    let mut pause = tokio::time::interval(Duration::from_millis(50));
    loop {
        pause.tick().await;
        let before = now().timestamp();
        let answer = client.get("/h5/merchant").await;
        if answer.status == StatusCode::OK {
            assert!(before < end, "a token was good after its end");
            continue;
        }
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{answer:?}");
        assert!(now().timestamp() >= end, "a token ended early");
        return;
    }
}

async fn a_token_works_at_every_replica(world: World) {
    let user = world.user().await;
    let mut environment = world.cluster.environment(Part::Gateway);
    environment.insert("CHATROOM_LISTEN", "127.0.0.1:0".to_owned());
    let replica = Process::start(Part::Gateway.binary(), &environment);
    let client = Client::new(format!("http://{}", replica.address()));
    client.with_token(user.client.token().unwrap_or_default()).get("/h5/merchant").await.ok();
}
