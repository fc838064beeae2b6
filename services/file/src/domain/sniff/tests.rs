//! Files are told by bytes that real programs write, cut to what matters.

use super::*;

/// `start`, then NULs: long enough that no more bytes are needed.
fn padded(start: &[u8]) -> Vec<u8> {
    let mut head = start.to_vec();
    head.resize(CONTAINER, 0);
    head
}

fn kind_of(start: &[u8]) -> Verdict {
    sniff(&padded(start), false)
}

fn boxes(major: [u8; 4], compatible: &[&[u8; 4]]) -> Vec<u8> {
    let compatible: Vec<u8> = compatible.iter().flat_map(|brand| **brand).collect();
    let size = u32::try_from(16 + compatible.len()).unwrap();
    [&size.to_be_bytes()[..], b"ftyp", &major, &[0; 4], &compatible].concat()
}

/// An archive as a stream writes it: sizes unknown, each name followed by some data.
fn archive(names: &[&str]) -> Vec<u8> {
    let entry = |name: &&str| {
        let length = u16::try_from(name.len()).unwrap().to_le_bytes();
        [b"PK\x03\x04\x14\x00\x08\x00\x08\x00", &[0; 16][..], &length, &[0, 0], name.as_bytes(), &[0x4b; 300]].concat()
    };
    names.iter().flat_map(entry).collect()
}

fn compound(first_sector: &[u8], streams: &[&str]) -> Vec<u8> {
    let mut file = padded(&[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1]);
    file[512..512 + first_sector.len()].copy_from_slice(first_sector);
    for (index, name) in streams.iter().enumerate() {
        let entry = &mut file[9216 + index * 128..][..128];
        let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        entry[..name.len()].copy_from_slice(&name);
        entry[64] = u8::try_from(name.len() + 2).unwrap();
    }
    file
}

#[test]
fn media_are_told_by_their_signatures() {
    use FileKind::{Gif, Jpg, Mp3, Ogg, Png, Wav, Webm, Webp};
    for (start, kind) in [
        (&b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR"[..], Png),
        (b"\xff\xd8\xff\xe0\0\x10JFIF\0", Jpg),
        (b"\xff\xd8\xff\xe1\x1f\xfeExif\0\0", Jpg),
        (b"GIF89a\x01\0\x01\0\x80", Gif),
        (b"GIF87a\x10\0\x10\0\x91", Gif),
        (b"RIFF\x24\x01\0\0WEBPVP8 ", Webp),
        (b"RIFF\x24\x01\0\0WEBPVP8X", Webp),
        (b"RIFF\x24\x01\0\0WAVEfmt ", Wav),
        (b"OggS\0\x02\0\0\0\0\0\0\0\0", Ogg),
        (b"ID3\x03\0\0\0\0\x21\x76TIT2", Mp3),
        (b"\xff\xfb\x90\x64\0", Mp3),
        (b"\xff\xf3\x48\xc4\0", Mp3),
        (b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04\x42\xf3\x81\x08\x42\x82\x84webm", Webm),
    ] {
        assert_eq!(kind_of(start), Verdict::Is(kind), "{start:?}");
    }
}

#[test]
fn boxes_are_told_by_their_brands() {
    use FileKind::{Avif, Heic, M4a, Mp4};
    for (major, compatible, kind) in [
        (b"isom", &[b"isom", b"iso2", b"avc1", b"mp41"][..], Mp4),
        (b"mp42", &[b"isom", b"mp42"], Mp4),
        (b"iso5", &[b"iso6", b"mp41"], Mp4),
        (b"M4A ", &[b"M4A ", b"mp42", b"isom"], M4a),
        (b"avif", &[b"avif", b"mif1", b"miaf"], Avif),
        (b"mif1", &[b"mif1", b"avif", b"miaf"], Avif),
        (b"heic", &[b"mif1", b"heic"], Heic),
        (b"mif1", &[b"mif1", b"heic"], Heic),
        (b"hevc", &[b"msf1", b"hevc"], Heic),
    ] {
        assert_eq!(kind_of(&boxes(*major, compatible)), Verdict::Is(kind), "{major:?}");
    }
    for (major, compatible) in [(b"qt  ", &[b"qt  "][..]), (b"crx ", &[b"crx ", b"isom"]), (b"mif1", &[b"mif1"])] {
        assert_eq!(kind_of(&boxes(*major, compatible)), Verdict::Unsupported, "{major:?}");
    }
}

#[test]
fn archives_are_told_by_their_parts() {
    use FileKind::{Docx, Pptx, Xlsx, Zip};
    let word = ["[Content_Types].xml", "_rels/.rels", "word/_rels/document.xml.rels", "word/document.xml"];
    let far = [&["docProps/a.bin"; 40][..], &["ppt/presentation.xml"]].concat();
    for (names, kind) in [
        (&word[..], Docx),
        (&["docProps/app.xml", "docProps/core.xml", "xl/theme/theme1.xml"], Xlsx),
        (&["xl/worksheets/sheet1.xml", "[Content_Types].xml"], Xlsx),
        (&["_rels/.rels", "docProps/thumbnail.jpeg", "ppt/presentation.xml"], Pptx),
        (&far, Pptx),
        (&["photos/1.jpg", "photos/2.jpg"], Zip),
        (&["index.html", "word/readme.txt"], Zip),
    ] {
        assert_eq!(kind_of(&archive(names)), Verdict::Is(kind), "{names:?}");
    }
}

#[test]
fn compound_files_are_told_by_their_streams() {
    use FileKind::{Doc, Ppt, Xls};
    for (file, kind) in [
        (compound(&[], &["Root Entry", "1Table", "WordDocument"]), Doc),
        (compound(&[], &["Root Entry", "Workbook"]), Xls),
        (compound(&[], &["Root Entry", "Book"]), Xls),
        (compound(&[], &["Root Entry", "Current User", "PowerPoint Document"]), Ppt),
        (compound(&[0xec, 0xa5, 0xc1, 0x00], &[]), Doc),
        (compound(&[0x09, 0x08, 0x10, 0x00, 0x00, 0x06, 0x05, 0x00], &[]), Xls),
        (compound(&[0x0f, 0x00, 0xe8, 0x03], &[]), Ppt),
    ] {
        assert_eq!(sniff(&file, false), Verdict::Is(kind));
    }
    // An installer (.msi) and a mail (.msg) are compound files too.
    for streams in [&["Root Entry", "!_StringData"][..], &["Root Entry", "__nameid_version1.0"]] {
        assert_eq!(sniff(&compound(&[], streams), false), Verdict::Unsupported);
    }
}

#[test]
fn what_a_browser_would_run_is_refused() {
    for start in [
        &b"<!DOCTYPE html><html><script>alert(1)</script>"[..],
        b"\xef\xbb\xbf<html>",
        b"\xff\xfe<\0h\0t\0m\0l\0>\0",
        b"<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>",
        b"<?xml version=\"1.0\"?><svg/>",
        b"#!/bin/sh\necho",
        b"alert(1)//",
        b"hello, world",
        b"MZ\x90\0\x03",
        b"\x7fELF\x02\x01\x01",
        b"\xca\xfe\xba\xbe",
        b"\0asm\x01\0\0\0",
        b"\x1f\x8b\x08",
        b"BM\x36\0",
        b"\x1a\x45\xdf\xa3\xa3\x42\x86\x81\x01\x42\x82\x88matroska",
    ] {
        assert_eq!(kind_of(start), Verdict::Unsupported, "{start:?}");
    }
}

#[test]
fn a_signature_does_not_hide_a_page() {
    for start in [
        &b"<!--WEBP--><script>alert(1)</script>"[..],
        b"<svg    WEBPVP8 ",
        b"<!--ftypisom--><script>alert(1)</script>",
        b"<html>%PDF-1.7",
        b"\n\n%PDF-1.7",
        b"GIF<script>alert(1)</script>",
        b"GIF89a\x01\0<script>alert(1)</script>",
        b"GIF89a\x01\0<SvG onload=alert(1)>",
        b"\xff\xd8\xff\xfe\x00\x20<!DOCTYPE html>",
        b"RIFF\x01\0\0\0WEBPVP8 <iframe src=x>",
    ] {
        assert_eq!(kind_of(start), Verdict::Unsupported, "{start:?}");
    }
    // Valid JavaScript, every byte of it.
    assert_eq!(sniff(b"GIF89a=1;alert(document.domain)//", true), Verdict::Unsupported);
}

#[test]
fn metadata_do_not_look_like_a_page() {
    let photo = b"\xff\xd8\xff\xe1\x0b\xb8http://ns.adobe.com/xap/1.0/\0<?xpacket begin=''?><x:xmpmeta><rdf:RDF>";
    assert_eq!(kind_of(photo), Verdict::Is(FileKind::Jpg));
    assert_eq!(kind_of(b"%PDF-1.7\n<?xpacket?>"), Verdict::Is(FileKind::Pdf));
}

#[test]
fn no_more_bytes_are_asked_for_than_needed() {
    assert_eq!(sniff(b"", false), Verdict::Needs(SIGNATURE));
    assert_eq!(sniff(b"<html>", false), Verdict::Needs(SIGNATURE));
    assert_eq!(sniff(&padded(b"<html>")[..SIGNATURE], false), Verdict::Unsupported);
    assert_eq!(sniff(&padded(b"%PDF-1.4")[..SIGNATURE], false), Verdict::Is(FileKind::Pdf));
    let gif = padded(b"GIF89a\x01\0\x01\0");
    assert_eq!(sniff(&gif[..SIGNATURE], false), Verdict::Needs(RESOURCE_HEADER));
    assert_eq!(sniff(&gif[..43], true), Verdict::Is(FileKind::Gif));
    let zip = archive(&["a.txt"]);
    assert_eq!(sniff(&zip, false), Verdict::Needs(CONTAINER));
    assert_eq!(sniff(&zip, true), Verdict::Is(FileKind::Zip));
}

#[test]
fn cut_off_files_are_no_panic() {
    let files = [
        boxes(*b"isom", &[b"mp42"]),
        b"\0\0\0\x10ftypisom".to_vec(),
        archive(&["word/document.xml"]),
        compound(&[0xec, 0xa5], &["WordDocument"])[..2000].to_vec(),
        b"\x1a\x45\xdf\xa3".to_vec(),
    ];
    for file in files {
        for end in 0..file.len().min(700) {
            sniff(&file[..end], true);
        }
    }
}
