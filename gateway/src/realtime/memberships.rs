//! The groups that users here are in, as far as no followed sequence says so: somebody joins a group that nobody here
//! watches yet, elsewhere or on another device. Owns when their groups are asked for: when a hint says so, at once when
//! the bus is back, and now and then, should a hint have been lost.

use std::{collections::HashSet, sync::Arc, time::Duration};

use chatroom_kit::{
    bus::Topic,
    ids::{GroupId, UserId},
};
use chatroom_proto::message::v1::{ReadHint, UserHint, user_hint::Hint};
use prost::Message as _;
use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval, sleep},
};

use super::{hub::Hub, reply, source::Question, user::User};

/// How many hints of someone having joined may wait.
const JOINS_WAITING: usize = 4096;
/// How many of them are asked about at once.
const JOINS_AT_ONCE: usize = 500;
/// How often everybody's groups are asked for.
const LIST_EVERY: Duration = Duration::from_mins(2);
/// How long the groups of all users take to be asked for at least, so that nobody is overrun by it.
const LIST_WITHIN: Duration = Duration::from_secs(20);
/// The least time between two users' lists when there are few of them.
const LIST_GAP_MAX: Duration = Duration::from_millis(20);
/// How often a group that was joined is asked about while nobody answers.
const ATTEMPTS: usize = 5;

/// Somebody is said to be in a group now.
type Join = (UserId, GroupId);

/// Hears what concerns users' own devices until the process ends.
pub(super) async fn listen(hub: Arc<Hub>) {
    let (joins, waiting) = mpsc::channel(JOINS_WAITING);
    tokio::spawn(take_joins(hub.clone(), waiting));
    let mut hints = hub.bus.subscribe_all(Topic::Users).await;
    while let Some((subject, hint)) = hints.next().await {
        let Some(user) = subject.user().and_then(|id| hub.user(&id)) else {
            continue;
        };
        match UserHint::decode(hint).map(|hint| hint.hint) {
            Ok(Some(Hint::Read(read))) => tell_read(&hub, &user, &read),
            Ok(Some(Hint::Joined(group))) => {
                if let Ok(group) = group.parse()
                    && user.room(group).is_none()
                    && joins.try_send((user.id, group)).is_err()
                {
                    tracing::debug!("a hint of someone having joined was dropped");
                }
            }
            // One that this gateway is too old to know.
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "hint unreadable"),
        }
    }
}

/// Tells a user's devices how far they have read, but for the one that has read.
fn tell_read(hub: &Hub, user: &User, read: &ReadHint) {
    let Ok(group) = read.group.parse() else {
        return;
    };
    let frame = reply::read(read);
    let sent = user.send_where(&frame, |device| !device.has_read(group, read.read_seq));
    hub.figures.delivered(sent, 1);
}

/// Lets those hear a group who have joined it.
async fn take_joins(hub: Arc<Hub>, mut waiting: mpsc::Receiver<Join>) {
    let mut joins = Vec::new();
    while waiting.recv_many(&mut joins, JOINS_AT_ONCE).await > 0 {
        for attempt in 1..=ATTEMPTS {
            if attach(&hub, &joins).await {
                break;
            }
            sleep(Duration::from_millis(200) * attempt.try_into().unwrap_or(1)).await;
        }
        joins.clear();
    }
}

/// Lets those of `joins` who are members hear their groups; false where nobody answered.
async fn attach(hub: &Arc<Hub>, joins: &[Join]) -> bool {
    let groups: HashSet<GroupId> = joins.iter().map(|(_, group)| *group).collect();
    let members = |group: GroupId| joins.iter().filter(move |join| join.1 == group).map(|(user, _)| *user).collect();
    let heads: Vec<_> = groups.iter().map(|group| Question { group: *group, users: Vec::new() }).collect();
    let questions: Vec<_> = groups.iter().map(|group| Question { group: *group, users: members(*group) }).collect();
    // The heads first: whoever is a member after that hears of their removal after this head.
    let (Ok(heads), Ok(standings)) = (hub.source.standings(&heads).await, hub.source.standings(&questions).await)
    else {
        return false;
    };
    for (user, group) in joins {
        let (Some(before), Some(standing)) = (heads.get(group), standings.get(group)) else {
            continue;
        };
        if let Some(user) = hub.user(user).filter(|user| standing.members.contains(&user.id)) {
            // From the last event on, which is the one by which they have joined, more often than not.
            let from = (before.head - 1).max(0);
            if hub.attach(&user, *group, &before.epoch, before.head, from).is_err() {
                tracing::debug!(user.id = %user.id, group.id = %group, "gone again");
            }
        }
    }
    true
}

/// Asks for everybody's groups until the process ends.
pub(super) async fn list(hub: Arc<Hub>) {
    let mut ticks = interval(LIST_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    let mut connections = hub.bus.connections();
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            Ok(()) = connections.changed() => {}
        }
        let users = hub.users();
        let gap = LIST_WITHIN.checked_div(users.len().try_into().unwrap_or(u32::MAX)).unwrap_or_default();
        for user in users {
            list_one(&hub, &user).await;
            sleep(gap.min(LIST_GAP_MAX)).await;
        }
    }
}

async fn list_one(hub: &Arc<Hub>, user: &Arc<User>) {
    let Some(caller) = user.caller() else {
        return;
    };
    match hub.source.conversations(&caller).await {
        Ok(listed) => drop(hub.attach_all(user, &listed)),
        Err(status) => tracing::debug!(code = ?status.code(), user.id = %user.id, "groups cannot be listed"),
    }
}
