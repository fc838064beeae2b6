//! Storing messages, many at once: one transaction, however many senders wait for it. Lists travel as one JSON
//! parameter, so that each statement is prepared once.

use std::collections::{BTreeSet, HashMap, HashSet};

use chatroom_kit::{
    ids::{GroupId, UserId},
    on,
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::FromRow;

use super::{
    Store,
    insert::NewRow,
    locked::Locked,
    row::{ReplyRow, all, json, role},
    search::indexed_as,
    upload,
};
use crate::{
    domain::{Change, Draft, Event, Known, Message, MessageId, Refusal, Reply, Standing, Terms, Verdict, judge, terms},
    error::Error,
};

/// What became of a draft that was not refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The message, as it is now.
    pub message: Message,
    /// Whether it had been stored before.
    pub duplicate: bool,
}

/// What became of several drafts.
#[derive(Debug)]
pub struct Batch {
    /// For each draft, in order.
    pub outcomes: Vec<Result<Sent, Refusal>>,
    /// What was stored, in order and without a hole.
    pub events: Vec<Event>,
}

impl Store {
    /// Stores `drafts` in their order, each judged by itself, in one transaction.
    #[tracing::instrument(level = "debug", name = "db.message.insert", skip_all, fields(drafts = drafts.len()))]
    pub async fn send(&self, group: GroupId, drafts: &[Draft], now: DateTime<Utc>) -> Result<Batch, Error> {
        // Outside the lock: the longest work there is.
        let indexed: Vec<Terms> = drafts.iter().map(|draft| terms(group, draft.content.words())).collect();
        let Some(mut locked) = Locked::open(self, group, now).await? else {
            let outcomes = drafts.iter().map(|_| Err(Refusal::GroupNotFound)).collect();
            return Ok(Batch { outcomes, events: Vec::new() });
        };
        let known = locked.known(drafts).await?;
        let verdicts = judge(&mut locked.head, drafts, &known, now);
        let mut rows = Vec::new();
        let mut stored = Vec::new();
        for ((verdict, draft), terms) in verdicts.iter().zip(drafts).zip(&indexed) {
            if let Verdict::Accepted(place) = verdict {
                let message = message(group, draft, place.seq, &known, now);
                rows.push(NewRow::new(&message, *place, indexed_as(&locked.transaction, terms))?);
                stored.push(message);
            }
        }
        if !rows.is_empty() {
            locked.insert_messages(&rows).await?;
            locked.attach(&stored).await?;
        }
        let epoch = locked.head.epoch.clone();
        locked.transaction.commit().await?;
        let outcomes = self.outcomes(group, &verdicts, &stored).await?;
        let events = stored.into_iter().map(|message| said(message, &epoch)).collect();
        Ok(Batch { outcomes, events })
    }

    /// Answers each verdict with its message. One that had been stored before may have changed since.
    async fn outcomes(
        &self,
        group: GroupId,
        verdicts: &[Verdict],
        stored: &[Message],
    ) -> Result<Vec<Result<Sent, Refusal>>, Error> {
        let fresh: HashMap<i64, &Message> = stored.iter().map(|message| (message.seq, message)).collect();
        let repeated: Vec<i64> = verdicts
            .iter()
            .filter_map(|verdict| match verdict {
                Verdict::Repeat(seq) if !fresh.contains_key(seq) => Some(*seq),
                _ => None,
            })
            .collect();
        let old = if repeated.is_empty() { Vec::new() } else { self.messages_at(group, &repeated).await? };
        let old: HashMap<i64, &Message> = old.iter().map(|message| (message.seq, message)).collect();
        let find =
            |seq: &i64| fresh.get(seq).or_else(|| old.get(seq)).copied().cloned().ok_or(sqlx::Error::RowNotFound);
        verdicts
            .iter()
            .map(|verdict| {
                Ok(match verdict {
                    Verdict::Accepted(place) => Ok(Sent { message: find(&place.seq)?, duplicate: false }),
                    Verdict::Repeat(seq) => Ok(Sent { message: find(seq)?, duplicate: true }),
                    Verdict::Refused(refusal) => Err(*refusal),
                })
            })
            .collect()
    }
}

impl Locked {
    /// Reads what `drafts` are judged by.
    async fn known(&mut self, drafts: &[Draft]) -> Result<Known, sqlx::Error> {
        let asked: Vec<_> = drafts
            .iter()
            .enumerate()
            .map(|(n, draft)| Asked { n, sender: draft.sender.to_string(), client_id: draft.client_id.as_str() })
            .collect();
        let asked = json(&asked)?;
        let mut known = Known::default();
        for row in self.senders(&asked).await? {
            known.repeats.push(row.repeat);
            known.sent.push(row.sent.unwrap_or(0));
            let standing = row.role.map(role).transpose()?.map(|role| Standing { role, mute_until: row.mute_until });
            known.standings.push(standing);
        }
        let mentioned: HashSet<UserId> = drafts.iter().flat_map(|draft| draft.mentions.users.iter().copied()).collect();
        if !mentioned.is_empty() {
            known.mentioned = self.members_among(&mentioned).await?;
            known.unheard = self.unheard(&mentioned, drafts).await?;
        }
        known.silenced = self.silenced(drafts).await?;
        let answered: HashSet<MessageId> = drafts.iter().filter_map(|draft| draft.reply_to).collect();
        if !answered.is_empty() {
            known.replies = self.replies_among(&answered).await?;
        }
        let attached: BTreeSet<_> =
            drafts.iter().filter_map(|draft| draft.content.attachment()).map(|it| it.path.as_str()).collect();
        if !attached.is_empty() {
            known.discarded = upload::hold(&mut self.transaction, &attached).await?;
        }
        Ok(known)
    }

    /// What each draft's sender is and has sent, in the order of the drafts.
    async fn senders(&mut self, asked: &str) -> Result<Vec<SenderRow>, sqlx::Error> {
        let statement = self.transaction.sql(
            "select t.seq as repeat, m.role, m.mute_until,
                (select own_number from message
                    where group_id = $1 and sender = a.value ->> 'sender' order by seq desc limit 1) as sent
            from json_each($2) a
            left join message t
                on t.group_id = $1 and t.sender = a.value ->> 'sender' and t.client_id = a.value ->> 'client_id'
            left join member m on m.group_id = $1 and m.user_id = a.value ->> 'sender'
            order by a.value ->> 'n'",
            "select t.seq as repeat, m.role, m.mute_until,
                (select own_number from message
                    where group_id = $1 and sender = a.sender order by seq desc limit 1) as sent
            from json_to_recordset($2::json) as a (n integer, sender text, client_id text)
            left join message t on t.group_id = $1 and t.sender = a.sender and t.client_id = a.client_id
            left join member m on m.group_id = $1 and m.user_id = a.sender
            order by a.n",
        );
        on!(&mut self.transaction, within connection => {
            sqlx::query_as(statement).bind(self.head.group).bind(asked).fetch_all(&mut *connection).await
        })
    }

    /// Which of these users are members.
    async fn members_among(&mut self, users: &HashSet<UserId>) -> Result<HashSet<UserId>, sqlx::Error> {
        let asked = json(&users.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        let statement = self.transaction.sql(
            "select user_id from member where group_id = $1 and user_id in (select value from json_each($2))",
            "select user_id from member
            where group_id = $1 and user_id in (select json_array_elements_text($2::json))",
        );
        let found: Vec<UserId> = on!(&mut self.transaction, within connection => {
            sqlx::query_scalar(statement).bind(self.head.group).bind(asked).fetch_all(&mut *connection).await
        })?;
        Ok(found.into_iter().collect())
    }

    /// Which of these messages are the group's.
    async fn replies_among(&mut self, ids: &HashSet<MessageId>) -> Result<HashMap<MessageId, Reply>, sqlx::Error> {
        let asked = json(&ids.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        let statement = self.transaction.sql(
            "select id, seq, sender, kind, case when kind in (0, 3) then substr(body, 1, 200) else body end as body
            from message where group_id = $1 and id in (select value from json_each($2))",
            "select id, seq, sender, kind, case when kind in (0, 3) then substr(body, 1, 200) else body end as body
            from message where group_id = $1 and id in (select json_array_elements_text($2::json))",
        );
        let rows: Vec<ReplyRow> = on!(&mut self.transaction, within connection => {
            sqlx::query_as(statement).bind(self.head.group).bind(asked).fetch_all(&mut *connection).await
        })?;
        let replies: Vec<Reply> = all(rows)?;
        Ok(replies.into_iter().map(|reply| (reply.id, reply)).collect())
    }
}

/// A draft, as the database is asked about it.
#[derive(Serialize)]
struct Asked<'a> {
    n: usize,
    sender: String,
    client_id: &'a str,
}

#[derive(FromRow)]
struct SenderRow {
    repeat: Option<i64>,
    role: Option<i32>,
    mute_until: Option<DateTime<Utc>>,
    sent: Option<i64>,
}

fn message(group: GroupId, draft: &Draft, seq: i64, known: &Known, now: DateTime<Utc>) -> Message {
    Message {
        id: MessageId::new(),
        group,
        seq,
        sender: draft.sender.clone(),
        client_id: draft.client_id.as_str().to_owned(),
        kind: draft.content.kind(),
        content: Some(draft.content.clone()),
        reply_to: draft.reply_to.and_then(|id| known.replies.get(&id)).cloned(),
        mentions: known.heard(draft),
        edited_at: None,
        version: 0,
        created_at: now,
        updated_at: now,
    }
}

fn said(message: Message, epoch: &str) -> Event {
    Event {
        group: message.group,
        epoch: epoch.to_owned(),
        seq: message.seq,
        created_at: message.created_at,
        change: Change::Message(Box::new(message)),
    }
}
