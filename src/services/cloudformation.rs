//! `CloudFormation` on its way to the upstream. Its engine there makes functions and roles inside itself, where nothing
//! here sees them: a deployment would succeed, and nothing be there. So a template that makes such is refused, unless
//! the user says otherwise.

mod location;
mod template;

use axum::body::Body;
use axum::http::request::Parts;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};

use crate::model::error::{ApiError, ErrorCode};
use crate::protocol::form::Form;
use crate::protocol::sigv4;
use crate::upstream::{Signer, Upstream};

/// The service, as signatures name it.
pub const SERVICE: &str = "cloudformation";

/// The XML namespace of its answers.
pub const NAMESPACE: &str = "http://cloudformation.amazonaws.com/doc/2010-05-15/";

/// Operations that make or change what a template says.
const MAKING: [&str; 5] = ["CreateChangeSet", "CreateStack", "CreateStackSet", "UpdateStack", "UpdateStackSet"];

/// Bytes of a form: a template of 51,200 bytes and 200 parameters of 4,096 bytes, each encoded as three.
///
/// Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>.
const MAX_FORM: usize = 3 * 1024 * 1024;

/// Bytes of a template in S3 (the same source).
const MAX_TEMPLATE: u64 = 1024 * 1024;

/// How the refusal is got around.
const WAY_OUT: &str = "To pass templates on all the same, start Larder with --pass-cloudformation \
    (LARDER_PASS_CLOUDFORMATION=1).";

/// Reads a request; returns its body if it may go on.
///
/// # Errors
/// Its template makes functions or roles, or cannot be looked into.
pub async fn look_into(upstream: &Upstream, parts: &Parts, body: Body) -> Result<Bytes, ApiError> {
    let body = Limited::new(body, MAX_FORM).collect().await.map(http_body_util::Collected::to_bytes);
    let body = body.map_err(|error| refused(&format!("The request could not be read: {error}.")))?;
    let form = Form::of(parts, &body);
    if !MAKING.contains(&form.get("Action").unwrap_or_default()) {
        return Ok(body);
    }
    let template = match (form.get("TemplateBody"), form.get("TemplateURL")) {
        (Some(template), _) => template.to_owned(),
        (None, Some(url)) => fetched(upstream, parts, url).await?,
        // The template that is there already has been looked into.
        (None, None) => return Ok(body),
    };
    check(&template)?;

    Ok(body)
}

fn check(template: &str) -> Result<(), ApiError> {
    let types = template::types(template).map_err(|reason| unseen(&format!("it could not be read: {reason}")))?;
    if let Some(kind) = types.iter().find(|kind| is_ours(kind)) {
        return Err(refused(&format!(
            "The template makes {kind}. The endpoint behind --upstream would make it inside itself, where Larder's \
             functions and roles are not, and nothing would be deployed here. Make functions and roles through \
             Lambda's and IAM's own API (Terraform, AWS CLI, an SDK)."
        )));
    }

    if types.iter().any(|kind| kind == "AWS::CloudFormation::Stack") {
        return Err(unseen("it has nested stacks"));
    }
    Ok(())
}

/// Whether a type, or a transform, makes what is Larder's.
fn is_ours(kind: &str) -> bool {
    ["AWS::Lambda::", "AWS::Serverless", "AWS::IAM::"].iter().any(|ours| kind.starts_with(ours))
}

/// The template behind a URL, out of the upstream's S3.
async fn fetched(upstream: &Upstream, parts: &Parts, url: &str) -> Result<String, ApiError> {
    let object = location::object(url).ok_or_else(|| unseen("its URL is none of S3"))?;
    let read = upstream.object(&object, &signer(parts), MAX_TEMPLATE).await;
    let bytes = read.map_err(|error| unseen(&format!("it could not be had from S3: {error}")))?;
    String::from_utf8(bytes.into()).map_err(|_| unseen("it is no text"))
}

fn signer(parts: &Parts) -> Signer {
    let caller = sigv4::caller(&parts.headers);
    Signer {
        access_key_id: if caller.access_key_id.is_empty() { "test".into() } else { caller.access_key_id },
        region: caller.scope.region.to_string(),
        day: crate::services::today(),
    }
}

fn unseen(reason: &str) -> ApiError {
    refused(&format!("Larder cannot look into the template for functions and roles: {reason}."))
}

fn refused(reason: &str) -> ApiError {
    ApiError::new(ErrorCode::ValidationError, format!("{reason} {WAY_OUT}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_functions_or_roles_is_refused() {
        let one = |kind: &str| format!("Resources:\n  One:\n    Type: {kind}\n");
        for kind in ["AWS::Lambda::Function", "AWS::Serverless::Api", "AWS::IAM::Role"] {
            let error = check(&one(kind)).expect_err(kind);
            assert_eq!(error.code, ErrorCode::ValidationError);
            let message = error.message.expect("a message");
            assert!(message.contains(kind) && message.contains("--pass-cloudformation"), "{message}");
        }

        let nested = check(&one("AWS::CloudFormation::Stack")).expect_err("cannot be looked into");
        assert!(nested.message.expect("a message").contains("nested stacks"));
        for kind in ["AWS::S3::Bucket", "AWS::SQS::Queue", "Custom::Lambda"] {
            assert_eq!(check(&one(kind)), Ok(()), "{kind}");
        }
        assert!(check("a: [").is_err());
    }
}
