//! How deleted users leave pages in the merchant service's store, on both engines.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use chatroom_kit::{
    fields::{DisplayName, Icon},
    ids::UserId,
    on_both_engines,
    testing::{FreshDatabase, opened},
};
use chatroom_merchant::{
    Store,
    domain::{ActivationCode, Merchant, NewMerchant},
};
use chrono::{DateTime, TimeDelta, Utc};

on_both_engines!(
    a_deleted_user_is_on_no_page_and_serves_none,
    a_page_that_has_become_a_deleted_users_is_closed,
    no_open_page_is_handed_to_a_deleted_user,
);

struct Fresh {
    store: Store,
    _database: FreshDatabase,
}

async fn open(database: FreshDatabase) -> Fresh {
    let store = opened(async || Store::open(&database.url, 8).await).await;
    Fresh { store, _database: database }
}

fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_692_591_413_765).unwrap()
}

impl Fresh {
    async fn page(&self, user: UserId, customer: UserId) -> Merchant {
        let new = NewMerchant {
            user,
            activation_code: ActivationCode::parse("asdasad").unwrap(),
            name: DisplayName::parse("name", "小蓝的商页").unwrap(),
            icon: Icon::parse("https://img.example/59024.jpg").unwrap(),
            customer,
            request_id: None,
        };
        self.store.create_merchant(&new, false, noon()).await.unwrap()
    }

    /// What the service does about a deleted user.
    async fn take_away(&self, user: UserId) {
        for page in self.store.served_by(user).await.unwrap() {
            self.store.set_serving(page, user, false, noon()).await.unwrap();
        }
        for page in self.store.pages_of(user).await.unwrap() {
            self.store.remove_deleted(user, page, noon()).await.unwrap();
        }
    }
}

async fn a_deleted_user_is_on_no_page_and_serves_none(fresh: Fresh) {
    let (owner, user) = (UserId::new(), UserId::new());
    let page = fresh.page(owner, user).await;
    fresh.store.set_serving(page.id, user, true, noon()).await.unwrap();
    fresh.store.join(user, page.id, noon()).await.unwrap();
    for _ in 0..2 {
        fresh.take_away(user).await;
        let (page, joined) = fresh.store.merchant(page.id, user).await.unwrap().unwrap();
        assert_eq!((page.customer, page.serving, page.version, joined), (user, false, 2, false));
        assert_eq!(page.closed_at, None);
    }
    assert!(fresh.store.membership(owner, page.id).await.unwrap().is_some());
}

async fn a_page_that_has_become_a_deleted_users_is_closed(fresh: Fresh) {
    let user = UserId::new();
    let earlier = noon() - TimeDelta::hours(1);
    let (open, closed) = (fresh.page(user, user).await, fresh.page(user, user).await);
    let closed = fresh.store.close(closed.id, user, earlier).await.unwrap();
    assert!(fresh.store.owns_open_page(user).await.unwrap());
    fresh.take_away(user).await;
    assert!(!fresh.store.owns_open_page(user).await.unwrap());
    let times = [open.id, closed.id].map(|page| fresh.store.merchant(page, None));
    let times = futures::future::join_all(times).await.into_iter().map(|page| page.unwrap().unwrap().0.closed_at);
    assert_eq!(times.collect::<Vec<_>>(), [Some(noon()), Some(earlier)]);
}

async fn no_open_page_is_handed_to_a_deleted_user(fresh: Fresh) {
    for _ in 0..20 {
        let (owner, user) = (UserId::new(), UserId::new());
        let page = fresh.page(owner, owner).await;
        fresh.store.join(user, page.id, noon()).await.unwrap();
        let (_, ()) = tokio::join!(fresh.store.transfer(page.id, owner, user, noon()), fresh.take_away(user));
        let (page, _) = fresh.store.merchant(page.id, None).await.unwrap().unwrap();
        assert!(page.user == owner || page.closed_at.is_some(), "{page:?}");
    }
}
