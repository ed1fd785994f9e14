//! Code packages on their way in, and their download on the way out.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::function_request::CodeSource;
use super::neighbours;
use crate::blobs::package::PackageError;
use crate::blobs::{BlobError, BlobStore, package};
use crate::ledger::Attachment;
use crate::model::blob::BlobId;
use crate::model::error::{ApiError, ErrorCode};
use crate::model::functions::{Code, Content, Image};
use crate::model::hot_folder::HotFolder;
use crate::model::limits::Limits;
use crate::protocol::answer::Answer;
use crate::protocol::call::Call;
use crate::protocol::error::fault;
use crate::services::Services;
use crate::upstream::{Object, ObjectError, UpstreamError};

/// Where code is downloaded from: followed by the digest in hex.
pub const DOWNLOAD_PATH: &str = "/_larder/code/";

/// Characters of base64 up to which a package is checked without a change of threads. Even a bomb of
/// this size unpacks in some milliseconds.
const SMALL_ZIP: usize = 16 * 1024;

/// A package that was accepted.
#[derive(Debug)]
pub struct Package {
    /// What the function refers to.
    pub code: Code,
    /// What the commit has to store.
    pub attachment: Option<Attachment>,
    /// Whether the zip has a signature of AWS Signer.
    pub signed: bool,
}

/// Accepts the package of a request.
///
/// # Errors
/// AWS's text for a package that is missing, too large, broken or hostile.
pub async fn take(services: &Services, call: &Call, mut source: CodeSource) -> Result<Package, ApiError> {
    let key = source.source_kms_key_arn.take();
    let mut package = take_plain(services, call, source).await?;
    package.code.source_kms_key_arn = key;
    Ok(package)
}

async fn take_plain(services: &Services, call: &Call, source: CodeSource) -> Result<Package, ApiError> {
    match source {
        CodeSource { image_uri: Some(uri), .. } => Ok(Package { code: image(uri), attachment: None, signed: false }),
        CodeSource { zip_file: Some(zip), .. } => take_sent(services, zip).await,
        CodeSource { s3_bucket: Some(bucket), s3_key: Some(key), .. }
            if bucket == services.hot_reload.rules().bucket =>
        {
            let code = in_folder(services, HotFolder(key)).await?;
            Ok(Package { code, attachment: None, signed: false })
        }
        CodeSource { s3_bucket: Some(bucket), s3_key: Some(key), s3_object_version: version, .. } => {
            let zip = fetch(services, call, &Object { bucket, key, version }).await?;
            accept_whole(services, zip).await
        }
        _ => Err(ApiError::invalid_parameter("Please provide a source for function code.")),
    }
}

/// Accepts a zip, whatever its size within the limits.
///
/// # Errors
/// AWS's text for a package that is too large, broken or hostile.
pub async fn accept_whole(services: &Services, zip: Bytes) -> Result<Package, ApiError> {
    let blobs = std::sync::Arc::clone(&services.blobs);
    let limits = services.limits.clone();
    let accepted = tokio::task::spawn_blocking(move || accept(zip, &blobs, &limits)).await;
    accepted.map_err(|error| fault(&error))?
}

/// Accepts code that stays in a folder. No file of it is read.
async fn in_folder(services: &Services, folder: HotFolder) -> Result<Code, ApiError> {
    let hot_reload = std::sync::Arc::clone(&services.hot_reload);
    let wanted = folder.clone();
    let checked = tokio::task::spawn_blocking(move || hot_reload.admit(&wanted).map(drop)).await;
    let checked = checked.map_err(|error| fault(&error))?;
    checked.map_err(|error| ApiError::invalid_parameter(error.to_string()))?;
    Ok(Content::Folder(folder).into())
}

/// Accepts a package that was sent with the request, in base64.
async fn take_sent(services: &Services, zip: String) -> Result<Package, ApiError> {
    let blobs = std::sync::Arc::clone(&services.blobs);
    let limits = services.limits.clone();
    // Small packages are checked in less time than a change of threads takes.
    if zip.len() < SMALL_ZIP {
        return accept_sent(&zip, &blobs, &limits);
    }
    let accepted = tokio::task::spawn_blocking(move || accept_sent(&zip, &blobs, &limits)).await;
    accepted.map_err(|error| fault(&error))?
}

fn accept_sent(zip: &str, blobs: &BlobStore, limits: &Limits) -> Result<Package, ApiError> {
    let zip =
        STANDARD.decode(zip).map_err(|_| ApiError::new(ErrorCode::Serialization, "Blob must be base64-encoded"))?;
    // Recorded: a package of exactly the limit is too large. One in S3 has no such limit.
    if zip.len() as u64 >= limits.code_size_zipped {
        let message = format!("Zipped size must be smaller than {} bytes", limits.code_size_zipped);
        return Err(ApiError::new(ErrorCode::RequestEntityTooLarge, message));
    }
    accept(zip.into(), blobs, limits)
}

fn accept(zip: Bytes, blobs: &BlobStore, limits: &Limits) -> Result<Package, ApiError> {
    package::check(&zip, limits.code_size_unzipped).map_err(|error| refusal(&error))?;
    let signed = package::is_signed(&zip);
    let staged = blobs.stage(zip).map_err(|error| fault(&error))?;
    Ok(Package {
        code: Content::Zip { blob: staged.id, size: staged.size }.into(),
        attachment: staged.attachment,
        signed,
    })
}

/// Bytes that a zip may have beside its files: names and places, of many files.
const ZIP_OVERHEAD: u64 = 16 * 1024 * 1024;

/// Reads a package from S3, of functions and layers alike, in the name of the caller.
///
/// # Errors
/// AWS's text for an object that cannot be had; without an endpoint for S3 the option that gives one.
pub async fn fetch(services: &Services, call: &Call, object: &Object) -> Result<Bytes, ApiError> {
    let signer = neighbours::signer(call);
    // A zip that is larger than what it may hold cannot be one that is accepted.
    let limit = services.limits.code_size_unzipped + ZIP_OVERHEAD;
    let read = services.upstream.object(object, &signer, limit).await;
    read.map_err(|error| not_had(&error, object, services.limits.code_size_unzipped))
}

/// AWS's words for an object that cannot be had.
///
/// Source: recorded in `test_lambda_code_location_s3_errors`; the other codes by the same pattern, and
/// the redirect and the denial as AWS's users report them.
fn not_had(error: &ObjectError, object: &Object, limit: u64) -> ApiError {
    let Object { bucket, key, .. } = object;
    match error {
        ObjectError::Refused { code, region: Some(region), .. } if code == "PermanentRedirect" => {
            ApiError::invalid_parameter(format!(
                "Error occurred while GetObject. S3 Error Code: {code}. S3 Error Message: The bucket is in this region: \
                 {region}. Please use this region to retry the request"
            ))
        }
        ObjectError::Refused { code, message, .. } if code == "AccessDenied" => {
            let message = format!(
                "Your access has been denied by S3, please make sure your request credentials have permission to \
                 GetObject for {bucket}/{key}. S3 Error Code: {code}. S3 Error Message: {message}"
            );
            ApiError::new(ErrorCode::AccessDenied, message)
        }
        ObjectError::Refused { code, message, .. } => ApiError::invalid_parameter(format!(
            "Error occurred while GetObject. S3 Error Code: {code}. S3 Error Message: {message}"
        )),
        ObjectError::TooLarge(_) => {
            ApiError::invalid_parameter(format!("Unzipped size must be smaller than {limit} bytes"))
        }
        ObjectError::Upstream(error @ UpstreamError::NotGiven(_)) => {
            ApiError::invalid_parameter(format!("Code in S3 ({bucket}/{key}) cannot be had. {error}"))
        }
        ObjectError::Upstream(_) | ObjectError::Broken(_) => {
            tracing::warn!(%error, "code in S3 cannot be had");
            ApiError::invalid_parameter(format!(
                "Error occurred while GetObject. S3 Error Code: ServiceUnavailable. S3 Error Message: {error}"
            ))
        }
    }
}

/// An image as code. Its digest is the one in the reference, else one made of it: no registry is asked.
fn image(uri: String) -> Code {
    let (name, digest) = match uri.split_once('@') {
        Some((name, digest)) => (name, digest.strip_prefix("sha256:").and_then(BlobId::from_hex)),
        None => (uri.as_str(), None),
    };
    // A colon behind the last slash begins the tag; one before it a port.
    let tag = name.rfind(':').filter(|at| name.rfind('/').is_none_or(|slash| slash < *at));
    let repository = &name[..tag.unwrap_or(name.len())];
    let digest = digest.unwrap_or_else(|| BlobId(Sha256::digest(uri.as_bytes()).into()));
    let resolved_uri = format!("{repository}@sha256:{}", digest.hex());

    Content::Image(Image { uri, resolved_uri, digest }).into()
}

/// The `Code` member of `GetFunction`.
pub fn shown(call: &Call, code: &Code) -> serde_json::Value {
    let mut shown = match code.content.image() {
        Some(image) => serde_json::json!({
            "RepositoryType": "ECR", "ImageUri": image.uri, "ResolvedImageUri": image.resolved_uri,
        }),
        None => serde_json::json!({ "RepositoryType": "S3", "Location": location(call, &code.content) }),
    };
    if let Some(key) = &code.source_kms_key_arn {
        shown["SourceKMSKeyArn"] = key.as_str().into();
    }
    shown
}

/// AWS's words for a package that is refused; the log has the exact place.
fn refusal(error: &PackageError) -> ApiError {
    tracing::info!(%error, "refused a code package");
    match error {
        PackageError::TooLarge { limit } => {
            ApiError::invalid_parameter(format!("Unzipped size must be smaller than {limit} bytes"))
        }
        PackageError::Empty => ApiError::invalid_parameter("Uploaded file must be a non-empty zip"),
        PackageError::Unreadable(_)
        | PackageError::Escapes(_)
        | PackageError::InTheWay(_)
        | PackageError::Io { .. } => ApiError::invalid_parameter(
            "Could not unzip uploaded file. Please check your file, then try to upload again.",
        ),
    }
}

/// URL of a function's package, on the host the caller used; of a folder that of its path, as it was given.
pub fn location(call: &Call, content: &Content) -> String {
    if let Some(folder) = content.folder() {
        return format!("file://{folder}");
    }
    let host = match call.header("host") {
        "" => "localhost",
        host => host,
    };
    format!("http://{host}{DOWNLOAD_PATH}{}", content.digest().hex())
}

/// Sends a package, verified.
pub async fn download(services: &Services, hex: &str) -> Answer {
    let missing = || ApiError::new(ErrorCode::ResourceNotFound, "No code has this digest.");
    let id = BlobId::from_hex(hex).ok_or_else(missing)?;
    let blobs = std::sync::Arc::clone(&services.blobs);
    let read = tokio::task::spawn_blocking(move || blobs.read(&id)).await.map_err(|error| fault(&error))?;
    let bytes = read.map_err(|error| match error {
        BlobError::Missing(_) => missing(),
        error => fault(&error),
    })?;
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = StatusCode::OK;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/zip"));

    Ok(response)
}
