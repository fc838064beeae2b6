//! A group as far as this gateway watches it: who of its members is here, and up to which place of its sequence they
//! have been told. Owns the order in which they are: an event reaches those who are members when it happens, and no
//! other. Reading the sequence is `follower.rs`'s.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use bytes::Bytes;
use chatroom_kit::ids::{GroupId, UserId};
use tokio::{sync::Notify, task::AbortHandle};

use super::{
    clock::Second,
    user::{Sent, User},
};

/// How many departures are remembered for those who come in with an older list of their groups.
const DEPARTURES_MAX: usize = 256;

/// A group that is watched.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) group: GroupId,
    state: Mutex<State>,
    /// When it last moved on.
    moved: AtomicU32,
    news: Notify,
}

#[derive(Debug)]
struct State {
    epoch: String,
    /// Everything up to this place has been delivered.
    position: i64,
    /// The last place that is known to be there.
    head: i64,
    /// Where it stands is in doubt: another epoch has been heard of.
    doubted: bool,
    members: HashMap<UserId, Member>,
    /// Who has gone, and at which place, in order; all since the place beside.
    departures: VecDeque<(i64, UserId)>,
    departures_since: i64,
    /// Who was found not to be a member when the head stood at a place.
    absent: Vec<(UserId, i64)>,
    /// Its hints come, but it has not been looked at since.
    fresh: bool,
    follower: Option<AbortHandle>,
}

#[derive(Debug)]
struct Member {
    user: Arc<User>,
    /// They were a member when the sequence stood here: what happened to them before is history.
    since: i64,
}

/// Events that follow each other, ready to leave.
#[derive(Debug)]
pub(super) struct Piece {
    /// Their frames, one behind the other.
    pub(super) frames: Bytes,
    /// How many.
    pub(super) count: u64,
    /// The place of the last one.
    pub(super) last: i64,
    /// What it does to the membership: a piece that does something has one event.
    pub(super) effect: Effect,
}

/// What an event does to the membership.
#[derive(Debug)]
pub(super) enum Effect {
    /// Nothing.
    None,
    /// Somebody who has sockets here is a member from this event on.
    Joined(Arc<User>),
    /// Somebody is no member after this event.
    Gone(UserId),
}

/// The user has left the group since the list of their groups was made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outdated;

impl Room {
    /// A room whose sequence is delivered from a place on.
    pub(super) fn new(group: GroupId, epoch: &str, position: i64) -> Arc<Self> {
        let state = State {
            epoch: epoch.to_owned(),
            position,
            head: position,
            doubted: false,
            members: HashMap::new(),
            departures: VecDeque::new(),
            departures_since: position,
            absent: Vec::new(),
            fresh: false,
            follower: None,
        };
        Arc::new(Self { group, state: Mutex::new(state), moved: AtomicU32::new(0), news: Notify::new() })
    }

    /// Remembers its follower.
    pub(super) fn followed_by(&self, follower: AbortHandle) {
        self.state().follower = Some(follower);
    }

    /// Ends its follower.
    pub(super) fn end(&self) {
        if let Some(follower) = self.state().follower.take() {
            follower.abort();
        }
    }

    /// Lets in somebody who was a member when the head stood at `head`. Answers the place after which they hear
    /// everything: at the head or after it, where more has been delivered meanwhile.
    pub(super) fn attach(self: &Arc<Self>, user: &Arc<User>, head: i64) -> Result<i64, Outdated> {
        let mut state = self.state();
        let gone_since = state.departures.iter().any(|(seq, gone)| *seq > head && *gone == user.id);
        if gone_since || head < state.departures_since {
            return Err(Outdated);
        }
        state.admit(self, user, head);
        state.expect(head);
        let place = state.position.max(head);
        if state.is_behind() {
            self.news.notify_one();
        }
        Ok(place)
    }

    /// Lets somebody go whose sockets are all gone. Answers whether nobody is left.
    pub(super) fn detach(&self, user: &Arc<User>) -> bool {
        let mut state = self.state();
        if state.members.get(&user.id).is_some_and(|member| Arc::ptr_eq(&member.user, user)) {
            state.members.remove(&user.id);
        }
        state.members.is_empty()
    }

    /// Whether nobody is here.
    pub(super) fn is_empty(&self) -> bool {
        self.state().members.is_empty()
    }

    /// Who is here.
    pub(super) fn members(&self) -> Vec<UserId> {
        self.state().members.keys().copied().collect()
    }

    /// Whether a user is here.
    pub(super) fn has(&self, user: UserId) -> bool {
        self.state().members.contains_key(&user)
    }

    /// Everything up to this place has been delivered.
    pub(super) fn position(&self) -> i64 {
        self.state().position
    }

    /// When something was last delivered.
    pub(super) fn moved(&self) -> Second {
        self.moved.load(Ordering::Relaxed)
    }

    /// Delivers to whoever is a member, in order with everything else that is delivered.
    pub(super) fn deliver(self: &Arc<Self>, piece: &Piece, now: Second) -> Sent {
        let mut state = self.state();
        if let Effect::Joined(user) = &piece.effect {
            state.admit(self, user, piece.last);
        }
        let mut all = Sent::default();
        for member in state.members.values() {
            let sent = member.user.send(&piece.frames);
            all.deliveries += sent.deliveries * piece.count;
            all.dropped += sent.dropped;
        }
        if let Effect::Gone(user) = &piece.effect {
            state.dismiss(self.group, *user, piece.last);
        }
        state.position = piece.last;
        state.expect(piece.last);
        self.moved.store(now, Ordering::Relaxed);
        all
    }

    /// Takes note of where the sequence stands, as somebody says.
    pub(super) fn note(&self, epoch: &str, head: i64) {
        let mut state = self.state();
        if epoch == state.epoch {
            state.expect(head);
        } else {
            state.doubted = true;
        }
        if state.is_behind() || state.doubted {
            self.news.notify_one();
        }
    }

    /// Takes note of who of `asked` is not among `present`, as of when the head stood at `head`: their departure has an
    /// event up to there, which may be on its way.
    pub(super) fn note_members(&self, asked: &[UserId], present: &HashSet<UserId>, head: i64) {
        let mut state = self.state();
        state.fresh = false;
        let absent = asked.iter().filter(|user| !present.contains(user)).map(|user| (*user, head));
        state.absent = absent.collect();
        if !state.absent.is_empty() {
            self.news.notify_one();
        }
    }

    /// Lets go those who were found absent and whose departure should have been delivered by now. Answers how many.
    pub(super) fn dismiss_absent(&self) -> usize {
        let mut state = self.state();
        let position = state.position;
        let (due, later) = std::mem::take(&mut state.absent).into_iter().partition(|(_, head)| *head <= position);
        state.absent = later;
        let due: Vec<(UserId, i64)> = due;
        due.into_iter().filter(|(user, head)| state.dismiss(self.group, *user, head + 1)).count()
    }

    /// Waits for a reason to read the sequence.
    pub(super) async fn news(&self) {
        self.news.notified().await;
    }

    /// The place after which the sequence is to be read; nothing where all is delivered that is known of.
    pub(super) fn behind(&self) -> Option<i64> {
        let state = self.state();
        (state.is_behind() || state.doubted).then_some(state.position)
    }

    /// Takes note of what reading the sequence has shown: the epoch, and a head that may be lower than it was said.
    /// Answers false for another epoch, in which the places that were delivered mean nothing.
    pub(super) fn settle(&self, epoch: &str, head: i64) -> bool {
        let mut state = self.state();
        state.doubted = false;
        if epoch == state.epoch && head >= state.position {
            state.head = head;
            return true;
        }
        epoch.clone_into(&mut state.epoch);
        // The last event of the new epoch is delivered, by which clients notice.
        state.position = (head - 1).max(0);
        (state.head, state.departures_since) = (head, state.position);
        state.departures.clear();
        for member in state.members.values_mut() {
            member.since = head;
        }
        false
    }

    /// The epoch whose places were delivered.
    pub(super) fn is_of(&self, epoch: &str) -> bool {
        self.state().epoch == epoch
    }

    /// From now on its hints come; what came before them is to be looked for.
    pub(super) fn listens(&self) {
        self.state().fresh = true;
    }

    /// Whether it is to be looked at soon.
    pub(super) fn is_fresh(&self) -> bool {
        self.state().fresh
    }

    /// Nothing is left half-done under the lock, so a panic elsewhere does not spoil it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_behind(&self) -> bool {
        self.head > self.position
    }

    fn expect(&mut self, head: i64) {
        self.head = self.head.max(head);
    }

    fn admit(&mut self, room: &Arc<Room>, user: &Arc<User>, since: i64) {
        match self.members.get_mut(&user.id) {
            Some(member) if Arc::ptr_eq(&member.user, user) => member.since = member.since.max(since),
            _ if user.remember(room) => {
                self.members.insert(user.id, Member { user: user.clone(), since });
            }
            // Their last socket has just gone.
            _ => {}
        }
    }

    /// Lets go somebody who is no member after a place, unless they have become one again since.
    fn dismiss(&mut self, group: GroupId, user: UserId, place: i64) -> bool {
        self.departures.push_back((place, user));
        if self.departures.len() > DEPARTURES_MAX
            && let Some((forgotten, _)) = self.departures.pop_front()
        {
            self.departures_since = forgotten;
        }
        if self.members.get(&user).is_none_or(|member| member.since >= place) {
            return false;
        }
        if let Some(member) = self.members.remove(&user) {
            member.user.forget(group);
        }
        true
    }
}
