//! The Docker executor with a real engine, the stand-in image `public.ecr.aws/lambda/python:3.11`
//! and a fake init. Without an engine or the image these tests say so and pass, except where `CI`
//! is `true` or `LARDER_REQUIRE_DOCKER` is `1`: there they fail.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use bollard::models::{ContainerCreateBody, ContainerInspectResponse, HostConfig};
use bollard::query_parameters::{CreateContainerOptionsBuilder, RemoveImageOptionsBuilder, TagImageOptionsBuilder};
use larder::environments::executor::{Base, EnvironmentId, EnvironmentSpec, Executor, ExecutorError};
use larder::environments::executors::docker::DockerOptions;
use larder::environments::images::ImageMapping;
use stage::{IMAGE, PATIENCE, Stage, connect, forward, gateway, local_socket, report};
use tokio::net::TcpListener;

#[path = "docker_executor/options.rs"]
mod options;
#[path = "skipped/mod.rs"]
mod skipped;
#[path = "docker_executor/stage.rs"]
mod stage;

fn ids(ids: &[&str]) -> HashSet<EnvironmentId> {
    ids.iter().map(|id| EnvironmentId((*id).to_owned())).collect()
}

#[tokio::test]
async fn an_environment_sees_its_code_and_little_else() {
    let Some(stage) = Stage::set("seen0000").await else {
        return;
    };
    let (seen, _link) = stage.start("00000000000000a1").await;
    assert_eq!(seen["pid"], 1);
    assert_eq!(seen["uid"], 0);
    assert_eq!(seen["folder"], "/var/task");
    // KILL (5), SETGID (6), SETUID (7).
    assert_eq!(seen["capabilities"], "00000000000000e0");
    assert_eq!(seen["no_new_privileges"], "1");
    assert_eq!(seen["task"], serde_json::json!(["handler.py"]));
    assert_eq!(seen["task_writable"], false);
    assert_eq!(seen["link_writable"], false);
    assert_eq!(seen["nofile"], serde_json::json!([1024, 1024]));
    assert_eq!(seen["runtime_user"], "993:990 tmp=True");
    assert_eq!(
        seen["variables"],
        serde_json::json!({
            "LARDER_LINK": "unix:/var/larder/link.sock",
            "LARDER_ENVIRONMENT": "00000000000000a1",
            "LARDER_TOKEN": "t0ken",
            "LARDER_GRACE_S": "30",
        })
    );
    stage.executor.stop(&EnvironmentId("00000000000000a1".into())).await.expect("stopped");
    stage.none_left().await;
}

/// Docker makes only the top of a mount read-only: what is mounted below it on the host would be writable.
#[tokio::test]
async fn what_is_mounted_below_a_folder_is_not_seen() {
    let Some(stage) = Stage::set("below000").await else {
        return;
    };
    // A folder with mounts below it that every machine has.
    assert!(std::fs::read_to_string("/proc/self/mountinfo").expect("mounts").contains(" /dev/shm "));
    let spec = EnvironmentSpec { layer_tree: Some("/dev".into()), ..stage.spec("00000000000000a5") };
    stage.executor.start(&spec).await.expect("started");
    let seen =
        stage.execute("00000000000000a5", "touch /opt/shm/larder-was-here; grep ' /opt' /proc/self/mountinfo").await;
    let written = std::path::Path::new("/dev/shm/larder-was-here").exists();
    let _ = std::fs::remove_file("/dev/shm/larder-was-here");
    assert!(!written && seen.contains("Read-only file system"), "{seen}");
    assert!(!seen.contains(" /opt/"), "nothing is mounted below: {seen}");
    stage.executor.stop(&spec.id).await.expect("stopped");
    stage.none_left().await;
}

#[tokio::test]
async fn a_container_says_whose_it_is_and_has_limits() {
    let Some(stage) = Stage::set("labels00").await else {
        return;
    };
    let _link = stage.start("00000000000000a2").await;
    let container = stage.inspect("00000000000000a2").await;
    let labels = container.config.and_then(|config| config.labels).expect("labels");
    for (label, value) in [
        ("larder.store", stage.options.store_id.as_str()),
        ("larder.environment", "00000000000000a2"),
        ("larder.function", "arn:aws:lambda:eu-central-1:000000000000:function:f-1"),
        ("larder.version", "$LATEST"),
        ("larder.deployment", "d1"),
        ("larder.runtime", "python3.11"),
    ] {
        assert_eq!(labels.get(label).map(String::as_str), Some(value), "{label}");
    }
    let host = container.host_config.expect("limits");
    assert_eq!((host.memory, host.memory_swap), (Some(256 << 20), Some(256 << 20)));
    assert_eq!(host.pids_limit, Some(1024));
    assert_eq!(host.auto_remove, Some(true));
    let log = host.log_config.and_then(|log| log.typ);
    assert_eq!(log.as_deref(), Some("none"));
    stage.executor.sweep(&|_| false).await.expect("swept");
    stage.none_left().await;
}

#[tokio::test]
async fn stopping_is_quiet_and_survives_a_restart_of_the_server() {
    let Some(stage) = Stage::set("stop0000").await else {
        return;
    };
    let id = EnvironmentId("00000000000000a3".into());
    let _link = stage.start(&id.0).await;
    let restarted = connect(stage.options.clone()).await.expect("an engine");
    restarted.stop(&id).await.expect("found by its label");
    stage.none_left().await;
    stage.executor.stop(&id).await.expect("gone is fine");
    stage.executor.stop(&id).await.expect("twice is fine");
}

#[tokio::test]
async fn an_environment_that_ends_leaves_no_container() {
    let Some(stage) = Stage::set("ends0000").await else {
        return;
    };
    let (_, link) = stage.start("00000000000000a4").await;
    drop(link);
    stage.none_left().await;
}

#[tokio::test]
async fn sweeping_removes_what_is_not_wanted_and_no_other_stores() {
    let Some(stage) = Stage::set("sweep000").await else {
        return;
    };
    let Some(other) = Stage::set("other000").await else {
        return;
    };
    let _kept = stage.start("00000000000000b1").await;
    let _paused = stage.start("00000000000000b2").await;
    let _foreign = other.start("00000000000000b3").await;
    let paused = stage.inspect("00000000000000b2").await.id.expect("an id");
    stage.docker.pause_container(&paused).await.expect("paused");
    created_only(&stage, "00000000000000b4").await;

    let swept = stage.executor.sweep(&|id| id.0 == "00000000000000b1").await.expect("swept");
    let swept: HashSet<_> = swept.into_iter().collect();
    assert_eq!(swept, ids(&["00000000000000b2", "00000000000000b4"]));
    let running = |container: ContainerInspectResponse| container.state.and_then(|state| state.running);
    assert_eq!(running(stage.inspect("00000000000000b1").await), Some(true));
    assert_eq!(running(other.inspect("00000000000000b3").await), Some(true));

    for stage in [&stage, &other] {
        stage.executor.sweep(&|_| false).await.expect("swept");
        stage.none_left().await;
    }
}

/// A container as a server leaves it that is killed between creating and starting.
async fn created_only(stage: &Stage, id: &str) {
    let labels = [("larder.store", stage.options.store_id.as_str()), ("larder.environment", id)];
    let body = ContainerCreateBody {
        image: Some(IMAGE.into()),
        labels: Some(labels.map(|(label, value)| (label.into(), value.into())).into()),
        host_config: Some(HostConfig { auto_remove: Some(true), ..HostConfig::default() }),
        ..ContainerCreateBody::default()
    };
    let options = CreateContainerOptionsBuilder::default().name(&format!("created-only-{id}")).build();
    stage.docker.create_container(Some(options), body).await.expect("created");
}

#[tokio::test]
async fn an_image_that_cannot_be_had_is_named_with_what_to_do() {
    let Some(stage) = Stage::set("image000").await else {
        return;
    };
    // Port 1: nobody listens, and engines take a registry on localhost without TLS.
    let images = ImageMapping::parse("localhost:1/lambda-<runtime>:1").expect("a pattern");
    let options = DockerOptions { images, ..stage.options.clone() };
    let executor = connect(options).await.expect("an engine");
    executor.supports(&Base::runtime("python3.11")).expect("there is an image name");
    let python = Base::runtime("python3.11");
    let (one, two) = tokio::join!(executor.prepare(&python), executor.prepare(&python));
    for refused in [one, two] {
        let Err(ExecutorError::RegistryAway(text)) = refused else { panic!("{refused:?}") };
        for part in ["image localhost:1/lambda-python3.11:1", "docker pull", "LAMBDA_RUNTIME_IMAGE_MAPPING"] {
            assert!(text.contains(part), "{text}");
        }
    }
    stage.executor.prepare(&python).await.expect("this one is here");
    let unknown = stage.executor.supports(&Base::runtime("nodejs4.3")).expect_err("it never had an image");
    assert!(matches!(unknown, ExecutorError::RuntimeMissing(_)));
}

#[tokio::test]
async fn a_container_that_does_not_start_is_removed() {
    let Some(stage) = Stage::set("broken00").await else {
        return;
    };
    std::fs::remove_file(stage.folder.path().join("link/larder-init")).expect("removed");
    let refused = stage.executor.start(&stage.spec("00000000000000c1")).await;
    let text = refused.expect_err("there is no init").to_string();
    assert!(text.starts_with("Docker: cannot start container larder-broken00-f-1-"), "{text}");
    let spec = EnvironmentSpec { code_tree: Some("/nowhere".into()), ..stage.spec("00000000000000c2") };
    let text = stage.executor.start(&spec).await.expect_err("no code").to_string();
    assert!(text.contains("cannot create container") && text.contains("/nowhere"), "{text}");
    stage.none_left().await;
}

#[tokio::test]
async fn an_engine_reached_over_tcp_gets_copies() {
    let Some(stage) = Stage::set("remote00").await else {
        return;
    };
    let Some(socket) = local_socket() else { return };
    let proxy = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = proxy.local_addr().expect("an address");
    let forwarding = tokio::spawn(forward(proxy, socket));
    let options = DockerOptions { host: Some(format!("tcp://{address}")), ..stage.options.clone() };
    let refused = connect(options.clone()).await.expect_err("it cannot reach us");
    assert!(refused.to_string().contains("is remote"), "{refused}");

    let link = TcpListener::bind("0.0.0.0:0").await.expect("bound");
    let port = link.local_addr().expect("an address").port();
    let advertise = Some(format!("{}:{port}", gateway(&stage.docker).await));
    let options = DockerOptions { advertise, ..options };
    let executor = connect(options).await.expect("an engine");
    executor.start(&stage.spec("00000000000000d1")).await.expect("started");
    let accepted = tokio::time::timeout(PATIENCE, link.accept()).await;
    let (mut stream, _) = accepted.expect("dialled in time").expect("accepted");
    let seen = report(&mut stream).await;
    assert_eq!(seen["handler"], "# code");
    assert_eq!(seen["runtime_user"], "993:990 tmp=True");

    executor.stop(&EnvironmentId("00000000000000d1".into())).await.expect("stopped");
    stage.none_left().await;
    forwarding.abort();
    let gone = executor.sweep(&|_| false).await.expect_err("the engine went away");
    assert!(gone.to_string().contains("no engine answers at tcp://127.0.0.1:"), "{gone}");
}

#[tokio::test]
async fn an_image_removed_meanwhile_is_noticed() {
    let Some(stage) = Stage::set("retag000").await else {
        return;
    };
    let images = ImageMapping::parse("localhost:1/retag-<runtime>:1").expect("a pattern");
    let options = DockerOptions { images, ..stage.options.clone() };
    let executor = connect(options).await.expect("an engine");
    let tag = TagImageOptionsBuilder::default().repo("localhost:1/retag-python3.11").tag("1").build();
    stage.docker.tag_image(IMAGE, Some(tag)).await.expect("tagged");
    let python = Base::runtime("python3.11");
    executor.prepare(&python).await.expect("it is here");
    let removal = RemoveImageOptionsBuilder::default().build();
    let image = "localhost:1/retag-python3.11:1";
    stage.docker.remove_image(image, Some(removal), None).await.expect("untagged");
    let refused = executor.start(&stage.spec("00000000000000e1")).await.expect_err("it is gone");
    assert!(refused.to_string().contains("cannot be pulled"), "{refused}");
    stage.none_left().await;
}

#[tokio::test]
async fn a_standby_container_becomes_that_of_a_function() {
    let Some(stage) = Stage::set("standby0").await else {
        return;
    };
    let id = EnvironmentId("00000000000000f1".into());
    let (seen, _link) = stage.stand_by(&id.0).await;
    assert_eq!(seen["task"], serde_json::json!([]), "it has no function yet");
    let before = stage.inspect_named(&format!("standby-{id}")).await;
    let labels = before.config.and_then(|config| config.labels).expect("labels");
    assert_eq!(labels.get("larder.function"), None);

    let layers = stage.folder.path().join("layers");
    std::fs::create_dir_all(layers.join("bin")).expect("created");
    std::fs::write(layers.join("bin/tool"), "tool").expect("written");
    let spec = EnvironmentSpec { layer_tree: Some(layers), ..stage.spec(&id.0) };
    stage.executor.assign(&spec).await.expect("assigned");
    let after = stage.inspect(&id.0).await;
    assert!(after.name.expect("a name").ends_with("-f-1-00000000000000f1"));
    let host = after.host_config.expect("limits");
    assert_eq!((host.memory, host.memory_swap), (Some(256 << 20), Some(256 << 20)));
    let seen = stage
        .execute(&id.0, "cat /var/task/handler.py /opt/bin/tool; touch /var/task/x 2>/dev/null || echo read-only")
        .await;
    assert!(seen.starts_with("# codetool") && seen.contains("read-only"), "{seen}");

    let slot = stage.folder.path().join("standby").join(&id.0);
    assert!(slot.is_dir());
    stage.executor.stop(&id).await.expect("stopped");
    assert!(!slot.exists(), "the slot goes with its environment");
    assert!(stage.folder.path().join("code/handler.py").exists(), "the code does not");
    let refused = stage.executor.assign(&spec).await.expect_err("it is gone");
    assert!(refused.to_string().contains("is gone"), "{refused}");
    stage.none_left().await;
}

/// Not a check: how long it takes from `start` to the init's call. Run with `--ignored --nocapture`.
#[tokio::test]
#[ignore = "a measurement"]
async fn measure_start_and_stop() {
    const WHAT: [&str; 4] = ["start", "start to the init's call", "stop", "connect"];
    let Some(stage) = Stage::set("measure0").await else {
        return;
    };
    let mut times: [Vec<Duration>; 4] = Default::default();
    for round in 0..20 {
        let id = format!("{round:016x}");
        let began = Instant::now();
        let options = stage.options.clone();
        connect(options).await.expect("an engine");
        times[3].push(began.elapsed());
        let began = Instant::now();
        stage.executor.start(&stage.spec(&id)).await.expect("started");
        times[0].push(began.elapsed());
        let (mut stream, _) = stage.listener.accept().await.expect("accepted");
        report(&mut stream).await;
        times[1].push(began.elapsed());
        let began = Instant::now();
        stage.executor.stop(&EnvironmentId(id)).await.expect("stopped");
        times[2].push(began.elapsed());
    }
    for (what, mut times) in WHAT.into_iter().zip(times) {
        times.sort();
        eprintln!("{what}: median {:?}, worst {:?}", times[10], times[19]);
    }
    stage.none_left().await;
}
