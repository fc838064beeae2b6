//! Who has joined which page, in the database.

use chatroom_kit::{
    cursor::TimeCursor,
    ids::{MerchantId, UserId},
    on,
};
use chrono::{DateTime, Utc};

use super::{
    Store,
    row::{ListedRow, MembershipRow, membership_columns},
};
use crate::{
    domain::{Membership, MembershipId, MembershipKind, Merchant, Refusal},
    error::Error,
};

/// How often joining is tried where the membership in the way keeps ending.
const ATTEMPTS: usize = 5;

impl Store {
    /// Makes `user` a member of a page that is open. One who is a member already keeps the membership.
    pub async fn join(&self, user: UserId, merchant: MerchantId, now: DateTime<Utc>) -> Result<Membership, Error> {
        for _ in 0..ATTEMPTS {
            if let Some(membership) = self.insert_membership(user, merchant, now).await? {
                return Ok(membership);
            }
            if let Some(membership) = self.membership(user, merchant).await? {
                return Ok(membership);
            }
            let (page, _) = self.merchant(merchant, user).await?.ok_or(Error::MerchantNotFound)?;
            if page.closed_at.is_some() {
                return Err(Refusal::MerchantClosed.into());
            }
            // The membership that was in the way has just ended: this one comes after it.
        }
        Err(Error::Contended)
    }

    /// Nothing where there is no such page, it is closed, or `user` is a member already.
    #[tracing::instrument(level = "debug", name = "db.membership.insert", skip_all)]
    async fn insert_membership(
        &self,
        user: UserId,
        merchant: MerchantId,
        now: DateTime<Utc>,
    ) -> Result<Option<Membership>, sqlx::Error> {
        let joined: Option<MembershipRow> = on!(&self.db, write pool => {
            sqlx::query_as(
                concat!(
                    "insert into membership (id, user_id, merchant_id, created_at, updated_at)
                    select $1, $2, id, $4, $4 from merchant where id = $3 and closed_at is null
                    on conflict (user_id, merchant_id) do nothing
                    returning ",
                    membership_columns!()
                ),
            )
            .bind(MembershipId::new())
            .bind(user)
            .bind(merchant)
            .bind(now)
            .fetch_optional(pool)
            .await
        })?;
        Ok(joined.map(Into::into))
    }

    /// A user's membership of a page.
    #[tracing::instrument(level = "debug", name = "db.membership.select", skip_all)]
    pub async fn membership(&self, user: UserId, merchant: MerchantId) -> Result<Option<Membership>, sqlx::Error> {
        let row: Option<MembershipRow> = on!(&self.db, read pool => {
            sqlx::query_as(
                concat!("select ", membership_columns!(), " from membership where user_id = $1 and merchant_id = $2"),
            )
            .bind(user)
            .bind(merchant)
            .fetch_optional(pool)
            .await
        })?;
        Ok(row.map(Into::into))
    }

    /// A user's memberships with their pages, oldest first: those after `after`, or the first ones.
    #[tracing::instrument(level = "debug", name = "db.membership.list", skip_all)]
    pub async fn memberships(
        &self,
        user: UserId,
        after: Option<MembershipId>,
        limit: i64,
    ) -> Result<Vec<(Membership, Merchant)>, Error> {
        let (since, id) = match after {
            Some(id) => (self.joined_at(user, id).await?.ok_or(Error::MembershipNotFound)?, id.to_string()),
            // Before any row: ids are hex digits, and nobody joined in 1970.
            None => (DateTime::UNIX_EPOCH, String::new()),
        };
        let rows: Vec<ListedRow> = on!(&self.db, read pool => {
            sqlx::query_as(
                "select m.id, m.version, m.created_at, m.updated_at,
                    p.id, p.user_id, p.activation_code, p.name, p.icon, p.customer_id, p.serving,
                    p.closed_at, p.version, p.created_at, p.updated_at
                from membership m join merchant p on p.id = m.merchant_id
                where m.user_id = $1 and (m.created_at, m.id) > ($2, $3)
                order by m.created_at, m.id
                limit $4",
            )
            .bind(user)
            .bind(since)
            .bind(id)
            .bind(limit)
            .fetch_all(pool)
            .await
        })?;
        Ok(rows.into_iter().map(|row| row.listed(user)).collect())
    }

    async fn joined_at(&self, user: UserId, id: MembershipId) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
        on!(&self.db, read pool => {
            sqlx::query_scalar("select created_at from membership where user_id = $1 and id = $2")
                .bind(user)
                .bind(id)
                .fetch_optional(pool)
                .await
        })
    }

    /// Ends a user's membership of a page, where there is one.
    #[tracing::instrument(level = "debug", name = "db.membership.delete", skip_all)]
    pub async fn leave(&self, user: UserId, merchant: MerchantId) -> Result<(), Error> {
        let mut transaction = self.db.begin().await?;
        let page = self.locked(&mut transaction, merchant).await?;
        if page.user == user {
            return Err(Refusal::CreatorCannotLeave.into());
        }
        on!(&mut transaction, within connection => {
            sqlx::query("delete from membership where user_id = $1 and merchant_id = $2")
                .bind(user)
                .bind(merchant)
                .execute(connection)
                .await
                .map(drop)
        })?;
        transaction.commit().await?;
        Ok(())
    }

    /// A page's memberships, oldest first: those after `after`, or the first ones.
    #[tracing::instrument(level = "debug", name = "db.membership.list_of_page", skip_all)]
    pub async fn members(
        &self,
        merchant: MerchantId,
        after: Option<TimeCursor<MembershipKind>>,
        limit: i64,
    ) -> Result<Vec<Membership>, sqlx::Error> {
        let (since, id) = TimeCursor::lower_bound(after);
        let rows: Vec<MembershipRow> = on!(&self.db, read pool => {
            sqlx::query_as(
                concat!(
                    "select ", membership_columns!(), " from membership
                    where merchant_id = $1 and (created_at, id) > ($2, $3)
                    order by created_at, id limit $4"
                ),
            )
            .bind(merchant)
            .bind(since)
            .bind(id)
            .bind(limit)
            .fetch_all(pool)
            .await
        })?;
        Ok(rows.into_iter().map(Into::into).collect())
    }
}
