//! What is asked of other services, here or through the upstream, before a command is decided: which VPC subnets are
//! in, whether an event source is there. Where no endpoint was given, nobody can be asked, and what the
//! caller says is taken.

use crate::model::arn::Arn;
use crate::model::error::ApiError;
use crate::model::event_sources::{Source, SourceKind};
use crate::model::functions::Vpc;
use crate::model::queues::QueueKey;
use crate::protocol::call::Call;
use crate::services::Services;
use crate::upstream::{ServiceError, Signer, UpstreamError};

/// The service that has queues, which are here unless it has an endpoint of its own.
const QUEUES: &str = "sqs";

/// What is said of a queue that is not there.
const NO_QUEUE: &str = "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. SQS \
                        Error Message: The specified queue does not exist.";

/// In whose name the upstream is asked.
pub fn signer(call: &Call) -> Signer {
    let origin = call.origin();
    Signer {
        access_key_id: if origin.access_key_id.is_empty() { "test".into() } else { origin.access_key_id },
        region: call.scope.region.to_string(),
        day: crate::services::today(),
    }
}

/// Notes the VPC of a function's subnets.
///
/// # Errors
/// A subnet or a security group that EC2 does not know (`test_invalid_vpc_config_subnet`).
pub async fn locate(services: &Services, call: &Call, vpc: &mut Vpc) -> Result<(), ApiError> {
    let upstream = &services.upstream;
    let signer = signer(call);
    if vpc.subnets.is_empty() {
        return Ok(());
    }
    vpc.id = known(upstream.vpc_of(&vpc.subnets, &signer).await, "DescribeSubnets")?;
    if !vpc.security_groups.is_empty() {
        known(upstream.find_security_groups(&vpc.security_groups, &signer).await, "DescribeSecurityGroups")?;
    }

    Ok(())
}

fn known<T: Default>(asked: Result<T, ServiceError>, action: &str) -> Result<T, ApiError> {
    let (code, message) = match asked {
        Ok(known) => return Ok(known),
        Err(ServiceError::Upstream(UpstreamError::NotGiven(_))) => return Ok(T::default()),
        Err(ServiceError::Upstream(error)) => ("ServiceUnavailable".to_owned(), error.to_string()),
        Err(ServiceError::Refused { code, message }) => (code, message),
    };
    Err(ApiError::invalid_parameter(format!(
        "Error occurred while {action}. EC2 Error Code: {code}. EC2 Error Message: {message}"
    )))
}

/// Whether a queue or stream is there. Brokers and clusters are not looked for.
///
/// # Errors
/// It is not; texts of `LocalStack`'s provider, which follow AWS's.
pub async fn find_source(services: &Services, call: &Call, source: &Source) -> Result<(), ApiError> {
    let Source::Arn { kind, arn: [arn] } = source else { return Ok(()) };
    let upstream = &services.upstream;
    let is_queue = matches!(kind, SourceKind::Sqs | SourceKind::SqsFifo);
    if is_queue && !upstream.has_own(QUEUES) {
        let is_there = QueueKey::of_arn(arn).is_some_and(|key| services.ledger.state().queue(&key).is_some());
        return if is_there { Ok(()) } else { Err(ApiError::invalid_parameter(NO_QUEUE)) };
    }
    let signer = signer(call);
    let resource = Arn::parse(arn).map_or("", |arn| arn.resource);
    let found = match kind {
        SourceKind::Sqs | SourceKind::SqsFifo => upstream.find_queue(resource, &signer).await,
        SourceKind::Kinesis => {
            // `stream/NAME`, of a consumer with more behind it.
            upstream.find_stream(resource.split('/').nth(1).unwrap_or_default(), &signer).await
        }
        SourceKind::DynamoDb => upstream.find_table_stream(arn, &signer).await,
        _ => return Ok(()),
    };

    match found {
        Ok(()) | Err(ServiceError::Upstream(UpstreamError::NotGiven(_))) => Ok(()),
        // Nothing is known of the source then.
        Err(ServiceError::Upstream(error)) => {
            Err(ApiError::invalid_parameter(format!("The event source {arn} could not be looked for: {error}")))
        }
        Err(error) => {
            tracing::info!(%error, source = arn, "the event source was not found");
            Err(ApiError::invalid_parameter(match kind {
                SourceKind::Sqs | SourceKind::SqsFifo => NO_QUEUE.to_owned(),
                _ => format!("Stream not found: {arn}"),
            }))
        }
    }
}
