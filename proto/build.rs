//! Compiles the `.proto` files with protox, so that no `protoc` has to be installed.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message as _;

const FILES: [&str; 13] = [
    "chatroom/user/v1/user_service.proto",
    "chatroom/user/v1/session_service.proto",
    "chatroom/user/v1/admin_service.proto",
    "chatroom/user/v1/deletion_service.proto",
    "chatroom/merchant/v1/merchant_service.proto",
    "chatroom/merchant/v1/page_service.proto",
    "chatroom/group/v1/group_service.proto",
    "chatroom/message/v1/message_service.proto",
    "chatroom/file/v1/file_service.proto",
    "chatroom/webhook/v1/webhook_service.proto",
    "chatroom/conduct/v1/conduct_service.proto",
    "chatroom/moderation/v1/moderation_service.proto",
    "chatroom/record/v1/record_service.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=chatroom");
    let descriptors = protox::compile(FILES, ["."])?;
    let output = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(output.join("descriptors.bin"), descriptors.encode_to_vec())?;
    let mut messages = prost_build::Config::new();
    // A message knows its name, by which its shape is found in the descriptors.
    messages.enable_type_names();
    tonic_prost_build::configure()
        // `Bytes` lets a chunk travel from socket to store without being copied.
        .bytes(".")
        .compile_fds_with_config(descriptors, messages)?;
    Ok(())
}
