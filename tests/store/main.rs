//! The S3 server of `chatroom_tests::store` as a process of its own, so that a test can take away what a process has:
//! its disk, its time, its life. Owns no word of S3.

use std::{env, net::SocketAddr, path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use chatroom_kit::lifecycle;
use chatroom_tests::store::{self, FOLDER, LISTEN};
use rustix::process::Signal;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

#[tokio::main]
async fn main() -> ExitCode {
    lifecycle::exit_code(serve().await)
}

async fn serve() -> anyhow::Result<()> {
    // Where nothing more can be written, that is an error to be answered, and not the end of the process.
    let _full = signal(SignalKind::from_raw(Signal::XFSZ.as_raw()))?;
    let setting = |name| env::var(name).with_context(|| format!("{name} is not set"));
    let address: SocketAddr = setting(LISTEN)?.parse()?;
    let folder = PathBuf::from(setting(FOLDER)?);
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
    eprintln!("{}", serde_json::json!({"message": "listening", "address": listener.local_addr()?.to_string()}));
    store::serve(listener, &folder).await;
    Ok(())
}
