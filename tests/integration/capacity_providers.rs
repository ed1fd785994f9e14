//! Capacity providers and functions of managed instances, through the SDK and by hand.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::types::{
    Architecture, CapacityProviderPermissionsConfig, CapacityProviderScalingMode, CapacityProviderState,
    CapacityProviderVpcConfig,
};
use serde_json::{Value, json};

use crate::support::functions::{ROLE, create_some};
use crate::support::http::{Answer, Request, get};
use crate::support::{Options, Server, eventually};

const PROVIDERS: &str = "/2025-11-30/capacity-providers";
const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:capacity-provider";

fn provider(name: &str) -> Value {
    json!({
        "CapacityProviderName": name,
        "VpcConfig": { "SubnetIds": ["subnet-1"], "SecurityGroupIds": [] },
        "PermissionsConfig": { "CapacityProviderOperatorRoleArn": ROLE },
    })
}

/// A body with one more member.
fn with(mut body: Value, member: &str, value: Value) -> Value {
    body[member] = value;
    body
}

fn managed(name: &str, provider: &str) -> Value {
    json!({
        "FunctionName": name, "Role": ROLE, "Runtime": "provided.al2023", "Handler": "h",
        "Code": { "ZipFile": base64::Engine::encode(
            &base64::engine::general_purpose::STANDARD,
            crate::support::functions::some(name),
        ) },
        "CapacityProviderConfig": { "LambdaManagedInstancesCapacityProviderConfig": {
            "CapacityProviderArn": format!("{ARN}:{provider}"),
        } },
    })
}

fn post(server: &Server, path: &str, body: &Value) -> Answer {
    Request::json("POST", path, body).send(server.port())
}

/// Status, code and message of a refusal.
fn refusal(answer: &Answer) -> (u16, String, String) {
    (answer.status, answer.error().to_owned(), answer.message())
}

async fn active(client: &Client, name: &str) {
    eventually("the capacity provider is active", || async {
        let found = client.get_capacity_provider().capacity_provider_name(name).send().await.expect("is there");
        let state = found.capacity_provider().map(|provider| provider.state().clone());
        (state == Some(CapacityProviderState::Active)).then_some(())
    })
    .await;
}

async fn settled(server: &Server, path: &str) -> Value {
    eventually("the version is settled", || async {
        let shown = get(server.port(), path).json();
        (shown["State"] != "Pending" && shown["LastUpdateStatus"] == "Successful").then_some(shown)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_is_made_changed_and_deleted_and_survives_a_crash() {
    let mut server = Server::start(Options::any());
    let client = server.client();
    let vpc = CapacityProviderVpcConfig::builder().subnet_ids("subnet-1").set_security_group_ids(Some(Vec::new()));
    let role = CapacityProviderPermissionsConfig::builder().capacity_provider_operator_role_arn(ROLE);
    let created = client
        .create_capacity_provider()
        .capacity_provider_name("p")
        .vpc_config(vpc.build().expect("complete"))
        .permissions_config(role.build().expect("complete"))
        .tags("k", "v")
        .send()
        .await
        .expect("created");
    let shown = created.capacity_provider().expect("shown");
    assert_eq!(shown.capacity_provider_arn(), format!("{ARN}:p"));
    assert_eq!(shown.state(), &CapacityProviderState::Pending);
    let architectures = shown.instance_requirements().expect("defaults").architectures();
    assert_eq!(architectures, [Architecture::X8664]);
    let scaling = shown.capacity_provider_scaling_config().expect("defaults");
    assert_eq!(
        (scaling.max_v_cpu_count(), scaling.scaling_mode()),
        (Some(400), Some(&CapacityProviderScalingMode::Auto))
    );
    active(&client, "p").await;

    // By its ARN; what is not named stays.
    let arn = format!("{ARN}:p").replace(':', "%3A");
    let policies =
        json!([{ "PredefinedMetricType": "LambdaCapacityProviderAverageCPUUtilization", "TargetValue": 50 }]);
    let manual = json!({ "CapacityProviderScalingConfig": { "ScalingMode": "Manual", "ScalingPolicies": policies } });
    let updated = Request::json("PUT", &format!("{PROVIDERS}/{arn}"), &manual).send(server.port());
    assert_eq!(updated.status, 202);
    let scaling = &updated.json()["CapacityProvider"]["CapacityProviderScalingConfig"];
    assert_eq!(scaling["MaxVCpuCount"], 400);
    assert_eq!(scaling["ScalingPolicies"][0]["TargetValue"], 50.0);

    server.kill();
    server.restart();
    let after = get(server.port(), &format!("{PROVIDERS}/p"));
    assert_eq!(after.json(), updated.json(), "as it was");
    assert_eq!(after.status, 200);

    let deleted = Request::new("DELETE", &format!("{PROVIDERS}/p")).send(server.port());
    assert_eq!((deleted.status, deleted.json()["CapacityProvider"]["State"].as_str()), (202, Some("Deleting")));
    let gone = eventually("the capacity provider is gone", || async {
        Some(get(server.port(), &format!("{PROVIDERS}/p"))).filter(|answer| answer.status != 200)
    })
    .await;
    let text = format!("Capacity provider not found: {ARN}:p");
    assert_eq!(refusal(&gone), (404, "ResourceNotFoundException".into(), text));
}

#[tokio::test]
async fn those_of_other_regions_and_accounts_cannot_be_touched() {
    let server = Server::start(Options::any());
    for (access_key, region) in [("test", "eu-west-1"), ("222222222222", "us-east-1")] {
        let client = server.client_of(access_key, region);
        let vpc = CapacityProviderVpcConfig::builder().subnet_ids("subnet-1").set_security_group_ids(Some(vec![]));
        let role = CapacityProviderPermissionsConfig::builder().capacity_provider_operator_role_arn(ROLE);
        let create = client.create_capacity_provider().capacity_provider_name("p");
        let create = create.vpc_config(vpc.build().expect("is whole"));
        create.permissions_config(role.build().expect("is whole")).send().await.expect("is created");
        active(&client, "p").await;
        let account = if access_key == "test" { "000000000000" } else { access_key };
        let arn = format!("arn:aws:lambda:{region}:{account}:capacity-provider:p");
        for (method, path) in [("GET", ""), ("DELETE", ""), ("GET", "/function-versions"), ("PUT", "")] {
            let request = Request::json(method, &format!("{PROVIDERS}/{arn}{path}"), &json!({}));
            let answer = request.send(server.port());
            assert_eq!((answer.status, answer.error()), (404, "ResourceNotFoundException"), "{method} {path} {arn}");
        }
        let mut function = managed("f", "p");
        function["CapacityProviderConfig"]["LambdaManagedInstancesCapacityProviderConfig"]["CapacityProviderArn"] =
            json!(arn);
        let answer = post(&server, "/2015-03-31/functions", &function);
        assert_eq!((answer.status, answer.error()), (404, "ResourceNotFoundException"), "{arn}");
        active(&client, "p").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_a_rule_is_refused() {
    let server = Server::start(Options::any());
    let client = server.client();
    assert_eq!(post(&server, PROVIDERS, &provider("p")).status, 202);
    let cases = [
        (json!({ "CapacityProviderName": "q" }), 400, "ValidationException", "2 validation errors detected: "),
        (with(provider("a b"), "Tags", json!({})), 400, "ValidationException", "1 validation error detected: "),
        (provider("p"), 409, "ResourceConflictException", "Capacity provider already exists: p"),
        (
            with(
                provider("q"),
                "CapacityProviderScalingConfig",
                json!({ "ScalingPolicies": [
                { "PredefinedMetricType": "LambdaCapacityProviderAverageCPUUtilization", "TargetValue": 50 }
            ] }),
            ),
            400,
            "InvalidParameterValueException",
            "A scaling policy can't be specified when the scalingMode is set to Auto",
        ),
        (
            with(provider("q"), "CapacityProviderScalingConfig", json!({ "MaxVCpuCount": 1 })),
            400,
            "ValidationException",
            "1 validation error detected: Value '1' at 'capacityProviderScalingConfig.maxVCpuCount'",
        ),
        (
            with(
                provider("q"),
                "InstanceRequirements",
                json!({
                    "AllowedInstanceTypes": ["m5.large"], "ExcludedInstanceTypes": ["c5.large"]
                }),
            ),
            400,
            "InvalidParameterValueException",
            "AllowedInstanceTypes and ExcludedInstanceTypes can't be specified together.",
        ),
    ];
    for (body, status, code, text) in cases {
        let answer = post(&server, PROVIDERS, &body);
        let (found, error, message) = refusal(&answer);
        assert_eq!((found, error.as_str()), (status, code), "{body}: {message}");
        assert!(message.starts_with(text), "{body}: {message}");
    }

    active(&client, "p").await;
    let names = |answer: &Answer| {
        let listed = answer.json()["CapacityProviders"].as_array().cloned().unwrap_or_default();
        listed.into_iter().map(|provider| provider["CapacityProviderArn"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(post(&server, PROVIDERS, &provider("o")).status, 202);
    active(&client, "o").await;
    let first = get(server.port(), &format!("{PROVIDERS}?MaxItems=1&State=Active"));
    let marker = first.json()["NextMarker"].as_str().expect("there is more").to_owned();
    let second = get(server.port(), &format!("{PROVIDERS}?MaxItems=1&State=Active&Marker={marker}"));
    assert_eq!((names(&first), names(&second)), (vec![format!("{ARN}:o").into()], vec![format!("{ARN}:p").into()]));
    assert_eq!(second.json().get("NextMarker"), None);
    assert!(names(&get(server.port(), &format!("{PROVIDERS}?State=Deleting"))).is_empty());
    assert_eq!(get(server.port(), &format!("{PROVIDERS}?MaxItems=51")).error(), "ValidationException");
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_of_managed_instances_keep_their_provider() {
    let server = Server::start(Options::any());
    let client = server.client();
    let functions = "/2015-03-31/functions";
    let missing = post(&server, functions, &managed("f", "p"));
    assert_eq!((missing.status, missing.error()), (404, "ResourceNotFoundException"));
    post(&server, PROVIDERS, &provider("p"));
    active(&client, "p").await;

    let created = post(&server, functions, &managed("f", "p"));
    assert_eq!(created.status, 201, "{}", created.message());
    let shown = created.json();
    assert_eq!((&shown["MemorySize"], &shown["LoggingConfig"]["LogFormat"]), (&json!(2048), &json!("JSON")));
    assert_eq!(shown.get("SnapStart"), None);
    let config = &shown["CapacityProviderConfig"]["LambdaManagedInstancesCapacityProviderConfig"];
    let expected = json!({
        "CapacityProviderArn": format!("{ARN}:p"), "PerExecutionEnvironmentMaxConcurrency": 16,
        "ExecutionEnvironmentMemoryGiBPerVCpu": 2.0,
    });
    assert_eq!(config, &expected);
    let latest = settled(&server, &format!("{functions}/f/configuration")).await;
    assert_eq!(latest["State"], "ActiveNonInvocable");
    let refused = post(&server, &format!("{functions}/f/invocations"), &json!({}));
    assert_eq!((refused.status, refused.error()), (409, "ResourceConflictException"));

    // A number, then `$LATEST.PUBLISHED`, each with a state of its own.
    let versions = format!("{functions}/f/versions");
    assert_eq!(post(&server, &versions, &json!({})).json()["Version"], "1");
    let published = post(&server, &versions, &json!({ "PublishTo": "LATEST_PUBLISHED" })).json();
    assert_eq!((&published["Version"], &published["State"]), (&json!("$LATEST.PUBLISHED"), &json!("Pending")));
    let path = format!("{functions}/f/configuration?Qualifier=%24LATEST.PUBLISHED");
    assert_eq!(settled(&server, &path).await["State"], "Active");
    settled(&server, &format!("{functions}/f/configuration?Qualifier=1")).await;

    let page = |query: &str| get(server.port(), &format!("{PROVIDERS}/p/function-versions{query}")).json();
    let function = "arn:aws:lambda:us-east-1:000000000000:function:f";
    let first = page("?MaxItems=2");
    assert_eq!(first["CapacityProviderArn"], format!("{ARN}:p"));
    let expected = json!([
        { "FunctionArn": format!("{function}:$LATEST"), "State": "ActiveNonInvocable" },
        { "FunctionArn": format!("{function}:$LATEST.PUBLISHED"), "State": "Active" },
    ]);
    assert_eq!(first["FunctionVersions"], expected);
    let rest = page(&format!("?MaxItems=2&Marker={}", first["NextMarker"].as_str().expect("there is more")));
    assert_eq!(rest["FunctionVersions"], json!([{ "FunctionArn": format!("{function}:1"), "State": "Active" }]));

    let used = Request::new("DELETE", &format!("{PROVIDERS}/p")).send(server.port());
    assert_eq!((used.status, used.error()), (409, "ResourceConflictException"));
    client.delete_function().function_name("f").send().await.expect("deleted");
    assert_eq!(page("")["FunctionVersions"], json!([]));
    assert_eq!(Request::new("DELETE", &format!("{PROVIDERS}/p")).send(server.port()).status, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_keeps_the_mode_it_was_made_in() {
    let server = Server::start(Options::any());
    let client = server.client();
    post(&server, PROVIDERS, &provider("p"));
    active(&client, "p").await;
    create_some(&client, "plain").await;
    let creations = [
        ("MemorySize", json!(1024), "ValidationException", "Lambda Managed Instance functions must have memory size"),
        ("VpcConfig", json!({ "SubnetIds": ["subnet-1"] }), "InvalidParameterValueException", "You can't use Lambda"),
        (
            "LoggingConfig",
            json!({ "LogFormat": "Text" }),
            "InvalidParameterValueException",
            "LogLevel is not supported",
        ),
        ("Runtime", json!("python3.9"), "InvalidParameterValueException", "Runtime python3.9 is not supported"),
        (
            "DurableConfig",
            json!({ "RetentionPeriodInDays": 7 }),
            "InvalidParameterValueException",
            "You cannot create a",
        ),
    ];
    for (member, value, code, text) in creations {
        let answer = post(&server, "/2015-03-31/functions", &with(managed("f", "p"), member, value));
        assert_eq!((answer.status, answer.error()), (400, code), "{member}");
        assert!(answer.message().starts_with(text), "{member}: {}", answer.message());
    }
    let durable = json!({ "DurableConfig": { "ExecutionTimeout": 60 } });
    let instances = json!({ "CapacityProviderConfig": managed("f", "p")["CapacityProviderConfig"] });
    let published = json!({ "PublishTo": "LATEST_PUBLISHED" });
    for (method, path, body, text) in [
        ("PUT", "configuration", durable, "You cannot add a durable configuration to a function that was originally"),
        ("PUT", "configuration", instances, "CapacityProviderConfig isn't supported for Lambda Default functions."),
        ("POST", "versions", published, "PublishTo isn't supported"),
    ] {
        let answer = Request::json(method, &format!("/2015-03-31/functions/plain/{path}"), &body).send(server.port());
        assert_eq!((answer.status, answer.error()), (400, "InvalidParameterValueException"), "{path}");
        assert!(answer.message().starts_with(text), "{path}: {}", answer.message());
    }
}
