//! Two gateways and two replicas of the group service over NATS: whoever speaks where, everybody hears everything once,
//! in order; and while NATS is gone nothing is lost, only later.

use std::{collections::HashSet, time::Duration};

use chatroom_tests::{Client, Part, Process, Shape, chat_client::ChatClient, process::PATIENCE, socket::Socket};
use futures::future::join_all;
use serde_json::json;

use super::{presence::says_online, token};
use crate::{
    chat::room::Room,
    suite::{Scenario, scenarios},
    world::{User, World, fresh_name, usual},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![OwnServices:
        everybody_hears_everything_wherever_they_are,
        what_concerns_a_user_crosses_gateways,
        without_nats_nothing_is_lost,
    ]
}

/// How many clients there are, half of them at each gateway.
const CLIENTS: usize = 40;
/// How many of them speak, and how often.
const SENDERS: usize = 8;
const MESSAGES: usize = 30;

/// A cluster, and beside it what makes two of everything that the chat needs.
struct Two {
    world: World,
    /// Processes beside those of the cluster.
    beside: Vec<Process>,
    /// The two gateways.
    gateways: [String; 2],
}

impl Two {
    async fn start() -> Self {
        let builder = usual(Shape::Distributed).set("CHATROOM_WRITES_BURST", "1000");
        let world = World::own(builder.set("CHATROOM_WRITES_PER_SECOND", "1000")).await;
        let start = |part: Part, groups: Option<&str>| {
            let mut environment = world.cluster.environment(part);
            environment.insert("CHATROOM_LISTEN", "127.0.0.1:0".to_owned());
            if let Some(groups) = groups {
                environment.insert("CHATROOM_GROUP_URL", groups.to_owned());
            }
            Process::start(part.binary(), &environment)
        };
        let group = start(Part::Group, None);
        let groups = format!("http://{},http://{}", world.cluster.address_of(Part::Group), group.address());
        let gateways = [start(Part::Gateway, Some(&groups)), start(Part::Gateway, Some(&groups))];
        let urls = gateways.each_ref().map(|gateway| format!("http://{}", gateway.address()));
        let [first, second] = gateways;
        Self { world, beside: vec![group, first, second], gateways: urls }
    }

    /// Clients of new members, half of them at each gateway, once they are connected.
    async fn clients(&self, room: &Room) -> Vec<ChatClient> {
        let mut members = Vec::new();
        for _ in 0..CLIENTS {
            members.push(room.member(&self.world).await);
        }
        let clients = members.iter().enumerate().map(|(number, member)| self.client(member, number));
        let clients: Vec<_> = clients.collect();
        join_all(clients.iter().map(|client| client.connected(1))).await;
        clients
    }

    fn client(&self, user: &User, gateway: usize) -> ChatClient {
        ChatClient::start(vec![self.gateways[gateway % 2].clone()], token(user))
    }

    /// Waits until the processes beside the cluster's own show operators that they can reach NATS, or that they cannot.
    async fn show_reachable(&self, reachable: bool) {
        let value = if reachable { " 1" } else { " 0" };
        let says =
            |figures: &str| figures.lines().any(|line| line.starts_with("bus_reachable{") && line.ends_with(value));
        for process in &self.beside {
            let admin = Client::new(format!("http://{}", process.admin_address()));
            let until_it_does = async { while !says(&admin.get("/metrics").await.ok().text) {} };
            let waited = tokio::time::timeout(PATIENCE, until_it_does).await;
            assert!(waited.is_ok(), "{} never shows bus_reachable{value}", process.name());
        }
    }

    /// The processes beside the cluster's own have done nothing wrong.
    fn assert_faultless(&self) {
        for process in &self.beside {
            let lines = process.lines();
            let fault = lines.iter().find(|line| line.contains("panicked") || line.contains(r#""level":"ERROR""#));
            assert!(fault.is_none(), "{}: {fault:?}", process.name());
        }
    }
}

/// Lets some of the clients speak at once, and answers how many events there are then.
async fn speak(clients: &[ChatClient], room: &Room) -> i64 {
    let speaking = clients.iter().take(SENDERS).map(|client| async {
        for _ in 0..MESSAGES {
            let ack = client.say(&room.group, &fresh_name("m"), &fresh_name("说")).await;
            assert_eq!(ack["type"], "ack", "{ack}");
        }
    });
    join_all(speaking).await;
    i64::try_from(CLIENTS + SENDERS * MESSAGES).expect("a small number")
}

/// Every client knows everything, once and in order, and they all know the same.
async fn assert_all_know(clients: &[ChatClient], room: &Room, head: i64) {
    let known = join_all(clients.iter().map(|client| client.knows(&room.group, head))).await;
    let words = known[0].words();
    assert_eq!(words.iter().collect::<HashSet<_>>().len(), words.len(), "each message once");
    for (client, known) in clients.iter().zip(&known) {
        assert_eq!(known.places(), (1..=head).collect::<Vec<_>>());
        assert_eq!(known.words(), words);
        assert!(client.faults().is_empty(), "{:?}", client.faults());
    }
}

async fn everybody_hears_everything_wherever_they_are() {
    let two = Two::start().await;
    let room = Room::new(&two.world).await;
    let clients = two.clients(&room).await;
    let head = speak(&clients, &room).await;
    assert_all_know(&clients, &room, head).await;
    assert!(clients.iter().all(|client| client.connections() == 1), "nobody had to come back");
    two.assert_faultless();
}

async fn what_concerns_a_user_crosses_gateways() {
    let two = Two::start().await;
    let room = Room::new(&two.world).await;
    let (member, guest) = (room.member(&two.world).await, room.guest(&two.world).await);
    let [here, there] = &two.gateways;
    let (mut phone, _) = Socket::connect(here, token(&member)).await;
    let (mut tablet, _) = Socket::connect(there, token(&member)).await;
    let said = room.say(&room.owner, "两边都听到").await;
    for device in [&mut phone, &mut tablet] {
        assert_eq!(device.event().await["seq"], said["seq"]);
    }
    phone.request(json!({"type": "read", "group": room.group, "seq": said["seq"]})).await;
    let told = tablet.wait_for(|frame| frame["type"] == "read").await;
    assert_eq!((&told["readSeq"], &told["unread"]), (&said["seq"], &json!(0)));

    // Somebody joins through a third gateway.
    let (mut theirs, connected) = Socket::connect(there, token(&guest)).await;
    assert_eq!(connected["groups"], json!([]));
    room.join(&guest).await.ok();
    let joined = theirs.event().await;
    assert_eq!((&joined["kind"], &joined["user"]["_id"]), (&json!("joined"), &json!(guest.id)));

    // Who is at the other gateway is there, and is seen typing.
    phone.request(json!({"type": "watch", "group": room.group})).await;
    phone.wait_for(|frame| says_online(frame, &room.group, &[&member.id, &guest.id])).await;
    let typing = async {
        loop {
            theirs.send(&json!({"type": "typing", "group": room.group})).await;
            tokio::time::sleep(Duration::from_millis(1100)).await;
        }
    };
    tokio::select! {
        frame = phone.wait_for(|frame| frame["type"] == "typing") => assert_eq!(frame["user"], guest.id),
        () = typing => {}
    }
    drop(theirs);
    phone.wait_for(|frame| says_online(frame, &room.group, &[&member.id])).await;
    two.assert_faultless();
}

async fn without_nats_nothing_is_lost() {
    let mut two = Two::start().await;
    let room = Room::new(&two.world).await;
    let clients = two.clients(&room).await;
    let head = speak(&clients, &room).await;
    two.show_reachable(true).await;
    two.world.cluster_mut().nats().kill();
    two.show_reachable(false).await;
    let late = room.say(&room.owner, "没有总线").await;
    assert_eq!(late["seq"], head + 1);
    assert_all_know(&clients, &room, head + 1).await;
    let guest = room.guest(&two.world).await;
    let hears = two.client(&guest, 1);
    hears.connected(1).await;
    room.join(&guest).await.ok();
    two.world.cluster_mut().nats().restart();
    // What happened meanwhile is found out, and what happens now is heard.
    let said = room.say(&room.owner, "总线回来了").await;
    assert_eq!(said["seq"], head + 3);
    assert_all_know(&clients, &room, head + 3).await;
    hears.knows(&room.group, head + 3).await;
    two.show_reachable(true).await;
    two.assert_faultless();
}
