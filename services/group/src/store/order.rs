//! What owner and admins do: to members of lower rank, and to the group itself.

use chatroom_kit::{
    fields::{DisplayName, Icon},
    ids::{GroupId, UserId},
    on,
};
use chrono::{DateTime, Utc};

use super::{
    Changed, Store,
    locked::Locked,
    row::{GroupRow, group_columns},
    upload,
};
use crate::{
    domain::{Change, Group, GroupPatch, Member, Refusal, Role, must_outrank, must_own},
    error::Error,
};

impl Store {
    /// Puts `user` out of the group, with `ban` for good, and answers the membership that they had.
    #[tracing::instrument(level = "debug", name = "db.member.remove", skip_all)]
    pub async fn remove(
        &self,
        group: GroupId,
        by: UserId,
        user: UserId,
        ban: bool,
        now: DateTime<Utc>,
    ) -> Result<Changed<Member>, Error> {
        let mut locked = self.lock(group, now).await?;
        let member = locked.outranked(by, user).await?;
        locked.delete_member(user).await?;
        if ban {
            on!(&mut locked.transaction, within connection => {
                sqlx::query("insert into ban (group_id, user_id, by_id, created_at) values ($1, $2, $3, $4)")
                    .bind(group)
                    .bind(user)
                    .bind(by)
                    .bind(now)
                    .execute(&mut *connection)
                    .await
                    .map(drop)
            })?;
        }
        locked.append(Change::Removed { user, by, ban }).await?;
        Ok(locked.commit(member).await?)
    }

    /// Keeps `user` silent until a moment, or lets them speak again.
    #[tracing::instrument(level = "debug", name = "db.member.mute", skip_all)]
    pub async fn mute(
        &self,
        group: GroupId,
        by: UserId,
        user: UserId,
        until: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Result<Changed<Member>, Error> {
        let mut locked = self.lock(group, now).await?;
        let mut member = locked.outranked(by, user).await?;
        if member.mute_until == until {
            return Ok(locked.commit(member).await?);
        }
        member.mute_until = until;
        locked.update_member(&mut member).await?;
        locked.append(Change::Muted { user, by, until }).await?;
        Ok(locked.commit(member).await?)
    }

    /// Makes `user` an admin, or one no more.
    #[tracing::instrument(level = "debug", name = "db.member.role", skip_all)]
    pub async fn set_admin(
        &self,
        group: GroupId,
        by: UserId,
        user: UserId,
        admin: bool,
        now: DateTime<Utc>,
    ) -> Result<Changed<Member>, Error> {
        let mut locked = self.lock(group, now).await?;
        locked.owner(by).await?;
        let mut member = locked.outranked(by, user).await?;
        let role = if admin { Role::Admin } else { Role::Member };
        if member.role == role {
            return Ok(locked.commit(member).await?);
        }
        member.role = role;
        locked.update_member(&mut member).await?;
        locked.append(Change::RoleSet { user, by, role }).await?;
        Ok(locked.commit(member).await?)
    }

    /// Lets only owner and admins speak, or everyone again.
    #[tracing::instrument(level = "debug", name = "db.group.mute", skip_all)]
    pub async fn mute_all(
        &self,
        group: GroupId,
        by: UserId,
        muted: bool,
        now: DateTime<Utc>,
    ) -> Result<Changed<Group>, Error> {
        let mut locked = self.lock(group, now).await?;
        must_outrank(locked.actor(by).await?, Role::Member)?;
        let mut record = locked.record().await?;
        if record.muted == muted {
            return Ok(locked.commit(record).await?);
        }
        record.muted = muted;
        locked.update_record(&mut record).await?;
        locked.append(Change::GroupMuted { by, muted }).await?;
        Ok(locked.commit(record).await?)
    }

    /// Gives the group another name or picture.
    #[tracing::instrument(level = "debug", name = "db.group.update", skip_all)]
    pub async fn update(
        &self,
        group: GroupId,
        by: UserId,
        patch: &GroupPatch,
        now: DateTime<Utc>,
    ) -> Result<Changed<Group>, Error> {
        let mut locked = self.lock(group, now).await?;
        locked.owner(by).await?;
        let before = locked.record().await?;
        let mut record = before.clone();
        if let Some(name) = patch.name.as_ref().map(DisplayName::as_str) {
            name.clone_into(&mut record.name);
        }
        if let Some(icon) = patch.icon.as_ref().map(Icon::as_str) {
            icon.clone_into(&mut record.icon);
        }
        if record == before {
            return Ok(locked.commit(record).await?);
        }
        locked.update_record(&mut record).await?;
        if record.icon != before.icon {
            upload::show(&mut locked.transaction, group, &record.icon).await?;
        }
        locked.append(Change::GroupUpdated { by, name: record.name.clone(), icon: record.icon.clone() }).await?;
        Ok(locked.commit(record).await?)
    }

    /// Ends the group: it can be read by its members, and takes nothing new. Doing so again changes nothing.
    #[tracing::instrument(level = "debug", name = "db.group.dismiss", skip_all)]
    pub async fn dismiss(&self, group: GroupId, by: UserId, now: DateTime<Utc>) -> Result<Changed<Group>, Error> {
        let mut locked = self.lock(group, now).await?;
        must_own(locked.role(by).await?)?;
        let record = locked.end(by).await?;
        Ok(locked.commit(record).await?)
    }
}

impl Locked {
    /// The role of someone who must be a member.
    async fn role(&mut self, user: UserId) -> Result<Role, Error> {
        Ok(self.member(user).await?.ok_or(self.head.kind.outsider())?.role)
    }

    /// The role of a member who wants to change something, which a dismissed group does not.
    async fn actor(&mut self, user: UserId) -> Result<Role, Error> {
        let role = self.role(user).await?;
        self.head.must_be_open()?;
        Ok(role)
    }

    async fn owner(&mut self, user: UserId) -> Result<(), Error> {
        Ok(must_own(self.actor(user).await?)?)
    }

    /// The membership of `user`, whom `by` must outrank.
    async fn outranked(&mut self, by: UserId, user: UserId) -> Result<Member, Error> {
        let actor = self.actor(by).await?;
        // Those who may act on nobody do not learn either who is there.
        must_outrank(actor, Role::Member)?;
        let member = self.member(user).await?.ok_or(Refusal::MemberNotFound)?;
        must_outrank(actor, member.role)?;
        Ok(member)
    }

    pub(super) async fn update_member(&mut self, member: &mut Member) -> Result<(), sqlx::Error> {
        member.version += 1;
        member.updated_at = self.now;
        on!(&mut self.transaction, within connection => {
            sqlx::query("update member set role = $2, mute_until = $3, version = $4, updated_at = $5 where id = $1")
                .bind(member.id)
                .bind(member.role.number())
                .bind(member.mute_until)
                .bind(member.version)
                .bind(member.updated_at)
                .execute(&mut *connection)
                .await
                .map(drop)
        })
    }

    /// Ends the group, where it has not ended yet.
    pub(super) async fn end(&mut self, by: UserId) -> Result<Group, sqlx::Error> {
        let mut record = self.record().await?;
        if record.dismissed_at.is_none() {
            record.dismissed_at = Some(self.now);
            self.update_record(&mut record).await?;
            self.append(Change::Dismissed { by }).await?;
        }
        Ok(record)
    }

    async fn record(&mut self) -> Result<Group, sqlx::Error> {
        let row: GroupRow = on!(&mut self.transaction, within connection => {
            sqlx::query_as(concat!("select ", group_columns!(), " from chat_group g where g.id = $1"))
                .bind(self.head.group)
                .fetch_one(&mut *connection)
                .await
        })?;
        row.try_into()
    }

    async fn update_record(&mut self, group: &mut Group) -> Result<(), sqlx::Error> {
        group.version += 1;
        group.updated_at = self.now;
        on!(&mut self.transaction, within connection => {
            sqlx::query(
                "update chat_group set name = $2, icon = $3, muted = $4, dismissed_at = $5, version = $6, updated_at = $7
                where id = $1",
            )
            .bind(group.id)
            .bind(&group.name)
            .bind(&group.icon)
            .bind(group.muted)
            .bind(group.dismissed_at)
            .bind(group.version)
            .bind(group.updated_at)
            .execute(&mut *connection)
            .await
            .map(drop)
        })
    }
}
