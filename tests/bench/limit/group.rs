//! The limit of `POST /h5/group/getGroup`.

use std::sync::Arc;

use axum::{Json, extract::State};
use chatroom_kit::on;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize, Serializer};
use sqlx::FromRow;

use super::{Answer, Caller, Limit, answer, time};

/// Whose groups.
#[derive(Deserialize)]
pub(super) struct Page {
    merchant: String,
}

/// A group, and whether the caller is in it.
#[derive(FromRow, Serialize)]
pub(super) struct Group {
    #[serde(rename = "state", serialize_with = "as_number")]
    joined: bool,
    #[serde(rename = "_id")]
    id: String,
    #[serde(rename = "user")]
    user_id: String,
    #[serde(rename = "merchant")]
    merchant_id: String,
    name: String,
    icon: String,
    #[serde(rename = "__v")]
    version: i32,
    #[serde(rename = "createdAt", with = "time")]
    created_at: DateTime<Utc>,
    #[serde(rename = "updatedAt", with = "time")]
    updated_at: DateTime<Utc>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn as_number<S: Serializer>(joined: &bool, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u8(u8::from(*joined))
}

/// `POST /h5/group/getGroup`.
pub(super) async fn list(
    State(limit): State<Arc<Limit>>,
    Caller(user): Caller,
    Json(page): Json<Page>,
) -> Answer<Vec<Group>> {
    let groups = on!(&limit.group, read pool => {
        sqlx::query_as(
            "select g.id, g.user_id, g.merchant_id, g.name, g.icon, g.version, g.created_at, g.updated_at,
                m.id is not null as joined
            from chat_group g left join member m on m.group_id = g.id and m.user_id = $2
            where g.merchant_id = $1 and g.kind = 0 and (g.created_at, g.id) > ($3, $4)
                and (g.dismissed_at is null or m.id is not null)
            order by g.created_at, g.id
            limit $5",
        )
        .bind(&page.merchant)
        .bind(&user)
        .bind(DateTime::UNIX_EPOCH)
        .bind("")
        .bind(1001)
        .fetch_all(pool)
        .await
    })?;
    Ok(answer(groups))
}
