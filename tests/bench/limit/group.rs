//! The limit of `POST /h5/group/getGroup`.

use std::sync::Arc;

use axum::{Json, extract::State};
use chatroom_kit::on;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use super::{Answer, Caller, Limit, answer, time};

/// Whose groups.
#[derive(Deserialize)]
pub(super) struct Page {
    merchant: String,
}

#[derive(Serialize)]
pub(super) struct Group {
    state: u8,
    #[serde(rename = "_id")]
    id: String,
    user: String,
    merchant: String,
    name: String,
    icon: String,
    #[serde(rename = "__v")]
    version: i32,
    #[serde(rename = "createdAt", with = "time")]
    created_at: DateTime<Utc>,
    #[serde(rename = "updatedAt", with = "time")]
    updated_at: DateTime<Utc>,
}

/// A group's columns, but for its page, and whether the caller is in it.
#[derive(FromRow)]
struct ListedRow(String, String, String, String, i32, DateTime<Utc>, DateTime<Utc>, bool);

impl ListedRow {
    fn group(self, merchant: &str) -> Group {
        Group {
            state: u8::from(self.7),
            id: self.0,
            user: self.1,
            merchant: merchant.to_owned(),
            name: self.2,
            icon: self.3,
            version: self.4,
            created_at: self.5,
            updated_at: self.6,
        }
    }
}

/// `POST /h5/group/getGroup`.
pub(super) async fn list(
    State(limit): State<Arc<Limit>>,
    Caller(user): Caller,
    Json(page): Json<Page>,
) -> Answer<Vec<Group>> {
    let rows: Vec<ListedRow> = on!(&limit.group, read pool => {
        sqlx::query_as(
            "select g.id, g.user_id, g.name, g.icon, g.version, g.created_at, g.updated_at, m.id is not null
            from chat_group g left join member m on m.group_id = g.id and m.user_id = $2
            where g.merchant_id = $1 and (g.created_at, g.id) > ($3, $4)
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
    Ok(answer(rows.into_iter().map(|row| row.group(&page.merchant)).collect()))
}
