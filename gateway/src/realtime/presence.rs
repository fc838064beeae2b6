//! Who is there, and who is typing, in groups that somebody watches. Nothing of it is stored: gateways tell each other on
//! the bus, and only about groups that are watched. Owns who watches what, here and elsewhere.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chatroom_kit::{
    bus::{Bus, Subject, Topic},
    ids::{GroupId, UserId},
};
use chatroom_proto::message::v1::{LiveHint, OnlineHint, live_hint::Hint};
use prost::Message as _;

use super::{clock::Second, device::Device, hub::Hub, reply, room::Room};

/// How often what has not changed is told again, for those who have missed it.
const TELL_EVERY: Second = 20;
/// How long what another gateway has told is believed.
const BELIEVED_FOR: Second = 45;
/// How many people are named as being there.
const ONLINE_MAX: usize = 500;
/// How often a second it is told in one group that someone is typing.
const TYPING_MAX: u32 = 10;
/// About how many groups gateways may tell each other things that nobody here has to do with.
const SCENES_MAX: usize = 50_000;

/// Who is there and who is typing.
pub(super) struct Presence {
    /// This gateway, among those that share the bus.
    gateway: u64,
    bus: Bus,
    scenes: Mutex<HashMap<GroupId, Scene>>,
}

/// A group that is watched, here or elsewhere.
#[derive(Debug, Default)]
struct Scene {
    /// The devices here that watch it.
    watchers: Vec<Arc<Device>>,
    /// What they have been told.
    told: Option<Vec<UserId>>,
    /// When other gateways were told that it is watched here.
    asked: Option<Second>,
    /// Who is there, as other gateways say.
    elsewhere: HashMap<u64, (Vec<UserId>, Second)>,
    /// The gateways where it is watched.
    watched_by: HashMap<u64, Second>,
    /// What those have been told, and when.
    reported: Option<(Vec<UserId>, Second)>,
    /// How often someone was said to be typing in this second.
    typing: (Second, u32),
}

impl Presence {
    pub(super) fn new(bus: Bus) -> Self {
        Self { gateway: rand::random(), bus, scenes: Mutex::default() }
    }

    /// A device watches a group from now on.
    pub(super) fn watch(&self, device: &Arc<Device>, group: GroupId) {
        if let Some(dropped) = device.watch(group) {
            self.stop(device, dropped);
        }
        let mut scenes = self.scenes();
        let scene = scenes.entry(group).or_default();
        if !scene.watchers.iter().any(|other| other.number == device.number) {
            scene.watchers.push(device.clone());
        }
        // Also for those who know already: one frame more, once.
        (scene.told, scene.asked) = (None, None);
    }

    /// A device watches a group no longer.
    pub(super) fn unwatch(&self, device: &Device, group: GroupId) {
        device.unwatch(group);
        self.stop(device, group);
    }

    /// A device is gone.
    pub(super) fn forget(&self, device: &Device) {
        for group in device.watching() {
            self.stop(device, group);
        }
    }

    fn stop(&self, device: &Device, group: GroupId) {
        if let Entry::Occupied(mut scene) = self.scenes().entry(group) {
            scene.get_mut().watchers.retain(|other| other.number != device.number);
            if scene.get().is_over() {
                scene.remove();
            }
        }
    }

    /// Somebody here is typing. Dropped where it is told too often already.
    pub(super) fn type_in(&self, hub: &Hub, user: UserId, group: GroupId) {
        let mut scenes = self.scenes();
        let Some(scene) = scenes.get_mut(&group) else {
            return;
        };
        let told = scene.tell_typing(hub, user, group);
        let elsewhere = !scene.watched_by.is_empty();
        drop(scenes);
        if told && elsewhere {
            self.publish(group, Hint::Typing(user.to_string()));
        }
    }

    /// Tells what has changed, once a second at most, and forgets what has not been heard for long.
    pub(super) fn round(&self, hub: &Hub, now: Second) {
        let mut hints = Vec::new();
        let mut scenes = self.scenes();
        scenes.retain(|_, scene| {
            scene.forget_what_is_old(now);
            !scene.is_over()
        });
        for (group, scene) in scenes.iter_mut() {
            let room = hub.room(*group);
            let mut here = room.as_ref().map(|room| room.members()).unwrap_or_default();
            here.sort_unstable();
            if !scene.watchers.is_empty() {
                if is_due(scene.asked, now) {
                    scene.asked = Some(now);
                    hints.push((*group, Hint::Watched(true)));
                }
                scene.tell_online(hub, *group, room.as_deref(), &here);
            }
            if let Some(hint) = scene.report(here, now) {
                hints.push((*group, hint));
            }
        }
        drop(scenes);
        for (group, hint) in hints {
            self.publish(group, hint);
        }
    }

    /// Takes what another gateway tells.
    fn take(&self, hub: &Hub, group: GroupId, hint: LiveHint, now: Second) {
        if hint.gateway == self.gateway {
            return;
        }
        let mut scenes = self.scenes();
        // Of groups that nobody here is in or watches, there is nothing to be told.
        if !scenes.contains_key(&group) && (hub.room(group).is_none() || scenes.len() >= SCENES_MAX) {
            return;
        }
        let scene = scenes.entry(group).or_default();
        match hint.hint {
            Some(Hint::Watched(watched)) => scene.watched_elsewhere(hint.gateway, watched, now),
            Some(Hint::Online(OnlineHint { users })) => {
                let users = users.iter().filter_map(|user| user.parse().ok()).collect();
                scene.elsewhere.insert(hint.gateway, (users, now));
            }
            Some(Hint::Typing(user)) => {
                let _ = user.parse().map(|user| scene.tell_typing(hub, user, group));
            }
            None => {}
        }
    }

    fn publish(&self, group: GroupId, hint: Hint) {
        let hint = LiveHint { gateway: self.gateway, hint: Some(hint) };
        self.bus.publish(Subject::Live(group), hint.encode_to_vec().into());
    }

    /// Nothing is left half-done under the lock, so a panic elsewhere does not spoil it.
    fn scenes(&self) -> MutexGuard<'_, HashMap<GroupId, Scene>> {
        self.scenes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hears what other gateways tell until the process ends.
pub(super) async fn listen(hub: Arc<Hub>) {
    let mut hints = hub.bus.subscribe_all(Topic::Live).await;
    while let Some((subject, hint)) = hints.next().await {
        let Some(group) = subject.group() else {
            continue;
        };
        match LiveHint::decode(hint) {
            Ok(hint) => hub.presence.take(&hub, group, hint, hub.beats.now()),
            Err(error) => tracing::warn!(%error, "hint unreadable"),
        }
    }
}

impl Scene {
    fn is_over(&self) -> bool {
        self.watchers.is_empty() && self.watched_by.is_empty()
    }

    fn forget_what_is_old(&mut self, now: Second) {
        let believed = |heard: Second| now.saturating_sub(heard) <= BELIEVED_FOR;
        self.elsewhere.retain(|_, (_, heard)| believed(*heard));
        self.watched_by.retain(|_, heard| believed(*heard));
        self.watchers.retain(|device| device.outbox.closed().is_none());
    }

    fn watched_elsewhere(&mut self, gateway: u64, watched: bool, now: Second) {
        let known = if watched { self.watched_by.insert(gateway, now) } else { self.watched_by.remove(&gateway) };
        if known.is_none() {
            self.reported = None;
        }
    }

    /// Tells the watchers here who is there, where that is news. Only members are told.
    fn tell_online(&mut self, hub: &Hub, group: GroupId, room: Option<&Room>, here: &[UserId]) {
        let mut online = here.to_vec();
        online.extend(self.elsewhere.values().flat_map(|(users, _)| users));
        online.sort_unstable();
        online.dedup();
        online.truncate(ONLINE_MAX);
        if self.told.as_ref() == Some(&online) {
            return;
        }
        let frame = reply::presence(group, &online);
        self.watchers.retain(|device| is_member(device, room));
        for device in &self.watchers {
            hub.figures.passing(device.outbox.push_if_light(&frame));
        }
        self.told = Some(online);
    }

    /// Tells the watchers here that someone is typing; false where that was told too often in this second.
    fn tell_typing(&mut self, hub: &Hub, user: UserId, group: GroupId) -> bool {
        let now = hub.beats.now();
        let (second, count) = self.typing;
        let count = if second == now { count + 1 } else { 1 };
        self.typing = (now, count);
        if count > TYPING_MAX {
            hub.figures.passing(false);
            return false;
        }
        let frame = reply::typing(group, user);
        let room = hub.room(group);
        let others = self.watchers.iter().filter(|device| device.caller().is_some_and(|caller| caller.id != user));
        for device in others.filter(|device| is_member(device, room.as_deref())) {
            hub.figures.passing(device.outbox.push_if_light(&frame));
        }
        true
    }

    /// What is to be told to the gateways where the group is watched.
    fn report(&mut self, here: Vec<UserId>, now: Second) -> Option<Hint> {
        if self.watched_by.is_empty() {
            self.reported = None;
            return None;
        }
        let old = self.reported.as_ref().is_none_or(|(told, at)| *told != here || is_due(Some(*at), now));
        old.then(|| {
            let users = here.iter().take(ONLINE_MAX).map(ToString::to_string).collect();
            self.reported = Some((here, now));
            Hint::Online(OnlineHint { users })
        })
    }
}

fn is_due(last: Option<Second>, now: Second) -> bool {
    last.is_none_or(|last| now.saturating_sub(last) >= TELL_EVERY)
}

fn is_member(device: &Device, room: Option<&Room>) -> bool {
    device.caller().is_some_and(|caller| room.is_some_and(|room| room.has(caller.id)))
}
