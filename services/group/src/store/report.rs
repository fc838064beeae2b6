//! What pages' creators were told of.

use std::collections::HashMap;

use chatroom_kit::{
    cursor::TimeCursor,
    ids::{MerchantId, UserId},
    on,
};
use chrono::{DateTime, Utc};
use sqlx::FromRow;

use super::{
    Store,
    row::{MessageRow, all, json, select_messages},
};
use crate::domain::{ListedReport, Message, MessageId, NewReport, Remark, Report, ReportId, ReportKind};

/// The columns of a [`ReportRow`].
macro_rules! report_columns {
    () => {
        "id, merchant_id, reporter_id, user_id, message_id, reason, created_at, resolved_at, resolution"
    };
}

impl Store {
    /// Writes a report, or answers the one that waits already, and whether it is new.
    #[tracing::instrument(level = "debug", name = "db.report.insert", skip_all)]
    pub async fn create_report(&self, new: &NewReport, now: DateTime<Utc>) -> Result<(Report, bool), sqlx::Error> {
        let inserted: Option<ReportRow> = on!(&self.db, write pool => {
            sqlx::query_as(concat!(
                "insert into report (id, merchant_id, reporter_id, user_id, message_id, reason, created_at)
                values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing returning ", report_columns!()
            ))
            .bind(ReportId::new())
            .bind(new.merchant)
            .bind(new.reporter)
            .bind(new.user)
            .bind(new.message)
            .bind(new.reason.as_str())
            .bind(now)
            .fetch_optional(pool)
            .await
        })?;
        if let Some(inserted) = inserted {
            return Ok((inserted.into(), true));
        }
        let waiting: ReportRow = on!(&self.db, write pool => {
            sqlx::query_as(concat!(
                "select ", report_columns!(), " from report
                where reporter_id = $1 and merchant_id = $2 and resolved_at is null
                    and ((message_id is null and $4 is null and user_id = $3) or message_id = $4)"
            ))
            .bind(new.reporter)
            .bind(new.merchant)
            .bind(new.user)
            .bind(new.message)
            .fetch_one(pool)
            .await
        })?;
        Ok((waiting.into(), false))
    }

    /// A page's reports, oldest first, that wait or that were dealt with: those after `after`, or the first ones.
    #[tracing::instrument(level = "debug", name = "db.report.list", skip_all)]
    pub async fn reports(
        &self,
        merchant: MerchantId,
        resolved: bool,
        after: Option<TimeCursor<ReportKind>>,
        limit: i64,
    ) -> Result<Vec<ListedReport>, sqlx::Error> {
        let (since, id) = TimeCursor::lower_bound(after);
        let rows: Vec<ReportRow> = on!(&self.db, read pool => {
            sqlx::query_as(concat!(
                "select ", report_columns!(), " from report
                where merchant_id = $1 and (resolved_at is not null) = $2 and (created_at, id) > ($3, $4)
                order by created_at, id limit $5"
            ))
            .bind(merchant)
            .bind(resolved)
            .bind(since)
            .bind(id)
            .bind(limit)
            .fetch_all(pool)
            .await
        })?;
        let ids: Vec<_> = rows.iter().filter_map(|row| row.message_id).collect();
        let mut messages = self.messages_by_id(&ids).await?;
        let listed = |row: ReportRow| {
            let message = row.message_id.and_then(|id| messages.remove(&id));
            ListedReport { report: row.into(), message }
        };
        Ok(rows.into_iter().map(listed).collect())
    }

    /// What a user has reported, oldest first: what stands after `after`, or the first ones.
    #[tracing::instrument(level = "debug", name = "db.report.list_of_reporter", skip_all)]
    pub async fn reports_by(
        &self,
        reporter: UserId,
        after: Option<TimeCursor<ReportKind>>,
        limit: i64,
    ) -> Result<Vec<Report>, sqlx::Error> {
        let (since, id) = TimeCursor::lower_bound(after);
        let rows: Vec<ReportRow> = on!(&self.db, read pool => {
            sqlx::query_as(concat!(
                "select ", report_columns!(), " from report
                where reporter_id = $1 and (created_at, id) > ($2, $3) order by created_at, id limit $4"
            ))
            .bind(reporter)
            .bind(since)
            .bind(id)
            .bind(limit)
            .fetch_all(pool)
            .await
        })?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    /// A report.
    #[tracing::instrument(level = "debug", name = "db.report.select", skip_all)]
    pub async fn report(&self, report: ReportId) -> Result<Option<Report>, sqlx::Error> {
        let row: Option<ReportRow> = on!(&self.db, read pool => {
            sqlx::query_as(concat!("select ", report_columns!(), " from report where id = $1"))
                .bind(report)
                .fetch_optional(pool)
                .await
        })?;
        Ok(row.map(Into::into))
    }

    /// Says what came of a report that waits. Nothing where it was dealt with before.
    #[tracing::instrument(level = "debug", name = "db.report.update", skip_all)]
    pub async fn resolve_report(
        &self,
        report: ReportId,
        resolution: &Remark,
        now: DateTime<Utc>,
    ) -> Result<Option<Report>, sqlx::Error> {
        let row: Option<ReportRow> = on!(&self.db, write pool => {
            sqlx::query_as(concat!(
                "update report set resolved_at = $2, resolution = $3 where id = $1 and resolved_at is null
                returning ", report_columns!()
            ))
            .bind(report)
            .bind(now)
            .bind(resolution.as_str())
            .fetch_optional(pool)
            .await
        })?;
        Ok(row.map(Into::into))
    }

    /// Messages by their ids; those that are not there are left out.
    async fn messages_by_id(&self, ids: &[MessageId]) -> Result<HashMap<MessageId, Message>, sqlx::Error> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let statement = self.db.sql(
            select_messages!("", "where t.id in (select value from json_each($1))"),
            select_messages!("", "where t.id in (select json_array_elements_text($1::json))"),
        );
        let ids = json(&ids.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        let rows: Vec<MessageRow> = on!(&self.db, read pool => {
            sqlx::query_as(statement).bind(ids).fetch_all(pool).await
        })?;
        let messages: Vec<Message> = all(rows)?;
        Ok(messages.into_iter().map(|message| (message.id, message)).collect())
    }
}

#[derive(FromRow)]
struct ReportRow {
    id: ReportId,
    merchant_id: MerchantId,
    reporter_id: UserId,
    user_id: Option<UserId>,
    message_id: Option<MessageId>,
    reason: String,
    created_at: DateTime<Utc>,
    resolved_at: Option<DateTime<Utc>>,
    resolution: Option<String>,
}

impl From<ReportRow> for Report {
    fn from(row: ReportRow) -> Self {
        Self {
            id: row.id,
            merchant: row.merchant_id,
            reporter: row.reporter_id,
            user: row.user_id,
            message: row.message_id,
            reason: row.reason,
            created_at: row.created_at,
            resolved_at: row.resolved_at,
            resolution: row.resolution,
        }
    }
}
