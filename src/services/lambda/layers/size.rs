//! How large a function and its layers may be together.

use std::sync::Arc;

use bytes::Bytes;

use crate::blobs::package;
use crate::ledger::Attachment;
use crate::model::blob::BlobId;
use crate::model::error::ApiError;
use crate::model::functions::{Code, LayerReference};
use crate::model::layers::decide::resolve_layers;
use crate::model::names::Scope;
use crate::protocol::error::fault;
use crate::services::Services;

/// The zips of layers by their ARNs; none where the decision will refuse the layers for another reason than
/// their size.
pub fn zips(services: &Services, scope: &Scope, arns: &[String]) -> Vec<BlobId> {
    let references: Vec<LayerReference> = arns.iter().map(|arn| LayerReference::unresolved(arn)).collect();
    let resolved = resolve_layers(&services.ledger.state(), scope, &references).unwrap_or_default();
    resolved.into_iter().filter_map(|layer| layer.blob).collect()
}

/// Refuses layers that are too large, by themselves or with the code. `attachment` is the code's own, where it is
/// not in the store yet.
///
/// The texts are those of errors reported by users of AWS, such as
/// <https://github.com/lambci/git-lambda-layer/issues/27> and <https://github.com/bento-video/bento/issues/1>.
pub async fn check_size(
    services: &Services,
    code: &Code,
    attachment: Option<&Attachment>,
    layers: Vec<BlobId>,
) -> Result<(), ApiError> {
    let (false, Some(zip)) = (layers.is_empty(), code.content.zip_blob()) else { return Ok(()) };

    let limit = services.limits.code_size_unzipped;
    let of_layers = unpacked_size(services, layers).await?;
    if of_layers > limit {
        let message = format!("Layers consume more than the available size of {limit} bytes");
        return Err(ApiError::invalid_parameter(message));
    }

    let of_code = match attachment {
        Some((_, bytes)) => size(bytes)?,
        None => unpacked_size(services, vec![zip]).await?,
    };
    let actual = of_layers.saturating_add(of_code);
    if actual > limit {
        return Err(ApiError::invalid_parameter(format!(
            "Function code combined with layers exceeds the maximum allowed size of {limit} bytes. The actual size is \
             {actual} bytes."
        )));
    }

    Ok(())
}

async fn unpacked_size(services: &Services, ids: Vec<BlobId>) -> Result<u64, ApiError> {
    let blobs = Arc::clone(&services.blobs);
    let sum = move || {
        let sizes = ids.iter().map(|id| size(&blobs.read(id).map_err(|error| fault(&error))?));
        sizes.sum::<Result<u64, ApiError>>()
    };
    tokio::task::spawn_blocking(sum).await.map_err(|error| fault(&error))?
}

fn size(zip: &Bytes) -> Result<u64, ApiError> {
    package::unpacked_size(zip).map_err(|error| fault(&error))
}
