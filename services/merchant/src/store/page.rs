//! What becomes of pages in the database. Whoever changes one, or leaves it, holds its row first, so that what was decided
//! on still holds when it is written.

use chatroom_kit::{
    cursor::TimeCursor,
    db::Transaction,
    ids::{self, MerchantId, UserId},
    on,
};
use chrono::{DateTime, Utc};

use super::{
    Store,
    deed::insert_deed,
    row::{MerchantRow, merchant_columns},
};
use crate::{
    domain::{Deed, Merchant, MerchantPatch, Refusal},
    error::Error,
};

impl Store {
    /// Says whether the page's customer-service user, who has to be `customer`, serves its members. Saying it again changes
    /// nothing.
    #[tracing::instrument(level = "debug", name = "db.merchant.update", skip_all)]
    pub async fn set_serving(
        &self,
        id: MerchantId,
        customer: UserId,
        serving: bool,
        now: DateTime<Utc>,
    ) -> Result<Merchant, Error> {
        let mut transaction = self.db.begin().await?;
        let page = self.locked(&mut transaction, id).await?;
        page.must_be_served_by(customer)?;
        let after = Merchant { serving, ..page.clone() };
        let deed = Deed::serving(&after, now);
        let changed = self.write(&mut transaction, &page, after, &deed).await?;
        transaction.commit().await?;
        Ok(changed)
    }

    /// Changes what a page's creator says about it. What is so already stays as it is.
    #[tracing::instrument(level = "debug", name = "db.merchant.update_record", skip_all)]
    pub async fn update_merchant(
        &self,
        id: MerchantId,
        by: UserId,
        patch: &MerchantPatch,
        now: DateTime<Utc>,
    ) -> Result<Merchant, Error> {
        let mut transaction = self.db.begin().await?;
        let page = self.locked(&mut transaction, id).await?;
        page.must_be_changeable_by(by)?;
        let after = page.patched(patch);
        let deed = Deed::change(&page, &after, by, now);
        let changed = self.write(&mut transaction, &page, after, &deed).await?;
        transaction.commit().await?;
        Ok(changed)
    }

    /// Gives a page to one of its members.
    #[tracing::instrument(level = "debug", name = "db.merchant.update_user", skip_all)]
    pub async fn transfer(
        &self,
        id: MerchantId,
        by: UserId,
        to: UserId,
        now: DateTime<Utc>,
    ) -> Result<Merchant, Error> {
        let mut transaction = self.db.begin().await?;
        let page = self.locked(&mut transaction, id).await?;
        page.must_be_changeable_by(by)?;
        let joined: bool = on!(&mut transaction, within connection => {
            sqlx::query_scalar("select exists (select 1 from membership where user_id = $1 and merchant_id = $2)")
                .bind(to)
                .bind(id)
                .fetch_one(connection)
                .await
        })?;
        if !joined {
            return Err(Refusal::PageMemberNotFound.into());
        }
        let after = Merchant { user: to, ..page.clone() };
        let deed = Deed::change(&page, &after, by, now);
        let changed = self.write(&mut transaction, &page, after, &deed).await?;
        transaction.commit().await?;
        Ok(changed)
    }

    /// Closes a page; a closed one stays as it is.
    #[tracing::instrument(level = "debug", name = "db.merchant.update_closed", skip_all)]
    pub async fn close(&self, id: MerchantId, by: UserId, now: DateTime<Utc>) -> Result<Merchant, Error> {
        let mut transaction = self.db.begin().await?;
        let page = self.locked(&mut transaction, id).await?;
        page.must_belong_to(by)?;
        let closed = Merchant { closed_at: page.closed_at.or(Some(now)), ..page.clone() };
        let deed = Deed::change(&page, &closed, by, now);
        let changed = self.write(&mut transaction, &page, closed, &deed).await?;
        transaction.commit().await?;
        Ok(changed)
    }

    /// The pages whose creator a user is, oldest first: those after `after`, or the first ones.
    #[tracing::instrument(level = "debug", name = "db.merchant.list_of_user", skip_all)]
    pub async fn pages_by(
        &self,
        user: UserId,
        after: Option<TimeCursor<ids::Merchant>>,
        limit: i64,
    ) -> Result<Vec<Merchant>, sqlx::Error> {
        let (since, id) = TimeCursor::lower_bound(after);
        let rows: Vec<MerchantRow> = on!(&self.db, read pool => {
            sqlx::query_as(
                concat!(
                    "select ", merchant_columns!(), " from merchant
                    where user_id = $1 and (created_at, id) > ($2, $3) order by created_at, id limit $4"
                ),
            )
            .bind(user)
            .bind(since)
            .bind(id)
            .bind(limit)
            .fetch_all(pool)
            .await
        })?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    /// The page, which nobody else changes until the transaction ends.
    pub(super) async fn locked(&self, transaction: &mut Transaction, id: MerchantId) -> Result<Merchant, Error> {
        let row: Option<MerchantRow> = on!(transaction, within connection => {
            // Locks the row on both engines.
            sqlx::query_as(
                concat!("update merchant set version = version where id = $1 returning ", merchant_columns!()),
            )
            .bind(id)
            .fetch_optional(connection)
            .await
        })?;
        Ok(row.ok_or(Error::MerchantNotFound)?.into())
    }

    /// Writes a page that was `before`, counts the change and remembers the deed, where it is a change.
    pub(super) async fn write(
        &self,
        transaction: &mut Transaction,
        before: &Merchant,
        after: Merchant,
        deed: &Deed,
    ) -> Result<Merchant, sqlx::Error> {
        if after == *before {
            return Ok(after);
        }
        on!(&mut *transaction, within connection => insert_deed!(connection, deed))?;
        let row: MerchantRow = on!(transaction, within connection => {
            // The request that opened it was its former creator's.
            sqlx::query_as(
                concat!(
                    "update merchant set user_id = $2, name = $3, icon = $4, customer_id = $5, serving = $6,
                        closed_at = $7, version = version + 1, updated_at = $8,
                        request_id = case when user_id = $2 then request_id end
                    where id = $1
                    returning ",
                    merchant_columns!()
                ),
            )
            .bind(after.id)
            .bind(after.user)
            .bind(&after.name)
            .bind(&after.icon)
            .bind(after.customer)
            .bind(after.serving)
            .bind(after.closed_at)
            .bind(deed.created_at)
            .fetch_one(connection)
            .await
        })?;
        Ok(row.into())
    }
}
