//! Conversations with a page's customer service, as clients see them.

use chatroom_kit::{
    ids::{MerchantId, UserId},
    on_both_engines,
};
use chatroom_proto::{
    group::v1::{GetGroupRequest, GroupKind, JoinGroupRequest, ListGroupsRequest},
    message::v1::{Conversation, ListConversationsRequest, OpenContactRequest},
};
use tonic::Status;

use crate::world::{World, as_user, open, outcome};

on_both_engines!(
    the_customer_service_user_must_have_agreed,
    a_page_that_is_not_there_has_no_customer_service,
    it_is_found_again_and_private,
);

async fn contact(world: &World, merchant: MerchantId, user: UserId) -> Result<Conversation, Status> {
    let request = OpenContactRequest { merchant: merchant.to_string() };
    let answer = world.messages.clone().open_contact(as_user(world, user, request)).await?;
    Ok(answer.into_inner().conversation.unwrap())
}

async fn the_customer_service_user_must_have_agreed(world: World) {
    let (creator, customer, user) = (UserId::new(), UserId::new(), UserId::new());
    let merchant = world.pages.open(creator, customer);
    assert_eq!(outcome(&contact(&world, merchant, user).await), "NOT_PAGE_MEMBER");
    world.pages.join(merchant, user);
    assert_eq!(outcome(&contact(&world, merchant, user).await), "CUSTOMER_NOT_SERVING");
    world.pages.serve(merchant);
    assert_eq!(outcome(&contact(&world, merchant, user).await), "ok");
    assert_eq!(outcome(&contact(&world, merchant, customer).await), "CONTACT_SELF");
}

async fn a_page_that_is_not_there_has_no_customer_service(world: World) {
    assert_eq!(outcome(&contact(&world, MerchantId::new(), UserId::new()).await), "MERCHANT_NOT_FOUND");
}

async fn it_is_found_again_and_private(world: World) {
    let (creator, customer, user) = (UserId::new(), UserId::new(), UserId::new());
    let merchant = world.pages.open(creator, customer);
    world.pages.join(merchant, user);
    world.pages.serve(merchant);
    let opened = contact(&world, merchant, user).await.unwrap();
    let group = opened.group.clone().unwrap();
    assert_eq!((group.kind(), group.name.as_str(), group.user), (GroupKind::Service, "小蓝的商页", user.to_string()));
    world.say(&group.id, user, "a", "在吗？").await;
    let again = contact(&world, merchant, user).await.unwrap();
    assert_eq!(again.group.unwrap().id, group.id);
    assert!(again.last_message.is_some());
    // The other side has it in their list; nobody else reaches it.
    let request = as_user(&world, customer, ListConversationsRequest::default());
    let listed = world.messages.clone().list_conversations(request).await.unwrap().into_inner().conversations;
    assert_eq!((listed.len(), listed[0].unread), (1, 1));
    let request = as_user(&world, creator, GetGroupRequest { group: group.id.clone() });
    assert_eq!(outcome(&world.groups.clone().get_group(request).await), "GROUP_NOT_FOUND");
    for anyone in [creator, user] {
        let request = as_user(&world, anyone, JoinGroupRequest { group: group.id.clone() });
        assert_eq!(outcome(&world.groups.clone().join_group(request).await), "GROUP_NOT_FOUND");
    }
    let request = ListGroupsRequest { merchant: merchant.to_string(), ..ListGroupsRequest::default() };
    let listed = world.groups.clone().list_groups(as_user(&world, user, request)).await.unwrap().into_inner();
    assert!(listed.groups.is_empty());
}
