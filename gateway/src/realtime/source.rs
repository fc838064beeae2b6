//! What the gateway itself asks, with no user behind it: the events of groups, where groups stand and who is in them,
//! and who people are. Owns the time such a call may take.

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    sync::Arc,
    time::Duration,
};

use chatroom_kit::{
    auth::Caller,
    ids::{GroupId, UserId},
    link::{CallContext, Link},
    service_token::ServiceTokens,
};
use chatroom_proto::message::v1::{
    CheckGroupsRequest, Conversation, Event, GroupCheck, ListConversationsRequest, ListConversationsResponse,
    ReadEventsRequest, ReadEventsResponse, message_service_client::MessageServiceClient,
};
use tonic::{Request, Response, Status};

use crate::chat::{directory::Directory, event, people::People};

/// How long a call may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many events are read in one call.
const EVENTS: i32 = 500;
/// How many groups and users are asked about in one call, at most.
const GROUPS_MAX: usize = 1000;
const USERS_MAX: usize = 10_000;
/// How many of a user's groups are read in one call.
const CONVERSATIONS: i32 = 1000;

/// Where the gateway asks.
pub(super) struct Source {
    messages: MessageServiceClient<Link>,
    tokens: ServiceTokens,
    directory: Arc<Directory>,
}

/// A group that is asked about, and for whom.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) group: GroupId,
    pub(super) users: Vec<UserId>,
}

/// Where a group stands.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) epoch: String,
    pub(super) head: i64,
    /// Who of those asked about is in it.
    pub(super) members: HashSet<UserId>,
}

impl Standing {
    fn add(&mut self, other: Self) {
        self.head = self.head.max(other.head);
        self.members.extend(other.members);
    }
}

impl Source {
    pub(super) fn new(group: Link, tokens: ServiceTokens, directory: Arc<Directory>) -> Self {
        Self { messages: MessageServiceClient::new(group), tokens, directory }
    }

    /// The events of a group after a place.
    pub(super) async fn events(&self, group: GroupId, after: i64) -> Result<ReadEventsResponse, Status> {
        let mut messages = self.messages.clone();
        let request = ReadEventsRequest { group: group.to_string(), after, page_size: EVENTS };
        in_time(async {
            let request = self.tokens.request(request).await?;
            self.tokens.note(messages.read_events(request).await)
        })
        .await
        .map(Response::into_inner)
    }

    /// Where groups stand; one that is not there is left out. As many as fit are asked about in one call.
    pub(super) async fn standings(&self, questions: &[Question]) -> Result<HashMap<GroupId, Standing>, Status> {
        let mut standings: HashMap<GroupId, Standing> = HashMap::with_capacity(questions.len());
        for batch in batches(questions) {
            for (group, standing) in self.ask(batch).await? {
                // One about too many users has several answers, each about some of them.
                match standings.entry(group) {
                    Entry::Occupied(mut known) => known.get_mut().add(standing),
                    Entry::Vacant(place) => drop(place.insert(standing)),
                }
            }
        }
        Ok(standings)
    }

    async fn ask(&self, questions: Vec<Question>) -> Result<impl Iterator<Item = (GroupId, Standing)>, Status> {
        let groups = questions.into_iter().map(|question| GroupCheck {
            group: question.group.to_string(),
            users: question.users.iter().map(ToString::to_string).collect(),
        });
        let request = CheckGroupsRequest { groups: groups.collect() };
        let mut messages = self.messages.clone();
        let answer = in_time(async {
            let request = self.tokens.request(request).await?;
            self.tokens.note(messages.check_groups(request).await)
        });
        Ok(answer.await?.into_inner().groups.into_iter().filter_map(|state| {
            let members = state.members.iter().filter_map(|user| user.parse().ok()).collect();
            Some((state.group.parse().ok()?, Standing { epoch: state.epoch, head: state.head_seq, members }))
        }))
    }

    /// The groups of a user who has not asked for them just now.
    pub(super) async fn conversations(&self, caller: &Caller) -> Result<Vec<Conversation>, Status> {
        let ask = |request| {
            let mut messages = self.messages.clone();
            async move { messages.list_conversations(request).await }
        };
        conversations(caller, ask).await
    }

    /// The people whom events show.
    pub(super) async fn people(&self, events: &[Event]) -> People {
        let ids = events.iter().flat_map(event::people);
        let lookup = self.directory.people(ids, |request| self.tokens.sign(request));
        CallContext::new(Some(PATIENCE), None).scope(lookup).await
    }
}

/// The groups of a user, in their own name: each with its head and the user's cursor, newest activity first. `ask` is how
/// the group service is asked for some of them.
pub(super) async fn conversations<F>(
    caller: &Caller,
    ask: impl Fn(Request<ListConversationsRequest>) -> F,
) -> Result<Vec<Conversation>, Status>
where
    F: Future<Output = Result<Response<ListConversationsResponse>, Status>>,
{
    let (mut conversations, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListConversationsRequest { page_size: CONVERSATIONS, page_token, heads_only: true };
        let answer = in_time(ask(caller.request(request))).await?.into_inner();
        conversations.extend(answer.conversations);
        if answer.next_page_token.is_empty() {
            return Ok(conversations);
        }
        page_token = answer.next_page_token;
    }
}

async fn in_time<T>(call: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
    CallContext::new(Some(PATIENCE), None).scope(call).await
}

/// Questions by as many as a call takes; one about too many users is cut in several.
fn batches(questions: &[Question]) -> Vec<Vec<Question>> {
    let mut batches: Vec<Vec<Question>> = Vec::new();
    let mut users = 0;
    let pieces = questions.iter().flat_map(|question| {
        let none = question.users.is_empty().then(Vec::new);
        let parts = none.into_iter().chain(question.users.chunks(USERS_MAX).map(<[UserId]>::to_vec));
        parts.map(|users| Question { group: question.group, users })
    });
    for question in pieces {
        users += question.users.len();
        match batches.last_mut() {
            Some(batch) if batch.len() < GROUPS_MAX && users <= USERS_MAX => batch.push(question),
            _ => {
                users = question.users.len();
                batches.push(vec![question]);
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(users: &[usize]) -> Vec<Vec<usize>> {
        let question = |count: &usize| Question {
            group: GroupId::new(),
            users: std::iter::repeat_with(UserId::new).take(*count).collect(),
        };
        let batches = batches(&users.iter().map(question).collect::<Vec<_>>());
        batches.iter().map(|batch| batch.iter().map(|question| question.users.len()).collect()).collect()
    }

    #[test]
    fn as_many_groups_as_fit_are_asked_about_at_once() {
        assert_eq!(sizes(&[]), Vec::<Vec<usize>>::new());
        assert_eq!(sizes(&[0, 1, 2]), [[0, 1, 2]]);
        assert_eq!(sizes(&[9_999, 1, 1]), [vec![9_999, 1], vec![1]]);
        assert_eq!(sizes(&[25_000]), [[10_000], [10_000], [5_000]]);
        assert_eq!(sizes(&[0; 1001]).iter().map(Vec::len).collect::<Vec<_>>(), [1000, 1]);
    }
}
