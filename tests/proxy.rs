//! A TCP proxy that can be told to fail as networks and machines do: to refuse connections, or to be silent on those that
//! there are. Knows no protocol.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::sleep,
};

/// What a proxy does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Hands everything on.
    Forward,
    /// Cuts every connection and refuses new ones, as a machine does whose process has died.
    Refuse,
    /// Takes connections and bytes and hands nothing on, as behind a broken network or before a process that hangs. What
    /// it has taken goes on its way once it forwards again.
    Silent,
}

/// A proxy on loopback. Dropping it ends it and its connections.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    mode: watch::Sender<Mode>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// A proxy before `target`, which need not be there yet.
    pub async fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("a bound listener has an address");
        let (mode, changes) = watch::channel(Mode::Forward);
        Self { address, mode, task: tokio::spawn(run(listener, address, target, changes)) }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Does something else from now on.
    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(listener: TcpListener, address: SocketAddr, target: SocketAddr, mut mode: watch::Receiver<Mode>) {
    let mut listener = Some(listener);
    let mut connections = JoinSet::new();
    loop {
        let refuses = *mode.borrow_and_update() == Mode::Refuse;
        if refuses {
            listener = None;
            connections.abort_all();
        }
        match &listener {
            None if !refuses => listener = bind(address).await.ok(),
            None => {
                if mode.changed().await.is_err() {
                    return;
                }
            }
            Some(listener) => tokio::select! {
                accepted = listener.accept() => {
                    if let Ok((stream, _)) = accepted {
                        connections.spawn(connect(stream, target, mode.clone()));
                    }
                }
                changed = mode.changed() => if changed.is_err() {
                    return;
                },
                Some(_) = connections.join_next() => {}
            },
        }
    }
}

/// Listens again where it did. Whoever has taken the port meanwhile will let it go.
async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let bound = TcpListener::bind(address).await;
    if bound.is_err() {
        sleep(Duration::from_millis(10)).await;
    }
    bound
}

/// Hands a connection on until one side ends it.
async fn connect(mut client: TcpStream, target: SocketAddr, mut mode: watch::Receiver<Mode>) {
    let Ok(said) = hold(&mut client, &mut mode).await else {
        return;
    };
    let Ok(mut server) = TcpStream::connect(target).await else {
        // The client notices: its connection is gone.
        return;
    };
    if server.write_all(&said).await.is_err() {
        return;
    }
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    // One way may end before the other, as between peers; one that breaks takes the other with it.
    let _ = tokio::try_join!(pump(from_client, to_server, mode.clone()), pump(from_server, to_client, mode));
}

/// Waits until the proxy forwards, and answers what the client has said meanwhile. Of one that has given up by then,
/// nothing arrives anywhere.
async fn hold(client: &mut TcpStream, mode: &mut watch::Receiver<Mode>) -> io::Result<Vec<u8>> {
    let mut said = Vec::new();
    loop {
        tokio::select! {
            biased;
            forwards = forwarding(mode) => return forwards.map(|()| said),
            read = client.read_buf(&mut said) => if read? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            },
        }
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut mode: watch::Receiver<Mode>) -> io::Result<()> {
    let mut bytes = vec![0; 16 << 10];
    loop {
        let read = from.read(&mut bytes).await?;
        forwarding(&mut mode).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        to.write_all(&bytes[..read]).await?;
    }
}

/// Waits until the proxy forwards.
async fn forwarding(mode: &mut watch::Receiver<Mode>) -> io::Result<()> {
    mode.wait_for(|mode| *mode == Mode::Forward).await.map(drop).map_err(io::Error::other)
}
