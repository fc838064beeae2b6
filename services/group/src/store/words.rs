//! What pages do not want said, and the record of what was done about messages.

use chatroom_kit::{
    cursor::TimeCursor,
    ids::{GroupId, MerchantId, UserId},
    on,
};
use chrono::{DateTime, Utc};
use sqlx::FromRow;

use super::{
    Store,
    row::{json, unreadable},
};
use crate::domain::{Action, ActionId, ActionKind, ActionMark, WordList, WordMode};

impl Store {
    /// Says what a page does not want said from now on, and answers the version that this is.
    #[tracing::instrument(level = "debug", name = "db.words.update", skip_all)]
    pub async fn set_words(
        &self,
        merchant: MerchantId,
        list: &WordList,
        now: DateTime<Utc>,
    ) -> Result<i64, sqlx::Error> {
        let words = json(&list.words)?;
        on!(&self.db, write pool => {
            sqlx::query_scalar(
                "insert into word_list (merchant_id, mode, words, version, updated_at) values ($1, $2, $3, 1, $4)
                on conflict (merchant_id) do update set
                    mode = excluded.mode, words = excluded.words, updated_at = excluded.updated_at,
                    version = word_list.version + 1
                returning version",
            )
            .bind(merchant)
            .bind(list.mode.number())
            .bind(words)
            .bind(now)
            .fetch_one(pool)
            .await
        })
    }

    /// Which version of a page's words is in force; 0 where there never were any, or there are none.
    #[tracing::instrument(level = "debug", name = "db.words.version", skip_all)]
    pub async fn words_version(&self, merchant: MerchantId) -> Result<i64, sqlx::Error> {
        let version: Option<i64> = on!(&self.db, read pool => {
            sqlx::query_scalar("select version from word_list where merchant_id = $1 and words <> '[]'")
                .bind(merchant)
                .fetch_optional(pool)
                .await
        })?;
        Ok(version.unwrap_or(0))
    }

    /// What a page does not want said, and which version that is.
    #[tracing::instrument(level = "debug", name = "db.words.select", skip_all)]
    pub async fn words(&self, merchant: MerchantId) -> Result<Option<(WordList, i64)>, sqlx::Error> {
        let row: Option<(i32, String, i64)> = on!(&self.db, read pool => {
            sqlx::query_as("select mode, words, version from word_list where merchant_id = $1")
                .bind(merchant)
                .fetch_optional(pool)
                .await
        })?;
        row.map(|(mode, words, version)| {
            let mode = WordMode::from_number(mode).ok_or_else(|| unreadable("a word list's mode"))?;
            let words = serde_json::from_str(&words).map_err(|_| unreadable("a word list"))?;
            Ok((WordList { mode, words }, version))
        })
        .transpose()
    }

    /// The page of a group.
    #[tracing::instrument(level = "debug", name = "db.group.page", skip_all)]
    pub async fn page_of(&self, group: GroupId) -> Result<Option<MerchantId>, sqlx::Error> {
        on!(&self.db, read pool => {
            sqlx::query_scalar("select merchant_id from chat_group where id = $1").bind(group).fetch_optional(pool).await
        })
    }

    /// Records what was done.
    #[tracing::instrument(level = "debug", name = "db.action.insert", skip_all)]
    pub async fn record(&self, action: &Action) -> Result<(), sqlx::Error> {
        on!(&self.db, write pool => {
            sqlx::query(
                "insert into moderation_action (id, kind, merchant_id, group_id, user_id, detail, created_at)
                values ($1, $2, $3, $4, $5, $6, $7)",
            )
            .bind(action.id)
            .bind(action.kind.number())
            .bind(action.merchant)
            .bind(action.group)
            .bind(action.user)
            .bind(&action.detail)
            .bind(action.created_at)
            .execute(pool)
            .await
            .map(drop)
        })
    }

    /// What was done, latest first, on one page or on all: what lies before `before`, or the latest.
    #[tracing::instrument(level = "debug", name = "db.action.list", skip_all)]
    pub async fn actions(
        &self,
        merchant: Option<MerchantId>,
        before: Option<TimeCursor<ActionMark>>,
        limit: i64,
    ) -> Result<Vec<Action>, sqlx::Error> {
        let (until, id) = TimeCursor::upper_bound(before);
        let statement = match merchant {
            Some(_) => {
                "select * from moderation_action where merchant_id = $1 and (created_at, id) < ($2, $3)
                order by created_at desc, id desc limit $4"
            }
            None => {
                "select * from moderation_action where $1 is null and (created_at, id) < ($2, $3)
                order by created_at desc, id desc limit $4"
            }
        };
        let rows: Vec<ActionRow> = on!(&self.db, read pool => {
            sqlx::query_as(statement).bind(merchant).bind(until).bind(id).bind(limit).fetch_all(pool).await
        })?;
        rows.into_iter().map(TryInto::try_into).collect()
    }
}

#[derive(FromRow)]
struct ActionRow {
    id: ActionId,
    kind: i32,
    merchant_id: MerchantId,
    group_id: Option<GroupId>,
    user_id: UserId,
    detail: String,
    created_at: DateTime<Utc>,
}

impl TryFrom<ActionRow> for Action {
    type Error = sqlx::Error;

    fn try_from(row: ActionRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.id,
            kind: ActionKind::from_number(row.kind).ok_or_else(|| unreadable("what was done"))?,
            merchant: row.merchant_id,
            group: row.group_id,
            user: row.user_id,
            detail: row.detail,
            created_at: row.created_at,
        })
    }
}
