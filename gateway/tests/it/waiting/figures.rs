//! What figures tell of the answers that are waited for, and of those that are not.

use chatroom_gateway::Patience;
use chatroom_kit::{config::TelemetryConfig, telemetry};
use chatroom_proto::file::v1::{GetFileRequest, GetFileResponse};
use reqwest::Method;

use super::begin;
use crate::{
    held::Held,
    services::Services,
    world::{World, send},
};

// No other test has the file service refused for want of a place: figures are the whole process's.
#[tokio::test]
async fn figures_tell_which_bound_was_met_on_the_way_to_which_service() {
    let config = TelemetryConfig { log: "off".to_owned(), log_format: None };
    let figures = telemetry::start("gateway", &config).unwrap().figures();
    let files = Held::silent();
    let services = Services::default()
        .unary_held::<GetFileRequest, GetFileResponse>("/chatroom.file.v1.FileService/GetFile", &files);
    let flags = ["--max-waiting", "2", "--max-waiting-per-address", "1", "--trusted-proxies", "127.0.0.1"];
    let world = World::with(services, &flags, Patience::default()).await;
    let describe = |address: &str| {
        let path = "/upload/20230821/7e23cd7207e15d29589565701.png";
        world.request(Method::HEAD, path).header("x-forwarded-for", address)
    };
    let _first = begin(describe("203.0.113.7"));
    files.asked(1).await;
    assert_eq!(send(describe("203.0.113.7")).await.status(), 429);
    let _other = begin(describe("203.0.113.8"));
    files.asked(2).await;
    assert_eq!(send(describe("203.0.113.9")).await.status(), 503);
    assert_eq!(send(describe("203.0.113.10")).await.status(), 503);

    let told = figures.text();
    let of = |name: &str, label: &str| {
        let lines = told.lines().filter(|line| line.starts_with(name) && line.contains("upstream=\"file\""));
        lines.filter(|line| line.contains(label)).map(|line| line.rsplit(' ').next().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(of("gateway_refused_total", "bound=\"address\""), ["1"], "{told}");
    assert_eq!(of("gateway_refused_total", "bound=\"service\""), ["2"], "{told}");
    assert!(told.contains("upstream=\"directory\""), "{told}");
}
