//! The figures of a talk: how much was said and heard, how fast, who had to come back, and what is wrong. Owns the bounds.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use super::{
    Period, Scale,
    room::{Room, Told},
    talk::Said,
    verdict::{Message, wrong_in_hearing, wrong_in_history},
};
use crate::{
    options::Options,
    report::{Figure, seconds},
    victim::Victim,
};

/// How soon everybody has to have everything that was said before something came back.
const CAUGHT_UP: Duration = Duration::from_secs(10);
/// How soon a message has to be heard while all is well. Where nothing were pushed, it would be read within five seconds.
const PUSHED: Duration = Duration::from_secs(2);
/// How much of what there is time for has to be said at least while things are killed: people wait for their answers.
const SAID_IN_TROUBLE: usize = 2;

/// A time in which something was away.
pub(super) struct Absence {
    pub(super) victim: Victim,
    pub(super) from: Instant,
    pub(super) until: Instant,
}

/// What was said and heard while all was well.
pub(super) fn of_calm(period: &Period, scale: Scale, options: &Options) -> Vec<Figure> {
    let least = options.at_least(scale.senders * scale.messages_each(scale.calm) * 9 / 10);
    let mut figures = of_talk("calm", period, least, scale);
    figures.push(Figure::none("calm: sockets that had to come back", came_back(&period.told)));
    let read: usize = period.told.iter().map(|told| told.fetched).sum();
    let heard: usize = period.told.iter().map(|told| told.known.times.len()).sum();
    let most = heard / 100;
    let promise = "calm: events read in place of heard";
    figures.push(Figure::new(promise, read.to_string(), format!("at most {most}"), read <= most));
    let promise = "calm: 99 of 100 messages delivered within";
    figures.push(Figure::time(promise, quantile(&delivery_times(period), 99), options.within(PUSHED)));
    figures
}

/// What was said and heard while things were killed.
pub(super) fn of_trouble(period: &Period, scale: Scale, options: &Options) -> Vec<Figure> {
    let least = options.at_least(scale.senders * scale.messages_each(scale.troubled) / SAID_IN_TROUBLE);
    let mut figures = of_talk("kills", period, least, scale);
    let lasts = last_heard(period);
    for absence in &period.absences {
        let Absence { victim, from, until } = absence;
        let due = lasts.iter().filter(|(said, _)| *said <= until);
        let behind = due.map(|(_, heard)| heard.saturating_duration_since(*until)).max().unwrap_or_default();
        let away = seconds(until.duration_since(*from));
        let promise = format!("{victim} killed for {away}: everybody has all that was said by then, after");
        figures.push(Figure::time(promise, behind, options.within(CAUGHT_UP)));
    }
    let repeated = period.said.iter().filter(|said| said.repeated).count();
    figures.push(Figure::new("kills: messages acknowledged as stored before", repeated.to_string(), "", true));
    // Those at the gateway that is killed, and nobody else; where the machine is busy, others may have given up, too.
    let (back, due) = (came_back(&period.told), scale.members.div_ceil(2));
    let kept = back.len() == due || options.short && back.len() > due;
    let figure = Figure::new("kills: sockets that came back", back.len().to_string(), due.to_string(), kept);
    figures.push(figure.with(back));
    let read: usize = period.told.iter().map(|told| told.fetched).sum();
    figures.push(Figure::new("kills: events read on coming back or in place of heard", read.to_string(), "", true));
    figures
}

/// Whether everything is right in the end.
pub(super) async fn of_all(said: &[Said], told: &[Told], room: &Room) -> anyhow::Result<Vec<Figure>> {
    let histories = room.histories().await?;
    let history = &histories[0];
    let mut wrong = wrong_in_history(said, history);
    wrong.extend((histories.iter().any(|other| other != history)).then(|| "the gateways differ".to_owned()));
    let refused = said.iter().filter_map(|said| Some(format!("{}: {}", said.client_id, said.outcome.as_ref().err()?)));
    let heard = told.iter().enumerate().filter_map(|(number, Told { known, .. })| {
        let heard: Vec<_> = known.events.iter().map(|event| Message::of(&event["message"])).collect();
        let wrong =
            wrong_in_hearing(known.after, &heard, history).or((known.dropped > 0).then(|| "dropped".to_owned()));
        wrong.map(|wrong| format!("member {number}: {wrong}"))
    });
    let faults = told.iter().flat_map(|told| told.faults.iter().cloned());
    Ok(vec![
        Figure::none(format!("of {} messages lost, there twice, changed or invented", said.len()), wrong),
        Figure::none("messages refused for good", refused.collect()),
        Figure::none("members without every message once, in order, as it was said", heard.collect()),
        Figure::none("events out of order on a socket", faults.collect()),
    ])
}

fn of_talk(when: &str, period: &Period, least: usize, scale: Scale) -> Vec<Figure> {
    let Scale { members, senders, every, .. } = scale;
    let acknowledged = period.said.iter().filter(|said| said.outcome.is_ok()).count();
    let times = delivery_times(period);
    let milliseconds = |of_100| quantile(&times, of_100).as_millis();
    let latency = format!("{} / {} / {} ms", milliseconds(50), milliseconds(99), milliseconds(100));
    let mut figures = vec![
        Figure::new(
            format!("{when}: messages acknowledged, of {senders} people each {} ms", every.as_millis()),
            acknowledged.to_string(),
            format!("at least {least}"),
            acknowledged >= least,
        ),
        Figure::new(
            format!("{when}: deliveries to {members} members"),
            times.len().to_string(),
            (acknowledged * members).to_string(),
            times.len() == acknowledged * members,
        ),
        Figure::new(format!("{when}: delivered within, half, 99 of 100, all"), latency, "", true),
    ];
    figures.extend(period.memory.iter().map(|(number, bytes)| {
        Figure::new(format!("{when}: most memory of gateway {number}"), format!("{} MiB", bytes >> 20), "", true)
    }));
    figures
}

/// How long everything took to everybody, the shortest first.
fn delivery_times(period: &Period) -> Vec<Duration> {
    let mut times: Vec<_> =
        heard(period).into_iter().map(|(said, heard)| heard.saturating_duration_since(said)).collect();
    times.sort_unstable();
    times
}

/// The time within which so many of 100 were, nothing where there were none.
fn quantile(times: &[Duration], of_100: usize) -> Duration {
    let place = (times.len() * of_100 / 100).min(times.len().saturating_sub(1));
    times.get(place).copied().unwrap_or_default()
}

/// When everything was said, and when the last member heard it.
fn last_heard(period: &Period) -> HashMap<Instant, Instant> {
    let mut lasts = HashMap::new();
    for (said, heard) in heard(period) {
        let last = lasts.entry(said).or_insert(heard);
        *last = heard.max(*last);
    }
    lasts
}

/// When each message of a period was said and a member heard it, for all members.
fn heard(period: &Period) -> Vec<(Instant, Instant)> {
    let said = period.said.iter().filter_map(|said| Some((*said.outcome.as_ref().ok()?, said.at)));
    let said: HashMap<i64, Instant> = said.collect();
    let times = period.told.iter().flat_map(|told| (told.known.after + 1..).zip(&told.known.times));
    times.filter_map(|(seq, time)| Some((*said.get(&seq)?, *time))).collect()
}

/// The members whose sockets did not live from the beginning on.
fn came_back(told: &[Told]) -> Vec<String> {
    let back = told.iter().enumerate().filter(|(_, told)| told.connections > 1);
    back.map(|(number, told)| format!("member {number}, connected {} times", told.connections)).collect()
}
