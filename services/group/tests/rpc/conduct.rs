//! Blocks, reports, unwanted words and the external check, as clients see them.

use chatroom_group::config::{OnFailure, Settings};
use chatroom_kit::{
    ids::{MerchantId, UserId},
    on_both_engines,
};
use chatroom_proto::{
    conduct::v1::{
        CreateReportRequest, GetWordsRequest, ListBlocksRequest, ListModerationActionsRequest, ListReportsRequest,
        ModerationActionKind, Report, ResolveReportRequest, SetBlockRequest, SetWordsRequest, WordMode,
        create_report_request::Subject,
    },
    message::v1::{
        EditMessageRequest, OpenContactRequest, RecallMessageRequest, SendMessageRequest, content::Content as Body,
    },
    moderation::v1::Verdict,
};
use tonic::Status;

use crate::{
    checker::Checker,
    world::{World, as_user, open, outcome, send_request, words},
};

on_both_engines!(
    who_is_blocked_is_not_heard_in_private,
    who_is_blocked_mentions_in_vain,
    a_report_waits_until_it_is_dealt_with,
    one_reports_what_one_can_see,
    unwanted_words_are_masked_or_refused,
    words_count_for_edits_and_for_what_is_attached,
    a_repeat_is_answered_whatever_is_unwanted_since,
    only_the_pages_creator_says_what_is_unwanted,
    an_external_check_decides,
    a_silent_check_lets_pass_or_refuses,
    only_administrators_read_the_record,
);

/// A group with two members.
async fn group(world: &World, owner: UserId, member: UserId) -> (MerchantId, String) {
    let merchant = world.pages.open(owner, owner);
    let group = world.group(merchant, owner).await;
    world.join(merchant, &group, member).await;
    (merchant, group)
}

async fn block(world: &World, user: UserId, other: UserId, blocked: bool) -> String {
    let request = SetBlockRequest { user: other.to_string(), blocked };
    outcome(&world.conduct.clone().set_block(as_user(world, user, request)).await)
}

async fn send(world: &World, group: &str, user: UserId, client_id: &str, text: &str) -> Result<String, Status> {
    let request = send_request(group, client_id, text);
    let message = world.messages.clone().send_message(as_user(world, user, request)).await?.into_inner().message;
    match message.unwrap().content.unwrap().content.unwrap() {
        Body::Text(text) => Ok(text),
        other => panic!("no text: {other:?}"),
    }
}

async fn set_words(world: &World, owner: UserId, merchant: MerchantId, mode: WordMode, words: &[&str]) -> String {
    let request = SetWordsRequest {
        merchant: merchant.to_string(),
        mode: mode.into(),
        words: words.iter().map(|word| (*word).to_owned()).collect(),
    };
    outcome(&world.conduct.clone().set_words(as_user(world, owner, request)).await)
}

async fn who_is_blocked_is_not_heard_in_private(world: World) {
    let (customer, user) = (UserId::new(), UserId::new());
    let merchant = world.pages.open(customer, customer);
    world.pages.join(merchant, user);
    world.pages.serve(merchant);
    let contact = OpenContactRequest { merchant: merchant.to_string() };
    let opened = world.messages.clone().open_contact(as_user(&world, user, contact)).await.unwrap().into_inner();
    let private = opened.conversation.unwrap().group.unwrap().id;
    let said = world.say(&private, user, "a", "在吗？").await;
    assert_eq!(block(&world, customer, user, true).await, "ok");
    assert_eq!(outcome(&send(&world, &private, user, "b", "在吗？").await), "BLOCKED");
    let edit = EditMessageRequest { message: said.id, content: Some(words("改")) };
    assert_eq!(outcome(&world.messages.clone().edit_message(as_user(&world, user, edit)).await), "BLOCKED");
    // What was sent before is answered again, and the other side may speak.
    assert_eq!(outcome(&send(&world, &private, user, "a", "在吗？").await), "ok");
    assert_eq!(outcome(&send(&world, &private, customer, "a", "不在").await), "ok");
    assert_eq!(block(&world, customer, user, false).await, "ok");
    assert_eq!(outcome(&send(&world, &private, user, "b", "在吗？").await), "ok");
}

async fn who_is_blocked_mentions_in_vain(world: World) {
    let (owner, member) = (UserId::new(), UserId::new());
    let (_, group) = group(&world, owner, member).await;
    assert_eq!(block(&world, owner, owner, true).await, "INVALID_ARGUMENT");
    for _ in 0..2 {
        assert_eq!(block(&world, owner, member, true).await, "ok");
    }
    let request = as_user(&world, owner, ListBlocksRequest::default());
    let blocks = world.conduct.clone().list_blocks(request).await.unwrap().into_inner().blocks;
    assert_eq!(blocks.iter().map(|block| block.user.clone()).collect::<Vec<_>>(), [member.to_string()]);
    let request = SendMessageRequest { mentions: vec![owner.to_string()], ..send_request(&group, "a", "看这里") };
    let sent = world.messages.clone().send_message(as_user(&world, member, request.clone())).await.unwrap();
    assert!(sent.into_inner().message.unwrap().mentions.is_empty());
    block(&world, owner, member, false).await;
    let request = SendMessageRequest { client_id: "b".to_owned(), ..request };
    let sent = world.messages.clone().send_message(as_user(&world, member, request)).await.unwrap();
    assert_eq!(sent.into_inner().message.unwrap().mentions, [owner.to_string()]);
}

async fn report(world: &World, user: UserId, subject: Subject, merchant: &str) -> Result<Report, Status> {
    let request =
        CreateReportRequest { subject: Some(subject), merchant: merchant.to_owned(), reason: "广告".to_owned() };
    Ok(world.conduct.clone().create_report(as_user(world, user, request)).await?.into_inner().report.unwrap())
}

async fn reports(world: &World, owner: UserId, merchant: MerchantId, resolved: bool) -> Result<Vec<Report>, Status> {
    let request = ListReportsRequest { merchant: merchant.to_string(), resolved, ..ListReportsRequest::default() };
    Ok(world.conduct.clone().list_reports(as_user(world, owner, request)).await?.into_inner().reports)
}

async fn a_report_waits_until_it_is_dealt_with(world: World) {
    let (owner, member) = (UserId::new(), UserId::new());
    let (merchant, group) = group(&world, owner, member).await;
    let said = world.say(&group, owner, "a", "买它！").await;
    let first = report(&world, member, Subject::Message(said.id.clone()), "").await.unwrap();
    let again = report(&world, member, Subject::Message(said.id.clone()), "").await.unwrap();
    assert_eq!((first.id.as_str(), first.user.as_str()), (again.id.as_str(), owner.to_string().as_str()));
    let about = report(&world, member, Subject::User(owner.to_string()), &merchant.to_string()).await.unwrap();
    let waiting = reports(&world, owner, merchant, false).await.unwrap();
    assert_eq!(waiting.iter().map(|it| &it.id).collect::<Vec<_>>(), [&first.id, &about.id]);
    assert_eq!(waiting[0].message.as_ref().unwrap().content, Some(words("买它！")));
    // What is recalled meanwhile is gone from here too.
    let recall = RecallMessageRequest { message: said.id };
    world.messages.clone().recall_message(as_user(&world, owner, recall)).await.unwrap();
    assert_eq!(reports(&world, owner, merchant, false).await.unwrap()[0].message.as_ref().unwrap().content, None);
    let resolve = async |user| {
        let request = ResolveReportRequest { report: first.id.clone(), resolution: "已撤回".to_owned() };
        world.conduct.clone().resolve_report(as_user(&world, user, request)).await
    };
    assert_eq!(outcome(&resolve(member).await), "REPORT_NOT_FOUND");
    let resolved = resolve(owner).await.unwrap().into_inner().report.unwrap();
    assert!(resolved.resolve_time.is_some() && resolved.resolution == "已撤回");
    assert_eq!(resolve(owner).await.unwrap().into_inner().report.unwrap().resolve_time, resolved.resolve_time);
    assert_eq!(reports(&world, owner, merchant, false).await.unwrap().len(), 1);
    assert_eq!(reports(&world, owner, merchant, true).await.unwrap().len(), 1);
    assert_eq!(outcome(&reports(&world, member, merchant, false).await), "NOT_MERCHANT_OWNER");
}

async fn one_reports_what_one_can_see(world: World) {
    let (owner, member, stranger) = (UserId::new(), UserId::new(), UserId::new());
    let (merchant, group) = group(&world, owner, member).await;
    let said = world.say(&group, owner, "a", "你好").await;
    let outcome_of = async |user, subject, merchant: &str| outcome(&report(&world, user, subject, merchant).await);
    assert_eq!(outcome_of(stranger, Subject::Message(said.id), "").await, "NOT_GROUP_MEMBER");
    let nothing = UserId::new().to_string();
    assert_eq!(outcome_of(member, Subject::Message(nothing.clone()), "").await, "MESSAGE_NOT_FOUND");
    let page = merchant.to_string();
    assert_eq!(outcome_of(stranger, Subject::User(owner.to_string()), &page).await, "NOT_PAGE_MEMBER");
    assert_eq!(outcome_of(member, Subject::User(owner.to_string()), &nothing).await, "MERCHANT_NOT_FOUND");
    assert_eq!(outcome_of(member, Subject::User(member.to_string()), &page).await, "INVALID_ARGUMENT");
}

async fn unwanted_words_are_masked_or_refused(world: World) {
    let (owner, member) = (UserId::new(), UserId::new());
    let (merchant, group) = group(&world, owner, member).await;
    assert_eq!(send(&world, &group, member, "a", "坏词").await.unwrap(), "坏词");
    assert_eq!(set_words(&world, owner, merchant, WordMode::Mask, &["坏词", "bad"]).await, "ok");
    assert_eq!(send(&world, &group, member, "b", "这是坏词，ＢＡＤ！").await.unwrap(), "这是**，***！");
    assert_eq!(set_words(&world, owner, merchant, WordMode::Refuse, &["坏词"]).await, "ok");
    assert_eq!(outcome(&send(&world, &group, member, "c", "坏\u{200B}词").await), "WORDS_REFUSED");
    assert_eq!(send(&world, &group, member, "d", "bad").await.unwrap(), "bad");
    assert_eq!(set_words(&world, owner, merchant, WordMode::Refuse, &[]).await, "ok");
    assert_eq!(send(&world, &group, member, "e", "坏词").await.unwrap(), "坏词");
}

async fn words_count_for_edits_and_for_what_is_attached(world: World) {
    let (owner, member) = (UserId::new(), UserId::new());
    let (merchant, group) = group(&world, owner, member).await;
    set_words(&world, owner, merchant, WordMode::Mask, &["猫"]).await;
    let said = world.say(&group, member, "a", "你好").await;
    let edit = EditMessageRequest { message: said.id.clone(), content: Some(words("小猫")) };
    let edited = world.messages.clone().edit_message(as_user(&world, member, edit)).await.unwrap().into_inner();
    assert_eq!(edited.message.unwrap().content, Some(words("小*")));
    let path = world.files.upload(member);
    let shown = crate::attachment::show(&world, &group, member, "b", &path).await.unwrap().message.unwrap();
    let Some(Body::Image(image)) = shown.content.unwrap().content else { panic!("an image was sent") };
    assert_eq!(image.name, "*.png");
    set_words(&world, owner, merchant, WordMode::Refuse, &["猫"]).await;
    let edit = EditMessageRequest { message: said.id, content: Some(words("大猫")) };
    assert_eq!(outcome(&world.messages.clone().edit_message(as_user(&world, member, edit)).await), "WORDS_REFUSED");
}

async fn a_repeat_is_answered_whatever_is_unwanted_since(world: World) {
    let (owner, member) = (UserId::new(), UserId::new());
    let (merchant, group) = group(&world, owner, member).await;
    send(&world, &group, member, "a", "坏词").await.unwrap();
    set_words(&world, owner, merchant, WordMode::Refuse, &["坏词"]).await;
    assert_eq!(send(&world, &group, member, "a", "坏词").await.unwrap(), "坏词");
}

async fn only_the_pages_creator_says_what_is_unwanted(world: World) {
    let (owner, other) = (UserId::new(), UserId::new());
    let merchant = world.pages.open(owner, other);
    assert_eq!(set_words(&world, other, merchant, WordMode::Mask, &["坏词"]).await, "NOT_MERCHANT_OWNER");
    assert_eq!(set_words(&world, owner, merchant, WordMode::Unspecified, &["坏词"]).await, "INVALID_ARGUMENT");
    assert_eq!(set_words(&world, owner, merchant, WordMode::Mask, &[" "]).await, "INVALID_ARGUMENT");
    assert_eq!(set_words(&world, owner, merchant, WordMode::Mask, &["ＢＡＤ", "bad"]).await, "ok");
    let get = async |user| {
        let request = GetWordsRequest { merchant: merchant.to_string() };
        world.conduct.clone().get_words(as_user(&world, user, request)).await
    };
    assert_eq!(outcome(&get(other).await), "NOT_MERCHANT_OWNER");
    let words = get(owner).await.unwrap().into_inner();
    assert_eq!((words.mode(), words.words), (WordMode::Mask, vec!["bad".to_owned()]));
}

async fn an_external_check_decides(world: World) {
    let checker = Checker::default();
    let world = world.checked_by(&checker, Settings::default()).await;
    let (owner, member) = (UserId::new(), UserId::new());
    let (merchant, group) = group(&world, owner, member).await;
    checker.say(Verdict::Allow, "");
    assert_eq!(send(&world, &group, member, "a", "你好").await.unwrap(), "你好");
    let asked = checker.asked().remove(0);
    assert_eq!((asked.merchant, asked.group), (merchant.to_string(), group.clone()));
    assert_eq!((asked.user, asked.text.as_str()), (member.to_string(), "你好"));
    checker.say(Verdict::Replace, "您好");
    assert_eq!(send(&world, &group, member, "b", "你好").await.unwrap(), "您好");
    checker.say(Verdict::Refuse, "");
    assert_eq!(outcome(&send(&world, &group, member, "c", "你好").await), "MODERATION_REFUSED");
    // What is to be said instead obeys the rules too.
    checker.say(Verdict::Replace, " ");
    assert_eq!(outcome(&send(&world, &group, member, "d", "你好").await), "MODERATION_REFUSED");
}

async fn a_silent_check_lets_pass_or_refuses(world: World) {
    let checker = Checker::default();
    checker.fall_silent();
    let settings = |moderation_on_failure| Settings {
        moderation_on_failure,
        moderation_timeout: std::time::Duration::from_secs(1),
        ..Settings::default()
    };
    let open = world.checked_by(&checker, settings(OnFailure::Open)).await;
    let (owner, member) = (UserId::new(), UserId::new());
    let (_, group) = group(&open, owner, member).await;
    assert_eq!(outcome(&send(&open, &group, member, "a", "你好").await), "ok");
    let closed = open.checked_by(&checker, settings(OnFailure::Closed)).await;
    assert_eq!(outcome(&send(&closed, &group, member, "b", "你好").await), "MODERATION_UNAVAILABLE");
    checker.say(Verdict::Allow, "");
    assert_eq!(outcome(&send(&closed, &group, member, "b", "你好").await), "ok");
}

async fn only_administrators_read_the_record(world: World) {
    let (owner, member) = (UserId::new(), UserId::new());
    let (merchant, group) = group(&world, owner, member).await;
    set_words(&world, owner, merchant, WordMode::Refuse, &["坏词"]).await;
    assert_eq!(outcome(&send(&world, &group, member, "a", "坏词").await), "WORDS_REFUSED");
    // An outsider is refused and fills no record.
    assert_eq!(outcome(&send(&world, &group, UserId::new(), "a", "坏词").await), "NOT_GROUP_MEMBER");
    let list = async |token: &str| {
        let request = ListModerationActionsRequest { merchant: merchant.to_string(), ..Default::default() };
        world.conduct.clone().list_moderation_actions(chatroom_kit::testing::Tokens::request(token, request)).await
    };
    assert_eq!(outcome(&list(&world.tokens.user(owner)).await), "ADMIN_ONLY");
    let (token, administrator) = world.administrator();
    let actions = list(&token).await.unwrap().into_inner().actions;
    let kinds: Vec<_> = actions.iter().map(|action| (action.kind(), action.user.clone())).collect();
    let expected =
        [(ModerationActionKind::Refused, member.to_string()), (ModerationActionKind::WordsSet, owner.to_string())];
    assert_eq!(kinds, expected);
    assert!(actions.iter().all(|action| !format!("{action:?}").contains("坏词")));
    // Whoever is one no more reads nothing, whatever their token says.
    world.people.demote(administrator);
    assert_eq!(outcome(&list(&token).await), "ADMIN_ONLY");
}
