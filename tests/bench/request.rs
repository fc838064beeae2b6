//! HTTP requests as bytes. Owns their form; what is asked stands in [`crate::plan`] and [`crate::seed`].

use std::fmt::Display;
use std::io::Write as _;

/// Writes `GET path` with a token.
pub(crate) fn get(head: &mut Vec<u8>, path: &str, token: &str) {
    write(head, format_args!("GET {path} HTTP/1.1\r\nhost: chatroom\r\ntoken: {token}\r\n\r\n"));
}

/// Writes `POST path` with a JSON body and, unless it is empty, a token.
pub(crate) fn post(head: &mut Vec<u8>, path: &str, token: &str, body: &str) {
    write(head, format_args!("POST {path} HTTP/1.1\r\nhost: chatroom\r\ncontent-type: application/json\r\n"));
    if !token.is_empty() {
        write(head, format_args!("token: {token}\r\n"));
    }
    write(head, format_args!("content-length: {}\r\n\r\n{body}", body.len()));
}

/// What stands between the parts of a multipart body.
const BOUNDARY: &str = "----chatroom-bench-7e23cd7207e15d2958956570";

/// Writes the head of `POST /upload`, whose body has `length` bytes.
pub(crate) fn upload(head: &mut Vec<u8>, token: &str, length: usize) {
    write(
        head,
        format_args!(
            "POST /upload HTTP/1.1\r\nhost: chatroom\r\ntoken: {token}\r\n\
             content-type: multipart/form-data; boundary={BOUNDARY}\r\ncontent-length: {length}\r\n\r\n"
        ),
    );
}

/// A multipart body with `bytes` in the field `file`.
pub(crate) fn multipart(bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::with_capacity(bytes.len() + 512);
    write(
        &mut body,
        format_args!(
            "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"picture.png\"\r\n\
             content-type: image/png\r\n\r\n"
        ),
    );
    body.extend_from_slice(bytes);
    write(&mut body, format_args!("\r\n--{BOUNDARY}--\r\n"));
    body
}

/// Appends text.
pub(crate) fn write(bytes: &mut Vec<u8>, text: impl Display) {
    // Writing to a Vec cannot fail.
    let _ = write!(bytes, "{text}");
}
