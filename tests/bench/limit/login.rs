//! The limit of `POST /h5/user/login`: one select and one Argon2id, whose memory is used again and again. The token in
//! the answer was made beforehand.

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use anyhow::{Context as _, ensure};
use argon2::{Algorithm, Argon2, Block, Params, PasswordHash, Version};
use axum::{Json, extract::State};
use chatroom_kit::on;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use tokio::sync::Semaphore;

use super::{Answer, Failure, Limit, answer, time};

/// The name and the password.
#[derive(Deserialize)]
pub(super) struct Credentials {
    username: String,
    password: String,
}

#[derive(Serialize)]
pub(super) struct Login {
    token: String,
    #[serde(rename = "_id")]
    id: String,
    username: String,
    role: i16,
    #[serde(rename = "__v")]
    version: i32,
    #[serde(rename = "createdAt", with = "time")]
    created_at: DateTime<Utc>,
    #[serde(rename = "updatedAt", with = "time")]
    updated_at: DateTime<Utc>,
}

#[derive(FromRow)]
struct Row {
    id: String,
    username: String,
    password_hash: String,
    role: i16,
    version: i32,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// `POST /h5/user/login`.
pub(super) async fn login(State(limit): State<Arc<Limit>>, Json(asked): Json<Credentials>) -> Answer<Login> {
    let row: Row = on!(&limit.user, read pool => {
        sqlx::query_as(
            "select id, username, password_hash, role, version, created_at, updated_at
            from account where username_key = $1",
        )
        .bind(&asked.username)
        .fetch_one(pool)
        .await
    })?;
    limit.hasher.verify(asked.password, row.password_hash).await.map_err(|error| Failure(format!("{error:#}")))?;
    Ok(answer(Login {
        token: limit.tokens.get(&row.id).cloned().unwrap_or_default(),
        id: row.id,
        username: row.username,
        role: row.role,
        version: row.version,
        created_at: row.created_at,
        updated_at: row.updated_at,
    }))
}

/// Verifies as many passwords at once as the product does.
pub(super) struct Hasher {
    turns: Semaphore,
    /// The memory of those who are not at work.
    memory: Arc<Mutex<Vec<Vec<Block>>>>,
}

impl Hasher {
    pub(super) fn new() -> anyhow::Result<Self> {
        let processors = thread::available_parallelism().context("the processors cannot be counted")?.get();
        Ok(Self { turns: Semaphore::new((processors - 1).max(1)), memory: Arc::default() })
    }

    async fn verify(&self, password: String, hash: String) -> anyhow::Result<()> {
        let _turn = self.turns.acquire().await?;
        let memory = self.memory.clone();
        tokio::task::spawn_blocking(move || {
            let mut blocks = lent(&memory).pop().unwrap_or_default();
            let same = is_hash_of(&password, &hash, &mut blocks);
            lent(&memory).push(blocks);
            ensure!(same?, "wrong password");
            Ok(())
        })
        .await?
    }
}

fn lent(memory: &Mutex<Vec<Vec<Block>>>) -> std::sync::MutexGuard<'_, Vec<Vec<Block>>> {
    memory.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_hash_of(password: &str, hash: &str, blocks: &mut Vec<Block>) -> anyhow::Result<bool> {
    let hash = PasswordHash::new(hash)?;
    let params = Params::try_from(&hash)?;
    let (salt, expected) = hash.salt.zip(hash.hash).context("the hash has no salt or no value")?;
    blocks.resize(params.block_count(), Block::default());
    let mut computed = vec![0; expected.len()];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into_with_memory(
        password.as_bytes(),
        salt.as_ref(),
        &mut computed,
        blocks,
    )?;
    Ok(computed == expected.as_bytes())
}
