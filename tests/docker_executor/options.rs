//! Options of all containers: networks, names, and what becomes of those that have ended.

use bollard::models::{ContainerSummaryStateEnum, NetworkCreateRequest};
use larder::environments::executor::{EnvironmentId, Executor};
use larder::environments::executors::docker::{ContainerFlags, ContainerOptions, DockerExecutor, DockerOptions};

use crate::stage::{Stage, connect};

async fn with(stage: &Stage, containers: ContainerOptions) -> DockerExecutor {
    let options = DockerOptions { containers, ..stage.options.clone() };
    connect(options).await.expect("an engine")
}

#[tokio::test]
async fn containers_are_in_all_networks_and_have_what_flags_say() {
    let Some(stage) = Stage::set("nets0000").await else {
        return;
    };
    let networks = ["a", "b"].map(|name| format!("larder-test-{}-{name}", std::process::id()));
    for name in &networks {
        let request = NetworkCreateRequest { name: name.clone(), ..NetworkCreateRequest::default() };
        stage.docker.create_network(request).await.expect("created");
    }
    let flags = ContainerFlags::parse_value("-l team=a -l larder.store=other --shm-size 32m -v /usr:/mnt/usr:ro");
    let containers = ContainerOptions {
        networks: networks.to_vec(),
        dns: vec!["10.9.9.9".to_owned()],
        flags: flags.expect("flags"),
        ..ContainerOptions::default()
    };
    let executor = with(&stage, containers).await;
    let spec = stage.spec("00000000000000a1");
    executor.start(&spec).await.expect("started");
    let container = stage.inspect("00000000000000a1").await;
    let joined = container.network_settings.and_then(|settings| settings.networks).expect("networks");
    assert!(networks.iter().all(|name| joined.contains_key(name)), "{joined:?}");
    let labels = container.config.and_then(|config| config.labels).expect("labels");
    assert_eq!(labels["team"], "a");
    assert_eq!(labels["larder.store"], stage.options.store_id, "it stays ours");
    let host = container.host_config.expect("limits");
    assert_eq!((host.shm_size, host.dns), (Some(32 << 20), Some(vec!["10.9.9.9".to_owned()])));
    let hosts = stage.execute("00000000000000a1", "cat /etc/hosts; ls -d /mnt/usr/bin").await;
    assert!(hosts.contains("sandbox.localdomain") && hosts.contains("/mnt/usr/bin"), "{hosts}");
    executor.stop(&spec.id).await.expect("stopped");
    stage.none_left().await;
    for name in &networks {
        stage.docker.remove_network(name).await.expect("removed");
    }
}

#[tokio::test]
async fn kept_containers_are_stopped_and_swept_by_a_server_that_keeps_none() {
    let Some(stage) = Stage::set("keep0000").await else {
        return;
    };
    let keeping = || ContainerOptions { keep_stopped: true, ..ContainerOptions::default() };
    let executor = with(&stage, keeping()).await;
    let id = EnvironmentId("00000000000000a2".into());
    executor.start(&stage.spec(&id.0)).await.expect("started");
    executor.stop(&id).await.expect("stopped");
    executor.stop(&id).await.expect("again is no error");
    let states = || async { stage.all().await.into_iter().map(|container| container.state).collect::<Vec<_>>() };
    assert_eq!(states().await, [Some(ContainerSummaryStateEnum::EXITED)]);
    let swept = with(&stage, keeping()).await.sweep(&|_| false).await.expect("swept");
    assert_eq!((swept, stage.all().await.len()), (vec![], 1), "it stays as long as that is wanted");
    let swept = stage.executor.sweep(&|_| false).await.expect("swept");
    assert_eq!(swept, [id]);
    stage.none_left().await;
}
