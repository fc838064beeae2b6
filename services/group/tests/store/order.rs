//! What owner and admins may do, and to whom.

use chatroom_group::{
    Error,
    domain::{Change, Event, GroupPatch, Role},
};
use chatroom_kit::{
    fields::DisplayName,
    ids::{GroupId, UserId},
    on_both_engines,
};
use chrono::TimeDelta;

use crate::world::{Fresh, noon, open, reason, text};

on_both_engines!(
    one_acts_only_on_lower_rank,
    nobody_acts_on_the_group_below_their_rank,
    a_removed_member_may_come_back_unless_banned,
    a_mute_lasts_until_its_end,
    a_muted_group_hears_owner_and_admins_only,
    a_group_is_renamed_and_says_so,
    a_dismissed_group_can_be_read_and_changes_no_more,
    a_change_to_what_is_already_so_is_no_event,
);

/// A group with an owner, two admins and two members.
struct Cast {
    group: GroupId,
    owner: UserId,
    admins: [UserId; 2],
    members: [UserId; 2],
}

async fn cast(fresh: &Fresh) -> Cast {
    let (group, owner) = fresh.group().await;
    let admins = [fresh.member(group, Role::Admin).await, fresh.member(group, Role::Admin).await];
    let members = [fresh.member(group, Role::Member).await, fresh.member(group, Role::Member).await];
    Cast { group, owner, admins, members }
}

fn outcome<T>(result: Result<T, Error>) -> String {
    result.map_or_else(reason, |_| "ok".to_owned())
}

async fn one_acts_only_on_lower_rank(fresh: Fresh) {
    let Cast { group, owner, admins, members } = cast(&fresh).await;
    let stranger = UserId::new();
    let until = Some(noon() + TimeDelta::hours(1));
    let expected = [
        (owner, owner, "ROLE_TOO_LOW"),
        (owner, admins[0], "ok"),
        (owner, members[0], "ok"),
        (owner, stranger, "MEMBER_NOT_FOUND"),
        (admins[0], owner, "ROLE_TOO_LOW"),
        (admins[0], admins[1], "ROLE_TOO_LOW"),
        (admins[0], admins[0], "ROLE_TOO_LOW"),
        (admins[0], members[0], "ok"),
        (members[0], owner, "ROLE_TOO_LOW"),
        (members[0], members[1], "ROLE_TOO_LOW"),
        (members[0], stranger, "ROLE_TOO_LOW"),
        (stranger, members[0], "NOT_GROUP_MEMBER"),
    ];
    for (by, user, expected) in expected {
        assert_eq!(outcome(fresh.store.mute(group, by, user, until, noon()).await), expected, "mute");
        // Naming admins is the owner's alone.
        if by == owner {
            assert_eq!(outcome(fresh.store.set_admin(group, by, user, user == admins[0], noon()).await), expected);
        } else {
            assert_ne!(outcome(fresh.store.set_admin(group, by, user, true, noon()).await), "ok");
        }
        if expected != "ok" {
            assert_eq!(outcome(fresh.store.remove(group, by, user, false, noon()).await), expected, "remove");
        }
    }
    assert_eq!(outcome(fresh.store.remove(group, admins[1], members[1], false, noon()).await), "ok");
    assert_eq!(outcome(fresh.store.remove(group, owner, admins[1], false, noon()).await), "ok");
}

async fn nobody_acts_on_the_group_below_their_rank(fresh: Fresh) {
    let Cast { group, owner, admins, members } = cast(&fresh).await;
    let patch = GroupPatch { name: Some(DisplayName::parse("name", "新名字").unwrap()), icon: None };
    let by_rank = [
        (UserId::new(), ["NOT_GROUP_MEMBER", "NOT_GROUP_MEMBER", "NOT_GROUP_MEMBER"]),
        (members[0], ["ROLE_TOO_LOW", "ROLE_TOO_LOW", "ROLE_TOO_LOW"]),
        (admins[0], ["ok", "ROLE_TOO_LOW", "ROLE_TOO_LOW"]),
        (owner, ["ok", "ok", "ok"]),
    ];
    for (by, expected) in by_rank {
        let outcomes = [
            outcome(fresh.store.mute_all(group, by, true, noon()).await),
            outcome(fresh.store.update(group, by, &patch, noon()).await),
            outcome(fresh.store.dismiss(group, by, noon()).await),
        ];
        assert_eq!(outcomes, expected);
    }
}

async fn a_removed_member_may_come_back_unless_banned(fresh: Fresh) {
    let Cast { group, owner, members: [first, second], .. } = cast(&fresh).await;
    let removed = fresh.store.remove(group, owner, first, false, noon()).await.unwrap();
    assert_eq!(removed.value.user, first);
    assert_eq!(removed.event.unwrap().change, Change::Removed { user: first, by: owner, ban: false });
    let again = fresh.store.join(group, first, Role::Member, noon()).await.unwrap();
    assert_ne!(again.value.id, removed.value.id);
    let removed = fresh.store.remove(group, owner, second, true, noon()).await.unwrap();
    assert_eq!(removed.event.unwrap().change, Change::Removed { user: second, by: owner, ban: true });
    assert_eq!(outcome(fresh.store.join(group, second, Role::Member, noon()).await), "BANNED");
}

async fn a_mute_lasts_until_its_end(fresh: Fresh) {
    let Cast { group, owner, members: [muted, _], .. } = cast(&fresh).await;
    let until = noon() + TimeDelta::hours(1);
    let member = fresh.store.mute(group, owner, muted, Some(until), noon()).await.unwrap().value;
    assert_eq!((member.mute_until, member.version), (Some(until), 1));
    let mut number = 0;
    let mut say = async |now| {
        number += 1;
        let draft = text(muted, &number.to_string(), "你好");
        fresh.store.send(group, &[draft], now).await.unwrap().outcomes.remove(0).is_ok()
    };
    assert!(!say(until - TimeDelta::milliseconds(1)).await);
    assert!(say(until).await);
    fresh.store.mute(group, owner, muted, None, noon()).await.unwrap();
    assert!(say(noon()).await);
}

async fn a_muted_group_hears_owner_and_admins_only(fresh: Fresh) {
    let Cast { group, owner, admins, members } = cast(&fresh).await;
    let record = fresh.store.mute_all(group, admins[0], true, noon()).await.unwrap().value;
    assert!(record.muted && record.version == 1);
    for (user, heard) in [(owner, true), (admins[1], true), (members[0], false)] {
        assert_eq!(fresh.send(group, text(user, "muted", "你好")).await.is_ok(), heard);
    }
    fresh.store.mute_all(group, admins[0], false, noon()).await.unwrap();
    assert!(fresh.send(group, text(members[0], "again", "你好")).await.is_ok());
}

async fn a_group_is_renamed_and_says_so(fresh: Fresh) {
    let (group, owner) = fresh.group().await;
    let patch = GroupPatch { name: Some(DisplayName::parse("name", "新名字").unwrap()), icon: None };
    let later = noon() + TimeDelta::hours(1);
    let changed = fresh.store.update(group, owner, &patch, later).await.unwrap();
    let record = changed.value;
    assert_eq!((record.name.as_str(), record.version, record.updated_at), ("新名字", 1, later));
    let Event { seq, change: Change::GroupUpdated { by, name, icon }, .. } = changed.event.unwrap() else {
        panic!("another event");
    };
    assert_eq!((seq, by, name, icon), (1, owner, record.name.clone(), record.icon.clone()));
    assert_eq!(fresh.store.access(group, owner).await.unwrap().unwrap().group, record);
}

async fn a_dismissed_group_can_be_read_and_changes_no_more(fresh: Fresh) {
    let Cast { group, owner, members, .. } = cast(&fresh).await;
    let said = fresh.say(group, members[0], "before", "你好").await;
    fresh.store.dismiss(group, owner, noon()).await.unwrap();
    let until = Some(noon() + TimeDelta::hours(1));
    assert_eq!(outcome(fresh.store.mute(group, owner, members[0], until, noon()).await), "GROUP_DISMISSED");
    assert_eq!(outcome(fresh.store.mute_all(group, owner, true, noon()).await), "GROUP_DISMISSED");
    assert_eq!(outcome(fresh.store.remove(group, owner, members[0], true, noon()).await), "GROUP_DISMISSED");
    assert!(fresh.send(group, text(owner, "after", "你好")).await.is_err());
    assert_eq!(fresh.store.message(said.id).await.unwrap(), Some(said));
}

async fn a_change_to_what_is_already_so_is_no_event(fresh: Fresh) {
    let Cast { group, owner, admins, members } = cast(&fresh).await;
    let before = fresh.places(group).await;
    assert_eq!(fresh.store.mute(group, owner, members[0], None, noon()).await.unwrap().event, None);
    assert_eq!(fresh.store.set_admin(group, owner, admins[0], true, noon()).await.unwrap().event, None);
    assert_eq!(fresh.store.mute_all(group, owner, false, noon()).await.unwrap().event, None);
    assert_eq!(fresh.store.update(group, owner, &GroupPatch::default(), noon()).await.unwrap().event, None);
    assert_eq!(fresh.places(group).await, before);
    fresh.store.dismiss(group, owner, noon()).await.unwrap();
    assert_eq!(fresh.store.dismiss(group, owner, noon()).await.unwrap().event, None);
}
