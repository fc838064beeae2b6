//! Promise: with two gateways, two replicas of the group service and NATS between them, every member of a large room hears
//! every message once, in order and without a hole; and while a gateway, a replica of the group service, NATS and
//! PostgreSQL are killed and come back, nothing acknowledged is lost, nothing is there twice, and everybody resumes with
//! exactly what they have missed. Owns what happens when; who is there is `room`'s, what they say `talk`'s, and whether
//! it is right `verdict`'s.

mod figures;
mod room;
mod talk;
mod verdict;

use std::time::{Duration, Instant};

use chatroom_tests::{Part, cluster::Replica};
use tokio::time::sleep_until;

use self::{
    figures::Absence,
    room::{Room, Told},
    talk::{Said, Talk},
};
use crate::{options::Options, report::Figure, rig::Rig, victim::Victim};

/// How much there is of everything.
#[derive(Clone, Copy, Debug)]
struct Scale {
    members: usize,
    senders: usize,
    /// How long each sender waits between two messages.
    every: Duration,
    /// How long is talked while all is well.
    calm: Duration,
    /// How long is talked while things are killed.
    troubled: Duration,
    /// How long a victim stays away.
    away: Duration,
}

impl Scale {
    fn of(options: &Options) -> Self {
        let (seconds, milliseconds) = (Duration::from_secs, Duration::from_millis);
        if options.short {
            let (calm, troubled, away) = (seconds(4), seconds(10), milliseconds(500));
            Self { members: 60, senders: 10, every: milliseconds(500), calm, troubled, away }
        } else {
            let (calm, troubled, away) = (seconds(60), seconds(60), seconds(3));
            Self { members: 1000, senders: 10, every: seconds(1), calm, troubled, away }
        }
    }

    /// How many messages each sender has time for.
    fn messages_each(self, duration: Duration) -> usize {
        (duration.as_millis() / self.every.as_millis()).try_into().unwrap_or(usize::MAX)
    }
}

/// Each is killed once, the gateway last: until then there are sockets at both.
const VICTIMS: [Victim; 4] = [
    Victim::Process(Replica(Part::Group, 0)),
    Victim::Bus,
    Victim::Database,
    Victim::Process(Replica(Part::Gateway, 0)),
];

/// A time in which people talked, and what came of it.
struct Period {
    said: Vec<Said>,
    told: Vec<Told>,
    absences: Vec<Absence>,
    /// The most memory that each gateway has used, where it was not killed.
    memory: Vec<(usize, u64)>,
}

pub(crate) async fn run(rig: &mut Rig, options: &Options) -> anyhow::Result<Vec<Figure>> {
    let scale = Scale::of(options);
    eprintln!("  {} people come in", scale.members);
    let room = Room::open(rig, scale.members).await?;
    eprintln!("  they talk for {} s", scale.calm.as_secs());
    let calm = talk_calmly(rig, &room, scale).await?;
    eprintln!("  they talk for {} s while things are killed", scale.troubled.as_secs());
    let troubled = talk_in_trouble(rig, &room, scale).await?;
    let mut figures = figures::of_calm(&calm, scale, options);
    figures.extend(figures::of_trouble(&troubled, scale, options));
    let said: Vec<_> = calm.said.into_iter().chain(troubled.said).collect();
    figures.extend(figures::of_all(&said, &troubled.told, &room).await?);
    Ok(figures)
}

async fn talk_calmly(rig: &mut Rig, room: &Room, scale: Scale) -> anyhow::Result<Period> {
    let talk = Talk::start(room, scale.senders, scale.every);
    sleep_until((Instant::now() + scale.calm).into()).await;
    let said = talk.end().await?;
    room.has_heard(&said).await;
    Ok(Period { said, told: room.told(), absences: Vec::new(), memory: memory(rig, &[]) })
}

async fn talk_in_trouble(rig: &mut Rig, room: &Room, scale: Scale) -> anyhow::Result<Period> {
    let talk = Talk::start(room, scale.senders, scale.every);
    let begun = Instant::now();
    let each = scale.troubled / VICTIMS.len().try_into().unwrap_or(1);
    let mut absences = Vec::new();
    for (begin, victim) in (0..).map(|number| begun + each * number + each / 10).zip(VICTIMS) {
        sleep_until(begin.into()).await;
        let from = Instant::now();
        victim.kill(rig);
        sleep_until((from + scale.away).into()).await;
        victim.restart(rig).await;
        absences.push(Absence { victim, from, until: Instant::now() });
    }
    sleep_until((begun + scale.troubled).into()).await;
    let said = talk.end().await?;
    room.has_heard(&said).await;
    Ok(Period { said, told: room.told(), absences, memory: memory(rig, &VICTIMS) })
}

/// The most memory that each of the gateways has used that were not killed.
fn memory(rig: &Rig, killed: &[Victim]) -> Vec<(usize, u64)> {
    let gateways = (0..rig.gateways().len()).map(|number| Replica(Part::Gateway, number));
    let lived = gateways.filter(|gateway| !killed.contains(&Victim::Process(*gateway)));
    lived.map(|gateway| (gateway.1, rig.cluster.process(gateway).peak_memory())).collect()
}
