//! How users are called. Whose a picture is, the file service knows: that is shown by the scenarios, which have one.

use chatroom_kit::testing::Tokens;
use chatroom_proto::user::v1::{UpdateProfileRequest, User};
use tonic::{Code, Status};

use crate::world::{Service, reason};

impl Service {
    async fn update_profile(&self, token: &str, nickname: Option<&str>, avatar: Option<&str>) -> Result<User, Status> {
        let request = UpdateProfileRequest { nickname: nickname.map(Into::into), avatar: avatar.map(Into::into) };
        Ok(self.client.clone().update_profile(Tokens::request(token, request)).await?.into_inner().user.unwrap())
    }
}

#[tokio::test]
async fn a_nickname_is_chosen_changed_and_left() {
    let service = Service::start().await;
    let lily = service.register("lily", "123456", "").await.unwrap();
    let token = service.login("lily", "123456").await.unwrap().token;
    let called = service.update_profile(&token, Some(" 小蓝 "), None).await.unwrap();
    assert_eq!((&*called.id, &*called.nickname, called.version), (&*lily.id, "小蓝", 1));
    assert_eq!(service.update_profile(&token, None, None).await.unwrap(), called);
    assert_eq!(service.update_profile(&token, Some(""), Some("")).await.unwrap().nickname, "");
    let refused = service.update_profile(&token, Some(&"页".repeat(33)), None).await;
    assert_eq!(reason(refused), (Code::InvalidArgument, "INVALID_ARGUMENT".into()));
    let refused = service.update_profile(&token, None, Some("https://img.example/59024.jpg")).await;
    assert_eq!(reason(refused), (Code::InvalidArgument, "INVALID_ARGUMENT".into()));
}

#[tokio::test]
async fn without_the_file_service_no_picture_is_chosen() {
    let service = Service::start().await;
    service.register("lily", "123456", "").await.unwrap();
    let token = service.login("lily", "123456").await.unwrap().token;
    let picture = "/upload/20230821/7e23cd7207e15d29589565701.png";
    let refused = service.update_profile(&token, Some("小蓝"), Some(picture)).await;
    assert_eq!(reason(refused), (Code::Unavailable, "UPSTREAM_UNAVAILABLE".into()));
    assert_eq!(service.update_profile(&token, None, None).await.unwrap().nickname, "");
}
