//! What sockets cost that nobody speaks to: memory while they are open, CPU time for the pings that keep them so.

use std::{cell::RefCell, net::SocketAddr, rc::Rc, time::Duration};

use anyhow::Context as _;
use futures::{StreamExt as _, TryStreamExt as _};
use serde::Serialize;
use tokio::{
    task::{JoinSet, LocalSet},
    time::sleep,
};

use super::{
    frame::Frame,
    load::{OPENED_AT_ONCE, Target},
    measure::Measure,
    member::{self, Buffer},
    options::Run,
    rig::{Limit, Rig},
    socket::{READ_SIZE, Socket},
};
use crate::usage::Watched;

/// How many sockets are opened before any is counted: what is made for the first of all is not theirs.
const FIRST: usize = 10;
/// How long sockets are left alone before their memory is.
const SETTLING: Duration = Duration::from_secs(2);

/// What idle sockets cost the product, and what they cost its limit.
#[derive(Debug, Serialize)]
pub(crate) struct IdleReport {
    /// How many sockets.
    pub(crate) sockets: usize,
    /// Of the product.
    pub(crate) product: Cost,
    /// Of the limit, which sends no pings.
    pub(crate) limit: Cost,
}

/// What one idle socket costs the process that holds it.
#[derive(Debug, Serialize)]
pub(crate) struct Cost {
    /// Resident memory, in KiB.
    pub(crate) resident: f64,
    /// Memory that is its own (a shared page counts in parts), in KiB.
    pub(crate) proportional: f64,
    /// CPU time of all processes per minute, in microseconds.
    pub(crate) cpu: f64,
}

/// Opens idle sockets to the product, freshly started, and to the limit.
pub(crate) async fn measure(rig: &mut Rig, run: &Run) -> anyhow::Result<IdleReport> {
    let rooms = rig.open_rooms(Measure::Idle.talk(run.scale())).await?;
    rig.stop()?;
    rig.start_again().await?;
    let limit = Limit::start(&rooms)?;
    // Whoever is in a room comes with as many devices as it takes.
    let members = rooms.iter().flat_map(|room| &room.tokens);
    let tokens: Vec<_> = members.cycle().take(FIRST + run.scale().sockets).cloned().collect();
    let cost = |target: Target| {
        tokio::task::block_in_place(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            LocalSet::new().block_on(&runtime, cost(&target, &tokens, run.idle_time()))
        })
    };
    Ok(IdleReport { sockets: run.scale().sockets, product: cost(rig.target())?, limit: cost(limit.target())? })
}

#[expect(clippy::cast_precision_loss, reason = "there are far fewer than 2^52 sockets")]
async fn cost(target: &Target, tokens: &[String], time: Duration) -> anyhow::Result<Cost> {
    let (first, rest) = tokens.split_at(FIRST);
    let front = target.processes.first().context("nothing runs")?;
    let mut listeners = JoinSet::new();
    open(target.address, first, &mut listeners).await?;
    sleep(SETTLING).await;
    let (resident, proportional) = (front.memory()?.resident, front.proportional_memory()?);
    open(target.address, rest, &mut listeners).await?;
    sleep(SETTLING).await;
    let each = |mebibytes: f64| mebibytes * 1024.0 / rest.len() as f64;
    let resident = each(front.memory()?.resident - resident);
    let proportional = each(front.proportional_memory()? - proportional);
    let before = target.processes.iter().map(Watched::cpu_time).collect::<anyhow::Result<Vec<_>>>()?;
    tokio::select! {
        () = sleep(time) => {}
        Some(wrong) = listeners.join_next() => return Err(wrong?),
    }
    let mut used = Duration::ZERO;
    for (process, before) in target.processes.iter().zip(before) {
        used += process.cpu_time()?.since(before);
    }
    let minutes = time.as_secs_f64() / 60.0;
    Ok(Cost { resident, proportional, cpu: used.as_secs_f64() * 1e6 / tokens.len() as f64 / minutes })
}

async fn open(address: SocketAddr, tokens: &[String], listeners: &mut JoinSet<anyhow::Error>) -> anyhow::Result<()> {
    let buffer: Buffer = Rc::new(RefCell::new(vec![0; READ_SIZE].into()));
    let opening = tokens.iter().map(|token| Socket::open(address, token));
    let mut opened = futures::stream::iter(opening).buffer_unordered(OPENED_AT_ONCE);
    while let Some((socket, _)) = opened.try_next().await? {
        listeners.spawn_local(listen(socket, buffer.clone()));
    }
    Ok(())
}

/// Answers pings until something is wrong, and says what.
async fn listen(mut socket: Socket, buffer: Buffer) -> anyhow::Error {
    let writer = socket.writer();
    let mut outgoing = Vec::new();
    loop {
        let heard = async {
            socket.wait().await?;
            socket.read(&mut buffer.borrow_mut(), |frame| answer(frame, &mut outgoing))?;
            if !outgoing.is_empty() {
                writer.write(&outgoing).await?;
                outgoing.clear();
            }
            anyhow::Ok(())
        };
        if let Err(error) = heard.await {
            return error;
        }
    }
}

fn answer(frame: Frame<'_>, outgoing: &mut Vec<u8>) -> anyhow::Result<()> {
    // Nothing but pings comes to a room in which nobody speaks.
    if let Frame::Text(text) = frame {
        anyhow::ensure!(text.starts_with(b"{"), "the server sent no JSON");
        member::write_pong(outgoing);
    }
    member::answer(frame, outgoing)
}
