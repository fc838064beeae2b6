//! A group's long past, straight into the database of either engine: what was said there already is said again and
//! again, with every row that sending would write. Only every tenth thousand can be searched for: it is the index that
//! takes long to fill. The product must not be running.

use sqlx::{Connection as _, Executor as _, PgConnection, SqliteConnection};

/// Multiplies a group's messages until there are `messages` more. Its last events must be its messages, all of them.
pub(crate) async fn multiply(url: &str, group: &str, messages: i64) -> anyhow::Result<()> {
    if url.starts_with("sqlite") {
        in_sqlite(url, group, messages).await
    } else {
        in_postgres(url, group, messages).await
    }
}

async fn in_sqlite(url: &str, group: &str, messages: i64) -> anyhow::Result<()> {
    let mut connection = SqliteConnection::connect(url).await?;
    for statement in SQLITE_WORDS {
        connection.execute(statement).await?;
    }
    let mut transaction = connection.begin().await?;
    for statement in [SQLITE_MESSAGES, EVENTS, SQLITE_TERMS, HEAD] {
        sqlx::query(statement).bind(group).bind(messages).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    connection.execute("pragma wal_checkpoint(truncate)").await?;
    Ok(connection.close().await?)
}

async fn in_postgres(url: &str, group: &str, messages: i64) -> anyhow::Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    let mut transaction = connection.begin().await?;
    for statement in [POSTGRES_MESSAGES, EVENTS, HEAD] {
        sqlx::query(statement).bind(group).bind(messages).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    // What its planner knows is brought up to date, as would happen within minutes.
    connection.execute("vacuum (analyze)").await?;
    Ok(connection.close().await?)
}

/// The words that messages are found by are kept in the index alone: read back from it.
const SQLITE_WORDS: [&str; 3] = [
    "create virtual table temp.word using fts5vocab(main, message_terms, instance)",
    "create temp table said (position integer primary key, terms text)",
    "insert into temp.said select doc, group_concat(term, ' ') from temp.word group by doc",
];

const SQLITE_MESSAGES: &str = "
    with recursive copy (n) as (select 0 union all select n + 1 from copy where n + 1 < $2),
        one as (select count(*) as messages, max(seq) as seq, max(number) as number from message where group_id = $1),
        own as (select sender, max(own_number) as messages from message where group_id = $1 group by sender)
    insert into message
        (id, group_id, seq, number, own_number, sender, client_id, kind, body, created_at, updated_at)
    select lower(hex(randomblob(12))), $1, one.seq + 1 + n, one.number + 1 + n,
        t.own_number + own.messages * (1 + n / one.messages), t.sender, 'again-' || n, t.kind, t.body, t.created_at,
        t.updated_at
    from one cross join copy
        cross join message t on t.group_id = $1 and t.seq = one.seq - one.messages + 1 + n % one.messages
        cross join own on own.sender = t.sender";

const SQLITE_TERMS: &str = "
    insert into message_terms (rowid, terms)
    select t.position, said.terms
    from (select count(*) as messages from message where group_id = $1 and client_id like 'said-%') one
        cross join message t on t.group_id = $1 and t.client_id like 'again-%' and t.number / 1000 % 10 = 0
        cross join message o
            on o.group_id = $1 and o.seq = t.seq - t.number + 1 + (t.number - 1) % one.messages
        cross join said on said.position = o.position
    order by t.position limit $2";

const POSTGRES_MESSAGES: &str = "
    with one as (select count(*) as messages, max(seq) as seq, max(number) as number from message where group_id = $1),
        own as (select sender, max(own_number) as messages from message where group_id = $1 group by sender)
    insert into message
        (id, group_id, seq, number, own_number, sender, client_id, kind, body, terms, created_at, updated_at)
    select substr(md5($1 || n), 1, 24), $1, one.seq + 1 + n, one.number + 1 + n,
        t.own_number + own.messages * (1 + n / one.messages), t.sender, 'again-' || n, t.kind, t.body,
        case when (one.number + 1 + n) / 1000 % 10 = 0 then t.terms end, t.created_at, t.updated_at
    from one cross join generate_series(0, $2 - 1) n
        join message t on t.group_id = $1 and t.seq = one.seq - one.messages + 1 + n % one.messages
        join own on own.sender = t.sender
    order by n";

const EVENTS: &str = "
    insert into event (group_id, seq, kind, message_seq, created_at)
    select group_id, seq, 0, seq, created_at from message
    where group_id = $1 and seq > (select head_seq from chat_group where id = $1)
    order by seq limit $2";

const HEAD: &str = "
    update chat_group set head_seq = head_seq + $2, message_count = message_count + $2, last_seq = head_seq + $2
    where id = $1";
