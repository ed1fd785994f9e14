//! API errors as data: code, message, status, type. `protocol` alone writes bodies.

use std::fmt;

/// Declares [`ErrorCode`] and its one table.
macro_rules! error_codes {
    ($($(#[$doc:meta])* $variant:ident: $name:literal, $status:literal, $message:ident, $fault:expr;)*) => {
        /// An error code of Lambda's API, or of a neighbour's; status and body shape follow from it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum ErrorCode {
            $($(#[$doc])* $variant,)*
        }

        impl ErrorCode {
            /// The code on the wire (`x-amzn-ErrorType`).
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The HTTP status.
            pub fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }

            /// How the body spells the message's member.
            pub fn message_member(self) -> &'static str {
                match self { $(Self::$variant => stringify!($message),)* }
            }

            /// The `Type` member, where AWS's model gives the error one.
            pub fn fault(self) -> Option<Fault> {
                match self { $(Self::$variant => $fault,)* }
            }
        }
    };
}

/// Whose fault an error is, the `Type` of its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The caller's.
    User,
    /// The service's.
    Service,
}

impl Fault {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Service => "Service",
        }
    }
}

// Codes, statuses and member spellings are those of the service model (botocore 1.44.5) and of
// recorded answers.
error_codes! {
    /// The caller may not see the resource (another account's, for example).
    AccessDenied: "AccessDeniedException", 403, Message, None;
    /// A signature is not what the caller's secret gives, or of another time.
    InvalidSignature: "InvalidSignatureException", 403, Message, None;
    /// A signature cannot be read.
    IncompleteSignature: "IncompleteSignatureException", 403, Message, None;
    /// Temporary credentials had their time.
    ExpiredToken: "ExpiredTokenException", 403, message, None;
    /// A request without a signature.
    MissingAuthenticationToken: "MissingAuthenticationTokenException", 403, message, None;
    /// An access key that nobody has.
    UnrecognizedClient: "UnrecognizedClientException", 403, Message, None;
    /// A function is to have a code-signing configuration that is not there.
    CodeSigningConfigNotFound: "CodeSigningConfigNotFoundException", 404, Message, Some(Fault::User);
    /// Code of nobody trusted, where the code-signing configuration is enforced.
    CodeVerificationFailed: "CodeVerificationFailedException", 400, Message, Some(Fault::User);
    /// The account has as many capacity providers as it may have.
    CapacityProviderLimitExceeded: "CapacityProviderLimitExceededException", 400, message, Some(Fault::User);
    /// The account's total code size is used up.
    CodeStorageExceeded: "CodeStorageExceededException", 400, message, Some(Fault::User);
    /// A capacity provider has as many function versions as it may have.
    FunctionVersionsPerCapacityProviderLimitExceeded: "FunctionVersionsPerCapacityProviderLimitExceededException", 400, message, Some(Fault::User);
    /// A value breaks a rule of CloudWatch Logs.
    InvalidParameter: "InvalidParameterException", 400, message, None;
    /// A value breaks a rule beyond the model's constraints.
    InvalidParameterValue: "InvalidParameterValueException", 400, message, Some(Fault::User);
    /// The body is not JSON.
    InvalidRequestContent: "InvalidRequestContentException", 400, message, Some(Fault::User);
    /// The function's runtime cannot be had.
    InvalidRuntime: "InvalidRuntimeException", 502, Message, Some(Fault::User);
    /// The function's code cannot be unpacked.
    InvalidZipFile: "InvalidZipFileException", 502, Message, Some(Fault::User);
    /// The path is known, the method is not.
    MethodNotAllowed: "MethodNotAllowedException", 405, message, None;
    /// A resource-based policy beyond its size.
    PolicyLengthExceeded: "PolicyLengthExceededException", 400, message, Some(Fault::User);
    /// A given `RevisionId` is not the current one.
    PreconditionFailed: "PreconditionFailedException", 412, message, Some(Fault::User);
    /// The version or alias has no provisioned concurrency.
    ProvisionedConcurrencyConfigNotFound:
        "ProvisionedConcurrencyConfigNotFoundException", 404, message, Some(Fault::User);
    /// A resource-based policy that lets everybody in.
    PublicPolicy: "PublicPolicyException", 400, Message, Some(Fault::User);
    /// A function called itself without end.
    RecursiveInvocation: "RecursiveInvocationException", 400, Message, Some(Fault::User);
    /// A body beyond what the operation takes.
    RequestEntityTooLarge: "RequestEntityTooLargeException", 413, message, None;
    /// An event beyond the payload limit.
    RequestTooLarge: "RequestTooLargeException", 413, message, Some(Fault::User);
    /// The log group or stream is there already.
    ResourceAlreadyExists: "ResourceAlreadyExistsException", 400, message, None;
    /// The resource is in a state, or there already, that forbids the operation.
    ResourceConflict: "ResourceConflictException", 409, message, Some(Fault::User);
    /// The resource is changing; nothing else can be done with it meanwhile.
    ResourceInUse: "ResourceInUseException", 400, Message, Some(Fault::User);
    /// No such resource.
    ResourceNotFound: "ResourceNotFoundException", 404, Message, Some(Fault::User);
    /// A member of the body has another JSON type than the model.
    Serialization: "SerializationException", 400, Message, None;
    /// A fault of Larder or of what it runs on.
    Service: "ServiceException", 500, Message, Some(Fault::Service);
    /// The server is shutting down.
    ServiceUnavailable: "ServiceUnavailableException", 503, Message, None;
    /// Too many invocations at once.
    TooManyRequests: "TooManyRequestsException", 429, message, Some(Fault::User);
    /// A log group would have more tags than it may have.
    TooManyTags: "TooManyTagsException", 400, message, None;
    /// No operation has this path.
    UnknownOperation: "UnknownOperationException", 404, Message, None;
    /// The event is not sent as JSON.
    UnsupportedMediaType: "UnsupportedMediaTypeException", 415, message, Some(Fault::User);
    /// A value breaks a constraint of the model.
    Validation: "ValidationException", 400, message, None;

    // Of IAM and STS, and of what is passed through.

    /// Something is still attached to what is to be deleted.
    DeleteConflict: "DeleteConflict", 409, message, Some(Fault::User);
    /// There is one of this name already.
    EntityAlreadyExists: "EntityAlreadyExists", 409, message, Some(Fault::User);
    /// No operation has this name.
    InvalidAction: "InvalidAction", 400, message, Some(Fault::User);
    /// A web identity token is no token.
    InvalidIdentityToken: "InvalidIdentityToken", 400, message, Some(Fault::User);
    /// A value breaks a rule of IAM.
    InvalidInput: "InvalidInput", 400, message, Some(Fault::User);
    /// A token of a page that no listing gave out.
    InvalidNextToken: "InvalidNextToken", 400, message, Some(Fault::User);
    /// Parameters that do not go together.
    InvalidParameterCombination: "InvalidParameterCombination", 400, message, Some(Fault::User);
    /// A value breaks a rule of STS.
    InvalidQueryValue: "InvalidParameterValue", 400, message, Some(Fault::User);
    /// A quota is used up.
    LimitExceeded: "LimitExceeded", 409, message, Some(Fault::User);
    /// A policy is no policy.
    MalformedPolicyDocument: "MalformedPolicyDocument", 400, message, Some(Fault::User);
    /// No such role, policy or profile.
    NoSuchEntity: "NoSuchEntity", 404, message, Some(Fault::User);
    /// Larder does not serve this service, and no endpoint that does was given.
    NotServed: "NotImplemented", 501, message, Some(Fault::Service);
    /// An access key that nobody has.
    InvalidClientTokenId: "InvalidClientTokenId", 403, message, Some(Fault::User);
    /// Temporary credentials had their time.
    QueryExpiredToken: "ExpiredToken", 403, message, Some(Fault::User);
    /// A signature cannot be read.
    QueryIncompleteSignature: "IncompleteSignature", 400, message, Some(Fault::User);
    /// A request without a signature.
    QueryMissingToken: "MissingAuthenticationToken", 403, message, Some(Fault::User);
    /// A signature is not what the caller's secret gives, or of another time.
    SignatureDoesNotMatch: "SignatureDoesNotMatch", 403, message, Some(Fault::User);
    /// What is AWS's own is nobody's to change.
    QueryAccessDenied: "AccessDenied", 403, message, Some(Fault::User);
    /// The upstream endpoint of a service does not answer. The status is none of those that AWS's SDKs try again
    /// (500, 502, 503, 504), nor is the code: only the user can mend it.
    UpstreamUnavailable: "UpstreamUnavailable", 424, message, Some(Fault::User);
    /// What a service made for itself is not changed by a user.
    UnmodifiableEntity: "UnmodifiableEntity", 400, message, Some(Fault::User);
    /// A value breaks a constraint of the model, in the query protocol.
    ValidationError: "ValidationError", 400, message, Some(Fault::User);

    // Of SQS: the codes of its query protocol. In JSON some have other names (`protocol::compatible`).

    /// Two entries of a batch have the same id.
    BatchEntryIdsNotDistinct: "AWS.SimpleQueueService.BatchEntryIdsNotDistinct", 400, message, Some(Fault::User);
    /// The messages of a batch are too large together.
    BatchRequestTooLong: "AWS.SimpleQueueService.BatchRequestTooLong", 400, message, Some(Fault::User);
    /// A batch has no entries.
    EmptyBatchRequest: "AWS.SimpleQueueService.EmptyBatchRequest", 400, message, Some(Fault::User);
    /// A queue has no such attribute, or it cannot be set.
    InvalidAttributeName: "InvalidAttributeName", 400, message, Some(Fault::User);
    /// An attribute of a queue cannot have this value.
    InvalidAttributeValue: "InvalidAttributeValue", 400, message, Some(Fault::User);
    /// The id of an entry of a batch has other characters than such ids have.
    InvalidBatchEntryId: "AWS.SimpleQueueService.InvalidBatchEntryId", 400, message, Some(Fault::User);
    /// A message has characters that no message may have.
    InvalidMessageContents: "InvalidMessageContents", 400, message, Some(Fault::User);
    /// A parameter that must be there is not.
    MissingParameter: "MissingParameter", 400, message, Some(Fault::User);
    /// More actions than a permission may have.
    OverLimit: "OverLimit", 403, message, Some(Fault::User);
    /// A queue was purged less than a minute ago.
    PurgeQueueInProgress: "AWS.SimpleQueueService.PurgeQueueInProgress", 403, message, Some(Fault::User);
    /// A queue of this name was deleted less than a minute ago.
    QueueDeletedRecently: "AWS.SimpleQueueService.QueueDeletedRecently", 400, message, Some(Fault::User);
    /// No such queue.
    QueueDoesNotExist: "AWS.SimpleQueueService.NonExistentQueue", 400, message, Some(Fault::User);
    /// There is a queue of this name with other attributes.
    QueueNameExists: "QueueAlreadyExists", 400, message, Some(Fault::User);
    /// A receipt handle that no receive gave out.
    ReceiptHandleIsInvalid: "ReceiptHandleIsInvalid", 404, message, Some(Fault::User);
    /// A batch has too many entries.
    TooManyEntriesInBatchRequest: "AWS.SimpleQueueService.TooManyEntriesInBatchRequest", 400, message, Some(Fault::User);
    /// SQS has no such thing.
    UnsupportedOperation: "AWS.SimpleQueueService.UnsupportedOperation", 400, message, Some(Fault::User);
}

/// An error an operation answers with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// The code; status and shape follow from it.
    pub code: ErrorCode,
    /// The text; `None` is AWS's `null`.
    pub message: Option<String>,
    /// The `Type` member.
    pub fault: Option<Fault>,
    /// The `Reason` member, of throttles.
    pub reason: Option<&'static str>,
}

impl ApiError {
    /// An error with its message and the code's own `Type`.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: Some(message.into()), fault: code.fault(), reason: None }
    }

    /// An error whose message is `null`.
    pub fn silent(code: ErrorCode) -> Self {
        Self { code, message: None, fault: code.fault(), reason: None }
    }

    /// The same without the `Type` member: some of AWS's answers lack it.
    pub fn without_type(self) -> Self {
        Self { fault: None, ..self }
    }

    /// The same with a `Reason` member.
    pub fn with_reason(self, reason: &'static str) -> Self {
        Self { reason: Some(reason), ..self }
    }

    /// `ResourceNotFoundException` for a function, by its (qualified) ARN.
    pub fn function_not_found(arn: &str) -> Self {
        Self::new(ErrorCode::ResourceNotFound, format!("Function not found: {arn}"))
    }

    /// `ResourceNotFoundException` that names nothing. Recorded in `test_remove_multi_permissions`, for layer versions in
    /// `test_layer_exceptions`, for function URLs in `test_url_config_lifecycle`.
    pub fn no_such_resource() -> Self {
        Self::new(ErrorCode::ResourceNotFound, "The resource you requested does not exist.")
    }

    /// `InvalidParameterValueException`.
    pub fn invalid_parameter(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidParameterValue, message)
    }

    /// `ResourceConflictException`.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::ResourceConflict, message)
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.name(), self.message.as_deref().unwrap_or("(no message)"))
    }
}

impl std::error::Error for ApiError {}
