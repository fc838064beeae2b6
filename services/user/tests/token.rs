//! What stands between a forger and an account: every token that this service did not sign as it stands is refused,
//! and each alike. The verifier is the kit's; only this service can make the tokens to attack it with.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{fs, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chatroom_kit::{
    auth::{AUDIENCE, Claims, ISSUER, Unauthenticated, Verifier},
    clock::Clock,
    ids::UserId,
    testing::Log,
};
use chatroom_user::{
    Signer,
    domain::{Account, Role, User},
};
use chrono::TimeDelta;
use jsonwebtoken::{
    Algorithm, EncodingKey, Header,
    jwk::{AlgorithmParameters, Jwk, JwkSet},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// A signer with its key at hand, and a verifier that trusts it.
struct Bench {
    pem: String,
    signer: Signer,
    verifier: Verifier,
    clock: Clock,
}

impl Bench {
    fn new() -> Self {
        let (pem, clock) = (Signer::generate().unwrap(), Clock::standing_at(Clock::system().now()));
        let signer = Signer::from_pem(&pem).unwrap();
        let verifier = Verifier::new(&signer.jwks(), clock.clone()).unwrap();
        Self { pem, signer, verifier, clock }
    }

    fn key(&self) -> EncodingKey {
        EncodingKey::from_ed_pem(self.pem.as_bytes()).unwrap()
    }

    fn header(&self) -> Header {
        Header { kid: Some(self.signer.key_id().into()), ..Header::new(Algorithm::EdDSA) }
    }

    fn public_key(&self) -> Jwk {
        serde_json::from_str::<JwkSet>(&self.signer.jwks()).unwrap().keys.remove(0)
    }

    fn claims(&self) -> Value {
        let now = self.clock.now().timestamp();
        let claims = Claims {
            iss: ISSUER.into(),
            aud: AUDIENCE.into(),
            sub: UserId::new().to_string(),
            username: "lily".into(),
            role: 0,
            iat: now,
            exp: now + 3600,
            jti: "1".into(),
            sid: "1".into(),
            generation: 0,
        };
        serde_json::to_value(claims).unwrap()
    }

    /// A token signed with the right key that says `changes` besides, a null leaving a claim out.
    fn signed(&self, changes: &Value) -> String {
        let mut claims = self.claims();
        for (name, value) in changes.as_object().unwrap() {
            match value {
                Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
                _ => claims[name] = value.clone(),
            }
        }
        jsonwebtoken::encode(&self.header(), &claims, &self.key()).unwrap()
    }

    fn refuses(&self, token: &str) -> bool {
        // Twice: what was refused must not be remembered as good.
        (0..2).all(|_| matches!(self.verifier.verify(token), Err(Unauthenticated)))
    }
}

fn account() -> Account {
    let now = Clock::system().now();
    let user = User {
        id: UserId::new(),
        username: "lily".into(),
        nickname: String::new(),
        avatar: String::new(),
        role: Role::User,
        deleted: false,
        version: 0,
        created_at: now,
        updated_at: now,
    };
    Account { user, password_hash: "".into(), request_id: None, generation: 3, disabled_at: None }
}

fn encoded(part: &Value) -> String {
    URL_SAFE_NO_PAD.encode(part.to_string())
}

#[test]
fn a_minted_token_is_accepted() {
    let bench = Bench::new();
    let account = account();
    let token = bench.signer.mint(&account, None, bench.clock.now(), TimeDelta::hours(1)).unwrap();
    let caller = bench.verifier.verify(&token.text).unwrap();
    assert_eq!((caller.id, caller.generation), (account.user.id, 3));
    // What the attacks below start from is accepted too: each fails for its own fault.
    assert!(bench.verifier.verify(&bench.signed(&json!({}))).is_ok());
}

#[test]
fn no_two_tokens_are_the_same() {
    let bench = Bench::new();
    let mint = || bench.signer.mint(&account(), None, bench.clock.now(), TimeDelta::hours(1)).unwrap().text;
    assert_ne!(mint(), mint());
}

#[test]
fn a_token_says_nothing_that_is_secret() {
    let bench = Bench::new();
    let token = bench.signer.mint(&account(), None, bench.clock.now(), TimeDelta::hours(1)).unwrap().text;
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    let names: Vec<_> = claims.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["aud", "exp", "gen", "iat", "iss", "jti", "role", "sid", "sub", "username"]);
}

#[test]
fn an_unsigned_token_is_refused() {
    let bench = Bench::new();
    let claims = encoded(&bench.claims());
    for algorithm in ["none", "None", "NONE", ""] {
        let header = encoded(&json!({ "alg": algorithm, "typ": "JWT", "kid": bench.signer.key_id() }));
        assert!(bench.refuses(&format!("{header}.{claims}.")), "{algorithm:?}");
        assert!(bench.refuses(&format!("{header}.{claims}")), "{algorithm:?}");
    }
}

#[test]
fn a_token_without_its_signature_or_with_another_is_refused() {
    let bench = Bench::new();
    let token = bench.signed(&json!({}));
    let (unsigned, signature) = token.rsplit_once('.').unwrap();
    let others = bench.signed(&json!({ "jti": "2" }));
    let (_, others_signature) = others.rsplit_once('.').unwrap();
    let zeros = "A".repeat(signature.len());
    for signature in ["", others_signature, &zeros, &signature[..signature.len() - 2]] {
        assert!(bench.refuses(&format!("{unsigned}.{signature}")), "{signature:?}");
    }
}

#[test]
fn a_token_keyed_with_the_public_key_is_refused() {
    let bench = Bench::new();
    let AlgorithmParameters::OctetKeyPair(pair) = bench.public_key().algorithm else {
        panic!("the public key is none");
    };
    let raw = URL_SAFE_NO_PAD.decode(&pair.x).unwrap();
    for secret in [raw.as_slice(), pair.x.as_bytes(), bench.signer.jwks().as_bytes()] {
        for algorithm in [Algorithm::HS256, Algorithm::HS512] {
            let header = Header { alg: algorithm, ..bench.header() };
            let token = jsonwebtoken::encode(&header, &bench.claims(), &EncodingKey::from_secret(secret)).unwrap();
            assert!(bench.refuses(&token), "{algorithm:?}");
        }
    }
}

#[test]
fn a_key_that_the_token_brings_along_is_not_used() {
    let (bench, forger) = (Bench::new(), Bench::new());
    let brought = || Header { jwk: Some(forger.public_key()), ..forger.header() };
    for header in [
        forger.header(),
        bench.header(),
        Header { kid: None, ..forger.header() },
        brought(),
        Header { kid: bench.header().kid, ..brought() },
        Header { kid: None, ..brought() },
        Header { jku: Some("https://forger.example/jwks.json".into()), ..bench.header() },
        Header { x5u: Some("https://forger.example/key.pem".into()), ..bench.header() },
        Header { kid: Some("../../../dev/null".into()), ..forger.header() },
        Header { kid: Some("' or 1=1 --".into()), ..forger.header() },
    ] {
        let token = jsonwebtoken::encode(&header, &bench.claims(), &forger.key()).unwrap();
        assert!(bench.refuses(&token), "{header:?}");
    }
}

#[test]
fn a_token_without_a_key_id_is_refused() {
    let bench = Bench::new();
    let header = Header { kid: None, ..bench.header() };
    let token = jsonwebtoken::encode(&header, &bench.claims(), &bench.key()).unwrap();
    assert!(bench.refuses(&token));
}

#[test]
fn claims_that_are_missing_or_wrong_are_refused() {
    let bench = Bench::new();
    let now = bench.clock.now().timestamp();
    for changes in [
        json!({ "exp": now - 1 }),
        json!({ "exp": now }),
        json!({ "exp": null }),
        json!({ "exp": "never" }),
        json!({ "nbf": now + 60 }),
        json!({ "aud": "service" }),
        json!({ "aud": null }),
        json!({ "iss": "forger" }),
        json!({ "iss": null }),
        json!({ "sub": null }),
        json!({ "sub": "lily" }),
        json!({ "sub": "" }),
        json!({ "role": 2 }),
        json!({ "role": -1 }),
        json!({ "role": null }),
    ] {
        assert!(bench.refuses(&bench.signed(&changes)), "{changes}");
    }
}

#[test]
fn a_token_that_was_changed_is_refused() {
    let bench = Bench::new();
    let token = bench.signed(&json!({}));
    let [header, _, signature] = token.split('.').collect::<Vec<_>>()[..] else {
        panic!("a token has three parts");
    };
    let mut claims = bench.claims();
    claims["role"] = 1.into();
    assert!(bench.refuses(&format!("{header}.{}.{signature}", encoded(&claims))));
    for end in (0..token.len()).step_by(7) {
        assert!(bench.refuses(&token[..end]), "{end}");
    }
    for text in ["", ".", "..", "...", "a.b.c", "Bearer", "\u{0}", &format!("{token}.{token}"), &format!(" {token}")] {
        assert!(bench.refuses(text), "{text:?}");
    }
}

#[test]
fn a_token_of_unreasonable_length_is_refused_though_signed() {
    let bench = Bench::new();
    let token = bench.signed(&json!({ "username": "x".repeat(8 << 10) }));
    assert!(token.len() > 8 << 10);
    assert!(bench.refuses(&token));
    assert!(bench.refuses(&"x".repeat(8 << 10)));
}

#[test]
fn a_token_ends_though_it_is_remembered() {
    let bench = Bench::new();
    let token = bench.signed(&json!({}));
    assert!(bench.verifier.verify(&token).is_ok());
    bench.clock.advance(Duration::from_hours(1));
    assert!(bench.refuses(&token));
}

#[test]
fn the_key_appears_in_no_debug_output() {
    let bench = Bench::new();
    let secret: String = bench.pem.lines().filter(|line| !line.starts_with('-')).collect();
    let shown = format!("{:?}", bench.signer);
    assert!(shown.contains(bench.signer.key_id()));
    assert!(!shown.contains(&secret) && shown.len() < 128, "{shown}");
    let broken = bench.pem.replace("PRIVATE", "PUBLIC");
    let error = format!("{:?}", Signer::from_pem(&broken).unwrap_err());
    assert!(!error.contains(&secret), "{error}");
}

#[test]
fn the_token_appears_in_no_debug_output_of_its_caller() {
    let bench = Bench::new();
    let token = bench.signed(&json!({}));
    let shown = format!("{:?}", bench.verifier.verify(&token).unwrap());
    assert!(shown.starts_with("Caller") && !shown.contains("eyJ"), "{shown}");
}

#[test]
fn the_key_id_is_the_thumbprint_of_rfc_8037() {
    // The key of RFC 8037, appendices A.1 and A.3.
    let seed = URL_SAFE_NO_PAD.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
    let der = [b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20".as_slice(), &seed].concat();
    let signer = Signer::from_pem(&pem::encode(&pem::Pem::new("PRIVATE KEY", der))).unwrap();
    assert_eq!(signer.key_id(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    assert!(signer.jwks().contains("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"));
}

#[test]
fn another_key_than_ours_is_no_signing_key() {
    for text in ["", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "{}"] {
        assert!(Signer::from_pem(text).is_err(), "{text:?}");
    }
}

#[tokio::test]
async fn keys_are_replaced_while_the_verifier_runs() {
    let log = Log::default();
    let _logging = log.listen();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("jwks.json");
    let (old, new) = (Bench::new(), Bench::new());
    fs::write(&file, old.signer.jwks()).unwrap();
    let verifier = Verifier::from_file(&file, Clock::system(), CancellationToken::new()).await.unwrap();
    let (by_old, by_new) = (old.signed(&json!({})), new.signed(&json!({})));
    assert!(verifier.verify(&by_old).is_ok() && verifier.verify(&by_new).is_err());

    fs::write(&file, new.signer.added_to(&old.signer.jwks()).unwrap()).unwrap();
    until(|| verifier.verify(&by_new).is_ok()).await;
    assert!(verifier.verify(&by_old).is_ok());

    // A file that is broken changes nothing, and the next good one is still noticed.
    fs::write(&file, "{").unwrap();
    until(|| log.lines("public keys kept as they were") > 0).await;
    assert!(verifier.verify(&by_old).is_ok() && verifier.verify(&by_new).is_ok());
    fs::write(&file, new.signer.jwks()).unwrap();
    until(|| verifier.verify(&by_old).is_err()).await;
    assert!(verifier.verify(&by_new).is_ok());
}

/// Waits until `holds`; the test's own time limit is ten seconds.
async fn until(holds: impl Fn() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait).await.expect("it comes to hold within ten seconds");
}
