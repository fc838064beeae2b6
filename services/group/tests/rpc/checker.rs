//! Somebody else's check of messages.

use std::sync::{Arc, Mutex};

use chatroom_kit::{link::Link, rpc};
use chatroom_proto::moderation::v1::{
    CheckMessageRequest, CheckMessageResponse, Verdict,
    moderation_service_server::{ModerationService, ModerationServiceServer},
};
use tonic::{Request, Response, Status, service::Routes};

/// Says what it is told to say.
#[derive(Clone, Default)]
pub(crate) struct Checker {
    answer: Arc<Mutex<Option<CheckMessageResponse>>>,
    asked: Arc<Mutex<Vec<CheckMessageRequest>>>,
}

impl Checker {
    pub(crate) fn link(&self) -> Link {
        // As far away as any service: what surrounds the calls keeps their deadline.
        Link::Local(rpc::surround(Routes::new(ModerationServiceServer::new(self.clone())), None))
    }

    /// Says this from now on.
    pub(crate) fn say(&self, verdict: Verdict, text: &str) {
        let answer =
            CheckMessageResponse { verdict: verdict.into(), text: text.to_owned(), reason: "测试".to_owned() };
        *self.answer.lock().unwrap() = Some(answer);
    }

    /// Says nothing any more, as long as it is asked.
    pub(crate) fn fall_silent(&self) {
        *self.answer.lock().unwrap() = None;
    }

    pub(crate) fn asked(&self) -> Vec<CheckMessageRequest> {
        self.asked.lock().unwrap().clone()
    }
}

#[tonic::async_trait]
impl ModerationService for Checker {
    async fn check_message(
        &self,
        request: Request<CheckMessageRequest>,
    ) -> Result<Response<CheckMessageResponse>, Status> {
        self.asked.lock().unwrap().push(request.into_inner());
        let answer = self.answer.lock().unwrap().clone();
        match answer {
            Some(answer) => Ok(Response::new(answer)),
            None => std::future::pending().await,
        }
    }
}
