//! The regular look at where the watched groups stand and who is in them: what a lost hint has left behind is found here.
//! Owns when it is taken: every few seconds, at once when the bus is back, and soon after a group begins to be watched.

use std::{sync::Arc, time::Duration};

use tokio::time::{MissedTickBehavior, interval, sleep};

use super::{hub::Hub, room::Room, source::Question};

/// How often every group is looked at.
const EVERY: Duration = Duration::from_secs(5);
/// How long groups that are watched since lately are gathered, and their subscriptions given to reach the bus.
const GATHER: Duration = Duration::from_millis(150);
/// How soon a look that failed is taken again.
const AGAIN: Duration = Duration::from_millis(500);

/// Looks until the process ends.
pub(super) async fn run(hub: Arc<Hub>) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut connections = hub.bus.connections();
    loop {
        let all = tokio::select! {
            _ = ticks.tick() => true,
            Ok(()) = connections.changed() => true,
            () = hub.hurry.notified() => false,
        };
        if !all {
            sleep(GATHER).await;
        }
        while !look(&hub, all).await {
            sleep(AGAIN).await;
        }
    }
}

/// Looks at all rooms, or at those that are watched since lately; false where nobody answered.
async fn look(hub: &Hub, all: bool) -> bool {
    let rooms: Vec<Arc<Room>> = hub.rooms().into_iter().filter(|room| all || room.is_fresh()).collect();
    if rooms.is_empty() {
        return true;
    }
    let questions: Vec<_> = rooms.iter().map(|room| Question { group: room.group, users: room.members() }).collect();
    let standings = match hub.source.standings(&questions).await {
        Ok(standings) => standings,
        Err(status) => {
            tracing::warn!(code = ?status.code(), groups = rooms.len(), "groups cannot be looked at");
            return false;
        }
    };
    for (room, question) in rooms.iter().zip(&questions) {
        if let Some(standing) = standings.get(&room.group) {
            room.note(&standing.epoch, standing.head);
            room.note_members(&question.users, &standing.members, standing.head);
        }
    }
    true
}
