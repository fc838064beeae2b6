//! A light load that asks every service, and remembers what was not served.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use chatroom_tests::{client::try_send, process::PATIENCE};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::{task::JoinHandle, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::world::{User, World, page_request, picture};

/// How long each request waits after the one before.
const PAUSE: Duration = Duration::from_millis(60);

/// A load under way.
pub(super) struct Load {
    served: Arc<[AtomicUsize]>,
    failed: Arc<Mutex<Vec<String>>>,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

/// What is asked again and again.
#[derive(Clone)]
struct Asked {
    user: User,
    customer: User,
    page: Value,
    file: Value,
}

impl Asked {
    /// Requests that between them make every call from one service to another.
    fn requests(self) -> [impl Fn() -> RequestBuilder; 5] {
        const WHICH: [usize; 5] = [0, 1, 2, 3, 4];
        WHICH.map(|which| {
            let Self { user, customer, page, file } = self.clone();
            move || match which {
                0 => {
                    let body = json!({"username": user.name, "password": user.password});
                    user.client.anonymous().request(Method::POST, "/h5/user/login").json(&body)
                }
                1 => user.client.request(Method::GET, file.as_str().unwrap_or_default()),
                2 => user.client.request(Method::GET, "/h5/conversation"),
                3 => {
                    let body = page_request(&customer.id);
                    user.client.request(Method::POST, "/h5/merchant/createMerchant").json(&body)
                }
                _ => {
                    let body = json!({"merchant": page["_id"]});
                    user.client.request(Method::POST, "/h5/group/getGroup").json(&body)
                }
            }
        })
    }
}

impl Load {
    /// Begins to ask.
    pub(super) async fn start(world: &World) -> Self {
        let (user, customer) = (world.user().await, world.user().await);
        let page = world.page(&user).await;
        world.group(&user, &page).await;
        let file = user.client.upload("a.png", picture(10_000)).await.ok().data();
        let requests = Asked { user, customer, page, file }.requests();
        let served: Arc<[AtomicUsize]> = requests.iter().map(|_| AtomicUsize::new(0)).collect();
        let (failed, stop) = (Arc::<Mutex<Vec<String>>>::default(), CancellationToken::new());
        let tasks = requests.into_iter().enumerate().map(|(index, request)| {
            let (served, failed, stop) = (served.clone(), failed.clone(), stop.clone());
            tokio::spawn(async move {
                while !stop.is_cancelled() {
                    let answer = try_send(request()).await;
                    if answer.as_ref().is_ok_and(|answer| answer.status.is_success()) {
                        served[index].fetch_add(1, Ordering::Relaxed);
                    } else {
                        failed.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{answer:?}"));
                    }
                    sleep(PAUSE).await;
                }
            })
        });
        let tasks = tasks.collect();
        Self { served, failed, stop, tasks }
    }

    /// Waits until each kind of request was served some more times.
    pub(super) async fn goes_on(&self) {
        let counts = || self.served.iter().map(|count| count.load(Ordering::Relaxed)).collect::<Vec<_>>();
        let before = counts();
        let more = async {
            while counts().iter().zip(&before).any(|(now, before)| *now < before + 20) {
                sleep(PAUSE).await;
            }
        };
        let failed = || self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        assert!(tokio::time::timeout(PATIENCE, more).await.is_ok(), "requests are not served: {:?}", failed());
    }

    /// Ends, and answers what was not served.
    pub(super) async fn end(self) -> Vec<String> {
        self.stop.cancel();
        for task in self.tasks {
            task.await.expect("a task that asks does not panic");
        }
        std::mem::take(&mut self.failed.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
