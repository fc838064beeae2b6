//! The allow-list: the kinds of file that are taken, with the extension and the media type of each. Owns no bytes;
//! how a kind is recognised stands in `sniff.rs`.

/// A kind of file that is taken. Nothing that a browser would run is among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is named after its own extension")]
pub enum FileKind {
    Png,
    Jpg,
    Gif,
    Webp,
    Avif,
    Heic,
    Mp4,
    Webm,
    Mp3,
    M4a,
    Ogg,
    Wav,
    Pdf,
    Zip,
    Docx,
    Xlsx,
    Pptx,
    Doc,
    Xls,
    Ppt,
}

impl FileKind {
    /// Every kind.
    pub const ALL: [Self; 20] = [
        Self::Png,
        Self::Jpg,
        Self::Gif,
        Self::Webp,
        Self::Avif,
        Self::Heic,
        Self::Mp4,
        Self::Webm,
        Self::Mp3,
        Self::M4a,
        Self::Ogg,
        Self::Wav,
        Self::Pdf,
        Self::Zip,
        Self::Docx,
        Self::Xlsx,
        Self::Pptx,
        Self::Doc,
        Self::Xls,
        Self::Ppt,
    ];

    /// The kind that names end in `extension` for.
    pub fn of_extension(extension: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.extension() == extension)
    }

    /// How names of this kind end.
    pub fn extension(self) -> &'static str {
        self.facts().0
    }

    /// The media type of this kind.
    pub fn content_type(self) -> &'static str {
        self.facts().1
    }

    fn facts(self) -> (&'static str, &'static str) {
        match self {
            Self::Png => ("png", "image/png"),
            Self::Jpg => ("jpg", "image/jpeg"),
            Self::Gif => ("gif", "image/gif"),
            Self::Webp => ("webp", "image/webp"),
            Self::Avif => ("avif", "image/avif"),
            Self::Heic => ("heic", "image/heic"),
            Self::Mp4 => ("mp4", "video/mp4"),
            Self::Webm => ("webm", "video/webm"),
            Self::Mp3 => ("mp3", "audio/mpeg"),
            Self::M4a => ("m4a", "audio/mp4"),
            Self::Ogg => ("ogg", "audio/ogg"),
            Self::Wav => ("wav", "audio/wav"),
            Self::Pdf => ("pdf", "application/pdf"),
            Self::Zip => ("zip", "application/zip"),
            Self::Docx => ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
            Self::Xlsx => ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
            Self::Pptx => ("pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
            Self::Doc => ("doc", "application/msword"),
            Self::Xls => ("xls", "application/vnd.ms-excel"),
            Self::Ppt => ("ppt", "application/vnd.ms-powerpoint"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn an_extension_names_one_kind() {
        let extensions: HashSet<_> = FileKind::ALL.map(FileKind::extension).into();
        assert_eq!(extensions.len(), FileKind::ALL.len());
        for kind in FileKind::ALL {
            assert_eq!(FileKind::of_extension(kind.extension()), Some(kind));
        }
        assert_eq!(FileKind::of_extension("svg"), None);
    }
}
