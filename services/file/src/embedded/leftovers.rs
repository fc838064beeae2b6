//! Removes what nobody needs any more: what a killed process was writing, and markers that are too old to count.

use std::{
    fs, io,
    sync::Weak,
    time::{Duration, SystemTime},
};

use super::paths::Paths;

/// How old a marker may become: longer than a request can be repeated, whatever the clocks.
const MARKER_AGE: Duration = Duration::from_hours(25);
/// How often old markers are looked for.
const EXPIRE_EVERY: Duration = Duration::from_hours(1);

/// Removes what uploads of a killed process left behind. (s3s-fs itself removes its temporary files, and only those.)
pub(super) fn remove(paths: &Paths) -> io::Result<()> {
    for entry in fs::read_dir(paths.root())? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(is_of_multipart) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Whether s3s-fs writes a file of this name for a multipart upload: the upload itself, a part, or the metadata of the
/// object to be.
fn is_of_multipart(name: &str) -> bool {
    let metadata = name.starts_with(".bucket-") && name.contains(".upload-");
    metadata || name.starts_with(".upload-") || name.starts_with(".upload_id-")
}

/// Removes old markers for as long as the server is there.
pub(super) async fn expire_markers(paths: Weak<Paths>) {
    while let Some(paths) = paths.upgrade() {
        let expired = tokio::task::spawn_blocking(move || expire(&paths, SystemTime::now() - MARKER_AGE)).await;
        if let Ok(Err(error)) = expired {
            tracing::warn!(error = &error as &dyn std::error::Error, "old markers cannot be removed");
        }
        tokio::time::sleep(EXPIRE_EVERY).await;
    }
}

fn expire(paths: &Paths, before: SystemTime) -> io::Result<()> {
    let folder = paths.object("requests");
    if !folder.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.metadata()?.modified()? < before
            && let Some(name) = entry.file_name().to_str()
        {
            fs::remove_file(entry.path())?;
            paths.remove_companions(&format!("requests/{name}"))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{fs::File, io::Write as _};

    use super::*;

    #[test]
    fn only_old_markers_expire() {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths::make(folder.path()).unwrap();
        fs::create_dir(paths.object("requests")).unwrap();
        let now = SystemTime::now();
        for (key, age) in [("requests/old", MARKER_AGE * 2), ("requests/young", Duration::ZERO)] {
            for path in paths.companions(key).iter().chain([&paths.object(key)]) {
                let mut file = File::create(path).unwrap();
                file.write_all(b"{}").unwrap();
                file.set_modified(now - age).unwrap();
            }
        }
        expire(&paths, now - MARKER_AGE).unwrap();
        assert!(!paths.object("requests/old").exists() && paths.object("requests/young").exists());
        assert!(paths.companions("requests/old").iter().all(|path| !path.exists()));
        assert!(paths.companions("requests/young").iter().all(|path| path.exists()));
    }

    #[test]
    fn only_what_belongs_to_a_multipart_upload_is_left_over() {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths::make(folder.path()).unwrap();
        let kept = paths.companions("20230821/7e23cd7207e15d29589565701.png");
        let leftovers = [
            ".upload-4e0e1b62-1f6e-4b51-9d2e-7b8f1f1d5a10.json",
            ".upload_id-4e0e1b62-1f6e-4b51-9d2e-7b8f1f1d5a10.part-3",
            ".bucket-ZmlsZXM.object-MjAy.upload-4e0e1b62-1f6e-4b51-9d2e-7b8f1f1d5a10.metadata.json",
        ]
        .map(|name| paths.root().join(name));
        for path in kept.iter().chain(&leftovers) {
            fs::write(path, b"{}").unwrap();
        }
        remove(&paths).unwrap();
        assert!(kept.iter().all(|path| path.exists()) && leftovers.iter().all(|path| !path.exists()));
    }
}
