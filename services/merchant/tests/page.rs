//! What becomes of pages in the merchant service's store, on both engines.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use chatroom_kit::{
    cursor::TimeCursor,
    fields::{DisplayName, Icon},
    ids::{MerchantId, UserId},
    on_both_engines,
    testing::{FreshDatabase, opened},
};
use chatroom_merchant::{
    Store,
    domain::{ActivationCode, DeedKind, Merchant, MerchantPatch, NewMerchant},
};
use chrono::{DateTime, TimeDelta, Utc};
use futures::future::join_all;
use tonic::Status;

on_both_engines!(
    a_page_is_changed_in_part_and_only_where_it_changes,
    another_customer_service_has_not_agreed,
    a_page_goes_to_a_member_only,
    nobody_is_creator_and_gone,
    who_joins_while_leaving_is_a_member_or_has_left,
    a_closed_page_is_only_read,
    members_are_listed_oldest_first_and_in_parts,
    what_was_done_is_listed_latest_first_and_in_parts,
    ones_own_pages_are_listed_oldest_first_and_in_parts,
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
    async fn page(&self, user: UserId) -> Merchant {
        let new = NewMerchant {
            user,
            activation_code: ActivationCode::parse("asdasad").unwrap(),
            name: DisplayName::parse("name", "小蓝的商页").unwrap(),
            icon: Icon::parse("https://img.example/59024.jpg").unwrap(),
            customer: user,
            request_id: None,
        };
        self.store.create_merchant(&new, false, noon()).await.unwrap()
    }

    async fn member(&self, page: MerchantId) -> UserId {
        let user = UserId::new();
        self.store.join(user, page, noon()).await.unwrap();
        user
    }
}

fn called(name: &str) -> MerchantPatch {
    MerchantPatch { name: Some(DisplayName::parse("name", name).unwrap()), ..MerchantPatch::default() }
}

fn reason(error: chatroom_merchant::Error) -> String {
    chatroom_kit::error::reason_of(&Status::from(error)).unwrap().reason
}

async fn a_page_is_changed_in_part_and_only_where_it_changes(fresh: Fresh) {
    let owner = UserId::new();
    let page = fresh.page(owner).await;
    let later = noon() + TimeDelta::hours(1);
    let renamed = fresh.store.update_merchant(page.id, owner, &called("小红"), later).await.unwrap();
    let expected = Merchant { name: "小红".into(), version: 1, updated_at: later, ..page.clone() };
    assert_eq!(renamed, expected);
    let again = fresh.store.update_merchant(page.id, owner, &called("小红"), later + TimeDelta::hours(1)).await;
    assert_eq!(again.unwrap(), renamed);
    let member = fresh.member(page.id).await;
    let refused = fresh.store.update_merchant(page.id, member, &called("x"), later).await.unwrap_err();
    assert_eq!(reason(refused), "NOT_MERCHANT_OWNER");
    let refused = fresh.store.update_merchant(MerchantId::new(), owner, &called("x"), later).await.unwrap_err();
    assert_eq!(reason(refused), "MERCHANT_NOT_FOUND");
    assert_eq!(fresh.store.merchant(page.id, owner).await.unwrap(), Some((renamed, true)));
}

async fn another_customer_service_has_not_agreed(fresh: Fresh) {
    let (owner, customer) = (UserId::new(), UserId::new());
    let page = fresh.page(owner).await;
    let served_by = |customer| MerchantPatch { customer: Some(customer), ..MerchantPatch::default() };
    let changed = fresh.store.update_merchant(page.id, owner, &served_by(customer), noon()).await.unwrap();
    assert_eq!((changed.customer, changed.serving), (customer, false));
    fresh.store.set_serving(page.id, customer, true, noon()).await.unwrap();
    let same = fresh.store.update_merchant(page.id, owner, &served_by(customer), noon()).await.unwrap();
    assert!(same.serving, "who has agreed is not asked again");
    let own = fresh.store.update_merchant(page.id, owner, &served_by(owner), noon()).await.unwrap();
    assert_eq!((own.customer, own.serving), (owner, true));
}

async fn a_page_goes_to_a_member_only(fresh: Fresh) {
    let owner = UserId::new();
    let page = fresh.page(owner).await;
    let member = fresh.member(page.id).await;
    let refused = fresh.store.transfer(page.id, owner, UserId::new(), noon()).await.unwrap_err();
    assert_eq!(reason(refused), "PAGE_MEMBER_NOT_FOUND");
    let handed_on = fresh.store.transfer(page.id, owner, member, noon()).await.unwrap();
    assert_eq!((handed_on.user, handed_on.customer, handed_on.version), (member, owner, 1));
    let refused = fresh.store.transfer(page.id, owner, owner, noon()).await.unwrap_err();
    assert_eq!(reason(refused), "NOT_MERCHANT_OWNER");
}

async fn nobody_is_creator_and_gone(fresh: Fresh) {
    for _ in 0..20 {
        let owner = UserId::new();
        let page = fresh.page(owner).await;
        let member = fresh.member(page.id).await;
        let (transferred, left) =
            tokio::join!(fresh.store.transfer(page.id, owner, member, noon()), fresh.store.leave(member, page.id));
        assert!(transferred.is_ok() != left.is_ok(), "{transferred:?} {left:?}");
        let (page, _) = fresh.store.merchant(page.id, owner).await.unwrap().unwrap();
        assert!(fresh.store.membership(page.user, page.id).await.unwrap().is_some());
    }
}

async fn who_joins_while_leaving_is_a_member_or_has_left(fresh: Fresh) {
    let page = fresh.page(UserId::new()).await;
    for _ in 0..200 {
        let member = UserId::new();
        let before = fresh.store.join(member, page.id, noon()).await.unwrap();
        // What reads besides keeps the connections busy on which joining looks for the membership that leaving ends.
        let reading = join_all((0..32).map(|_| fresh.store.membership(member, page.id)));
        let (joined, left, _) =
            tokio::join!(fresh.store.join(member, page.id, noon()), fresh.store.leave(member, page.id), reading);
        left.unwrap();
        let joined = joined.unwrap();
        // The membership that was there is what was left; another came after it.
        let stays = (joined.id != before.id).then_some(joined);
        assert_eq!(fresh.store.membership(member, page.id).await.unwrap(), stays);
    }
}

async fn a_closed_page_is_only_read(fresh: Fresh) {
    let owner = UserId::new();
    let page = fresh.page(owner).await;
    let member = fresh.member(page.id).await;
    assert_eq!(reason(fresh.store.close(page.id, member, noon()).await.unwrap_err()), "NOT_MERCHANT_OWNER");
    let later = noon() + TimeDelta::hours(1);
    let closed = fresh.store.close(page.id, owner, later).await.unwrap();
    assert_eq!((closed.closed_at, closed.version), (Some(later), 1));
    assert_eq!(fresh.store.close(page.id, owner, later + TimeDelta::hours(1)).await.unwrap(), closed);
    assert_eq!(reason(fresh.store.join(UserId::new(), page.id, later).await.unwrap_err()), "MERCHANT_CLOSED");
    assert!(fresh.store.join(member, page.id, later).await.is_ok(), "who has joined stays");
    let refused = fresh.store.update_merchant(page.id, owner, &called("x"), later).await.unwrap_err();
    assert_eq!(reason(refused), "MERCHANT_CLOSED");
    let refused = fresh.store.transfer(page.id, owner, member, later).await.unwrap_err();
    assert_eq!(reason(refused), "MERCHANT_CLOSED");
    assert_eq!(fresh.store.memberships(member, None, 10).await.unwrap()[0].1, closed);
    fresh.store.leave(member, page.id).await.unwrap();
}

async fn members_are_listed_oldest_first_and_in_parts(fresh: Fresh) {
    let owner = UserId::new();
    let (page, other) = (fresh.page(owner).await, fresh.page(owner).await);
    let mut joined = vec![owner];
    for number in 1..5 {
        let user = UserId::new();
        fresh.store.join(user, page.id, noon() + TimeDelta::minutes(number)).await.unwrap();
        joined.push(user);
    }
    fresh.member(other.id).await;
    let (mut users, mut after) = (Vec::new(), None);
    loop {
        let part = fresh.store.members(page.id, after, 2).await.unwrap();
        let Some(last) = part.last() else { break };
        let cursor = TimeCursor { time: last.created_at, id: last.id };
        let read = TimeCursor::parse(&cursor.token()).unwrap().unwrap();
        assert_eq!((read.time, read.id), (cursor.time, cursor.id));
        after = Some(cursor);
        users.extend(part.iter().map(|membership| membership.user));
    }
    assert_eq!(users, joined);
}

async fn what_was_done_is_listed_latest_first_and_in_parts(fresh: Fresh) {
    let owner = UserId::new();
    let (page, other) = (fresh.page(owner).await, fresh.page(owner).await);
    let after = |minutes| noon() + TimeDelta::minutes(minutes);
    for minutes in [1, 2] {
        // The second time nothing changes.
        fresh.store.update_merchant(page.id, owner, &called("小红"), after(minutes)).await.unwrap();
    }
    fresh.store.close(page.id, owner, after(3)).await.unwrap();

    let (mut before, mut kinds) = (None, Vec::new());
    loop {
        let deeds = fresh.store.deeds(Some(page.id), before, 1).await.unwrap();
        let Some(deed) = deeds.first() else { break };
        kinds.push((deed.kind, deed.detail.clone()));
        before = Some(TimeCursor { time: deed.created_at, id: deed.id });
    }
    let told = |kind, detail: &str| (kind, detail.to_owned());
    let expected = [told(DeedKind::Closed, ""), told(DeedKind::Updated, "name"), told(DeedKind::Opened, "")];
    assert_eq!(kinds, expected);
    let all = fresh.store.deeds(None, None, 10).await.unwrap();
    assert!(all.len() == 4 && all.iter().any(|deed| deed.merchant == Some(other.id)), "{all:?}");
}

async fn ones_own_pages_are_listed_oldest_first_and_in_parts(fresh: Fresh) {
    let owner = UserId::new();
    let mut expected = Vec::new();
    for _ in 0..5 {
        expected.push(fresh.page(owner).await.id.to_string());
        fresh.page(UserId::new()).await;
    }
    // All at the same moment: by their ids, then.
    expected.sort();
    let (mut listed, mut after) = (Vec::new(), None);
    loop {
        let part = fresh.store.pages_by(owner, after, 2).await.unwrap();
        let Some(last) = part.last() else { break };
        after = Some(TimeCursor { time: last.created_at, id: last.id });
        listed.extend(part.iter().map(|page| page.id.to_string()));
    }
    assert_eq!(listed, expected);
}
