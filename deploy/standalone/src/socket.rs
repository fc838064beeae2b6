//! The services' gRPC on sockets in the data folder, for the command line of whoever may read the folder. Owns no RPC;
//! callers prove themselves with tokens as everywhere.

use std::{fs, io, os::unix::fs::PermissionsExt as _, path::Path};

use tokio::net::UnixListener;
use tokio_stream::wrappers::UnixListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::{service::Routes, transport::Server};

/// Serves `routes` on a socket at `path` until `stop`. Where that cannot be, the process serves all the same.
pub(crate) fn serve(path: &Path, routes: Routes, stop: CancellationToken) {
    let listener = match listen(path) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "`chatroom admin` cannot be used: no socket");
            return;
        }
    };
    let server = Server::builder().add_routes(routes);
    tokio::spawn(async move {
        let incoming = UnixListenerStream::new(listener);
        if let Err(error) = server.serve_with_incoming_shutdown(incoming, stop.cancelled_owned()).await {
            tracing::warn!(%error, "`chatroom admin` cannot be used any more");
        }
    });
}

fn listen(path: &Path) -> io::Result<UnixListener> {
    // What a process before has left; this one holds the folder's lock.
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}
