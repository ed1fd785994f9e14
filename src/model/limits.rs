//! Lambda's quotas, changeable under the field's own names (`LAMBDA_LIMITS_*`).

/// Bytes of a streamed response.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html>.
pub const STREAM_SIZE: u64 = 200 * 1024 * 1024;

/// Limits of an account, with AWS's defaults.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html> and recorded
/// answers; the odd request sizes are AWS's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Environments that may run at once (`LAMBDA_LIMITS_CONCURRENT_EXECUTIONS`).
    pub concurrent_executions: u32,
    /// Concurrent executions that reservations must leave (`LAMBDA_LIMITS_MINIMUM_UNRESERVED_CONCURRENCY`).
    pub minimum_unreserved_concurrency: u32,
    /// Bytes of all code of an account and region (`LAMBDA_LIMITS_TOTAL_CODE_SIZE`).
    pub total_code_size: u64,
    /// Bytes of a zip sent in a request (`LAMBDA_LIMITS_CODE_SIZE_ZIPPED`).
    pub code_size_zipped: u64,
    /// Bytes of code unpacked (`LAMBDA_LIMITS_CODE_SIZE_UNZIPPED`).
    pub code_size_unzipped: u64,
    /// Bytes of a `CreateFunction` body (`LAMBDA_LIMITS_CREATE_FUNCTION_REQUEST_SIZE`).
    pub create_function_request_size: u64,
    /// Bytes of the variables as compact JSON (`LAMBDA_LIMITS_MAX_FUNCTION_ENVVAR_SIZE_BYTES`).
    pub environment_size: u64,
    /// Bytes of a synchronous event or response (`LAMBDA_LIMITS_MAX_FUNCTION_PAYLOAD_SIZE_BYTES`).
    pub payload_size: u64,
    /// Whether runtimes that AWS has blocked are refused (`LAMBDA_RUNTIME_VALIDATION`).
    pub runtime_validation: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            concurrent_executions: 1000,
            minimum_unreserved_concurrency: 100,
            total_code_size: 80_530_636_800,
            code_size_zipped: 52_428_800,
            code_size_unzipped: 262_144_000,
            create_function_request_size: 70_167_211,
            environment_size: 4096,
            payload_size: 6_291_556,
            runtime_validation: true,
        }
    }
}
