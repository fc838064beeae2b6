//! Conversations with a page's customer service.

use chatroom_kit::{ids::GroupId, on};
use chrono::{DateTime, Utc};

use super::{Store, group::Epoch, upload};
use crate::domain::{Contact, GroupKind, MemberId};

/// A conversation that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Its group.
    pub group: GroupId,
    /// Whether it was opened just now.
    pub new: bool,
}

impl Store {
    /// Opens the conversation of a page's member with its customer service, both in it, or finds it.
    #[tracing::instrument(level = "debug", name = "db.contact.insert", skip_all)]
    pub async fn open_contact(&self, contact: &Contact, now: DateTime<Utc>) -> Result<Opened, sqlx::Error> {
        if let Some(group) = self.contact(contact).await? {
            return Ok(Opened { group, new: false });
        }
        let group = GroupId::new();
        let mut transaction = self.db.begin().await?;
        let opened = on!(&mut transaction, within connection => {
            // Waits for a concurrent request, whose conversation is then found.
            let inserted = sqlx::query(
                "insert into chat_group
                    (id, kind, user_id, merchant_id, name, icon, epoch, member_count, created_at, updated_at)
                values ($1, $2, $3, $4, $5, $6, $7, 2, $8, $8)
                on conflict (merchant_id, user_id) where kind = 1 do nothing",
            )
            .bind(group)
            .bind(GroupKind::Service.number())
            .bind(contact.user)
            .bind(contact.merchant)
            .bind(&contact.name)
            .bind(&contact.icon)
            .bind(Epoch::new())
            .bind(now)
            .execute(&mut *connection)
            .await?;
            if inserted.rows_affected() > 0 {
                sqlx::query(
                    "insert into member (id, group_id, user_id, created_at, updated_at)
                    values ($1, $3, $4, $6, $6), ($2, $3, $5, $6, $6)",
                )
                .bind(MemberId::new())
                .bind(MemberId::new())
                .bind(group)
                .bind(contact.user)
                .bind(contact.customer)
                .bind(now)
                .execute(&mut *connection)
                .await?;
            }
            inserted.rows_affected() > 0
        });
        if opened {
            upload::show(&mut transaction, group, &contact.icon).await?;
            transaction.commit().await?;
            return Ok(Opened { group, new: true });
        }
        drop(transaction);
        self.contact(contact).await?.map(|group| Opened { group, new: false }).ok_or(sqlx::Error::RowNotFound)
    }

    async fn contact(&self, contact: &Contact) -> Result<Option<GroupId>, sqlx::Error> {
        on!(&self.db, read pool => {
            sqlx::query_scalar("select id from chat_group where merchant_id = $1 and user_id = $2 and kind = 1")
                .bind(contact.merchant)
                .bind(contact.user)
                .fetch_optional(pool)
                .await
        })
    }
}
