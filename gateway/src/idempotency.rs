//! The header `Idempotency-Key`, by which a creation can be repeated without creating twice. It becomes the RPC's
//! `request_id`; the services remember.

use axum::extract::FromRequestParts;
use chatroom_kit::{
    error::{Invalid, Problem},
    fields::RequestId,
};
use http::{HeaderMap, HeaderName, request::Parts};
use utoipa::{
    IntoParams,
    openapi::{
        Required,
        path::{Parameter, ParameterBuilder, ParameterIn},
        schema::{ObjectBuilder, Type},
    },
};

use crate::{error::Refusal, state::App};

/// Its name.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The key as an RPC takes it; empty where the client sent none.
pub(crate) struct IdempotencyKey(pub(crate) String);

impl IntoParams for IdempotencyKey {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let key = ObjectBuilder::new().schema_type(Type::String).max_length(Some(64)).build();
        let description = "Makes the request repeatable: the same key by the same caller within 24 hours answers the \
                           first result again";
        let parameter = ParameterBuilder::new()
            .name("Idempotency-Key")
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .schema(Some(key))
            .description(Some(description));
        vec![parameter.build()]
    }
}

impl FromRequestParts<App> for IdempotencyKey {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Refusal> {
        Ok(Self(key(&parts.headers)?))
    }
}

fn key(headers: &HeaderMap) -> Result<String, Invalid> {
    let malformed = Invalid::new("request_id", Problem::Malformed);
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else {
        return Ok(String::new());
    };
    if values.next().is_some() {
        return Err(malformed);
    }
    let text = value.to_str().map_err(|_| malformed)?;
    Ok(RequestId::parse(text)?.map_or_else(String::new, |id| id.as_str().to_owned()))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(values: &[&str]) -> Result<String, Problem> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(IDEMPOTENCY_KEY, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        key(&headers).map_err(|invalid| invalid.problem)
    }

    #[test]
    fn a_key_is_optional_short_and_sent_once() {
        assert_eq!(read(&[]), Ok(String::new()));
        assert_eq!(read(&[""]), Ok(String::new()));
        assert_eq!(read(&["7b1c-42"]), Ok("7b1c-42".to_owned()));
        assert_eq!(read(&[&"x".repeat(64)]), Ok("x".repeat(64)));
        assert_eq!(read(&[&"x".repeat(65)]), Err(Problem::TooLong(64)));
        assert_eq!(read(&["a", "a"]), Err(Problem::Malformed));
        assert_eq!(read(&["页"]), Err(Problem::Malformed));
    }
}
