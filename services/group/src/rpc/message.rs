//! Messages, events and read cursors.

use std::mem;

use chatroom_kit::{
    auth::Caller,
    cursor::{self, TimeCursor},
    error::{Invalid, Problem},
    ids::{GroupId, MerchantId, UserId},
    wire,
};
use chatroom_proto::message::v1::{
    CheckGroupsRequest, CheckGroupsResponse, EditMessageRequest, EditMessageResponse, GroupCheck, GroupState,
    ListConversationsRequest, ListConversationsResponse, ListMessagesRequest, ListMessagesResponse, MarkReadRequest,
    MarkReadResponse, OpenContactRequest, OpenContactResponse, ReadEventsRequest, ReadEventsResponse,
    RecallMessageRequest, RecallMessageResponse, SearchMessagesRequest, SearchMessagesResponse, SendMessageRequest,
    SendMessageResponse, SendSystemMessageRequest, SendSystemMessageResponse, SyncEventsRequest, SyncEventsResponse,
    list_messages_request::Page as ProtoPage, message_service_server::MessageService,
};
use tonic::{Request, Response, Status};

use super::{Service, decode, encode};
use crate::{
    domain::{ClientId, Contact, Content, Draft, Event, Mentions, Message, MessageId, Page, Query, Refusal, Sender},
    error::Error,
    moderate::Speaker,
    store::{Watched, WatchedGroup},
};

/// How many messages a page of history has unless it says otherwise, and at most.
const MESSAGES: (i32, i32) = (50, 200);
/// How many events are answered unless the request says otherwise, and at most.
const EVENTS: (i32, i32) = (200, 500);
/// How many groups can be asked about at once.
const GROUPS_MAX: usize = 1000;
/// How many users can be asked about at once.
const USERS_MAX: usize = 10_000;

#[tonic::async_trait]
impl MessageService for Service {
    async fn send_message(
        &self,
        mut request: Request<SendMessageRequest>,
    ) -> Result<Response<SendMessageResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let asked = mem::take(request.get_mut());
        let group = GroupId::parse("group", &asked.group)?;
        let mut draft = draft(caller.id, asked)?;
        if let Some(content) = self.admitted(&caller, group, &draft).await? {
            draft.content = content;
        }
        let sent = self.commits.send(group, draft).await?;
        Ok(Response::new(SendMessageResponse {
            message: Some(encode::message(sent.message)),
            duplicate: sent.duplicate,
        }))
    }

    async fn send_system_message(
        &self,
        request: Request<SendSystemMessageRequest>,
    ) -> Result<Response<SendSystemMessageResponse>, Status> {
        let service = self.verifier.service(&request)?;
        let SendSystemMessageRequest { group, client_id, text } = request.get_ref();
        let draft = Draft {
            sender: Sender::Service(service.name.clone()),
            client_id: ClientId::parse(client_id)?,
            content: Content::system(text)?,
            reply_to: None,
            mentions: Mentions::default(),
        };
        let sent = self.commits.send(GroupId::parse("group", group)?, draft).await?;
        Ok(Response::new(SendSystemMessageResponse {
            message: Some(encode::message(sent.message)),
            duplicate: sent.duplicate,
        }))
    }

    async fn list_messages(
        &self,
        request: Request<ListMessagesRequest>,
    ) -> Result<Response<ListMessagesResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let ListMessagesRequest { group, page, page_size } = request.get_ref();
        let group = GroupId::parse("group", group)?;
        let page = match page {
            None => Page::Last,
            Some(ProtoPage::Before(seq)) => Page::Before(decode::place("before", *seq)?),
            Some(ProtoPage::After(seq)) => Page::After(decode::place("after", *seq)?),
        };
        let limit = decode::page_size(*page_size, MESSAGES.0, MESSAGES.1)?;
        let access = self.access(group, caller.id).await?;
        access.must_be_member().map_err(Error::from)?;
        let messages = self.store.messages(group, page, limit + 1).await.map_err(Error::from)?;
        Ok(Response::new(history(page, messages, limit, access.epoch)))
    }

    async fn search_messages(
        &self,
        request: Request<SearchMessagesRequest>,
    ) -> Result<Response<SearchMessagesResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let SearchMessagesRequest { group, query, before, page_size } = request.get_ref();
        let group = GroupId::parse("group", group)?;
        let query = Query::parse(group, query)?;
        let before = Some(decode::place("before", *before)?).filter(|seq| *seq > 0);
        let limit = decode::page_size(*page_size, MESSAGES.0, MESSAGES.1)?;
        self.access(group, caller.id).await?.must_be_member().map_err(Error::from)?;
        let mut found = self.store.search(group, &query, before, limit).await.map_err(Error::from)?;
        let fitting = encode::fitting(found.messages.iter().map(Some));
        if fitting < found.messages.len() {
            found.messages.truncate(fitting);
            found.before = found.messages.last().map(|message| message.seq);
        }
        let messages = found.messages.into_iter().map(encode::message).collect();
        Ok(Response::new(SearchMessagesResponse { messages, before: found.before }))
    }

    async fn sync_events(&self, request: Request<SyncEventsRequest>) -> Result<Response<SyncEventsResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let SyncEventsRequest { group, after, epoch, page_size } = request.get_ref();
        let group = GroupId::parse("group", group)?;
        let after = decode::place("after", *after)?;
        let limit = decode::page_size(*page_size, EVENTS.0, EVENTS.1)?;
        let access = self.access(group, caller.id).await?;
        access.must_be_member().map_err(Error::from)?;
        let state = WatchedGroup { group, epoch: access.epoch, head_seq: access.head_seq, members: Vec::new() };
        // Places of another epoch mean nothing in this one.
        let after = if epoch.is_empty() || *epoch == state.epoch { after } else { state.head_seq };
        let events = self.events(&state, after, limit).await?;
        Ok(Response::new(SyncEventsResponse {
            head_seq: events.head_seq,
            more: events.more(after),
            events: events.events.into_iter().map(encode::event).collect(),
            epoch: state.epoch,
        }))
    }

    async fn mark_read(&self, request: Request<MarkReadRequest>) -> Result<Response<MarkReadResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let MarkReadRequest { group, seq } = request.get_ref();
        let (group, seq) = (GroupId::parse("group", group)?, decode::place("seq", *seq)?);
        let Some(read) = self.store.read(group, caller.id, seq).await.map_err(Error::from)? else {
            let access = self.access(group, caller.id).await?;
            access.must_be_member().map_err(Error::from)?;
            // They have joined just now: nothing of what they say they have read was theirs to read.
            return Err(Error::from(Refusal::NotGroupMember).into());
        };
        if read.moved {
            self.announcer.read(caller.id, group, read.cursor);
        }
        Ok(Response::new(MarkReadResponse { read_seq: read.cursor.seq, unread: read.cursor.unread }))
    }

    async fn recall_message(
        &self,
        request: Request<RecallMessageRequest>,
    ) -> Result<Response<RecallMessageResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let id = MessageId::parse("message", &request.get_ref().message)?;
        let message = self.announced(self.store.recall(id, caller.id, self.clock.now()).await?);
        Ok(Response::new(RecallMessageResponse { message: Some(encode::message(message)) }))
    }

    async fn edit_message(
        &self,
        mut request: Request<EditMessageRequest>,
    ) -> Result<Response<EditMessageResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let EditMessageRequest { message, content } = mem::take(request.get_mut());
        let id = MessageId::parse("message", &message)?;
        let content = decode::content(content)?;
        if !matches!(content, Content::Text(_)) {
            return Err(Invalid::new("content", Problem::Malformed).into());
        }
        let content = match self.store.message(id).await.map_err(Error::from)? {
            Some(message) => self.looked_at(&caller, message.group, &content).await?.unwrap_or(content),
            None => content,
        };
        let message = self.announced(self.store.edit(id, caller.id, &content, self.clock.now()).await?);
        Ok(Response::new(EditMessageResponse { message: Some(encode::message(message)) }))
    }

    async fn list_conversations(
        &self,
        request: Request<ListConversationsRequest>,
    ) -> Result<Response<ListConversationsResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let ListConversationsRequest { page_size, page_token, heads_only } = request.get_ref();
        let limit = wire::page_size(*page_size)?;
        let after = TimeCursor::parse(page_token)?;
        let listed = self.store.conversations(caller.id, after, limit + 1, !heads_only).await;
        let mut listed = listed.map_err(Error::from)?;
        let mut more = wire::cut(&mut listed, limit);
        let fitting = encode::fitting(listed.iter().map(|conversation| conversation.last_message.as_ref()));
        more |= fitting < listed.len();
        listed.truncate(fitting);
        let next_page_token = cursor::next_page_token(&listed, more, |it| (it.active_at, it.group.id));
        let conversations = listed.into_iter().map(encode::conversation).collect();
        Ok(Response::new(ListConversationsResponse { conversations, next_page_token }))
    }

    async fn open_contact(
        &self,
        request: Request<OpenContactRequest>,
    ) -> Result<Response<OpenContactResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let merchant = MerchantId::parse("merchant", &request.get_ref().merchant)?;
        let page = self.page(&caller, merchant).await?;
        let contact = page.contact(caller.id, merchant)?;
        let opened = self.store.open_contact(&contact, self.clock.now()).await.map_err(Error::from)?;
        if opened.new {
            self.announcer.joined(contact.user, opened.group);
            self.announcer.joined(contact.customer, opened.group);
        }
        let conversation = self.store.conversation(opened.group, caller.id).await.map_err(Error::from)?;
        let conversation = conversation.ok_or(Error::from(Refusal::NotGroupMember))?;
        Ok(Response::new(OpenContactResponse { conversation: Some(encode::conversation(conversation)) }))
    }

    async fn read_events(&self, request: Request<ReadEventsRequest>) -> Result<Response<ReadEventsResponse>, Status> {
        self.verifier.service(&request)?;
        let ReadEventsRequest { group, after, page_size } = request.get_ref();
        let group = GroupId::parse("group", group)?;
        let after = decode::place("after", *after)?;
        let limit = decode::page_size(*page_size, EVENTS.0, EVENTS.1)?;
        let mut states = self.store.watched(&[Watched { group, users: Vec::new() }]).await.map_err(Error::from)?;
        let state = states.pop().ok_or(Error::from(Refusal::GroupNotFound))?;
        let events = self.events(&state, after, limit).await?;
        Ok(Response::new(ReadEventsResponse {
            head_seq: events.head_seq,
            more: events.more(after),
            events: events.events.into_iter().map(encode::event).collect(),
            epoch: state.epoch,
        }))
    }

    async fn check_groups(
        &self,
        request: Request<CheckGroupsRequest>,
    ) -> Result<Response<CheckGroupsResponse>, Status> {
        self.verifier.service(&request)?;
        let watched = watched(request.get_ref())?;
        let groups = self.store.watched(&watched).await.map_err(Error::from)?;
        let groups = groups.into_iter().map(state).collect();
        Ok(Response::new(CheckGroupsResponse { groups }))
    }
}

/// Events that were read, as many as fit into one answer.
struct Events {
    events: Vec<Event>,
    head_seq: i64,
}

impl Events {
    /// Whether more stand after these, which were read after a place.
    fn more(&self, after: i64) -> bool {
        self.events.last().map_or(after, |last| last.seq) < self.head_seq
    }
}

impl Service {
    /// What is to be said in place of a draft's content, or why it may not be said. A message that was sent already is
    /// answered whatever has become of its file, or of what its page wants said.
    async fn admitted(&self, caller: &Caller, group: GroupId, draft: &Draft) -> Result<Option<Content>, Error> {
        let admitted = self.looked_at(caller, group, &draft.content).await;
        if admitted.is_err() && self.store.is_sent(group, &draft.sender, &draft.client_id).await? {
            return Ok(None);
        }
        admitted
    }

    async fn looked_at(&self, caller: &Caller, group: GroupId, content: &Content) -> Result<Option<Content>, Error> {
        if let Some(attachment) = content.attachment() {
            self.uploads.must_be_shown_by(caller, &attachment.path, &self.store).await?;
        }
        self.moderator.check(Speaker { user: caller.id, group }, content).await
    }

    async fn events(&self, state: &WatchedGroup, after: i64, limit: i64) -> Result<Events, Error> {
        let mut events = self.store.events(state.group, &state.epoch, after, limit).await?;
        events.truncate(encode::fitting(events.iter().map(encode::message_of)));
        // Some may have been written since the head was read.
        let head_seq = events.last().map_or(state.head_seq, |last| last.seq.max(state.head_seq));
        Ok(Events { events, head_seq })
    }
}

impl super::Page {
    /// Who talks to whom, where they may.
    fn contact(self, caller: UserId, merchant: MerchantId) -> Result<Contact, Error> {
        if !self.joined {
            return Err(Error::NotPageMember);
        }
        self.must_be_open()?;
        let customer = UserId::parse("customer", &self.merchant.customer)?;
        if customer == caller {
            return Err(Error::ContactSelf);
        }
        if !self.merchant.serving {
            return Err(Error::CustomerNotServing);
        }
        Ok(Contact { user: caller, customer, merchant, name: self.merchant.name, icon: self.merchant.icon })
    }
}

fn draft(sender: UserId, asked: SendMessageRequest) -> Result<Draft, Invalid> {
    let reply_to = match asked.reply_to.as_str() {
        "" => None,
        id => Some(MessageId::parse("replyTo", id)?),
    };
    Ok(Draft {
        sender: Sender::User(sender),
        client_id: ClientId::parse(&asked.client_id)?,
        content: decode::content(asked.content)?,
        reply_to,
        mentions: Mentions::parse(&asked.mentions)?,
    })
}

/// A page of history out of `messages`, one more than wanted having been asked for.
fn history(page: Page, mut messages: Vec<Message>, limit: i64, epoch: String) -> ListMessagesResponse {
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let forward = matches!(page, Page::After(_));
    let fitting = if forward {
        encode::fitting(messages.iter().map(Some))
    } else {
        encode::fitting(messages.iter().rev().map(Some))
    };
    let keep = wanted.min(fitting);
    let more = messages.len() > keep;
    if more && forward {
        messages.truncate(keep);
    } else if more {
        messages.drain(..messages.len() - keep);
    }
    let first = messages.first().map(|message| message.seq);
    let last = messages.last().map(|message| message.seq);
    let (before, after) = match page {
        Page::Last => (first.filter(|_| more), None),
        Page::Before(_) => (first.filter(|_| more), last),
        Page::After(seq) => (first.filter(|_| seq > 0), last.filter(|_| more)),
    };
    ListMessagesResponse { messages: messages.into_iter().map(encode::message).collect(), before, after, epoch }
}

fn watched(asked: &CheckGroupsRequest) -> Result<Vec<Watched>, Invalid> {
    let users: usize = asked.groups.iter().map(|group| group.users.len()).sum();
    if asked.groups.len() > GROUPS_MAX {
        return Err(Invalid::new("groups", Problem::OutOfRange(0, 1000)));
    }
    if users > USERS_MAX {
        return Err(Invalid::new("users", Problem::OutOfRange(0, 10_000)));
    }
    let watched = |it: &GroupCheck| {
        let users: Result<_, Invalid> = it.users.iter().map(|user| UserId::parse("users", user)).collect();
        Ok(Watched { group: GroupId::parse("group", &it.group)?, users: users? })
    };
    asked.groups.iter().map(watched).collect()
}

fn state(group: WatchedGroup) -> GroupState {
    GroupState {
        group: group.group.to_string(),
        epoch: group.epoch,
        head_seq: group.head_seq,
        members: group.members.iter().map(ToString::to_string).collect(),
    }
}
