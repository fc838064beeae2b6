//! Who owns a group once its owner is gone.

use chatroom_kit::{
    ids::{GroupId, MerchantId, UserId},
    on,
};
use chrono::{DateTime, Utc};

use super::{
    Changed, Store,
    locked::Locked,
    row::{MemberRow, member_columns},
};
use crate::{
    domain::{Change, Member, Role},
    error::Error,
};

impl Store {
    /// The groups that a user owns, and their pages.
    #[tracing::instrument(level = "debug", name = "db.member.owned", skip_all)]
    pub async fn owned_by(&self, user: UserId) -> Result<Vec<(GroupId, MerchantId)>, sqlx::Error> {
        on!(&self.db, read pool => {
            sqlx::query_as(
                "select g.id, g.merchant_id from member m join chat_group g on g.id = m.group_id
                where m.user_id = $1 and m.role = $2 order by g.id",
            )
            .bind(user)
            .bind(Role::Owner.number())
            .fetch_all(pool)
            .await
        })
    }

    /// Makes somebody else the owner of a group whose owner is about to be gone: the page's creator where they are a
    /// member, else the admin who joined first, else the member who joined first. Where nobody is left, the group ends.
    /// Nothing happens where `owner` owns it no more, or not alone.
    #[tracing::instrument(level = "debug", name = "db.group.hand_on", skip_all)]
    pub async fn hand_on(
        &self,
        group: GroupId,
        owner: UserId,
        creator: Option<UserId>,
        now: DateTime<Utc>,
    ) -> Result<Changed<()>, Error> {
        let mut locked = self.lock(group, now).await?;
        let owns = locked.member(owner).await?.is_some_and(|member| member.role == Role::Owner);
        if !owns || locked.head.dismissed {
            return Ok(locked.commit(()).await?);
        }
        match locked.successor(owner, creator).await? {
            Some(successor) if successor.role == Role::Owner => {}
            Some(mut successor) => {
                successor.role = Role::Owner;
                locked.update_member(&mut successor).await?;
                locked.append(Change::RoleSet { user: successor.user, by: owner, role: Role::Owner }).await?;
            }
            None => drop(locked.end(owner).await?),
        }
        Ok(locked.commit(()).await?)
    }
}

impl Locked {
    /// Who is to own the group after `owner`: whoever does already, then in the order of succession.
    async fn successor(&mut self, owner: UserId, creator: Option<UserId>) -> Result<Option<Member>, sqlx::Error> {
        let row: Option<MemberRow> = on!(&mut self.transaction, within connection => {
            sqlx::query_as(concat!(
                "select ", member_columns!(), " from member m where m.group_id = $1 and m.user_id <> $2
                order by case when m.role = $4 then 0 when m.user_id = $3 then 1 else 2 end, m.role desc, m.created_at, m.id
                limit 1"
            ))
            .bind(self.head.group)
            .bind(owner)
            .bind(creator)
            .bind(Role::Owner.number())
            .fetch_optional(&mut *connection)
            .await
        })?;
        row.map(TryInto::try_into).transpose()
    }
}
