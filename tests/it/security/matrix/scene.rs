//! Who asks in the matrix, and for what: the people and places of one of its rows.

use chatroom_tests::Client;
use serde_json::{Value, json};

use crate::world::{ICON, NOBODY, User, World, fresh_name, picture};

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    Anonymous,
    Stranger,
    Member,
    Creator,
    CustomerService,
    Administrator,
}

pub(super) const CALLERS: [Caller; 6] = [
    Caller::Anonymous,
    Caller::Stranger,
    Caller::Member,
    Caller::Creator,
    Caller::CustomerService,
    Caller::Administrator,
];

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The page that the creator made, the customer-service user serves and the member joined, and its group, which all
    /// three are in.
    Own,
    /// A page and a group with which none of them has to do.
    Foreign,
    /// What is not there.
    Missing,
}

/// Where webhooks of the scene go: a name that leads nowhere.
pub(super) const WEBHOOK: &str = "https://nobody.invalid/";

/// The people and places of one row of the matrix.
pub(super) struct Scene {
    people: Vec<(Caller, Client)>,
    own: Place,
    foreign: Place,
}

/// A page and what belongs to it.
struct Place {
    page: Value,
    customer: String,
    file: String,
    group: Value,
    /// Something said in the group: in their own by the member who asks.
    message: Value,
    /// A webhook of the page.
    webhook: Value,
    /// A report to the page's creator.
    report: Value,
    /// Members of the group on whom others act: one for the creator, one for everybody else.
    targets: [String; 2],
}

impl Scene {
    pub(super) async fn new(world: &World) -> Self {
        let [creator, customer, member, stranger, outsider] =
            [world.user().await, world.user().await, world.user().await, world.user().await, world.user().await];
        let own = Place::new(world, &creator, &customer, &[&customer, &member]).await;
        let foreign = Place::new(world, &outsider, &outsider, &[&outsider]).await;
        let administrator = world.administrator().await;
        let people = vec![
            (Caller::Anonymous, world.client()),
            (Caller::Stranger, stranger.client),
            (Caller::Member, member.client),
            (Caller::Creator, creator.client),
            (Caller::CustomerService, customer.client),
            (Caller::Administrator, administrator.client),
        ];
        Self { people, own, foreign }
    }

    pub(super) fn client(&self, caller: Caller) -> &Client {
        let person = self.people.iter().find(|(who, _)| *who == caller);
        &person.expect("everybody is in the scene").1
    }

    /// The place that is asked for, where it is there.
    fn place(&self, target: Target) -> Option<&Place> {
        match target {
            Target::Own => Some(&self.own),
            Target::Foreign => Some(&self.foreign),
            Target::Missing => None,
        }
    }

    pub(super) fn page(&self, target: Target) -> Value {
        self.place(target).map_or(json!(NOBODY), |place| place.page.clone())
    }

    pub(super) fn customer(&self, target: Target) -> &str {
        self.place(target).map_or(NOBODY, |place| &place.customer)
    }

    pub(super) fn file(&self, target: Target) -> &str {
        self.place(target).map_or("/upload/20230821/0123456789012345678901234.png", |place| &place.file)
    }

    pub(super) fn group(&self, target: Target) -> Value {
        self.place(target).map_or(json!(NOBODY), |place| place.group.clone())
    }

    pub(super) fn message(&self, target: Target) -> Value {
        self.place(target).map_or(json!(NOBODY), |place| place.message.clone())
    }

    pub(super) fn webhook(&self, target: Target) -> Value {
        self.place(target).map_or(json!(NOBODY), |place| place.webhook.clone())
    }

    pub(super) fn report(&self, target: Target) -> Value {
        self.place(target).map_or(json!(NOBODY), |place| place.report.clone())
    }

    /// On whom `caller` acts: nobody who was acted upon by another.
    pub(super) fn other(&self, caller: Caller, target: Target) -> &str {
        let index = usize::from(caller != Caller::Creator);
        self.place(target).map_or(NOBODY, |place| &place.targets[index])
    }
}

impl Place {
    /// A page of `owner`'s served by `customer`, who lets themself be contacted, and a group that `members` are in; the
    /// last of them says something.
    async fn new(world: &World, owner: &User, customer: &User, members: &[&User]) -> Self {
        let page = world.page_served_by(owner, customer).await["_id"].take();
        customer.client.post("/h5/merchant/serve", &json!({"merchant": page, "accept": true})).await.ok();
        let group = json!({"merchant": page, "name": "群", "icon": ICON});
        let group = owner.client.post("/h5/group", &group).await.ok().data()["_id"].take();
        let targets = [world.user().await, world.user().await];
        for user in members.iter().copied().chain(&targets) {
            user.client.post("/h5/merchant", &json!({"merchant": page})).await.ok();
            user.client.post("/h5/group/join", &json!({"group": group})).await.ok();
        }
        let speaker = members.last().expect("somebody is there");
        let message = speaker.client.post("/h5/message", &say(&group)).await.ok().data()["_id"].take();
        let file = owner.client.upload("a.png", picture(100)).await.ok().data();
        let file = file.as_str().expect("a path is text").to_owned();
        let webhook = json!({"merchant": page, "url": WEBHOOK, "secret": "0123456789abcdef0123"});
        let webhook = owner.client.post("/h5/merchant/webhook", &webhook).await.ok().data()["_id"].take();
        let report = json!({"user": targets[0].id, "merchant": page, "reason": "广告"});
        let report = speaker.client.post("/h5/report", &report).await.ok().data()["_id"].take();
        let targets = targets.map(|user| user.id);
        Self { page, customer: customer.id.clone(), file, group, message, webhook, report, targets }
    }
}

/// The body that says something in a group.
pub(super) fn say(group: &Value) -> Value {
    json!({"group": group, "clientId": fresh_name("message"), "kind": "text", "content": {"text": "你好"}})
}
