//! People who upload files of several sizes all the time, and the comparison of what can be downloaded in the end with
//! what they have uploaded. Takes nothing away.

use std::{
    collections::{BTreeSet, HashMap},
    path::Path,
    time::Duration,
};

use anyhow::Context as _;
use chatroom_tests::{
    Client,
    people::{fresh_name, picture},
    store::files_below,
};
use futures::{StreamExt as _, stream};
use reqwest::{Method, StatusCode};
use tokio::{task::JoinSet, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    ask::{Asked, ask},
    scene::{FILE_SIZE, Scene, text, upload},
};

/// How large the files are, and how long somebody waits after one: what is sent to the store at once, and a little more
/// and much more than it can still hold where its disk is nearly full, the last in several parts.
const SIZES: [(usize, Duration); 3] = [
    (FILE_SIZE, Duration::from_millis(100)),
    (300_000, Duration::from_millis(200)),
    (6 << 20, Duration::from_millis(700)),
];
/// What the names begin with, which stand at the end of the files.
const NAME: &str = "uploaded";
/// How long a download may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many files are downloaded at once.
const AT_ONCE: usize = 4;

/// An upload and what came of it.
pub(crate) struct Upload {
    name: String,
    size: usize,
    /// What came of it.
    pub(crate) asked: Asked,
}

/// People who upload.
pub(crate) struct Uploaders {
    stop: CancellationToken,
    tasks: JoinSet<Vec<Upload>>,
}

impl Uploaders {
    /// Starts one for each size at each gateway.
    pub(crate) fn start(scene: &Scene, gateways: &[String]) -> Self {
        let (stop, mut tasks) = (CancellationToken::new(), JoinSet::new());
        for gateway in gateways {
            for (size, pause) in SIZES {
                tasks.spawn(upload_all_the_time(scene.owner.client.on(gateway), size, pause, stop.clone()));
            }
        }
        Self { stop, tasks }
    }

    /// Stops them, and answers what they have uploaded.
    pub(crate) async fn end(mut self) -> anyhow::Result<Vec<Upload>> {
        self.stop.cancel();
        let mut uploads = Vec::new();
        while let Some(ended) = self.tasks.join_next().await {
            uploads.extend(ended?);
        }
        Ok(uploads)
    }
}

async fn upload_all_the_time(client: Client, size: usize, pause: Duration, stop: CancellationToken) -> Vec<Upload> {
    let mut uploads = Vec::new();
    while !stop.is_cancelled() {
        let name = fresh_name(NAME);
        let asked = ask(upload(&client, content(size, &name))).await;
        uploads.push(Upload { name, size, asked });
        sleep(pause).await;
    }
    uploads
}

/// A file that is told from all others by its end.
fn content(size: usize, name: &str) -> Vec<u8> {
    let mut bytes = picture(size);
    bytes.extend_from_slice(name.as_bytes());
    bytes
}

impl Upload {
    /// Where it can be downloaded, once it is acknowledged.
    fn path(&self) -> Option<String> {
        let answer = self.asked.outcome.as_ref().ok()?;
        self.asked.served().then(|| text(&answer.data))
    }
}

/// The acknowledged uploads that cannot be downloaded byte for byte.
pub(crate) async fn lost(client: &Client, uploads: &[Upload]) -> anyhow::Result<Vec<String>> {
    let acknowledged = uploads.iter().filter_map(|upload| Some((upload, upload.path()?)));
    let compared = stream::iter(acknowledged).map(|(upload, path)| async move {
        let (status, bytes) = download(client, &path).await?;
        let same = status.is_success() && bytes == content(upload.size, &upload.name);
        anyhow::Ok((!same).then(|| format!("{path}: {status}, {} of {} bytes", bytes.len(), upload.size)))
    });
    let compared: Vec<_> = compared.buffer_unordered(AT_ONCE).collect().await;
    compared.into_iter().filter_map(Result::transpose).collect()
}

/// Those of the files `names` that can be downloaded, and are nothing that somebody has uploaded.
pub(crate) async fn partial(client: &Client, names: Vec<String>, uploads: &[Upload]) -> anyhow::Result<Vec<String>> {
    let sizes: HashMap<_, _> = uploads.iter().map(|upload| (upload.name.as_str(), upload.size)).collect();
    let sizes = &sizes;
    let compared = stream::iter(names).map(|name| async move {
        let (status, bytes) = download(client, &format!("/upload/{name}")).await?;
        let partial = status.is_success() && !is_whole(&bytes, sizes);
        anyhow::Ok(partial.then(|| format!("{name}: {} bytes", bytes.len())))
    });
    let compared: Vec<_> = compared.buffer_unordered(AT_ONCE).collect().await;
    compared.into_iter().filter_map(Result::transpose).collect()
}

/// Whether it is the file of one of the uploads, or the one that everybody else uploads.
fn is_whole(bytes: &[u8], sizes: &HashMap<&str, usize>) -> bool {
    let name = bytes.windows(NAME.len()).rposition(|window| window == NAME.as_bytes());
    let name = name.and_then(|place| str::from_utf8(&bytes[place..]).ok());
    match name.and_then(|name| sizes.get_key_value(name)) {
        Some((name, size)) => bytes == content(*size, name),
        None => bytes == picture(FILE_SIZE),
    }
}

/// The names of the files that the store at `folder` holds, finished or not.
pub(crate) fn names(folder: &Path) -> BTreeSet<String> {
    let files = files_below(folder).into_iter().filter_map(|(path, _)| {
        let parts: Vec<_> = path.strip_prefix(folder).ok()?.iter().filter_map(|part| part.to_str()).collect();
        match parts[..] {
            [_bucket, date, name] if date.bytes().all(|digit| digit.is_ascii_digit()) => Some(format!("{date}/{name}")),
            _ => None,
        }
    });
    files.collect()
}

async fn download(client: &Client, path: &str) -> anyhow::Result<(StatusCode, Vec<u8>)> {
    let answer = client.request(Method::GET, path).timeout(PATIENCE).send().await?;
    let status = answer.status();
    Ok((status, answer.bytes().await.with_context(|| format!("{path} breaks off"))?.to_vec()))
}
