//! What the merchant service's store promises, on both engines.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use aws_lc_rs::digest::{SHA256, digest};
use chatroom_kit::{
    fields::{DisplayName, Icon, RequestId},
    ids::{MerchantId, UserId},
    on_both_engines,
    testing::{FreshDatabase, opened},
};
use chatroom_merchant::{
    Error, Store,
    domain::{ActivationCode, MembershipId, NewBatch, NewMerchant, Refusal},
};
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{Connection as _, PgConnection, SqliteConnection};
use tonic::{Code, Status};

on_both_engines!(
    a_page_is_found_as_it_was_opened,
    the_creator_is_a_member,
    only_the_customer_says_whether_they_serve,
    joining_twice_is_one_membership,
    concurrent_joins_are_one_membership,
    who_keeps_leaving_while_joining_is_told_so,
    nobody_joins_a_page_that_is_not_there,
    memberships_are_listed_oldest_first_and_in_pages,
    a_cursor_of_nothing_is_an_error,
    a_repeated_request_answers_the_first_page,
    concurrent_repeats_open_one_page,
    a_request_id_is_free_again_after_a_day,
    an_issued_code_opens_one_page,
    concurrent_uses_of_a_code_open_one_page,
    an_unknown_or_expired_code_opens_nothing,
    a_repeated_batch_answers_the_same_codes,
    codes_are_not_stored_in_the_clear,
    what_codes_are_made_from_is_forgotten_after_a_day,
    text_is_stored_literally,
);

/// A store, and the database it stands on.
struct Fresh {
    store: Store,
    database: FreshDatabase,
}

async fn open(database: FreshDatabase) -> Fresh {
    let store = opened(async || Store::open(&database.url, 8).await).await;
    Fresh { store, database }
}

fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_692_591_413_765).unwrap()
}

fn page(user: UserId, code: &str) -> NewMerchant {
    NewMerchant {
        user,
        activation_code: ActivationCode::parse(code).unwrap(),
        name: DisplayName::parse("name", "小蓝的商页").unwrap(),
        icon: Icon::parse("https://img.example/59024.jpg").unwrap(),
        customer: user,
        request_id: None,
    }
}

fn repeatable(user: UserId, request_id: &str) -> NewMerchant {
    NewMerchant { request_id: RequestId::parse(request_id).unwrap(), ..page(user, "asdasad") }
}

fn batch(count: i32, expires_at: Option<DateTime<Utc>>, request_id: &str) -> NewBatch {
    let request_id = RequestId::parse(request_id).unwrap();
    NewBatch::parse(UserId::new(), count, expires_at, request_id, noon()).unwrap()
}

fn reason(error: chatroom_merchant::Error) -> (Code, String) {
    let status = Status::from(error);
    (status.code(), chatroom_kit::error::reason_of(&status).unwrap().reason)
}

async fn a_page_is_found_as_it_was_opened(fresh: Fresh) {
    let user = UserId::new();
    let opened = fresh.store.create_merchant(&page(user, "asdasad"), false, noon()).await.unwrap();
    assert_eq!((opened.user, opened.version, opened.created_at), (user, 0, noon()));
    assert_eq!(fresh.store.merchant(opened.id, user).await.unwrap(), Some((opened.clone(), true)));
    assert_eq!(fresh.store.merchant(opened.id, UserId::new()).await.unwrap(), Some((opened, false)));
    assert_eq!(fresh.store.merchant(MerchantId::new(), user).await.unwrap(), None);
}

async fn the_creator_is_a_member(fresh: Fresh) {
    let user = UserId::new();
    let opened = fresh.store.create_merchant(&page(user, "asdasad"), false, noon()).await.unwrap();
    let listed = fresh.store.memberships(user, None, 10).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].1, opened);
}

async fn only_the_customer_says_whether_they_serve(fresh: Fresh) {
    let (user, customer) = (UserId::new(), UserId::new());
    let own = fresh.store.create_merchant(&page(user, "asdasad"), false, noon()).await.unwrap();
    assert!(own.serving);
    let new = NewMerchant { customer, ..page(user, "asdasad") };
    let opened = fresh.store.create_merchant(&new, false, noon()).await.unwrap();
    assert!(!opened.serving);
    let refused = fresh.store.set_serving(opened.id, user, true, noon()).await.unwrap_err();
    assert!(matches!(refused, Error::Refused(Refusal::NotCustomer)), "{refused}");
    let nowhere = fresh.store.set_serving(MerchantId::new(), customer, true, noon()).await.unwrap_err();
    assert!(matches!(nowhere, Error::MerchantNotFound), "{nowhere}");
    let later = noon() + TimeDelta::hours(1);
    let agreed = fresh.store.set_serving(opened.id, customer, true, later).await.unwrap();
    assert_eq!((agreed.serving, agreed.version, agreed.updated_at), (true, 1, later));
    let again = fresh.store.set_serving(opened.id, customer, true, later + TimeDelta::hours(1)).await.unwrap();
    assert_eq!(again, agreed);
}

async fn joining_twice_is_one_membership(fresh: Fresh) {
    let opened = fresh.store.create_merchant(&page(UserId::new(), "asdasad"), false, noon()).await.unwrap();
    let user = UserId::new();
    let first = fresh.store.join(user, opened.id, noon()).await.unwrap();
    let again = fresh.store.join(user, opened.id, noon() + TimeDelta::hours(1)).await.unwrap();
    assert_eq!(first, again);
}

async fn concurrent_joins_are_one_membership(fresh: Fresh) {
    let opened = fresh.store.create_merchant(&page(UserId::new(), "asdasad"), false, noon()).await.unwrap();
    let user = UserId::new();
    let joins = (0..20).map(|_| {
        let store = fresh.store.clone();
        tokio::spawn(async move { store.join(user, opened.id, noon()).await.unwrap().id })
    });
    let mut ids = Vec::new();
    for join in joins.collect::<Vec<_>>() {
        ids.push(join.await.unwrap());
    }
    assert!(ids.iter().all(|id| *id == ids[0]));
}

/// Lets every membership that stands in the way of a new one be gone when it is looked for, which hardly ever happens five
/// times in a row by itself.
async fn leave_in_between(fresh: &Fresh) {
    if fresh.database.url.starts_with("sqlite") {
        const TRIGGER: &str = "create trigger leave before insert on membership begin select raise(ignore); end";
        let mut connection = SqliteConnection::connect(&fresh.database.url).await.unwrap();
        sqlx::raw_sql(TRIGGER).execute(&mut connection).await.unwrap();
    } else {
        const TRIGGER: &str = "create function leave() returns trigger language plpgsql as 'begin return null; end';
            create trigger leave before insert on membership for each row execute function leave()";
        let mut connection = PgConnection::connect(&fresh.database.url).await.unwrap();
        sqlx::raw_sql(TRIGGER).execute(&mut connection).await.unwrap();
    }
}

async fn who_keeps_leaving_while_joining_is_told_so(fresh: Fresh) {
    let opened = fresh.store.create_merchant(&page(UserId::new(), "asdasad"), false, noon()).await.unwrap();
    leave_in_between(&fresh).await;
    let refused = fresh.store.join(UserId::new(), opened.id, noon()).await.unwrap_err();
    assert_eq!(reason(refused), (Code::Aborted, "CONTENDED".to_owned()));
}

async fn nobody_joins_a_page_that_is_not_there(fresh: Fresh) {
    let refused = fresh.store.join(UserId::new(), MerchantId::new(), noon()).await.unwrap_err();
    assert_eq!(reason(refused), (Code::NotFound, "MERCHANT_NOT_FOUND".to_owned()));
}

async fn memberships_are_listed_oldest_first_and_in_pages(fresh: Fresh) {
    let user = UserId::new();
    let mut opened = Vec::new();
    for minutes in 0..5 {
        let now = noon() + TimeDelta::minutes(minutes);
        opened.push(fresh.store.create_merchant(&page(user, "asdasad"), false, now).await.unwrap().id);
    }
    let first = fresh.store.memberships(user, None, 3).await.unwrap();
    let rest = fresh.store.memberships(user, Some(first[2].0.id), 3).await.unwrap();
    let listed: Vec<_> = first.iter().chain(&rest).map(|(_, merchant)| merchant.id).collect();
    assert_eq!(listed, opened);
    assert!(fresh.store.memberships(UserId::new(), None, 3).await.unwrap().is_empty());
}

async fn a_cursor_of_nothing_is_an_error(fresh: Fresh) {
    let error = fresh.store.memberships(UserId::new(), Some(MembershipId::new()), 3).await.unwrap_err();
    assert_eq!(reason(error), (Code::NotFound, "MEMBERSHIP_NOT_FOUND".to_owned()));
}

async fn a_repeated_request_answers_the_first_page(fresh: Fresh) {
    let user = UserId::new();
    let new = repeatable(user, "request");
    let first = fresh.store.create_merchant(&new, false, noon()).await.unwrap();
    let again = fresh.store.create_merchant(&new, false, noon() + TimeDelta::hours(23)).await.unwrap();
    assert_eq!(first, again);
    let another = fresh.store.create_merchant(&repeatable(UserId::new(), "request"), false, noon()).await.unwrap();
    assert_ne!(first.id, another.id);
}

async fn concurrent_repeats_open_one_page(fresh: Fresh) {
    let new = repeatable(UserId::new(), "request");
    let attempts = (0..10).map(|_| {
        let (store, new) = (fresh.store.clone(), new.clone());
        tokio::spawn(async move { store.create_merchant(&new, false, noon()).await.unwrap().id })
    });
    let mut ids = Vec::new();
    for attempt in attempts.collect::<Vec<_>>() {
        ids.push(attempt.await.unwrap());
    }
    assert!(ids.iter().all(|id| *id == ids[0]));
    assert_eq!(fresh.store.memberships(new.user, None, 10).await.unwrap().len(), 1);
}

async fn a_request_id_is_free_again_after_a_day(fresh: Fresh) {
    let new = repeatable(UserId::new(), "request");
    let first = fresh.store.create_merchant(&new, false, noon()).await.unwrap();
    let later = fresh.store.create_merchant(&new, false, noon() + TimeDelta::hours(25)).await.unwrap();
    assert_ne!(first.id, later.id);
}

async fn an_issued_code_opens_one_page(fresh: Fresh) {
    let codes = fresh.store.issue_codes(&batch(2, None, ""), noon()).await.unwrap();
    let user = UserId::new();
    let opened = fresh.store.create_merchant(&page(user, &codes[0]), true, noon()).await.unwrap();
    assert_eq!(opened.activation_code, codes[0]);
    let error = fresh.store.create_merchant(&page(user, &codes[0]), true, noon()).await.unwrap_err();
    assert_eq!(reason(error), (Code::AlreadyExists, "ACTIVATION_CODE_USED".to_owned()));
    // The refused attempt left nothing behind.
    assert_eq!(fresh.store.memberships(user, None, 10).await.unwrap().len(), 1);
    assert!(fresh.store.create_merchant(&page(user, &codes[1]), true, noon()).await.is_ok());
}

async fn concurrent_uses_of_a_code_open_one_page(fresh: Fresh) {
    let codes = fresh.store.issue_codes(&batch(1, None, ""), noon()).await.unwrap();
    let attempts = (0..10).map(|_| {
        let (store, new) = (fresh.store.clone(), page(UserId::new(), &codes[0]));
        tokio::spawn(async move { store.create_merchant(&new, true, noon()).await.is_ok() })
    });
    let mut opened = 0;
    for attempt in attempts.collect::<Vec<_>>() {
        opened += u32::from(attempt.await.unwrap());
    }
    assert_eq!(opened, 1);
}

async fn an_unknown_or_expired_code_opens_nothing(fresh: Fresh) {
    let soon = noon() + TimeDelta::minutes(1);
    let codes = fresh.store.issue_codes(&batch(1, Some(soon), ""), noon()).await.unwrap();
    for code in ["guess", &codes[0]] {
        let error = fresh.store.create_merchant(&page(UserId::new(), code), true, soon).await.unwrap_err();
        assert_eq!(reason(error), (Code::PermissionDenied, "ACTIVATION_CODE_INVALID".to_owned()));
    }
}

async fn a_repeated_batch_answers_the_same_codes(fresh: Fresh) {
    let new = batch(3, None, "request");
    let first = fresh.store.issue_codes(&new, noon()).await.unwrap();
    assert_eq!(fresh.store.issue_codes(&new, noon() + TimeDelta::hours(1)).await.unwrap(), first);
    let another = fresh.store.issue_codes(&batch(3, None, "request"), noon()).await.unwrap();
    assert_ne!(first, another);
}

/// Everything in the binary columns about codes.
async fn stored(fresh: &Fresh) -> Vec<Vec<u8>> {
    const COLUMNS: &str = "select hash from activation_code
        union all select salt from activation_batch
        union all select request_hash from activation_batch where request_hash is not null";
    if fresh.database.url.starts_with("sqlite") {
        let mut connection = SqliteConnection::connect(&fresh.database.url).await.unwrap();
        sqlx::query_scalar(COLUMNS).fetch_all(&mut connection).await.unwrap()
    } else {
        let mut connection = PgConnection::connect(&fresh.database.url).await.unwrap();
        sqlx::query_scalar(COLUMNS).fetch_all(&mut connection).await.unwrap()
    }
}

async fn codes_are_not_stored_in_the_clear(fresh: Fresh) {
    let codes = fresh.store.issue_codes(&batch(1, None, "request"), noon()).await.unwrap();
    let stored = stored(&fresh).await;
    assert_eq!(stored.len(), 3);
    // Nor what tells a good guess of the request's id from a bad one at once.
    let guess = digest(&SHA256, b"request");
    for secret in [codes[0].as_bytes(), b"request", guess.as_ref()] {
        assert!(!stored.iter().any(|column| column.windows(secret.len()).any(|part| part == secret)));
    }
}

async fn what_codes_are_made_from_is_forgotten_after_a_day(fresh: Fresh) {
    fresh.store.issue_codes(&batch(1, None, "request"), noon()).await.unwrap();
    let before = stored(&fresh).await;
    fresh.store.issue_codes(&batch(1, None, ""), noon() + TimeDelta::hours(25)).await.unwrap();
    let kept = stored(&fresh).await.into_iter().filter(|column| before.contains(column)).count();
    assert_eq!(kept, 1, "the code's own hash stays, salt and request do not");
}

async fn text_is_stored_literally(fresh: Fresh) {
    let name = "'; drop table merchant; -- %_\\ \"`$1?";
    let new = NewMerchant { name: DisplayName::parse("name", name).unwrap(), ..page(UserId::new(), "x' or '1'='1") };
    let opened = fresh.store.create_merchant(&new, false, noon()).await.unwrap();
    let (found, _) = fresh.store.merchant(opened.id, opened.user).await.unwrap().unwrap();
    assert_eq!((found.name.as_str(), found.activation_code.as_str()), (name, "x' or '1'='1"));
}
