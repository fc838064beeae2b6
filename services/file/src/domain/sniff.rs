//! What kind of file some first bytes begin. Every signature stands at offset 0 and is checked in full: the `infer`
//! crate, tried first, takes a WebP whose first bytes are free, a PDF anywhere in the first KiB and a GIF by three
//! letters, and each of these lets a page of HTML in front. What containers hold is told in `container.rs`.

mod container;

use super::FileKind;

/// How many bytes hold any signature.
const SIGNATURE: usize = 64;
/// How many bytes a browser looks at to guess a type (<https://mimesniff.spec.whatwg.org/#resource-header>).
const RESOURCE_HEADER: usize = 1445;
/// How many bytes show what an archive or a compound file holds. Office programs write the telling part early.
const CONTAINER: usize = 64 << 10;

/// What the first bytes of a file say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The file is of this kind.
    Is(FileKind),
    /// It is of no kind that is taken.
    Unsupported,
    /// Ask again with at least so many bytes, or with the whole file where it is shorter.
    Needs(usize),
}

/// A signature, and what must still be looked at behind it.
enum Signature {
    /// A picture, a sound or a film, which browsers show in place.
    Media(FileKind),
    /// A picture, a sound or a film in ISO base media boxes.
    Boxes,
    /// A PDF.
    Pdf,
    /// A ZIP archive or an office document in one.
    Archive,
    /// An office document in a compound file.
    Compound,
}

/// Judges a file by its first bytes. `whole` says that there are no more.
pub fn sniff(head: &[u8], whole: bool) -> Verdict {
    let at_least = |needed: usize| whole || head.len() >= needed;
    if !at_least(SIGNATURE) {
        return Verdict::Needs(SIGNATURE);
    }
    let Some(signature) = signature(head) else {
        return Verdict::Unsupported;
    };
    match signature {
        Signature::Pdf => Verdict::Is(FileKind::Pdf),
        Signature::Media(_) | Signature::Boxes if !at_least(RESOURCE_HEADER) => Verdict::Needs(RESOURCE_HEADER),
        Signature::Media(kind) => harmless(kind, head),
        Signature::Boxes => container::of_boxes(head).map_or(Verdict::Unsupported, |kind| harmless(kind, head)),
        Signature::Archive | Signature::Compound if !at_least(CONTAINER) => Verdict::Needs(CONTAINER),
        Signature::Archive => Verdict::Is(container::of_archive(head)),
        Signature::Compound => container::of_compound(head).map_or(Verdict::Unsupported, Verdict::Is),
    }
}

fn signature(head: &[u8]) -> Option<Signature> {
    use FileKind::{Gif, Jpg, Mp3, Ogg, Png, Wav, Webm, Webp};
    use Signature::{Archive, Boxes, Compound, Media, Pdf};
    Some(match head {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', 0, 0, 0, 13, b'I', b'H', b'D', b'R', ..] => Media(Png),
        [0xff, 0xd8, 0xff, 0xc0..=0xfe, ..] => Media(Jpg),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Media(Gif),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', b'V', b'P', b'8', ..] => Media(Webp),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..] => Media(Wav),
        // Version 0, the first page of a stream.
        [b'O', b'g', b'g', b'S', 0, 2, ..] => Media(Ogg),
        // An ID3v2 tag, whose size has seven bits a byte.
        [b'I', b'D', b'3', 2..=4, _, _, 0..=0x7f, 0..=0x7f, 0..=0x7f, 0..=0x7f, ..] => Media(Mp3),
        [0xff, version_and_layer, rates, ..] if is_mp3_frame(*version_and_layer, *rates) => Media(Mp3),
        // An EBML header, whose document type tells WebM from other Matroska.
        [0x1a, 0x45, 0xdf, 0xa3, ..] if contains(&head[..head.len().min(SIGNATURE)], b"\x42\x82\x84webm") => {
            Media(Webm)
        }
        [0, 0, _, _, b'f', b't', b'y', b'p', ..] => Boxes,
        [b'%', b'P', b'D', b'F', b'-', b'1'..=b'2', b'.', ..] => Pdf,
        [b'P', b'K', 3, 4, ..] => Archive,
        [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1, ..] => Compound,
        _ => return None,
    })
}

/// Whether the second and third byte of an MPEG audio frame say layer III, at a bit rate and a sampling rate that
/// there are. The byte order mark of UTF-16, ff fe, would be layer I.
fn is_mp3_frame(version_and_layer: u8, rates: u8) -> bool {
    let (sync, version, layer) = (version_and_layer >> 5, version_and_layer >> 3 & 3, version_and_layer >> 1 & 3);
    let (bit_rate, sampling_rate) = (rates >> 4, rates >> 2 & 3);
    sync == 7 && version != 1 && layer == 1 && !matches!(bit_rate, 0 | 15) && sampling_rate != 3
}

/// Takes a file that browsers show in place only where it cannot be read as text or as a page as well. Its type and
/// the headers it is served with make such a file inert; this keeps it out.
fn harmless(kind: FileKind, head: &[u8]) -> Verdict {
    let head = &head[..head.len().min(RESOURCE_HEADER)];
    if head.iter().copied().any(is_binary) && !has_markup(head) { Verdict::Is(kind) } else { Verdict::Unsupported }
}

/// Whether no text has this byte (<https://mimesniff.spec.whatwg.org/#binary-data-byte>).
fn is_binary(byte: u8) -> bool {
    matches!(byte, 0..=8 | 0x0b | 0x0e..=0x1a | 0x1c..=0x1f)
}

/// Whether a tag stands in `head` that makes a page or runs a script. XML alone does not count: pictures carry XMP.
fn has_markup(head: &[u8]) -> bool {
    const TAGS: [&[u8]; 8] = [b"!doctype", b"html", b"head", b"body", b"script", b"iframe", b"svg", b"?php"];
    head.iter().enumerate().filter(|(_, byte)| **byte == b'<').any(|(at, _)| {
        let tag = &head[at + 1..];
        TAGS.iter().any(|name| {
            let begins = tag.len() >= name.len() && tag[..name.len()].eq_ignore_ascii_case(name);
            begins && !tag.get(name.len()).is_some_and(u8::is_ascii_alphanumeric)
        })
    })
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

#[cfg(test)]
mod tests;
