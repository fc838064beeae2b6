//! What becomes of a deleted user's groups and messages.

use chatroom_group::domain::{Attachment, Change, Content, Draft, Member, NewReport, Page, Query, Remark, Role};
use chatroom_kit::{
    ids::{GroupId, MerchantId, UserId},
    on_both_engines,
};
use chrono::TimeDelta;

use crate::world::{Fresh, noon, open, reason, text};

on_both_engines!(
    what_someone_has_said_loses_its_content_and_nothing_else_does,
    a_file_goes_with_its_last_use,
    a_group_goes_to_who_comes_next,
    a_group_without_anybody_else_ends,
    a_report_loses_its_words,
);

const PATH: &str = "/upload/20230821/7e23cd7207e15d29589565701.png";

async fn erase(fresh: &Fresh, user: UserId) -> usize {
    let (mut place, mut batches) = (None, 0);
    while let Some(reached) = fresh.store.erase_said(user, place, noon()).await.unwrap() {
        (place, batches) = (Some(reached), batches + 1);
    }
    batches
}

async fn what_someone_has_said_loses_its_content_and_nothing_else_does(fresh: Fresh) {
    let user = UserId::new();
    let mut groups = Vec::new();
    for _ in 0..2 {
        let (group, owner) = fresh.group().await;
        fresh.store.join(group, user, Role::Member, noon()).await.unwrap();
        // More than one batch.
        for first in (0..250).step_by(50) {
            let drafts: Vec<_> = (first..first + 50).map(|n| text(user, &n.to_string(), "我的消息")).collect();
            fresh.store.send(group, &drafts, noon()).await.unwrap();
        }
        fresh.say(group, owner, "a", "别人的消息").await;
        groups.push(group);
    }
    assert_eq!(erase(&fresh, user).await, 4);
    for group in groups {
        let messages = fresh.store.messages(group, Page::Last, 1000).await.unwrap();
        assert_eq!(messages.iter().filter(|message| message.content.is_some()).count(), 1);
        assert_eq!(fresh.places(group).await, (1..=252).collect::<Vec<_>>());
        let found = fresh.store.search(group, &Query::parse(group, "消息").unwrap(), None, 100).await.unwrap();
        assert_eq!(found.messages.len(), 1);
    }
    assert_eq!(erase(&fresh, user).await, 0);
}

async fn a_file_goes_with_its_last_use(fresh: Fresh) {
    let (group, owner) = fresh.group().await;
    let member = fresh.member(group, Role::Member).await;
    let attachment =
        Attachment { path: PATH.to_owned(), name: "猫.png".to_owned(), size: 1, width: None, height: None };
    for user in [owner, member] {
        let draft = Draft { content: Content::Image(attachment.clone()), ..text(user, "a", "x") };
        fresh.send(group, draft).await.unwrap();
    }
    let due = noon() + TimeDelta::hours(1);
    let discarded = async || fresh.store.claim_discarded(10, due, due).await.unwrap().len();
    erase(&fresh, owner).await;
    // Not even where it was somebody's picture besides.
    fresh.store.discard_picture(PATH, noon()).await.unwrap();
    assert_eq!(discarded().await, 0);
    erase(&fresh, member).await;
    assert_eq!(discarded().await, 1);
    let picture = PATH.replace('7', "8");
    fresh.store.discard_picture(&picture, noon()).await.unwrap();
    fresh.store.discard_picture(&picture, noon()).await.unwrap();
    let claimed = fresh.store.claim_discarded(10, due, due + TimeDelta::hours(1)).await.unwrap();
    assert!(claimed.iter().any(|discarded| discarded.path == picture), "{claimed:?}");
}

async fn owners(fresh: &Fresh, group: GroupId) -> Vec<UserId> {
    let members = fresh.store.members(group, None, 100).await.unwrap();
    members.iter().filter(|member: &&Member| member.role == Role::Owner).map(|member| member.user).collect()
}

async fn a_group_goes_to_who_comes_next(fresh: Fresh) {
    let (group, first) = fresh.group().await;
    let member = fresh.member(group, Role::Member).await;
    let [admin, creator] = [fresh.member(group, Role::Admin).await, fresh.member(group, Role::Member).await];
    let page = fresh.store.access(group, first).await.unwrap().unwrap().group.merchant;
    let mut owner = first;
    for (successor, known) in [(creator, Some(creator)), (admin, None), (member, Some(UserId::new()))] {
        assert_eq!(fresh.store.owned_by(owner).await.unwrap(), [(group, page)]);
        for _ in 0..2 {
            fresh.store.hand_on(group, owner, known, noon()).await.unwrap();
        }
        let mut both = owners(&fresh, group).await;
        both.retain(|it| *it != owner);
        assert_eq!(both, [successor]);
        fresh.store.end_membership(group, owner, noon()).await.unwrap();
        let told: Vec<_> = fresh.events(group).await.into_iter().map(|event| event.change).collect();
        let expected =
            [Change::RoleSet { user: successor, by: owner, role: Role::Owner }, Change::Left { user: owner }];
        assert_eq!(told[told.len() - 2..], expected);
        owner = successor;
    }
    // Whoever does not own it hands nothing on.
    assert!(fresh.store.hand_on(group, first, None, noon()).await.unwrap().event.is_none());
    assert_eq!(owners(&fresh, group).await, [member]);
}

async fn a_group_without_anybody_else_ends(fresh: Fresh) {
    let (group, owner) = fresh.group().await;
    fresh.store.hand_on(group, owner, None, noon()).await.unwrap();
    assert!(fresh.store.hand_on(group, owner, None, noon()).await.unwrap().event.is_none());
    fresh.store.end_membership(group, owner, noon()).await.unwrap();
    let told: Vec<_> = fresh.events(group).await.into_iter().map(|event| event.change).collect();
    assert_eq!(told, [Change::Dismissed { by: owner }, Change::Left { user: owner }]);
    let refused = fresh.store.join(group, UserId::new(), Role::Member, noon()).await.unwrap_err();
    assert_eq!(reason(refused), "GROUP_DISMISSED");
}

async fn a_report_loses_its_words(fresh: Fresh) {
    let (user, other, merchant) = (UserId::new(), UserId::new(), MerchantId::new());
    for reporter in [user, other] {
        let new = NewReport {
            merchant,
            reporter,
            user: Some(UserId::new()),
            message: None,
            reason: Remark::parse("reason", "广告").unwrap(),
        };
        fresh.store.create_report(&new, noon()).await.unwrap();
    }
    fresh.store.blank_reports(user).await.unwrap();
    let mut reports = fresh.store.reports(merchant, false, None, 10).await.unwrap();
    reports.sort_by_key(|listed| listed.report.reporter != user);
    let reasons: Vec<_> = reports.iter().map(|listed| &*listed.report.reason).collect();
    assert_eq!(reasons, ["", "广告"]);
    let own = fresh.store.reports_by(other, None, 10).await.unwrap();
    assert_eq!(own.iter().map(|report| (report.reporter, &*report.reason)).collect::<Vec<_>>(), [(other, "广告")]);
}
