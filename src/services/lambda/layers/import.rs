//! Layers of other accounts that a function names: taken over from the layer library, where one is given.

use crate::model::error::ApiError;
use crate::model::layers::LayerArn;
use crate::model::layers::command::{LayerCommand, PublishLayerVersion};
use crate::protocol::call::Call;
use crate::services::Services;
use crate::services::lambda::code;

/// Takes over those of `arns` that are not in the store and that the library has. What is in neither is refused by
/// the decision, in AWS's words.
///
/// # Errors
/// The library cannot be read, or what it has is no layer.
pub async fn import(services: &Services, call: &Call, arns: &[String]) -> Result<(), ApiError> {
    let Some(library) = &services.layer_library else { return Ok(()) };
    for arn in arns {
        let LayerArn { key, number: Some(number) } = LayerArn::parse(&call.scope, arn) else { continue };
        let is_foreign = key.scope.account != call.scope.account && key.scope.region == call.scope.region;
        if !is_foreign || services.ledger.state().layer_version(&key, number).is_some() {
            continue;
        }
        let limit = services.limits.code_size_unzipped;
        let found = library.zip(&key, number, limit).await.map_err(|error| {
            ApiError::invalid_parameter(format!("Layer version {arn} cannot be had from the layer library: {error}"))
        })?;
        let Some(zip) = found else { continue };
        let package = code::accept_whole(services, zip).await?;
        let command = LayerCommand::ImportLayerVersion {
            number,
            layer: PublishLayerVersion {
                key,
                content: package.code.content,
                description: "Taken over from the layer library".to_owned(),
                license: None,
                runtimes: None,
                architectures: None,
            },
        };
        services.commit(command, call.origin(), package.attachment).await?;
    }

    Ok(())
}
