//! Whether a database server still answers, asked on a connection of its own: a server that is gone without a word keeps
//! every statement waiting, and nothing on that statement's connection tells it from a slow one.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use sqlx::{ConnectOptions as _, Connection as _, PgConnection, postgres::PgConnectOptions};
use tokio::time::{sleep, timeout};

use crate::life_signs::{ASK_EVERY, LifeSigns};

/// How long the server may take for one sign of life, connecting included.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// How long after it has not answered it is asked again: it may come back at any moment, and others wait for that.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// Whether a database server still answers. Clones listen to the same.
#[derive(Clone, Debug)]
pub struct Pulse(Arc<LifeSigns>);

impl Pulse {
    /// Follows the server that `options` name for as long as anybody listens.
    pub(super) fn follow(options: Arc<PgConnectOptions>) -> Self {
        let signs = Arc::new(LifeSigns::new());
        tokio::spawn(ask(options, Arc::downgrade(&signs)));
        Self(signs)
    }

    /// Waits until the server has been silent for too long.
    pub(crate) async fn ended(&self) {
        self.0.ended().await;
    }
}

async fn ask(options: Arc<PgConnectOptions>, signs: Weak<LifeSigns>) {
    let mut connection = None;
    loop {
        let answer = timeout(ANSWER_WITHIN, answered(&options, connection.take())).await;
        let Some(signs) = signs.upgrade() else {
            return;
        };
        let pause = match answer {
            Ok(Ok(answering)) => {
                signs.note();
                connection = Some(answering);
                ASK_EVERY
            }
            // A refusal, for want of a place or of a right, is a sign of life too.
            Ok(Err(sqlx::Error::Database(_))) => {
                signs.note();
                ASK_EVERY
            }
            Ok(Err(_)) | Err(_) => ASK_AGAIN,
        };
        drop(signs);
        sleep(pause).await;
    }
}

/// The connection once it has shown that the server lives: the one there was, or else a new one.
async fn answered(options: &PgConnectOptions, connection: Option<PgConnection>) -> Result<PgConnection, sqlx::Error> {
    if let Some(mut connection) = connection
        && connection.ping().await.is_ok()
    {
        return Ok(connection);
    }
    options.connect().await
}
