//! What a gateway asks about many groups at once: where each stands, and which of its users are in it still.

use std::collections::HashMap;

use chatroom_kit::{
    ids::{GroupId, UserId},
    on,
};
use serde::Serialize;
use sqlx::FromRow;

use super::{Store, row::json};

/// A group that a gateway watches.
#[derive(Clone, Debug)]
pub struct Watched {
    /// The group.
    pub group: GroupId,
    /// For whom.
    pub users: Vec<UserId>,
}

/// Where a watched group stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchedGroup {
    /// The group.
    pub group: GroupId,
    /// Its epoch.
    pub epoch: String,
    /// Its last event's place in the sequence.
    pub head_seq: i64,
    /// Which of the users asked about are members.
    pub members: Vec<UserId>,
}

impl Store {
    /// Where groups stand, and who of the users asked about is in them. A group that is not there is left out.
    #[tracing::instrument(level = "debug", name = "db.group.watch", skip_all)]
    pub async fn watched(&self, watched: &[Watched]) -> Result<Vec<WatchedGroup>, sqlx::Error> {
        let groups = json(&watched.iter().map(|it| it.group.to_string()).collect::<Vec<_>>())?;
        let statement = self.db.sql(
            "select id, epoch, head_seq from chat_group where id in (select value from json_each($1))",
            "select id, epoch, head_seq from chat_group where id in (select json_array_elements_text($1::json))",
        );
        // Members first: whoever leaves in between has an event before the head that is answered.
        let mut members = self.members_among(watched).await?;
        let rows: Vec<HeadRow> = on!(&self.db, read pool => {
            sqlx::query_as(statement).bind(groups).fetch_all(pool).await
        })?;
        Ok(rows
            .into_iter()
            .map(|row| WatchedGroup {
                group: row.id,
                epoch: row.epoch,
                head_seq: row.head_seq,
                members: members.remove(&row.id).unwrap_or_default(),
            })
            .collect())
    }

    async fn members_among(&self, watched: &[Watched]) -> Result<HashMap<GroupId, Vec<UserId>>, sqlx::Error> {
        if watched.iter().all(|it| it.users.is_empty()) {
            return Ok(HashMap::new());
        }
        let pairs: Vec<_> = watched
            .iter()
            .flat_map(|it| it.users.iter().map(|user| (it.group, user)))
            .map(|(group, user)| Pair { group_id: group.to_string(), user_id: user.to_string() })
            .collect();
        let statement = self.db.sql(
            "select m.group_id, m.user_id from json_each($1) a cross join member m
            where m.group_id = a.value ->> 'group_id' and m.user_id = a.value ->> 'user_id'",
            "select m.group_id, m.user_id
            from json_to_recordset($1::json) as a (group_id text, user_id text)
            join member m on m.group_id = a.group_id and m.user_id = a.user_id",
        );
        let pairs = json(&pairs)?;
        let rows: Vec<(GroupId, UserId)> = on!(&self.db, read pool => {
            sqlx::query_as(statement).bind(pairs).fetch_all(pool).await
        })?;
        let mut members: HashMap<_, Vec<_>> = HashMap::new();
        for (group, user) in rows {
            members.entry(group).or_default().push(user);
        }
        Ok(members)
    }
}

/// A user whose membership is asked about.
#[derive(Serialize)]
struct Pair {
    group_id: String,
    user_id: String,
}

#[derive(FromRow)]
struct HeadRow {
    id: GroupId,
    epoch: String,
    head_seq: i64,
}
