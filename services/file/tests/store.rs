//! What every object store must do, shown on the embedded one, on one behind HTTP, and on one that ignores the conditions
//! of a write.

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use chatroom_file::{
    Download, Error, Objects, Recalled, RequestKey, StoreError,
    domain::{FileKind, FileName, Range, StoredFile},
};
use chatroom_kit::{
    fields::RequestId,
    ids::UserId,
    testing::{Log, unserved},
};
use chrono::{DateTime, TimeDelta, Utc};
use tokio::runtime::Handle;

use crate::setup::{self, Behind, Fresh, bytes, soon, until};

const PART: usize = 5 << 20;

/// Runs each test on each store. A macro because the test harness needs a function for each.
macro_rules! on_each_store {
    ($($name:ident),+ $(,)?) => {
        mod embedded {
            $(#[tokio::test]
            async fn $name() {
                super::$name(crate::setup::embedded().await).await;
            })+
        }
        mod network {
            $(#[tokio::test]
            async fn $name() {
                super::$name(crate::setup::network().await).await;
            })+
        }
        mod heedless {
            $(#[tokio::test]
            async fn $name() {
                super::$name(crate::setup::heedless().await).await;
            })+
        }
    };
}

on_each_store!(
    a_file_is_read_as_it_was_stored,
    what_is_not_there_is_nothing,
    a_range_is_read,
    a_range_outside_the_file_is_an_error,
    a_removed_file_is_gone,
    a_file_that_is_removed_meanwhile_is_whole_or_gone,
    an_upload_that_is_dropped_leaves_nothing,
    a_request_is_remembered_once,
    a_request_is_forgotten_after_a_day,
    a_request_whose_file_is_gone_is_stale,
    concurrent_repeats_store_one_file,
    a_download_that_is_dropped_does_no_harm,
);

fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_692_591_413_765).unwrap()
}

fn name(random: u128) -> FileName {
    FileName::new(noon(), random << 28, FileKind::Zip)
}

fn request(text: &str) -> RequestKey {
    let user = "64e2e53561a25a30db767a40".parse().unwrap();
    RequestKey::new(user, &RequestId::parse(text).unwrap().unwrap())
}

async fn store(objects: &Objects, name: &FileName, content: &Bytes) -> StoredFile {
    let mut upload = objects.upload(name.clone(), UserId::new(), noon(), None);
    for start in (0..content.len()).step_by(200_000) {
        upload.write(content.slice(start..content.len().min(start + 200_000))).await.unwrap();
    }
    upload.finish().await.unwrap()
}

async fn read(objects: &Objects, name: &FileName, range: Option<Range>) -> (u64, Bytes) {
    read_all(objects.read(name, range).await.unwrap().unwrap()).await
}

async fn read_all(mut download: Download) -> (u64, Bytes) {
    let (first, length) = (download.first, download.length);
    let mut content = BytesMut::new();
    while let Some(chunk) = download.next().await.unwrap() {
        assert!((1..=256 << 10).contains(&chunk.len()), "{}", chunk.len());
        content.extend_from_slice(&chunk);
    }
    assert_eq!(content.len() as u64, length);
    (first, content.freeze())
}

async fn a_file_is_read_as_it_was_stored(fresh: Fresh) {
    for (index, size) in [1, 70_000, PART - 1, PART, PART + 1, 2 * PART, 13_000_001].into_iter().enumerate() {
        let (name, content) = (name(index as u128), bytes(size));
        let stored = store(&fresh.objects, &name, &content).await;
        assert_eq!(stored, StoredFile { name: name.clone(), size: size as u64, created: noon() });
        assert_eq!(fresh.objects.describe(&name).await.unwrap(), Some(stored.clone()));
        assert_eq!(fresh.objects.read(&name, None).await.unwrap().unwrap().file, stored);
        let (first, read) = read(&fresh.objects, &name, None).await;
        assert!(first == 0 && read == content, "{size}");
    }
    assert_eq!(fresh.behind.contents().await.len(), 7);
}

async fn what_is_not_there_is_nothing(fresh: Fresh) {
    assert_eq!(fresh.objects.describe(&name(1)).await.unwrap(), None);
    for range in [None, Some(Range::From { first: 0, last: None }), Some(Range::Suffix(1))] {
        assert!(fresh.objects.read(&name(1), range).await.unwrap().is_none());
    }
    fresh.objects.remove(&name(1)).await.unwrap();
    assert_eq!(fresh.objects.recall(&request("never"), noon()).await.unwrap(), Recalled::Nothing);
}

async fn a_range_is_read(fresh: Fresh) {
    let content = bytes(900_000);
    store(&fresh.objects, &name(1), &content).await;
    let from = |first, last| Range::From { first, last };
    for (range, start, end) in [
        (from(0, None), 0, 900_000),
        (from(0, Some(0)), 0, 1),
        (from(1, Some(299_999)), 1, 300_000),
        (from(899_999, None), 899_999, 900_000),
        (from(899_000, Some(u64::from(u32::MAX))), 899_000, 900_000),
        (Range::Suffix(1), 899_999, 900_000),
        (Range::Suffix(900_000), 0, 900_000),
        (Range::Suffix(900_001), 0, 900_000),
    ] {
        let (first, read) = read(&fresh.objects, &name(1), Some(range)).await;
        assert!(first == start as u64 && read == content[start..end], "{range:?}");
    }
    let opened = fresh.objects.read(&name(1), Some(from(5, Some(6)))).await.unwrap().unwrap();
    assert_eq!((opened.file.size, opened.length), (900_000, 2));
}

async fn a_range_outside_the_file_is_an_error(fresh: Fresh) {
    store(&fresh.objects, &name(1), &bytes(100)).await;
    for range in
        [Range::From { first: 100, last: None }, Range::From { first: 5_000, last: Some(6_000) }, Range::Suffix(0)]
    {
        let error = fresh.objects.read(&name(1), Some(range)).await.unwrap_err();
        assert!(matches!(error, Error::RangeNotSatisfiable { size: 100 }), "{range:?}: {error:?}");
    }
}

async fn a_removed_file_is_gone(fresh: Fresh) {
    store(&fresh.objects, &name(1), &bytes(100)).await;
    fresh.objects.remove(&name(1)).await.unwrap();
    assert_eq!(fresh.objects.describe(&name(1)).await.unwrap(), None);
    assert!(fresh.behind.contents().await.is_empty());
}

async fn a_file_that_is_removed_meanwhile_is_whole_or_gone(fresh: Fresh) {
    let (content, log) = (bytes(1000), Log::default());
    let _listening = log.listen();
    let whole = StoredFile { name: name(1), size: 1000, created: noon() };
    let look = async || {
        let described = fresh.objects.describe(&name(1)).await.unwrap();
        assert!(described.is_none_or(|file| file == whole));
        if let Some(download) = fresh.objects.read(&name(1), None).await.unwrap() {
            assert_eq!(read_all(download).await.1, content);
        }
    };
    let remove = async || fresh.objects.remove(&name(1)).await.unwrap();
    for _ in 0..100 {
        store(&fresh.objects, &name(1), &content).await;
        tokio::join!(look(), remove(), look(), remove(), look());
    }
    assert!(fresh.behind.contents().await.is_empty());
    // The client would try again after a failure.
    assert_eq!(log.lines("the folder cannot be read or written"), 0);
}

async fn an_upload_that_is_dropped_leaves_nothing(fresh: Fresh) {
    for size in [2 * PART + 1, 3 * PART + 1] {
        let mut upload = fresh.objects.upload(name(1), UserId::new(), noon(), None);
        upload.write(bytes(size)).await.unwrap();
        // A part has reached the store: there is something to undo.
        assert!(!fresh.behind.contents().await.is_empty());
        drop(upload);
        // As at the end of a process, after which nothing more is undone. A process gives up after three seconds, which
        // are too few where the machine is busy; whoever has not waited that long must have settled everything.
        let settled = async {
            loop {
                let begun = Instant::now();
                fresh.objects.settle().await;
                if begun.elapsed() < Duration::from_secs(3) {
                    break;
                }
            }
        };
        soon(settled).await;
        assert_eq!(fresh.behind.contents().await, Vec::<String>::new());
    }
}

async fn a_request_is_remembered_once(fresh: Fresh) {
    let first = store(&fresh.objects, &name(1), &bytes(100)).await;
    let second = store(&fresh.objects, &name(2), &bytes(100)).await;
    assert!(fresh.objects.remember(&request("one"), None, &first).await.unwrap());
    assert!(!fresh.objects.remember(&request("one"), None, &second).await.unwrap());
    let later = noon() + TimeDelta::hours(23);
    assert_eq!(fresh.objects.recall(&request("one"), later).await.unwrap(), Recalled::File(first));
    assert_eq!(fresh.objects.recall(&request("two"), later).await.unwrap(), Recalled::Nothing);
}

async fn a_request_is_forgotten_after_a_day(fresh: Fresh) {
    let first = store(&fresh.objects, &name(1), &bytes(100)).await;
    assert!(fresh.objects.remember(&request("one"), None, &first).await.unwrap());
    let tomorrow = noon() + TimeDelta::hours(24);
    let Recalled::Stale(tag) = fresh.objects.recall(&request("one"), tomorrow).await.unwrap() else {
        panic!("it is still remembered");
    };
    let second = StoredFile { created: tomorrow, ..store(&fresh.objects, &name(2), &bytes(100)).await };
    assert!(fresh.objects.remember(&request("one"), Some(&tag), &second).await.unwrap());
    assert!(!fresh.objects.remember(&request("one"), Some(&tag), &first).await.unwrap());
    let Recalled::File(found) = fresh.objects.recall(&request("one"), tomorrow).await.unwrap() else {
        panic!("it is not remembered");
    };
    assert_eq!(found.name, second.name);
}

async fn a_request_whose_file_is_gone_is_stale(fresh: Fresh) {
    let first = store(&fresh.objects, &name(1), &bytes(100)).await;
    assert!(fresh.objects.remember(&request("one"), None, &first).await.unwrap());
    fresh.objects.remove(&first.name).await.unwrap();
    let recalled = fresh.objects.recall(&request("one"), noon()).await.unwrap();
    assert!(matches!(recalled, Recalled::Stale(_)), "{recalled:?}");
}

/// Stores a file for the request `one`.
async fn upload_for_request(fresh: &Fresh, random: u128) -> StoredFile {
    let request = Some((request("one"), None));
    let mut upload = fresh.objects.upload(name(random), UserId::new(), noon(), request);
    upload.write(bytes(100_000)).await.unwrap();
    upload.finish().await.unwrap()
}

/// Expects `file` and its request's marker, and nothing else.
async fn assert_alone(fresh: &Fresh, file: &StoredFile) {
    let contents = fresh.behind.contents().await;
    assert_eq!(contents.len(), 2, "{contents:?}");
    assert!(contents.contains(&file.name.as_str().to_owned()));
}

async fn concurrent_repeats_store_one_file(fresh: Fresh) {
    let upload = async |random| upload_for_request(&fresh, random).await;
    let (one, two, three) = tokio::join!(upload(1), upload(2), upload(3));
    assert_eq!((&one, &one), (&two, &three));
    assert_alone(&fresh, &one).await;
}

#[tokio::test]
async fn an_answer_that_is_lost_takes_no_file_away() {
    let fresh = setup::forgetful().await;
    let file = upload_for_request(&fresh, 1).await;
    assert_eq!(file.name, name(1));
    assert_eq!(upload_for_request(&fresh, 2).await, file);
    assert_alone(&fresh, &file).await;
}

async fn a_download_that_is_dropped_does_no_harm(fresh: Fresh) {
    let content = bytes(3 << 20);
    store(&fresh.objects, &name(1), &content).await;
    for _ in 0..20 {
        let mut download = fresh.objects.read(&name(1), None).await.unwrap().unwrap();
        download.next().await.unwrap().unwrap();
    }
    assert!(read(&fresh.objects, &name(1), None).await.1 == content);
}

/// Wherever the caller goes away, and the store may be halfway through anything.
#[tokio::test]
async fn an_upload_that_is_dropped_anywhere_leaves_nothing() {
    let fresh = setup::embedded().await;
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let idle = tasks();
    for size in [0, 1, PART, PART + 1, 2 * PART] {
        let content = bytes(size);
        for steps in 0..25 {
            let mut upload = fresh.objects.upload(name(1), UserId::new(), noon(), None);
            let mut storing = Box::pin(async {
                upload.write(content.clone()).await.unwrap();
                upload.finish().await.unwrap();
            });
            let mut stored = false;
            for _ in 0..steps {
                stored = futures::poll!(&mut storing).is_ready();
                if stored {
                    break;
                }
                tokio::task::yield_now().await;
            }
            drop(storing);
            until("the upload's task has ended", async || tasks() == idle).await;
            let contents = fresh.behind.contents().await;
            if stored {
                // A fast disk stores it in fewer steps than a slow one, and nothing is left to be dropped.
                assert_eq!(contents, [name(1).as_str()], "{size} bytes, {steps} steps");
                fresh.objects.remove(&name(1)).await.unwrap();
                break;
            }
            assert!(contents.is_empty(), "{size} bytes, {steps} steps: {contents:?}");
        }
    }
}

#[tokio::test]
async fn the_embedded_store_survives_its_process() {
    let Fresh { objects, behind } = setup::embedded().await;
    let content = bytes(PART + 1);
    store(&objects, &name(1), &content).await;
    let Behind::Folder(folder) = &behind else { unreachable!("an embedded store has a folder") };
    // What a process that is killed in the middle of an upload leaves behind.
    for leftover in [".tmp.7.internal.part", ".upload_id-4e0e1b62.part-1", ".upload-4e0e1b62.json"] {
        std::fs::write(folder.path().join(leftover), b"{}").unwrap();
    }
    drop(objects);
    let objects = Objects::embedded(folder.path()).await.unwrap();
    assert_eq!(behind.contents().await, [name(1).as_str()]);
    assert!(read(&objects, &name(1), None).await.1 == content);
    objects.remove(&name(1)).await.unwrap();
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["files"]);
}

#[tokio::test]
async fn a_store_that_is_away_is_an_error_and_soon() {
    let (address, _unserved) = unserved();
    let objects = setup::connect(&format!("http://{address}"), "files", "access", "secret").await;
    let (small, large) = (bytes(10), bytes(3 * PART + 1));
    let begun = Instant::now();
    let failed: Result<_, StoreError> = soon(objects.describe(&name(1))).await;
    failed.unwrap_err();
    let mut upload = objects.upload(name(1), UserId::new(), noon(), None);
    upload.write(small).await.unwrap();
    soon(upload.finish()).await.unwrap_err();
    let mut upload = objects.upload(name(1), UserId::new(), noon(), None);
    soon(upload.write(large)).await.unwrap_err();
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_wrong_key_is_an_error() {
    let (fresh, endpoint) = setup::served().await;
    store(&fresh.objects, &name(1), &bytes(10)).await;
    let stranger = setup::connect(&endpoint, "files", "access", "wrong").await;
    stranger.describe(&name(1)).await.unwrap_err();
}
