//! Rooms full of sockets, spoken in from one thread: so long unheard, so long counted, then until every member has
//! received everything. Owns the figures of one run, and the tasks that make them.

use std::{
    cell::{Cell, RefCell},
    net::SocketAddr,
    rc::Rc,
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use futures::{StreamExt as _, TryStreamExt as _};
use serde::Serialize;
use tokio::{
    task::{JoinSet, LocalSet},
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    figures::Figures,
    ledger::Ledger,
    measure::Pace,
    member::{Buffer, Member},
    options::Effort,
    sender::Sender,
    socket::{self, Socket, Writer},
    world::Room,
};
use crate::usage::{CpuTime, Watched};

/// How many sockets are opened at once.
pub(crate) const OPENED_AT_ONCE: usize = 32;
/// How long members may take to receive what was said before the run was over.
const DRAIN: Duration = Duration::from_secs(30);

/// What is loaded.
pub(crate) struct Target {
    /// Where sockets are opened.
    pub(crate) address: SocketAddr,
    /// The processes it consists of, the one that holds the sockets first.
    pub(crate) processes: Vec<Watched>,
}

/// The figures of one run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Sample {
    /// Messages received per second, by all members together.
    pub(crate) deliveries: f64,
    /// Half of them came within this many milliseconds.
    pub(crate) p50: f64,
    /// 99 of 100 of them came within this many milliseconds.
    pub(crate) p99: f64,
    /// Messages acknowledged per second.
    pub(crate) sends: f64,
    /// Half of them were acknowledged within this many milliseconds.
    pub(crate) sent_p50: f64,
    /// 99 of 100 of them were acknowledged within this many milliseconds.
    pub(crate) sent_p99: f64,
    /// CPU time per delivery of each process, in microseconds, the one that holds the sockets first.
    pub(crate) cpu: Vec<f64>,
    /// How many bytes the frame of a message has.
    pub(crate) frame: f64,
}

impl Sample {
    /// CPU time per delivery of the process that holds the sockets, in microseconds.
    pub(crate) fn front_cpu(&self) -> f64 {
        self.cpu.first().copied().unwrap_or(f64::NAN)
    }

    /// CPU time per delivery of all processes, in microseconds.
    pub(crate) fn total_cpu(&self) -> f64 {
        self.cpu.iter().sum()
    }
}

/// What a room's members have received.
pub(crate) struct Heard {
    /// The room's id.
    pub(crate) group: String,
    /// The last place in the sequence before it.
    pub(crate) after: i64,
    /// How the `clientId` of every message begins, and how many there were, for each sender.
    pub(crate) said: Vec<(String, u64)>,
}

/// One run's outcome.
pub(crate) struct Outcome {
    /// The figures.
    pub(crate) sample: Sample,
    /// What was said in each room.
    pub(crate) heard: Vec<Heard>,
}

/// Fills rooms with sockets and has them spoken in. Anything that a member receives and should not, or should and does
/// not, ends the run: its time would say nothing.
pub(crate) fn run(
    target: &Target,
    rooms: &[Room],
    senders: usize,
    pace: Pace,
    effort: Effort,
) -> anyhow::Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let mut hall = Hall::default();
        for room in rooms {
            hall.fill(target.address, room, senders, pace).await?;
        }
        hall.talk(target, pace, effort).await
    })
}

/// All rooms of a run.
struct Hall {
    figures: Rc<Figures>,
    buffer: Buffer,
    /// Who listens: each until something is wrong.
    listeners: JoinSet<anyhow::Error>,
    speakers: Vec<Speaker>,
    /// Whether nobody speaks any more.
    over: Rc<Cell<bool>>,
    heard: Vec<Heard>,
}

/// Someone who speaks, on a socket.
#[derive(Clone)]
struct Speaker {
    sender: Rc<Sender>,
    writer: Rc<Writer>,
    figures: Rc<Figures>,
    over: Rc<Cell<bool>>,
}

impl Default for Hall {
    fn default() -> Self {
        Self {
            figures: Rc::new(Figures::new()),
            buffer: Rc::new(RefCell::new(vec![0; socket::READ_SIZE].into())),
            listeners: JoinSet::new(),
            speakers: Vec::new(),
            over: Rc::default(),
            heard: Vec::new(),
        }
    }
}

impl Hall {
    /// Opens a socket for each member of a room.
    async fn fill(&mut self, address: SocketAddr, room: &Room, senders: usize, pace: Pace) -> anyhow::Result<()> {
        let window = if let Pace::Window(window) = pace { window } else { 0 };
        let run = rand::random();
        let senders: Vec<_> = (0..senders).map(|index| Rc::new(Sender::new(&room.group, index, run, window))).collect();
        let (sockets, head) = open(address, room).await?;
        let ledger = Ledger::new(&room.group, head, sockets.len(), senders.clone());
        let ledger = Rc::new(RefCell::new(ledger));
        for (index, socket) in sockets.into_iter().enumerate() {
            let sender = senders.get(index).cloned();
            if let Some(sender) = &sender {
                self.speakers.push(Speaker {
                    sender: sender.clone(),
                    writer: socket.writer(),
                    figures: self.figures.clone(),
                    over: self.over.clone(),
                });
            }
            let member = Member::new(ledger.clone(), sender, self.figures.clone(), head);
            self.listeners.spawn_local(member.listen(socket, self.buffer.clone()));
        }
        self.heard.push(Heard { group: room.group.clone(), after: head, said: Vec::new() });
        Ok(())
    }

    async fn talk(mut self, target: &Target, pace: Pace, effort: Effort) -> anyhow::Result<Outcome> {
        let mut talking = self.start_talking(pace)?;
        let figures = self.figures.clone();
        let counted = tokio::select! {
            counted = count(target, &figures, effort) => counted?,
            Some(wrong) = self.listeners.join_next() => return Err(wrong?),
            Some(ended) = talking.join_next() => bail!("a speaker fell silent: {ended:?}"),
        };
        self.over.set(true);
        tokio::select! {
            drained = timeout(DRAIN, drain(talking, &self.speakers)) => {
                drained.context("some members have not received everything")??;
            }
            Some(wrong) = self.listeners.join_next() => return Err(wrong?),
        }
        Ok(Outcome { sample: summarise(&figures, &counted), heard: self.heard() })
    }

    fn start_talking(&self, pace: Pace) -> anyhow::Result<JoinSet<anyhow::Result<()>>> {
        let mut talking = JoinSet::new();
        let count = u32::try_from(self.speakers.len())?;
        for (index, speaker) in (0..count).zip(&self.speakers) {
            let speaker = speaker.clone();
            match pace {
                Pace::Window(_) => talking.spawn_local(speaker.speak_on()),
                Pace::Every(interval) => talking.spawn_local(speaker.speak_every(interval, interval * index / count)),
            };
        }
        Ok(talking)
    }

    fn heard(mut self) -> Vec<Heard> {
        let per_room = self.speakers.len() / self.heard.len().max(1);
        for (heard, speakers) in self.heard.iter_mut().zip(self.speakers.chunks(per_room.max(1))) {
            let senders = speakers.iter().map(|speaker| &speaker.sender);
            heard.said = senders.map(|sender| (sender.run().to_owned(), sender.said())).collect();
        }
        self.heard
    }
}

/// Opens a socket for each member of a room; answers them and where the room stands.
async fn open(address: SocketAddr, room: &Room) -> anyhow::Result<(Vec<Socket>, i64)> {
    let opening = room.tokens.iter().map(|token| async move {
        let (socket, connected) = Socket::open(address, token).await?;
        let standing = connected.groups.iter().find(|standing| standing.group == room.group);
        let standing = standing.context("the server does not name a group that the user is in")?;
        anyhow::Ok((socket, standing.head_seq))
    });
    let opened: Vec<_> = futures::stream::iter(opening).buffered(OPENED_AT_ONCE).try_collect().await?;
    let head = opened.first().context("the room is empty")?.1;
    ensure!(opened.iter().all(|(_, other)| *other == head), "the server names different heads of a quiet group");
    Ok((opened.into_iter().map(|(socket, _)| socket).collect(), head))
}

/// Waits until everyone has stopped speaking and every member has received everything.
async fn drain(mut talking: JoinSet<anyhow::Result<()>>, speakers: &[Speaker]) -> anyhow::Result<()> {
    while let Some(ended) = talking.join_next().await {
        ended??;
    }
    while speakers.iter().any(|speaker| speaker.sender.done() < speaker.sender.said()) {
        sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}

impl Speaker {
    /// Speaks whenever the window has room.
    async fn speak_on(self) -> anyhow::Result<()> {
        let mut frames = Vec::new();
        loop {
            let room = self.sender.may_say().await?;
            if self.over.get() {
                return Ok(());
            }
            frames.clear();
            for _ in 0..room {
                self.sender.say(self.figures.now(), &mut frames);
            }
            self.writer.write(&frames).await?;
        }
    }

    /// Speaks at each interval, first after `wait`.
    async fn speak_every(self, interval: Duration, wait: Duration) -> anyhow::Result<()> {
        let mut frames = Vec::new();
        let mut due = Instant::now() + wait;
        loop {
            sleep_until(due).await;
            if self.over.get() {
                return Ok(());
            }
            frames.clear();
            // Not when it was due: timers are late by up to a millisecond, which is none of the server's doing.
            self.sender.say(self.figures.now(), &mut frames);
            self.writer.write(&frames).await?;
            due += interval;
        }
    }
}

/// How long was counted, and what each process used meanwhile.
struct Counted {
    elapsed: Duration,
    cpu: Vec<Duration>,
}

async fn count(target: &Target, figures: &Figures, effort: Effort) -> anyhow::Result<Counted> {
    sleep(effort.warm_up).await;
    let before = cpu_times(&target.processes)?;
    let begun = figures.now();
    figures.count(true);
    sleep(effort.duration).await;
    figures.count(false);
    let elapsed = figures.now().saturating_sub(begun);
    let after = cpu_times(&target.processes)?;
    Ok(Counted { elapsed, cpu: after.iter().zip(before).map(|(after, before)| after.since(before)).collect() })
}

fn cpu_times(processes: &[Watched]) -> anyhow::Result<Vec<CpuTime>> {
    processes.iter().map(Watched::cpu_time).collect()
}

#[expect(clippy::cast_precision_loss, reason = "there are far fewer than 2^52 deliveries")]
fn summarise(figures: &Figures, counted: &Counted) -> Sample {
    let (deliveries, acknowledgements) = (figures.deliveries(), figures.acknowledgements());
    let seconds = counted.elapsed.as_secs_f64();
    let count = deliveries.count as f64;
    Sample {
        deliveries: count / seconds,
        p50: deliveries.p50,
        p99: deliveries.p99,
        sends: acknowledgements.count as f64 / seconds,
        sent_p50: acknowledgements.p50,
        sent_p99: acknowledgements.p99,
        cpu: counted.cpu.iter().map(|cpu| cpu.as_secs_f64() * 1e6 / count).collect(),
        frame: figures.bytes() as f64 / count,
    }
}
