//! Several messages stored at once: each is judged by itself, in order, and takes its place in the sequence.

use std::collections::{HashMap, HashSet};

use chatroom_kit::ids::UserId;
use chrono::{DateTime, Utc};

use super::{ClientId, Draft, Head, Mentions, MessageId, Refusal, Reply, Role, Sender};

/// What decides whether a member may speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Their role.
    pub role: Role,
    /// Until when they are muted.
    pub mute_until: Option<DateTime<Utc>>,
}

impl Standing {
    /// Whether someone of this standing may speak now.
    pub fn may_speak(&self, head: &Head, now: DateTime<Utc>) -> Result<(), Refusal> {
        head.must_be_open()?;
        if let Some(until) = self.mute_until.filter(|until| *until > now) {
            return Err(Refusal::Muted(until));
        }
        if head.muted && self.role == Role::Member {
            return Err(Refusal::GroupMuted);
        }
        Ok(())
    }
}

/// What is stored about some drafts, read while the group's row is locked. The first three are parallel to the drafts.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Where a message of the same sender and client id stands already.
    pub repeats: Vec<Option<i64>>,
    /// The sender's standing, where they are a member.
    pub standings: Vec<Option<Standing>>,
    /// How many messages the sender has sent before.
    pub sent: Vec<i64>,
    /// Which of the mentioned users are members.
    pub mentioned: HashSet<UserId>,
    /// The messages that are answered.
    pub replies: HashMap<MessageId, Reply>,
    /// Which senders the other side of a private conversation has blocked.
    pub silenced: HashSet<UserId>,
    /// Who of the mentioned has blocked whom of the senders.
    pub unheard: HashSet<(UserId, UserId)>,
    /// Which of the attached files have been thrown away.
    pub discarded: HashSet<String>,
}

/// What becomes of a draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was stored before, or earlier in this batch, at this place in the sequence.
    Repeat(i64),
    /// It is stored.
    Accepted(Place),
    /// It is refused.
    Refused(Refusal),
}

/// The place of a new message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// In the group's sequence.
    pub seq: i64,
    /// Among the group's messages.
    pub number: i64,
    /// Among its sender's messages in the group.
    pub own_number: i64,
}

/// Judges drafts in order and moves `head` on past those that are stored.
pub fn judge(head: &mut Head, drafts: &[Draft], known: &Known, now: DateTime<Utc>) -> Vec<Verdict> {
    let mut stored: HashMap<(&Sender, &ClientId), i64> = HashMap::with_capacity(drafts.len());
    let mut sent: HashMap<&Sender, i64> = HashMap::new();
    let mut verdicts = Vec::with_capacity(drafts.len());
    for (index, draft) in drafts.iter().enumerate() {
        let key = (&draft.sender, &draft.client_id);
        let verdict = if let Some(seq) = known.repeats[index].or_else(|| stored.get(&key).copied()) {
            Verdict::Repeat(seq)
        } else if let Err(refusal) = may_send(head, draft, known.standings[index], known, now) {
            Verdict::Refused(refusal)
        } else {
            let own_number = sent.entry(&draft.sender).or_insert(known.sent[index]);
            *own_number += 1;
            head.number += 1;
            head.last_seq = head.next_seq();
            stored.insert(key, head.last_seq);
            Verdict::Accepted(Place { seq: head.last_seq, number: head.number, own_number: *own_number })
        };
        verdicts.push(verdict);
    }
    verdicts
}

fn may_send(
    head: &Head,
    draft: &Draft,
    standing: Option<Standing>,
    known: &Known,
    now: DateTime<Utc>,
) -> Result<(), Refusal> {
    // A service is no member, and nobody mutes it.
    if draft.sender.user().is_none() {
        head.must_be_open()?;
    } else {
        let standing = standing.ok_or(head.kind.outsider())?;
        standing.may_speak(head, now)?;
        if draft.sender.user().is_some_and(|user| known.silenced.contains(&user)) {
            return Err(Refusal::Blocked);
        }
        if draft.mentions.all && standing.role == Role::Member {
            return Err(Refusal::RoleTooLow);
        }
    }
    if draft.mentions.users.iter().any(|user| !known.mentioned.contains(user)) {
        return Err(Refusal::MemberNotFound);
    }
    if draft.reply_to.is_some_and(|id| !known.replies.contains_key(&id)) {
        return Err(Refusal::MessageNotFound);
    }
    if draft.content.attachment().is_some_and(|attachment| known.discarded.contains(&attachment.path)) {
        return Err(Refusal::FileNotFound);
    }
    Ok(())
}

impl Known {
    /// Whom a draft reaches with its mentions: not those who have blocked its sender, who does not learn of it.
    pub fn heard(&self, draft: &Draft) -> Mentions {
        let mut mentions = draft.mentions.clone();
        if let Some(sender) = draft.sender.user() {
            mentions.users.retain(|user| !self.unheard.contains(&(*user, sender)));
        }
        mentions
    }
}

#[cfg(test)]
mod tests {
    use chatroom_kit::ids::GroupId;

    use super::*;
    use crate::domain::{Content, GroupKind};

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn head() -> Head {
        Head {
            group: GroupId::new(),
            kind: GroupKind::Chat,
            epoch: "epoch".to_owned(),
            seq: 10,
            number: 5,
            last_seq: 8,
            muted: false,
            dismissed: false,
        }
    }

    fn draft(sender: UserId, client_id: &str) -> Draft {
        Draft {
            sender: Sender::User(sender),
            client_id: ClientId::parse(client_id).unwrap(),
            content: Content::text("你好").unwrap(),
            reply_to: None,
            mentions: Mentions::default(),
        }
    }

    /// As if every draft came from a member of this role who has sent 3 messages.
    fn known(drafts: &[Draft], role: Role) -> Known {
        Known {
            repeats: vec![None; drafts.len()],
            standings: vec![Some(Standing { role, mute_until: None }); drafts.len()],
            sent: vec![3; drafts.len()],
            ..Known::default()
        }
    }

    #[test]
    fn places_follow_each_other_without_a_hole() {
        let (one, other) = (UserId::new(), UserId::new());
        let drafts = [draft(one, "a"), draft(other, "a"), draft(one, "b"), draft(one, "a")];
        let mut known = known(&drafts, Role::Member);
        known.standings[1] = None;
        let mut head = head();
        let verdicts = judge(&mut head, &drafts, &known, NOW);
        let accepted = [
            Verdict::Accepted(Place { seq: 11, number: 6, own_number: 4 }),
            Verdict::Refused(Refusal::NotGroupMember),
            Verdict::Accepted(Place { seq: 12, number: 7, own_number: 5 }),
            Verdict::Repeat(11),
        ];
        assert_eq!(verdicts, accepted);
        assert_eq!((head.seq, head.number, head.last_seq), (12, 7, 12));
    }

    #[test]
    fn a_repeat_is_answered_whatever_has_happened_to_its_sender() {
        let drafts = [draft(UserId::new(), "a")];
        let mut known = known(&drafts, Role::Member);
        (known.repeats[0], known.standings[0]) = (Some(7), None);
        let dismissed = Head { dismissed: true, ..head() };
        assert_eq!(judge(&mut dismissed.clone(), &drafts, &known, NOW), [Verdict::Repeat(7)]);
    }

    #[test]
    fn the_muted_are_silent_until_their_time_is_over() {
        let drafts = [draft(UserId::new(), "a")];
        let mut known = known(&drafts, Role::Admin);
        let until = NOW + chrono::TimeDelta::minutes(1);
        known.standings[0] = Some(Standing { role: Role::Admin, mute_until: Some(until) });
        assert_eq!(judge(&mut head(), &drafts, &known, NOW), [Verdict::Refused(Refusal::Muted(until))]);
        assert!(matches!(judge(&mut head(), &drafts, &known, until)[..], [Verdict::Accepted(_)]));
    }

    #[test]
    fn in_a_muted_group_only_owner_and_admins_speak() {
        let drafts = [draft(UserId::new(), "a")];
        let muted = Head { muted: true, ..head() };
        let verdicts = |role| judge(&mut muted.clone(), &drafts, &known(&drafts, role), NOW);
        assert_eq!(verdicts(Role::Member), [Verdict::Refused(Refusal::GroupMuted)]);
        assert!(matches!(verdicts(Role::Admin)[..], [Verdict::Accepted(_)]));
    }

    #[test]
    fn all_is_called_by_owner_and_admins_only() {
        let mut drafts = [draft(UserId::new(), "a")];
        drafts[0].mentions.all = true;
        let verdicts = |role| judge(&mut head(), &drafts, &known(&drafts, role), NOW);
        assert_eq!(verdicts(Role::Member), [Verdict::Refused(Refusal::RoleTooLow)]);
        assert!(matches!(verdicts(Role::Owner)[..], [Verdict::Accepted(_)]));
    }

    #[test]
    fn who_is_blocked_is_not_heard() {
        let (sender, blocker, other) = (UserId::new(), UserId::new(), UserId::new());
        let mut drafts = [draft(sender, "a")];
        drafts[0].mentions.users = vec![blocker, other];
        let mut known = known(&drafts, Role::Member);
        known.mentioned = HashSet::from([blocker, other]);
        known.unheard = HashSet::from([(blocker, sender)]);
        assert_eq!(known.heard(&drafts[0]).users, [other]);
        assert!(matches!(judge(&mut head(), &drafts, &known, NOW)[..], [Verdict::Accepted(_)]));
        known.silenced = HashSet::from([sender]);
        assert_eq!(judge(&mut head(), &drafts, &known, NOW), [Verdict::Refused(Refusal::Blocked)]);
    }

    #[test]
    fn what_is_not_in_the_group_cannot_be_named() {
        let mut drafts = [draft(UserId::new(), "a"), draft(UserId::new(), "b")];
        drafts[0].mentions.users = vec![UserId::new()];
        drafts[1].reply_to = Some(MessageId::new());
        let verdicts = judge(&mut head(), &drafts, &known(&drafts, Role::Owner), NOW);
        let refused = [Verdict::Refused(Refusal::MemberNotFound), Verdict::Refused(Refusal::MessageNotFound)];
        assert_eq!(verdicts, refused);
    }

    #[test]
    fn a_service_speaks_unless_the_group_is_dismissed() {
        let mut drafts = [draft(UserId::new(), "a")];
        drafts[0].sender = Sender::Service("order-bot".to_owned());
        let mut known = known(&drafts, Role::Member);
        known.standings[0] = None;
        let muted = Head { muted: true, ..head() };
        assert!(matches!(judge(&mut muted.clone(), &drafts, &known, NOW)[..], [Verdict::Accepted(_)]));
        let dismissed = Head { dismissed: true, ..head() };
        let verdicts = judge(&mut dismissed.clone(), &drafts, &known, NOW);
        assert_eq!(verdicts, [Verdict::Refused(Refusal::GroupDismissed)]);
    }
}
