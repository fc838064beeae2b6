//! Uploads that are a page or a script as well, opened in a real browser in every way that might run them.

use std::{collections::HashMap, env, net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, Uri, header},
    response::IntoResponse,
    routing::get,
};
use chatroom_tests::{Client, browser::Browser};
use reqwest::{Method, StatusCode};

use crate::{
    suite::{Scenario, scenarios},
    world::{World, archive, picture},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    // tests/run.sh names what it leaves out.
    if env::var_os("CHATROOM_TEST_CHROMIUM").is_some_and(|named| named == "none") {
        return Vec::new();
    }
    scenarios![Shared: no_upload_runs_in_a_browser]
}

/// What a script says that runs.
const RAN: &str = "a script ran";

/// How many bytes of a picture or a film must not look like a page.
const LOOKED_AT: usize = 1445;

fn script() -> String {
    format!("console.log('{RAN}')")
}

fn markup() -> String {
    format!("<!doctype html><html><body><script>{}</script></body></html>", script())
}

/// A file that is one thing to us and another to a browser that would guess.
struct Polyglot {
    name: &'static str,
    bytes: Vec<u8>,
    /// Whether it is a script as it stands, beside being a page.
    is_script: bool,
}

/// Files that are taken, and are pages; one is a script as well.
fn polyglots() -> Vec<Polyglot> {
    // `GIF89a/*…*/=1;…/*…*/` assigns to a variable.
    let gif = format!("GIF89a/*\x01\x01\0\0*/=1;{};/*{}{}*/", script(), " ".repeat(LOOKED_AT), markup());
    let film = [b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", &[0; LOOKED_AT][..], markup().as_bytes()].concat();
    let page = |name, bytes| Polyglot { name, bytes, is_script: false };
    vec![
        Polyglot { name: "gif", bytes: gif.into_bytes(), is_script: true },
        page("png", [picture(2000), markup().into_bytes()].concat()),
        page("mp4", film),
        page("pdf", format!("%PDF-1.7\n{}", markup()).into_bytes()),
        page("zip", [archive(), markup().into_bytes()].concat()),
    ]
}

/// Files that are pages and nothing else.
fn pages() -> [Vec<u8>; 4] {
    let svg = format!("<svg xmlns=\"http://www.w3.org/2000/svg\"><script>{}</script></svg>", script());
    let xml = format!("<?xml version=\"1.0\"?>{svg}");
    [markup().into_bytes(), svg.into_bytes(), xml.into_bytes(), format!("text {}", markup()).into_bytes()]
}

/// A web server: pages that open something, files under types that let them run, and below `/upload` the product, so
/// that pages and uploads are of one origin, as behind an ingress.
struct Site {
    address: SocketAddr,
    server: tokio::task::JoinHandle<()>,
}

/// What there is on a site: the body and its headers, by path.
type Files = HashMap<String, (HeaderMap, Vec<u8>)>;

impl Site {
    async fn start(files: Files, product: Client) -> Self {
        let serve = async |State(files): State<Arc<Files>>, Path(path): Path<String>| match files.get(&path) {
            Some((headers, body)) => (headers.clone(), body.clone()).into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        };
        let upload = async move |uri: Uri| {
            let answer = product.request(Method::GET, uri.path()).send().await.expect("the product answers");
            let (status, mut headers) = (answer.status(), answer.headers().clone());
            headers.remove(header::TRANSFER_ENCODING);
            (status, headers, answer.bytes().await.expect("the answer is whole")).into_response()
        };
        let router = Router::new().route("/upload/{*path}", get(upload)).route("/{*path}", get(serve));
        let router = router.with_state(Arc::new(files));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("a bound listener has an address");
        let server = tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { address, server }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn file(kind: &'static str, policy: &'static str, body: impl Into<Vec<u8>>) -> (HeaderMap, Vec<u8>) {
    let mut headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(kind))]);
    if !policy.is_empty() {
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    }
    (headers, body.into())
}

/// Pages that open `url`, in a frame and as a script; opened itself it is a page too.
fn openers(name: &str, url: &str) -> [(String, (HeaderMap, Vec<u8>)); 2] {
    [
        (format!("{name}/frame"), file("text/html", "", format!("<!doctype html><iframe src=\"{url}\"></iframe>"))),
        (format!("{name}/script"), file("text/html", "", format!("<!doctype html><script src=\"{url}\"></script>"))),
    ]
}

/// That the browser notices a script wherever one runs: the same bytes, served by somebody who wants them to run.
async fn assert_noticed(browser: &mut Browser, product: Client, polyglots: &[Polyglot]) {
    let mut files = Files::new();
    for Polyglot { name, bytes, .. } in polyglots {
        files.insert(format!("{name}.html"), file("text/html", "", bytes.clone()));
        files.insert(format!("{name}.sandboxed"), file("text/html", "sandbox allow-scripts", bytes.clone()));
        files.insert(format!("{name}.js"), file("text/javascript", "", bytes.clone()));
        files.extend(openers(name, &format!("/{name}.html")));
        files.extend(openers(&format!("{name}.sandboxed"), &format!("/{name}.sandboxed")));
        files.extend(openers(&format!("{name}.js"), &format!("/{name}.js")));
    }
    let site = Site::start(files, product).await;
    for Polyglot { name, is_script, .. } in polyglots {
        for path in [format!("{name}.html"), format!("{name}/frame"), format!("{name}.sandboxed/frame")] {
            assert!(browser.visit(&site.url(&path)).await.logged(RAN), "{path} runs, and nobody notices");
        }
        let path = format!("{name}.js/script");
        assert_eq!(browser.visit(&site.url(&path)).await.logged(RAN), *is_script, "{path}");
    }
}

async fn no_upload_runs_in_a_browser(world: World) {
    let user = world.user().await;
    for (bytes, name) in pages().into_iter().flat_map(|bytes| [(bytes.clone(), "a.png"), (bytes, "a.html")]) {
        let refused = user.client.upload(name, bytes).await;
        assert_eq!(refused.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{refused:?}");
    }
    let polyglots = polyglots();
    let mut browser = Browser::start().await;
    assert_noticed(&mut browser, world.client(), &polyglots).await;
    let mut uploads = Vec::new();
    for Polyglot { name, bytes, .. } in polyglots {
        let path = user.client.upload("a.html", bytes).await.ok().data();
        uploads.push((name, path.as_str().expect("a path is text").to_owned()));
    }
    let openers = uploads.iter().flat_map(|(name, path)| openers(name, path)).collect();
    let site = Site::start(openers, world.client()).await;
    for (name, path) in &uploads {
        for opened in [path.trim_start_matches('/'), &format!("{name}/frame"), &format!("{name}/script")] {
            let visit = browser.visit(&site.url(opened)).await;
            assert!(visit.received(&format!("http://{}{path}", site.address)), "{opened} opens nothing: {visit:?}");
            assert!(!visit.logged(RAN), "{path} ran, opened as {opened}");
        }
        let visit = browser.visit(&format!("{}{path}", world.cluster.url())).await;
        assert!(!visit.logged(RAN), "{path} ran");
    }
}
