//! Taking messages back and editing them. The words a message is found by change with it, in the same transaction.

use std::collections::HashSet;

use chatroom_kit::{
    db::Transaction,
    ids::{GroupId, UserId},
    on,
};
use chrono::{DateTime, Utc};

use super::{
    Changed, Store,
    locked::Locked,
    row::{MessageRow, body, select_messages},
    search::indexed_as,
};
use crate::{
    domain::{
        Change, Content, GroupKind, Member, Message, MessageId, Refusal, Role, Sender, Standing, edit_refusal,
        recall_refusal, terms,
    },
    error::Error,
};

impl Store {
    /// Takes a message back: its words are gone, its file is thrown away unless something else uses it, its place stays. Doing so again changes nothing.
    #[tracing::instrument(level = "debug", name = "db.message.recall", skip_all)]
    pub async fn recall(&self, id: MessageId, by: UserId, now: DateTime<Utc>) -> Result<Changed<Message>, Error> {
        let (mut locked, mut message) = self.lock_message(id, now).await?;
        let member = locked.member_of_message(by).await?;
        let sender_role = locked.sender_role(&message.sender).await?;
        if message.content.is_some()
            && let Some(refusal) = recall_refusal(&message, by, member.role, sender_role, now)
        {
            return Err(refusal.into());
        }
        let Some(content) = message.content.take() else {
            return Ok(locked.commit(message).await?);
        };
        locked.update_message(&mut message).await?;
        if let Some(attachment) = content.attachment() {
            locked.discard(&attachment.path, message.seq).await?;
        }
        locked.append(Change::Recalled { message: Box::new(message.clone()), by }).await?;
        Ok(locked.commit(message).await?)
    }

    /// Gives a text other words. Doing so again with the same words is another edit.
    #[tracing::instrument(level = "debug", name = "db.message.edit", skip_all)]
    pub async fn edit(
        &self,
        id: MessageId,
        by: UserId,
        content: &Content,
        now: DateTime<Utc>,
    ) -> Result<Changed<Message>, Error> {
        let (mut locked, mut message) = self.lock_message(id, now).await?;
        let member = locked.member_of_message(by).await?;
        if let Some(refusal) = edit_refusal(&message, by, now) {
            return Err(refusal.into());
        }
        // Editing is speaking: who is muted cannot, nor who is not to be heard.
        Standing { role: member.role, mute_until: member.mute_until }.may_speak(&locked.head, now)?;
        if locked.head.kind == GroupKind::Service && locked.silenced_among(&HashSet::from([by])).await?.contains(&by) {
            return Err(Refusal::Blocked.into());
        }
        message.content = Some(content.clone());
        message.edited_at = Some(now);
        locked.update_message(&mut message).await?;
        locked.append(Change::Edited { message: Box::new(message.clone()), by }).await?;
        Ok(locked.commit(message).await?)
    }

    /// Waits for the group of a message and reads the message as it is then.
    async fn lock_message(&self, id: MessageId, now: DateTime<Utc>) -> Result<(Locked, Message), Error> {
        let group: Option<GroupId> = on!(&self.db, read pool => {
            sqlx::query_scalar("select group_id from message where id = $1").bind(id).fetch_optional(pool).await
        })?;
        let mut locked = self.lock(group.ok_or(Refusal::MessageNotFound)?, now).await?;
        let row: Option<MessageRow> = on!(&mut locked.transaction, within connection => {
            sqlx::query_as(select_messages!("", "where t.id = $1")).bind(id).fetch_optional(&mut *connection).await
        })?;
        let message = row.ok_or(Refusal::MessageNotFound)?.try_into()?;
        Ok((locked, message))
    }
}

impl Locked {
    /// The membership of someone who names a message: to outsiders, one of a customer-service conversation is not there.
    async fn member_of_message(&mut self, user: UserId) -> Result<Member, Error> {
        let refusal = match self.head.kind {
            GroupKind::Chat => Refusal::NotGroupMember,
            GroupKind::Service => Refusal::MessageNotFound,
        };
        Ok(self.member(user).await?.ok_or(refusal)?)
    }

    /// The role of a message's sender, where they are a member still.
    async fn sender_role(&mut self, sender: &Sender) -> Result<Option<Role>, sqlx::Error> {
        match sender.user() {
            Some(user) => Ok(self.member(user).await?.map(|member| member.role)),
            None => Ok(None),
        }
    }

    /// Writes what a message says now and what it is found by.
    async fn update_message(&mut self, message: &mut Message) -> Result<(), sqlx::Error> {
        message.version += 1;
        message.updated_at = self.now;
        let body = message.content.as_ref().map(body).transpose()?;
        let words = message
            .content
            .as_ref()
            .map(|content| indexed_as(&self.transaction, &terms(message.group, content.words())));
        on!(&mut self.transaction, within connection => {
            sqlx::query("update message set body = $2, edited_at = $3, version = $4, updated_at = $5 where id = $1")
                .bind(message.id)
                .bind(body)
                .bind(message.edited_at)
                .bind(message.version)
                .bind(message.updated_at)
                .execute(&mut *connection)
                .await
                .map(drop)
        })?;
        match &mut self.transaction {
            #[cfg(feature = "sqlite")]
            Transaction::Sqlite(connection) => {
                let connection = &mut **connection;
                sqlx::query("delete from message_terms where rowid = (select position from message where id = $1)")
                    .bind(message.id)
                    .execute(&mut *connection)
                    .await?;
                sqlx::query(
                    "insert into message_terms (rowid, terms)
                    select position, $2 from message where id = $1 and $2 is not null",
                )
                .bind(message.id)
                .bind(words)
                .execute(&mut *connection)
                .await?;
            }
            Transaction::Postgres(connection) => {
                sqlx::query("update message set terms = $2::bigint[] where id = $1")
                    .bind(message.id)
                    .bind(words)
                    .execute(&mut **connection)
                    .await?;
            }
        }
        Ok(())
    }
}
