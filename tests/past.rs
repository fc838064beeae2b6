//! Lets time pass for what is stored, by setting it back: no scenario can wait for a quarter of an hour, nor set the
//! clock of a process.

use chrono::{DateTime, Utc};
use sqlx::{Connection as _, PgConnection, SqliteConnection};

use crate::{Cluster, Part, Shape};

/// Says that the message `id` was sent at `sent`.
pub async fn date_message(cluster: &Cluster, id: &str, sent: DateTime<Utc>) {
    const STATEMENT: &str = "update message set created_at = $1 where id = $2";
    let changed = match cluster.shape() {
        Shape::Standalone => {
            let url = format!("sqlite://{}", cluster.data_dir().join("group.db").display());
            let mut connection = SqliteConnection::connect(&url).await.expect("the database opens");
            let done = sqlx::query(STATEMENT).bind(sent).bind(id).execute(&mut connection).await;
            done.expect("the message can be changed").rows_affected()
        }
        Shape::Distributed => {
            let url = &cluster.environment(Part::Group)["CHATROOM_DATABASE_URL"];
            let mut connection = PgConnection::connect(url).await.expect("the database answers");
            let done = sqlx::query(STATEMENT).bind(sent).bind(id).execute(&mut connection).await;
            done.expect("the message can be changed").rows_affected()
        }
    };
    assert_eq!(changed, 1, "there is one message {id}");
}
