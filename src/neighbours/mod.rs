//! Small services that users of Lambda need beside it: STS, IAM roles and policies, CloudWatch Logs.

pub mod logs;
