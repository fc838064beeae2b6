//! What a client may do on its socket: say who it is, and then send, catch up, read, watch and type. Each frame is
//! authorised anew. Owns which frame leads where; what a request means is `chat`'s and the services'.

use std::{
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use chatroom_kit::{
    auth::{Caller, Unauthenticated},
    error::{Invalid, Problem},
    ids::GroupId,
    link::CallContext,
};
use chatroom_proto::message::v1::Conversation;
use serde::de::DeserializeOwned;
use tracing::{Instrument as _, info_span};

use super::{
    allowance::{Allowance, Verdict},
    device::Device,
    frame::Close,
    reply,
    request::{Connect, Head, Named, RequestId},
    source,
    user::User,
};
use crate::{
    address::ClientAddress,
    around,
    chat::{
        reading::{self, Known, ReadUpTo},
        sending::{self, Outgoing},
    },
    error::{NOT_GROUP_MEMBER, Refusal, filled},
    json,
    state::App,
    waiting,
};

/// How long a request may take.
const BUDGET: Duration = Duration::from_secs(10);
/// How many groups someone who connects is told of.
const GROUPS_MAX: usize = 200;
/// How often the list of somebody's groups is read when it changes meanwhile.
const LISTS: usize = 3;

/// A request under way.
pub(super) type Work = Pin<Box<dyn Future<Output = Option<Arc<User>>> + Send>>;

/// What a client may do on its socket.
pub(super) struct Session {
    app: App,
    device: Arc<Device>,
    /// Whose places are taken by what is waited for.
    address: IpAddr,
    /// Whose the socket is; nothing while it is a stranger's.
    user: Option<Arc<User>>,
    allowance: Allowance,
}

impl Session {
    pub(super) fn new(app: App, device: Arc<Device>, address: ClientAddress) -> Self {
        let allowance = Allowance::new(Instant::now());
        Self { app, device, address: address.subscriber(), user: None, allowance }
    }

    /// Takes a text that the client has sent. Answers work where it takes time; what it leads to is for
    /// [`Self::done`].
    pub(super) fn take(&mut self, text: &str) -> Option<Work> {
        let head = json::parse::<Head>(text.as_bytes());
        let id = head.as_ref().ok().and_then(|head| head.id.clone());
        let outcome = match (self.allowance.take(self.app.limits.frames, Instant::now()), head) {
            (Verdict::Flood, _) => {
                self.device.outbox.close(None, Close::Policy);
                return None;
            }
            (Verdict::Refused(after), _) => Err(Refusal::rate_limited(after)),
            (Verdict::Taken, Err(malformed)) => Err(malformed.into()),
            (Verdict::Taken, Ok(head)) => self.begin(head, text),
        };
        outcome.unwrap_or_else(|refusal| {
            self.answer(&reply::refused(id.as_ref(), &refusal));
            None
        })
    }

    /// Takes note of what work has led to.
    pub(super) fn done(&mut self, user: Option<Arc<User>>) {
        if user.is_some() {
            self.user = user;
        }
    }

    /// Signs the client in that has said who it is when it opened the socket.
    pub(super) fn begin_signed_in(&self, caller: Arc<Caller>) -> Work {
        self.connect(None, caller)
    }

    fn begin(&mut self, head: Head, text: &str) -> Result<Option<Work>, Refusal> {
        let Head { id, r#type } = head;
        let Some(user) = self.user.clone() else {
            self.app.hub.figures.frame("connect");
            if r#type != "connect" {
                return Err(Unauthenticated.into());
            }
            return self.sign_in(id, text).map(Some);
        };
        let caller = self.authorised()?;
        let work = match r#type.as_str() {
            "send" => Some(self.send(id, &caller, text)?),
            "sync" => Some(self.sync(id, &caller, text)?),
            "read" => Some(self.read(id, &caller, text)?),
            "watch" => self.watch(id.as_ref(), &user, text)?,
            "unwatch" => self.unwatch(id.as_ref(), text)?,
            "typing" => self.type_in(&user, text)?,
            // That it came is all that it says.
            "pong" => None,
            _ => return Err(Invalid::new("type", Problem::Malformed).into()),
        };
        self.app.hub.figures.frame(known(&r#type));
        Ok(work)
    }

    /// The caller, whose token may have ended since the last frame.
    fn authorised(&self) -> Result<Arc<Caller>, Refusal> {
        let caller = self.device.caller().ok_or(Unauthenticated)?;
        Ok(self
            .app
            .verifier
            .verify(caller.token())
            .inspect_err(|_| self.device.outbox.close(None, Close::SignedOut))?)
    }

    fn sign_in(&self, id: Option<RequestId>, text: &str) -> Result<Work, Refusal> {
        let Connect { token } = parse(text)?;
        match self.app.verifier.verify(&token) {
            Ok(caller) => Ok(self.connect(id, caller)),
            Err(unauthenticated) => {
                let refused = reply::refused(id.as_ref(), &unauthenticated.into());
                self.device.outbox.close(Some(refused), Close::SignedOut);
                Ok(Box::pin(std::future::ready(None)))
            }
        }
    }

    fn connect(&self, id: Option<RequestId>, caller: Arc<Caller>) -> Work {
        let (app, device) = (self.app.clone(), self.device.clone());
        self.on_behalf(async move {
            match connect(&app, &device, &caller, id.as_ref()).await {
                Ok(user) => Some(user),
                Err(refusal) => {
                    device.outbox.release(reply::refused(id.as_ref(), &refusal));
                    None
                }
            }
        })
    }

    fn send(&self, id: Option<RequestId>, caller: &Arc<Caller>, text: &str) -> Result<Work, Refusal> {
        let outgoing: Outgoing = parse(text)?;
        self.app.limits.write(&caller.id)?;
        let (app, caller) = (self.app.clone(), caller.clone());
        Ok(self.work(id, move |id| async move {
            let answer = sending::send(&app, &caller, outgoing).await?;
            filled(reply::sent(id.as_ref(), &answer))
        }))
    }

    fn sync(&self, id: Option<RequestId>, caller: &Arc<Caller>, text: &str) -> Result<Work, Refusal> {
        let (known, Named { group }) = (parse::<Known>(text)?, parse(text)?);
        let (app, caller) = (self.app.clone(), caller.clone());
        Ok(self.work(id, move |id| async move {
            let answer = reading::sync(&app, &caller, known).await?;
            let people = app.directory.people(reading::people(&answer), |message| caller.request(message)).await;
            Ok(reply::events(id.as_ref(), &group, &answer, &people))
        }))
    }

    fn read(&self, id: Option<RequestId>, caller: &Arc<Caller>, text: &str) -> Result<Work, Refusal> {
        let (read, group) = (parse::<ReadUpTo>(text)?, group(text)?);
        self.app.limits.write(&caller.id)?;
        let (app, caller, device) = (self.app.clone(), caller.clone(), self.device.clone());
        Ok(self.work(id, move |id| async move {
            // Its own news must not come back to it.
            device.reads(group, None);
            let cursor = reading::mark_read(&app, &caller, read).await?;
            device.reads(group, Some(cursor.read_seq()));
            Ok(reply::moved(id.as_ref(), &cursor))
        }))
    }

    fn watch(&self, id: Option<&RequestId>, user: &User, text: &str) -> Result<Option<Work>, Refusal> {
        let group = group(text)?;
        if user.room(group).is_none() {
            return Err(Refusal::new(NOT_GROUP_MEMBER));
        }
        self.app.hub.presence.watch(&self.device, group);
        self.answer(&reply::done(id));
        Ok(None)
    }

    fn unwatch(&self, id: Option<&RequestId>, text: &str) -> Result<Option<Work>, Refusal> {
        self.app.hub.presence.unwatch(&self.device, group(text)?);
        self.answer(&reply::done(id));
        Ok(None)
    }

    fn type_in(&self, user: &User, text: &str) -> Result<Option<Work>, Refusal> {
        let group = group(text)?;
        if user.room(group).is_none() {
            return Err(Refusal::new(NOT_GROUP_MEMBER));
        }
        if self.device.may_type(self.app.hub.beats.now()) {
            self.app.hub.presence.type_in(&self.app.hub, user.id, group);
        }
        Ok(None)
    }

    /// Work that answers the request `id`, whatever comes of it.
    fn work<F, A>(&self, id: Option<RequestId>, begin: F) -> Work
    where
        F: FnOnce(Option<RequestId>) -> A + Send + 'static,
        A: Future<Output = Result<Bytes, Refusal>> + Send + 'static,
    {
        let device = self.device.clone();
        let request_id = around::request_id();
        let span = info_span!("frame", request.id = request_id.to_str().unwrap_or_default());
        let call = CallContext::new(Some(BUDGET), Some(request_id)).scope(begin(id.clone()));
        self.on_behalf(
            async move {
                let answer = call.await.unwrap_or_else(|refusal| reply::refused(id.as_ref(), &refusal));
                // One that does not fit closes the socket.
                let _ = device.outbox.push(&answer);
                None
            }
            .instrument(span),
        )
    }

    /// Work whose calls take places of the socket's address.
    fn on_behalf(&self, work: impl Future<Output = Option<Arc<User>>> + Send + 'static) -> Work {
        Box::pin(waiting::on_behalf_of(self.address, work))
    }

    fn answer(&self, frame: &Bytes) {
        // One that does not fit closes the socket.
        let _ = self.device.outbox.push(frame);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.app.hub.presence.forget(&self.device);
        self.app.hub.close(&self.device, self.user.as_ref());
    }
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Refusal> {
    Ok(json::parse(text.as_bytes())?)
}

/// The group that a frame names.
fn group(text: &str) -> Result<GroupId, Refusal> {
    let Named { group } = parse(text)?;
    Ok(GroupId::parse("group", &group)?)
}

/// A frame's type as figures name it: a client may make any up.
fn known(r#type: &str) -> &'static str {
    ["send", "sync", "read", "watch", "unwatch", "typing", "pong"]
        .into_iter()
        .find(|known| *known == r#type)
        .unwrap_or("unknown")
}

/// Lets the caller's device hear all of their groups, and tells it where these stand.
async fn connect(
    app: &App,
    device: &Arc<Device>,
    caller: &Arc<Caller>,
    id: Option<&RequestId>,
) -> Result<Arc<User>, Refusal> {
    device.sign_in(Some(caller.clone()));
    device.outbox.hold();
    // From here on everything is held for the device that its user is sent; what is read now is as new or newer.
    let user = app.hub.enter(caller.id, device);
    match groups(app, &user, caller).await {
        Ok((listed, places)) => {
            let shown: Vec<_> = listed.iter().zip(places).filter_map(|(group, place)| Some((group, place?))).collect();
            let more = shown.len() > GROUPS_MAX;
            let shown = &shown[..shown.len().min(GROUPS_MAX)];
            device.outbox.release(reply::connected(id, user.id, shown, more));
            // Not before: one that is refused replaces nothing.
            user.connected(device);
            tracing::debug!(user.id = %user.id, groups = listed.len(), "connected");
            Ok(user)
        }
        Err(refusal) => {
            device.sign_in(None);
            app.hub.leave(&user, device);
            Err(refusal)
        }
    }
}

/// A list of groups, with the place after which each is heard.
type Groups = (Vec<Conversation>, Vec<Option<i64>>);

/// The caller's groups, all of which they hear from now on, with the place after which they do.
async fn groups(app: &App, user: &Arc<User>, caller: &Caller) -> Result<Groups, Refusal> {
    let ask = |request| {
        let mut messages = app.message();
        async move { messages.list_conversations(request).await }
    };
    let mut attempts = 0;
    loop {
        attempts += 1;
        let listed = source::conversations(caller, ask).await?;
        let places = app.hub.attach_all(user, &listed);
        // A group that is heard at no place was left while the list was read: the next list does without it.
        if attempts == LISTS || places.iter().all(Option::is_some) {
            return Ok((listed, places));
        }
    }
}
