//! How deleted users leave pages, in the database.

use chatroom_kit::{
    ids::{MerchantId, UserId},
    on,
};
use chrono::{DateTime, Utc};

use super::Store;
use crate::{
    domain::{Deed, Merchant},
    error::Error,
};

impl Store {
    /// Whether a user has an open page.
    #[tracing::instrument(level = "debug", name = "db.merchant.select_open", skip_all)]
    pub async fn owns_open_page(&self, user: UserId) -> Result<bool, sqlx::Error> {
        on!(&self.db, read pool => {
            sqlx::query_scalar("select exists (select 1 from merchant where user_id = $1 and closed_at is null)")
                .bind(user)
                .fetch_one(pool)
                .await
        })
    }

    /// The open pages whose customers a user serves.
    #[tracing::instrument(level = "debug", name = "db.merchant.served", skip_all)]
    pub async fn served_by(&self, customer: UserId) -> Result<Vec<MerchantId>, sqlx::Error> {
        on!(&self.db, read pool => {
            sqlx::query_scalar(
                "select id from merchant where customer_id = $1 and serving and closed_at is null order by id",
            )
            .bind(customer)
            .fetch_all(pool)
            .await
        })
    }

    /// The pages that a user has joined.
    #[tracing::instrument(level = "debug", name = "db.membership.pages", skip_all)]
    pub async fn pages_of(&self, user: UserId) -> Result<Vec<MerchantId>, sqlx::Error> {
        on!(&self.db, read pool => {
            sqlx::query_scalar("select merchant_id from membership where user_id = $1 order by merchant_id")
                .bind(user)
                .fetch_all(pool)
                .await
        })
    }

    /// Ends a deleted user's membership of a page. The page closes where it has become theirs while their account was
    /// deleted: nobody else could close it.
    #[tracing::instrument(level = "debug", name = "db.membership.delete_deleted", skip_all)]
    pub async fn remove_deleted(&self, user: UserId, id: MerchantId, now: DateTime<Utc>) -> Result<(), Error> {
        let mut transaction = self.db.begin().await?;
        let page = self.locked(&mut transaction, id).await?;
        if page.user == user {
            let closed = Merchant { closed_at: page.closed_at.or(Some(now)), ..page.clone() };
            let deed = Deed::change(&page, &closed, user, now);
            self.write(&mut transaction, &page, closed, &deed).await?;
        }
        on!(&mut transaction, within connection => {
            sqlx::query("delete from membership where user_id = $1 and merchant_id = $2")
                .bind(user)
                .bind(id)
                .execute(connection)
                .await
                .map(drop)
        })?;
        transaction.commit().await?;
        Ok(())
    }
}
