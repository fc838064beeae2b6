//! Promise: a database that is away for minutes ends no process, and everything is served within seconds of its return.

use std::time::{Duration, Instant};

use tokio::{task::block_in_place, time::sleep};

use crate::{ask::ask, options::Options, report::Figure, rig::Rig, scene::Route};

/// How soon everything has to be served once the database is back.
const RETURN: Duration = Duration::from_secs(5);
/// How soon a refusal has to be there meanwhile.
const ANSWER: Duration = Duration::from_secs(2);
/// How long to wait between two requests meanwhile.
const PAUSE: Duration = Duration::from_millis(200);

pub(crate) async fn run(rig: &mut Rig, options: &Options) -> anyhow::Result<Vec<Figure>> {
    let scene = rig.scene().await?;
    let processes = rig.processes();
    let outage = Duration::from_secs(if options.short { 20 } else { 120 });
    block_in_place(|| rig.postgres.stop());
    let begun = Instant::now();
    let (mut slowest, mut wrong) = (Duration::ZERO, Vec::new());
    for route in [Route::Account, Route::Login, Route::Pages, Route::History].into_iter().cycle() {
        if begun.elapsed() > outage {
            break;
        }
        let asked = ask(route.request(&scene, &rig.gateways()[0])).await;
        slowest = slowest.max(asked.took);
        if !asked.refused_for_now() {
            wrong.push(format!("{route}: {}", asked.said()));
        }
        sleep(PAUSE).await;
    }
    let unready = rig.unready(None).await;
    rig.postgres.restart().await;
    let back = rig.serves(&scene, &Route::ALL).await?;
    let same = rig.processes() == processes;
    let ended = if same { rig.ended() } else { vec!["some were started again".to_owned()] };
    let away = outage.as_secs();
    Ok(vec![
        Figure::time(
            format!("PostgreSQL stopped for {away} s: everything served after its return"),
            back,
            options.within(RETURN),
        ),
        Figure::time("slowest refusal meanwhile", slowest, options.within(ANSWER)),
        Figure::none("answers other than JSON 503 or 504 meanwhile", wrong),
        Figure::none("processes not ready meanwhile", unready),
        Figure::none("processes ended", ended),
    ])
}
