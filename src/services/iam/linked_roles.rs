//! Roles that services make for themselves.

use serde::{Deserialize, Serialize};

use super::roles::{RoleShown, existing, named};
use super::{NAME, ROLE, ROLE_DESCRIPTION};
use crate::model::error::{ApiError, ErrorCode};
use crate::model::iam::command::{CreateRole, IamCommand};
use crate::model::iam::{LINKED_PATH, Tags};
use crate::protocol::answer::Answer;
use crate::protocol::call::Call;
use crate::protocol::operation::{Operation, operation};
use crate::protocol::shape::{Member, length, pattern};
use crate::services::Services;

/// The operations of this file.
pub const OPERATIONS: &[Operation<Services>] = &[
    operation!("CreateServiceLinkedRole" CREATE => create),
    operation!("DeleteServiceLinkedRole" &[ROLE] => delete),
    operation!("GetServiceLinkedRoleDeletionStatus" STATUS => status),
];

const CREATE: &[Member] = &[
    Member::body("AWSServiceName", NAME).required(),
    Member::body("Description", ROLE_DESCRIPTION),
    Member::body("CustomSuffix", pattern(1, 64, r"[\w+=,.@-]+")),
];
const STATUS: &[Member] = &[Member::body("DeletionTaskId", length(1, 1000)).required()];

/// A service whose role is known.
struct Known {
    /// The service, without `.amazonaws.com`.
    service: &'static str,
    /// What stands behind `AWSServiceRoleFor`.
    name: &'static str,
    /// The policy of AWS that is attached to the role.
    policy: &'static str,
    /// Whether there may be several, told by a suffix.
    takes_suffix: bool,
}

const fn known(service: &'static str, name: &'static str, policy: &'static str) -> Known {
    Known { service, name, policy, takes_suffix: false }
}

/// Roles whose names do not follow from the service's name, or whose policies are known.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_aws-services-that-work-with-iam.html> and
/// <https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html>.
const KNOWN: &[Known] = &[
    Known { takes_suffix: true, ..known("autoscaling", "AutoScaling", "AutoScalingServiceRolePolicy") },
    Known { takes_suffix: true, ..known("connect", "AmazonConnect", "AmazonConnectServiceLinkedRolePolicy") },
    Known { takes_suffix: true, ..known("lexv2", "LexV2Bots", "AmazonLexV2BotPolicy") },
    known(
        "dynamodb.application-autoscaling",
        "ApplicationAutoScaling_DynamoDBTable",
        "AWSApplicationAutoscalingDynamoDBTablePolicy",
    ),
    known("ecs", "ECS", "AmazonECSServiceRolePolicy"),
    known(
        "ecs.application-autoscaling",
        "ApplicationAutoScaling_ECSService",
        "AWSApplicationAutoscalingECSServicePolicy",
    ),
    known("elasticloadbalancing", "ElasticLoadBalancing", "AWSElasticLoadBalancingServiceRolePolicy"),
    known("es", "AmazonElasticsearchService", "AmazonElasticsearchServiceRolePolicy"),
    known("kafka", "Kafka", "KafkaServiceRolePolicy"),
    known("lambda", "Lambda", "AWSLambdaServiceRolePolicy"),
    known(
        "lambda.application-autoscaling",
        "ApplicationAutoScaling_LambdaConcurrency",
        "AWSApplicationAutoscalingLambdaConcurrencyPolicy",
    ),
    known("ops.apigateway", "APIGateway", "APIGatewayServiceRolePolicy"),
    known("rds", "RDS", "AmazonRDSServiceRolePolicy"),
    known("replicator.lambda", "LambdaReplicator", "AWSLambdaReplicator"),
    known("spot", "EC2Spot", "AWSEC2SpotServiceRolePolicy"),
];

fn find(service: &str) -> Option<&'static Known> {
    let short = service.strip_suffix(".amazonaws.com").unwrap_or(service);
    KNOWN.iter().find(|known| known.service == short)
}

#[derive(Debug, Deserialize)]
struct CreateRequest {
    #[serde(rename = "AWSServiceName")]
    service: String,
    #[serde(rename = "Description")]
    description: Option<String>,
    #[serde(rename = "CustomSuffix")]
    suffix: Option<String>,
}

/// The name of a service's role: known, or its own name with a capital.
fn role_name(service: &str, suffix: Option<&str>) -> String {
    let short = service.strip_suffix(".amazonaws.com").unwrap_or(service);
    let known = find(service).map(|known| known.name.to_owned());
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
    };
    let name = known.unwrap_or_else(|| short.split(['.', '-']).map(capital).collect());
    let suffix = suffix.map(|suffix| format!("_{suffix}")).unwrap_or_default();

    format!("AWSServiceRoleFor{name}{suffix}")
}

/// `CreateServiceLinkedRole`.
async fn create(services: &Services, mut call: Call) -> Answer {
    let CreateRequest { service, description, suffix } = call.parse()?;
    let known = find(&service);
    if suffix.is_some() && !known.is_some_and(|known| known.takes_suffix) {
        // As in `LocalStack`'s recordings of AWS.
        let message = format!("Custom suffix is not allowed for {service}");
        return Err(ApiError::new(ErrorCode::InvalidInput, message));
    }
    let role = named(&call, role_name(&service, suffix.as_deref()));
    let create = CreateRole {
        role: role.clone(),
        path: format!("{LINKED_PATH}{service}/"),
        trust_policy: format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Action":["sts:AssumeRole"],"Effect":"Allow","Principal":{{"Service":["{service}"]}}}}]}}"#
        ),
        description,
        max_session_duration_s: 3600,
        boundary: None,
        tags: Tags::new(),
        attached: known
            .map(|known| format!("arn:aws:iam::aws:policy{LINKED_PATH}{}", known.policy))
            .into_iter()
            .collect(),
    };
    let committed = services.commit(IamCommand::CreateRole(Box::new(create)), call.origin(), None).await;
    let committed = committed.map_err(|error| {
        if error.code == ErrorCode::EntityAlreadyExists { already_exists(&role.name) } else { error }
    })?;
    call.answer(&RoleShown::created(existing(&committed.state, call.account(), &role.name)?))
}

fn already_exists(name: &str) -> ApiError {
    let message = format!("Service role name {name} has been taken in this account, please try a different suffix.");
    ApiError::new(ErrorCode::InvalidInput, message)
}

/// `DeleteServiceLinkedRole`. It is done at once; the task is there to be asked about.
async fn delete(services: &Services, call: Call) -> Answer {
    #[derive(Debug, Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Result {
        deletion_task_id: String,
    }

    let role = named(&call, call.text_or_empty("RoleName").to_owned());
    let path = existing(&services.ledger.state(), call.account(), &role.name)?.path.clone();
    let deletion_task_id = format!("task{path}{}/{}", role.name, uuid::Uuid::new_v4());
    services.commit(IamCommand::DeleteLinkedRole(role), call.origin(), None).await?;

    call.answer(&Result { deletion_task_id })
}

/// `GetServiceLinkedRoleDeletionStatus`.
async fn status(_services: &Services, call: Call) -> Answer {
    #[derive(Debug, Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Result {
        status: &'static str,
    }
    call.answer(&Result { status: "SUCCEEDED" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_named_for_its_service() {
        assert_eq!(role_name("replicator.lambda.amazonaws.com", None), "AWSServiceRoleForLambdaReplicator");
        assert_eq!(role_name("some-thing.amazonaws.com", Some("x")), "AWSServiceRoleForSomeThing_x");
        assert_eq!(role_name("es.amazonaws.com", None), "AWSServiceRoleForAmazonElasticsearchService");
    }
}
