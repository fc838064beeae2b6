//! What a cluster has written to its databases, looked at as a thief would: every byte of the files, every value of
//! every table. Knows no schema.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::{Cluster, Part, Shape, store::files_below};

/// Whether `text` stands anywhere in what `part` has stored.
pub async fn contain(cluster: &Cluster, part: Part, text: &str) -> bool {
    match cluster.shape() {
        Shape::Standalone => in_files(cluster, text),
        Shape::Distributed => in_tables(&cluster.environment(part)["CHATROOM_DATABASE_URL"], text).await,
    }
}

fn in_files(cluster: &Cluster, text: &str) -> bool {
    let databases =
        files_below(&cluster.data_dir()).into_iter().filter(|(path, _)| path.to_string_lossy().contains(".db"));
    let holds = |bytes: Vec<u8>| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    databases.map(|(path, _)| std::fs::read(path).unwrap_or_default()).any(holds)
}

async fn in_tables(url: &str, text: &str) -> bool {
    let mut connection = PgConnection::connect(url).await.expect("the database answers");
    let tables: Vec<(String,)> =
        sqlx::query_as("select quote_ident(tablename::text) from pg_tables where schemaname = 'public'")
            .fetch_all(&mut connection)
            .await
            .expect("a database has tables");
    for (table,) in tables {
        let statement = format!("select count(*) from {table} as row where position($1 in row::text) > 0");
        let (rows,): (i64,) = sqlx::query_as(AssertSqlSafe(statement))
            .bind(text)
            .fetch_one(&mut connection)
            .await
            .expect("a table can be read");
        if rows > 0 {
            return true;
        }
    }
    false
}
