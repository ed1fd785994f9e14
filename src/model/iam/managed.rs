//! Policies that AWS manages: those that functions and their tools use are known with their documents.
//!
//! AWS has more than a thousand. A role may have any of them; one that is not here reads as a policy
//! that allows nothing.

/// A policy of AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Managed {
    /// With slashes at both ends.
    pub path: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub description: &'static str,
    /// The document of its default version.
    pub document: &'static str,
}

/// The document of a policy that is not known.
pub const UNKNOWN: &str = r#"{"Version":"2012-10-17","Statement":[]}"#;

macro_rules! allow {
    ($($action:literal),*) => {
        concat!(
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["#,
            allow!(@list $($action),*),
            r#"],"Resource":"*"}]}"#
        )
    };
    (@list $first:literal $(, $action:literal)*) => {
        concat!("\"", $first, "\"" $(, ",\"", $action, "\"")*)
    };
}

const SERVICE_ROLE: &str = "/service-role/";

/// Those that are known, by name.
///
/// Source: <https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html>.
pub static POLICIES: &[Managed] = &[
    Managed {
        path: "/",
        name: "AWSLambdaExecute",
        description: "Provides Put, Get access to S3 and full access to CloudWatch Logs.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["logs:*"],"Resource":"arn:aws:logs:*:*:*"},{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::*"}]}"#,
    },
    Managed {
        path: "/",
        name: "AWSXRayDaemonWriteAccess",
        description: "Allow the AWS X-Ray Daemon to relay raw trace segments data to the service's API and retrieve sampling data (rules, targets, etc.) to be used by the X-Ray SDK.",
        document: allow!(
            "xray:PutTraceSegments",
            "xray:PutTelemetryRecords",
            "xray:GetSamplingRules",
            "xray:GetSamplingTargets",
            "xray:GetSamplingStatisticSummaries"
        ),
    },
    Managed {
        path: "/",
        name: "AWSXrayWriteOnlyAccess",
        description: "AWS X-Ray write only managed policy",
        document: allow!(
            "xray:PutTraceSegments",
            "xray:PutTelemetryRecords",
            "xray:GetSamplingRules",
            "xray:GetSamplingTargets",
            "xray:GetSamplingStatisticSummaries"
        ),
    },
    Managed {
        path: "/",
        name: "AdministratorAccess",
        description: "Provides full access to AWS services and resources.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#,
    },
    Managed {
        path: "/",
        name: "AmazonDynamoDBFullAccess",
        description: "Provides full access to Amazon DynamoDB via the AWS Management Console.",
        document: allow!("dynamodb:*", "dax:*"),
    },
    Managed {
        path: "/",
        name: "AmazonS3FullAccess",
        description: "Provides full access to all buckets via the AWS Management Console.",
        document: allow!("s3:*", "s3-object-lambda:*"),
    },
    Managed {
        path: "/",
        name: "AmazonS3ReadOnlyAccess",
        description: "Provides read only access to all buckets via the AWS Management Console.",
        document: allow!("s3:Get*", "s3:List*", "s3:Describe*", "s3-object-lambda:Get*", "s3-object-lambda:List*"),
    },
    Managed {
        path: "/",
        name: "AmazonSQSFullAccess",
        description: "Provides full access to Amazon SQS via the AWS Management Console.",
        document: allow!("sqs:*"),
    },
    Managed {
        path: "/",
        name: "CloudWatchLambdaInsightsExecutionRolePolicy",
        description: "Policy required for the Lambda Insights Extension",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"logs:CreateLogGroup","Resource":"*"},{"Effect":"Allow","Action":["logs:CreateLogStream","logs:PutLogEvents"],"Resource":"arn:aws:logs:*:*:log-group:/aws/lambda-insights:*"}]}"#,
    },
    Managed {
        path: "/",
        name: "CloudWatchLogsFullAccess",
        description: "Provides full access to CloudWatch Logs",
        document: allow!("logs:*", "cloudwatch:GenerateQuery"),
    },
    Managed {
        path: "/",
        name: "PowerUserAccess",
        description: "Provides full access to AWS services and resources, but does not allow management of Users and groups.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","NotAction":["iam:*","organizations:*","account:*"],"Resource":"*"},{"Effect":"Allow","Action":["account:GetAccountInformation","account:GetPrimaryEmail","account:ListRegions","iam:CreateServiceLinkedRole","iam:DeleteServiceLinkedRole","iam:ListRoles","organizations:DescribeOrganization"],"Resource":"*"}]}"#,
    },
    Managed {
        path: SERVICE_ROLE,
        name: "AWSLambdaBasicExecutionRole",
        description: "Provides write permissions to CloudWatch Logs.",
        document: allow!("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"),
    },
    Managed {
        path: SERVICE_ROLE,
        name: "AWSLambdaDynamoDBExecutionRole",
        description: "Provides list and read access to DynamoDB streams and write permissions to CloudWatch logs.",
        document: allow!(
            "dynamodb:DescribeStream",
            "dynamodb:GetRecords",
            "dynamodb:GetShardIterator",
            "dynamodb:ListStreams",
            "logs:CreateLogGroup",
            "logs:CreateLogStream",
            "logs:PutLogEvents"
        ),
    },
    Managed {
        path: SERVICE_ROLE,
        name: "AWSLambdaENIManagementAccess",
        description: "Provides minimum permissions for a Lambda function to manage ENIs (create, describe, delete) used by a VPC-enabled Lambda Function.",
        document: allow!(
            "ec2:CreateNetworkInterface",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DeleteNetworkInterface",
            "ec2:AssignPrivateIpAddresses",
            "ec2:UnassignPrivateIpAddresses"
        ),
    },
    Managed {
        path: SERVICE_ROLE,
        name: "AWSLambdaKinesisExecutionRole",
        description: "Provides list and read access to Kinesis streams and write permissions to CloudWatch logs.",
        document: allow!(
            "kinesis:DescribeStream",
            "kinesis:DescribeStreamSummary",
            "kinesis:GetRecords",
            "kinesis:GetShardIterator",
            "kinesis:ListShards",
            "kinesis:ListStreams",
            "kinesis:SubscribeToShard",
            "logs:CreateLogGroup",
            "logs:CreateLogStream",
            "logs:PutLogEvents"
        ),
    },
    Managed {
        path: SERVICE_ROLE,
        name: "AWSLambdaMSKExecutionRole",
        description: "Provides permissions required to access MSK Cluster within a VPC, manage ENIs (create, describe, delete) in the VPC and write permissions to CloudWatch Logs.",
        document: allow!(
            "kafka:DescribeCluster",
            "kafka:DescribeClusterV2",
            "kafka:GetBootstrapBrokers",
            "ec2:CreateNetworkInterface",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeVpcs",
            "ec2:DeleteNetworkInterface",
            "ec2:DescribeSubnets",
            "ec2:DescribeSecurityGroups",
            "logs:CreateLogGroup",
            "logs:CreateLogStream",
            "logs:PutLogEvents"
        ),
    },
    Managed {
        path: SERVICE_ROLE,
        name: "AWSLambdaRole",
        description: "Default policy for AWS Lambda service role.",
        document: allow!("lambda:InvokeFunction"),
    },
    Managed {
        path: SERVICE_ROLE,
        name: "AWSLambdaSQSQueueExecutionRole",
        description: "Provides receive message, delete message, and read attribute access to SQS queues, and write permissions to CloudWatch logs.",
        document: allow!(
            "sqs:ReceiveMessage",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "logs:CreateLogGroup",
            "logs:CreateLogStream",
            "logs:PutLogEvents"
        ),
    },
    Managed {
        path: SERVICE_ROLE,
        name: "AWSLambdaVPCAccessExecutionRole",
        description: "Provides minimum permissions for a Lambda function to execute while accessing a resource within a VPC - create, describe, delete network interfaces and write permissions to CloudWatch Logs.",
        document: allow!(
            "logs:CreateLogGroup",
            "logs:CreateLogStream",
            "logs:PutLogEvents",
            "ec2:CreateNetworkInterface",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSubnets",
            "ec2:DeleteNetworkInterface",
            "ec2:AssignPrivateIpAddresses",
            "ec2:UnassignPrivateIpAddresses"
        ),
    },
];

impl Managed {
    /// Its ARN.
    pub fn arn(&self) -> String {
        format!("arn:aws:iam::aws:policy{}{}", self.path, self.name)
    }

    /// The one of this path and name.
    pub fn find(path: &str, name: &str) -> Option<&'static Self> {
        POLICIES.iter().find(|policy| policy.path == path && policy.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_sorted_for_listings() {
        let arns: Vec<_> = POLICIES.iter().map(Managed::arn).collect();
        assert!(arns.is_sorted(), "{arns:#?}");
    }
}
