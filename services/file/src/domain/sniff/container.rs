//! What a container holds: the brands of ISO base media files, the office documents in ZIP archives, and those in
//! compound files. Takes the container's own signature as seen.

use crate::domain::FileKind;

/// The largest `ftyp` box that is read; writers need less than a tenth of it.
const FTYP_MAX: usize = 1024;
/// What a directory entry of a compound file takes; each stands at a multiple of it.
const DIRECTORY_ENTRY: usize = 128;

/// The kind that an ISO base media file (ISO/IEC 14496-12) says it is by the brands in its first box.
pub(super) fn of_boxes(head: &[u8]) -> Option<FileKind> {
    let (size, _) = head.split_first_chunk::<4>()?;
    let size = usize::try_from(u32::from_be_bytes(*size)).ok().filter(|size| (16..=FTYP_MAX).contains(size))?;
    // Size, type, major brand, minor version, compatible brands: four bytes each.
    let (brands, _) = head.get(8..size)?.as_chunks::<4>();
    let [major, _, compatible @ ..] = brands else {
        return None;
    };
    match major {
        // Any picture of the high-efficiency family: the compatible brands say which.
        b"mif1" | b"msf1" | b"miaf" => compatible.iter().copied().find_map(of_picture_brand),
        b"M4A " | b"M4B " => Some(FileKind::M4a),
        b"isom" | b"iso2" | b"iso3" | b"iso4" | b"iso5" | b"iso6" | b"iso7" | b"iso8" | b"iso9" | b"mp41" | b"mp42"
        | b"avc1" | b"dash" | b"mmp4" | b"MSNV" | b"M4V " | b"M4VH" | b"M4VP" | b"F4V " | b"f4v " => {
            Some(FileKind::Mp4)
        }
        picture => of_picture_brand(*picture),
    }
}

fn of_picture_brand(brand: [u8; 4]) -> Option<FileKind> {
    match &brand {
        b"avif" | b"avis" => Some(FileKind::Avif),
        b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"hevm" | b"hevs" => Some(FileKind::Heic),
        _ => None,
    }
}

/// The kind of office document (Office Open XML) that a ZIP archive is, or a plain archive.
pub(super) fn of_archive(head: &[u8]) -> FileKind {
    local_names(head).find_map(of_part).unwrap_or(FileKind::Zip)
}

/// The kind of document that has a part of this name.
fn of_part(name: &[u8]) -> Option<FileKind> {
    if !name.ends_with(b".xml") {
        return None;
    }
    match name {
        [b'w', b'o', b'r', b'd', b'/', ..] => Some(FileKind::Docx),
        [b'x', b'l', b'/', ..] => Some(FileKind::Xlsx),
        [b'p', b'p', b't', b'/', ..] => Some(FileKind::Pptx),
        _ => None,
    }
}

/// The names in an archive's local headers. They are searched for: a header written by a stream does not say how far
/// the next one is.
fn local_names(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    head.windows(4).enumerate().filter(|(_, window)| window == b"PK\x03\x04").filter_map(|(at, _)| {
        let header = head[at..].first_chunk::<30>()?;
        let length = usize::from(u16::from_le_bytes([header[26], header[27]]));
        head[at..].get(30..30 + length)
    })
}

/// The kind of office document that a compound file ([MS-CFB]) is. Its directory is a chain of sectors that may
/// stand anywhere, also behind `head`; the first sector then begins the stream that gives the document away.
pub(super) fn of_compound(head: &[u8]) -> Option<FileKind> {
    let (entries, _) = head.as_chunks::<DIRECTORY_ENTRY>();
    entries.iter().find_map(of_directory_entry).or_else(|| of_first_sector(head.get(512..)?))
}

fn of_directory_entry(entry: &[u8; DIRECTORY_ENTRY]) -> Option<FileKind> {
    const STREAMS: [(&str, FileKind); 4] = [
        ("WordDocument", FileKind::Doc),
        ("Workbook", FileKind::Xls),
        ("Book", FileKind::Xls),
        ("PowerPoint Document", FileKind::Ppt),
    ];
    STREAMS.into_iter().find(|(name, _)| is_named(entry, name)).map(|(_, kind)| kind)
}

/// Whether a directory entry has this name: UTF-16 in its first 64 bytes, then the name's length in bytes.
fn is_named(entry: &[u8; DIRECTORY_ENTRY], name: &str) -> bool {
    let wanted = name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes);
    let length = usize::from(u16::from_le_bytes([entry[64], entry[65]]));
    length == (name.len() + 1) * 2 && wanted.eq(entry[..length].iter().copied())
}

/// [MS-DOC] 2.5.1 (FIB), [MS-XLS] 2.4.21 (BOF of BIFF8), [MS-PPT] 2.4.1 (DocumentContainer).
fn of_first_sector(sector: &[u8]) -> Option<FileKind> {
    match sector {
        [0xec, 0xa5, ..] => Some(FileKind::Doc),
        [0x09, 0x08, _, 0x00, 0x00, 0x06, ..] => Some(FileKind::Xls),
        [0x0f, 0x00, 0xe8, 0x03, ..] => Some(FileKind::Ppt),
        _ => None,
    }
}
