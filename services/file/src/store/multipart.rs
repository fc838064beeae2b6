//! S3's multipart uploads, one part after another.

use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};

use super::{CREATED, NewObject, OWNER, Objects, StoreError, part::Part, status_of, written};

/// A multipart upload that the store knows of.
#[derive(Debug)]
pub(super) struct Multipart {
    id: String,
    parts: Vec<CompletedPart>,
}

impl Objects {
    #[tracing::instrument(level = "debug", name = "s3.multipart.create", skip_all, err(level = "debug"))]
    pub(super) async fn create_multipart(&self, object: &NewObject) -> Result<Multipart, StoreError> {
        let request = self
            .client
            .create_multipart_upload()
            .bucket(&*self.bucket)
            .key(object.name.as_str())
            .content_type(object.name.kind().content_type())
            .metadata(OWNER, object.owner.to_string())
            .metadata(CREATED, written(object.created))
            .checksum_algorithm(ChecksumAlgorithm::Crc32);
        let created = self.while_alive(request.send()).await??;
        let id = created.upload_id.ok_or(StoreError::because("a multipart upload has no id"))?;
        Ok(Multipart { id, parts: Vec::new() })
    }

    #[tracing::instrument(level = "debug", name = "s3.multipart.part", skip_all, err(level = "debug"))]
    pub(super) async fn upload_part(
        &self,
        object: &NewObject,
        multipart: &mut Multipart,
        part: &Part,
    ) -> Result<(), StoreError> {
        // The largest file that settings allow has 10,000 parts.
        let number = i32::try_from(multipart.parts.len() + 1).unwrap_or(i32::MAX);
        let request = self
            .client
            .upload_part()
            .bucket(&*self.bucket)
            .key(object.name.as_str())
            .upload_id(&multipart.id)
            .part_number(number)
            .checksum_crc32(part.checksum())
            .body(part.body());
        let uploaded = self.while_alive(request.send()).await??;
        let completed = CompletedPart::builder()
            .part_number(number)
            .set_e_tag(uploaded.e_tag)
            .checksum_crc32(part.checksum())
            .build();
        multipart.parts.push(completed);
        Ok(())
    }

    #[tracing::instrument(level = "debug", name = "s3.multipart.complete", skip_all, err(level = "debug"))]
    pub(super) async fn complete_multipart(&self, object: &NewObject, multipart: &Multipart) -> Result<(), StoreError> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(multipart.parts.clone())).build();
        let request = self
            .client
            .complete_multipart_upload()
            .bucket(&*self.bucket)
            .key(object.name.as_str())
            .upload_id(&multipart.id)
            .multipart_upload(parts);
        self.while_alive(request.send()).await??;
        Ok(())
    }

    /// Forgets the parts; fine where the store has done so already.
    #[tracing::instrument(level = "debug", name = "s3.multipart.abort", skip_all, err(level = "debug"))]
    pub(super) async fn abort_multipart(&self, object: &NewObject, multipart: &Multipart) -> Result<(), StoreError> {
        let request = self
            .client
            .abort_multipart_upload()
            .bucket(&*self.bucket)
            .key(object.name.as_str())
            .upload_id(&multipart.id);
        match request.send().await {
            Err(error) if status_of(&error) != Some(404) => Err(error.into()),
            _ => Ok(()),
        }
    }
}
