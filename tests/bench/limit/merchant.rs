//! The limit of `GET /h5/merchant` and `POST /h5/merchant`.

use std::sync::Arc;

use axum::{Json, extract::State};
use chatroom_kit::{
    clock::Clock,
    ids::{MerchantId, UserId},
    on,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use super::{Answer, Caller, Limit, answer, time};

#[derive(Serialize)]
pub(super) struct Membership {
    #[serde(rename = "_id")]
    id: String,
    user: String,
    merchant: Merchant,
    #[serde(rename = "__v")]
    version: i32,
    #[serde(rename = "createdAt", with = "time")]
    created_at: DateTime<Utc>,
    #[serde(rename = "updatedAt", with = "time")]
    updated_at: DateTime<Utc>,
}

#[derive(Serialize)]
struct Merchant {
    #[serde(rename = "_id")]
    id: String,
    user: String,
    #[serde(rename = "activationCode")]
    activation_code: String,
    name: String,
    icon: String,
    customer: String,
    #[serde(rename = "__v")]
    version: i32,
    #[serde(rename = "createdAt", with = "time")]
    created_at: DateTime<Utc>,
    #[serde(rename = "updatedAt", with = "time")]
    updated_at: DateTime<Utc>,
}

/// A membership's columns and its page's.
#[derive(FromRow)]
struct ListedRow(
    String,
    i32,
    DateTime<Utc>,
    DateTime<Utc>,
    String,
    String,
    String,
    String,
    String,
    String,
    i32,
    DateTime<Utc>,
    DateTime<Utc>,
);

impl ListedRow {
    fn membership(self, user: &str) -> Membership {
        let activation_code = if self.5 == user { self.6 } else { String::new() };
        let merchant = Merchant {
            id: self.4,
            user: self.5,
            activation_code,
            name: self.7,
            icon: self.8,
            customer: self.9,
            version: self.10,
            created_at: self.11,
            updated_at: self.12,
        };
        Membership {
            id: self.0,
            user: user.to_owned(),
            merchant,
            version: self.1,
            created_at: self.2,
            updated_at: self.3,
        }
    }
}

/// `GET /h5/merchant`.
pub(super) async fn list(State(limit): State<Arc<Limit>>, Caller(user): Caller) -> Answer<Vec<Membership>> {
    let rows: Vec<ListedRow> = on!(&limit.merchant, read pool => {
        sqlx::query_as(
            "select m.id, m.version, m.created_at, m.updated_at,
                p.id, p.user_id, p.activation_code, p.name, p.icon, p.customer_id, p.version, p.created_at,
                p.updated_at
            from membership m join merchant p on p.id = m.merchant_id
            where m.user_id = $1 and (m.created_at, m.id) > ($2, $3)
            order by m.created_at, m.id
            limit $4",
        )
        .bind(&user)
        .bind(DateTime::UNIX_EPOCH)
        .bind("")
        .bind(1001)
        .fetch_all(pool)
        .await
    })?;
    Ok(answer(rows.into_iter().map(|row| row.membership(&user)).collect()))
}

/// Which page to join.
#[derive(Deserialize)]
pub(super) struct Join {
    merchant: String,
}

#[derive(FromRow, Serialize)]
pub(super) struct Joined {
    #[serde(rename = "user")]
    user_id: String,
    #[serde(rename = "merchant")]
    merchant_id: String,
    #[serde(rename = "_id")]
    id: String,
    #[serde(rename = "__v")]
    version: i32,
    #[serde(rename = "createdAt", with = "time")]
    created_at: DateTime<Utc>,
    #[serde(rename = "updatedAt", with = "time")]
    updated_at: DateTime<Utc>,
}

/// `POST /h5/merchant`.
pub(super) async fn join(
    State(limit): State<Arc<Limit>>,
    Caller(user): Caller,
    Json(asked): Json<Join>,
) -> Answer<[Joined; 1]> {
    let user: UserId = user.parse()?;
    let page: MerchantId = asked.merchant.parse()?;
    let joined: Option<Joined> = on!(&limit.merchant, write pool => {
        sqlx::query_as(
            "insert into membership (id, user_id, merchant_id, created_at, updated_at)
            select $1, $2, id, $4, $4 from merchant where id = $3
            on conflict (user_id, merchant_id) do nothing
            returning id, user_id, merchant_id, version, created_at, updated_at",
        )
        // Any new id will do.
        .bind(UserId::new())
        .bind(user)
        .bind(page)
        .bind(Clock::system().now())
        .fetch_optional(pool)
        .await
    })?;
    if let Some(joined) = joined {
        return Ok(answer([joined]));
    }
    let membership = on!(&limit.merchant, read pool => {
        sqlx::query_as(
            "select id, user_id, merchant_id, version, created_at, updated_at
            from membership where user_id = $1 and merchant_id = $2",
        )
        .bind(user)
        .bind(page)
        .fetch_one(pool)
        .await
    })?;
    Ok(answer([membership]))
}
