//! Environment variables that scripts of the field still set, though nothing reads them any more.

/// Names, and what takes their place.
const DISCONTINUED: [(&str, &str); 45] = [
    ("LAMBDA_EXECUTOR", "use --executor (LARDER_EXECUTOR)"),
    ("LAMBDA_RUNTIME_EXECUTOR", "use --executor (LARDER_EXECUTOR)"),
    ("LAMBDA_STAY_OPEN_MODE", "environments always stay; LAMBDA_KEEPALIVE_MS says how long"),
    ("LAMBDA_REMOTE_DOCKER", "use --docker-host (DOCKER_HOST) with --link-address; code is copied by itself"),
    ("LAMBDA_CODE_EXTRACT_TIME", "functions are created in the background; LAMBDA_SYNCHRONOUS_CREATE=1 waits for it"),
    ("LAMBDA_CONTAINER_REGISTRY", "use LAMBDA_RUNTIME_IMAGE_MAPPING"),
    ("LAMBDA_FALLBACK_URL", "use --upstream (LARDER_UPSTREAM) for what Larder does not serve"),
    ("LAMBDA_FORWARD_URL", "use --upstream (LARDER_UPSTREAM) for what Larder does not serve"),
    ("LAMBDA_XRAY_INIT", "functions always find a daemon; --xray-daemon says where traces go"),
    ("LAMBDA_JAVA_OPTS", "set JAVA_TOOL_OPTIONS as a variable of the function"),
    ("LAMBDA_INIT_BIN_PATH", "use --init-bin (LARDER_INIT_BIN)"),
    ("LAMBDA_INIT_RELEASE_VERSION", "the init is a part of Larder"),
    ("PROVIDER_OVERRIDE_LAMBDA", "there is one provider"),
    ("LAMBDA_EVENTS_INTERNAL_SQS", "Larder needs no queue beside it"),
    ("LAMBDA_EVENT_SOURCE_MAPPING", "there is one implementation of event sources"),
    ("LAMBDA_SQS_EVENT_SOURCE_MAPPING_INTERVAL_SEC", "there is one implementation of event sources"),
    ("STEPFUNCTIONS_LAMBDA_ENDPOINT", "give Larder's address to what calls it"),
    ("SYNCHRONOUS_SNS_EVENTS", "events are asynchronous, as on AWS"),
    ("SYNCHRONOUS_SQS_EVENTS", "events are asynchronous, as on AWS"),
    ("SYNCHRONOUS_KINESIS_EVENTS", "events are asynchronous, as on AWS"),
    ("SYNCHRONOUS_DYNAMODB_EVENTS", "events are asynchronous, as on AWS"),
    ("SYNCHRONOUS_API_GATEWAY_EVENTS", "events are asynchronous, as on AWS"),
    ("DATA_DIR", "use --data-dir (LARDER_DATA_DIR)"),
    ("HOST_TMP_FOLDER", "containers need no folder of the host beside the data dir"),
    ("PERSISTENCE", "everything is kept, unless --ephemeral is given"),
    ("LEGACY_PERSISTENCE", "everything is kept, unless --ephemeral is given"),
    ("PERSISTENCE_SINGLE_FILE", "`larder pod save` writes one file"),
    ("PERSIST_ALL", "everything is kept, unless --ephemeral is given"),
    ("SNAPSHOT_SAVE_STRATEGY", "a change is on disk when it is answered"),
    ("SNAPSHOT_LOAD_STRATEGY", "everything is there when the server is"),
    ("SNAPSHOT_FLUSH_INTERVAL", "a change is on disk when it is answered; --durability says otherwise"),
    ("SERVICES", "all services are there at once"),
    ("STRICT_SERVICE_LOADING", "all services are there at once"),
    ("EAGER_SERVICE_LOADING", "all services are there at once"),
    ("DISABLE_CORS_CHECKS", "use --cors-origins '*' (LARDER_CORS_ORIGINS)"),
    ("DISABLE_CUSTOM_CORS_S3", "S3 is the upstream's"),
    ("DISABLE_EVENTS", "nothing is reported to anybody"),
    ("SKIP_SSL_CERT_DOWNLOAD", "nothing is downloaded; `larder ca` shows the authority"),
    ("USE_SSL", "TLS is on the same port as plain HTTP"),
    ("EDGE_PORT", "use --listen (LARDER_LISTEN, GATEWAY_LISTEN)"),
    ("EDGE_BIND_HOST", "use --listen (LARDER_LISTEN, GATEWAY_LISTEN)"),
    ("HOSTNAME_EXTERNAL", "use --hostname (LARDER_HOSTNAME, LOCALSTACK_HOST)"),
    ("LOCALSTACK_HOSTNAME", "use --hostname (LARDER_HOSTNAME, LOCALSTACK_HOST)"),
    ("LOCALSTACK_AUTH_TOKEN", "no key is needed"),
    ("LOCALSTACK_API_KEY", "no key is needed"),
];

/// Writes a warning into the log for each that is set: what takes its place.
pub fn warn_of_discontinued() {
    for (name, instead) in those(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty())) {
        tracing::warn!("{name} is set and has no effect: {instead}");
    }
}

fn those(is_set: impl Fn(&str) -> bool) -> impl Iterator<Item = (&'static str, &'static str)> {
    DISCONTINUED.into_iter().filter(move |(name, _)| is_set(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_that_is_set_has_one_successor() {
        let found: Vec<_> = those(|name| name == "LAMBDA_EXECUTOR").collect();
        assert_eq!(found, [("LAMBDA_EXECUTOR", "use --executor (LARDER_EXECUTOR)")]);
        let names: std::collections::HashSet<_> = DISCONTINUED.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), DISCONTINUED.len());
    }
}
