//! The gRPC contracts of chatroom, compiled: messages, clients and servers. Owns no behaviour.

/// Every contract as an encoded `FileDescriptorSet`, for server reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// Accounts, passwords and tokens.
pub mod user {
    #[expect(missing_docs, reason = "generated")]
    pub mod v1 {
        tonic::include_proto!("chatroom.user.v1");
    }
}

/// Merchant pages, activation codes and page membership.
pub mod merchant {
    #[expect(missing_docs, reason = "generated")]
    pub mod v1 {
        tonic::include_proto!("chatroom.merchant.v1");
    }
}

/// Group chats and their members.
pub mod group {
    #[expect(missing_docs, reason = "generated")]
    pub mod v1 {
        tonic::include_proto!("chatroom.group.v1");
    }
}

/// What is said in groups.
pub mod message {
    #[expect(missing_docs, reason = "generated")]
    pub mod v1 {
        tonic::include_proto!("chatroom.message.v1");
    }
}

/// Uploaded files.
pub mod file {
    #[expect(missing_docs, reason = "generated")]
    pub mod v1 {
        tonic::include_proto!("chatroom.file.v1");
    }
}

/// Where a page's events are posted to.
pub mod webhook {
    #[expect(missing_docs, reason = "generated")]
    pub mod v1 {
        tonic::include_proto!("chatroom.webhook.v1");
    }
}

/// Who wants to hear nothing of whom, what is reported, and what a page does not want said.
pub mod conduct {
    #[expect(missing_docs, reason = "generated")]
    pub mod v1 {
        tonic::include_proto!("chatroom.conduct.v1");
    }
}

/// What somebody else's checker of messages is asked.
pub mod moderation {
    #[expect(missing_docs, reason = "generated")]
    pub mod v1 {
        tonic::include_proto!("chatroom.moderation.v1");
    }
}

/// How long what was said is kept, and how someone is given what they have said.
pub mod record {
    #[expect(missing_docs, reason = "generated")]
    pub mod v1 {
        tonic::include_proto!("chatroom.record.v1");
    }
}
