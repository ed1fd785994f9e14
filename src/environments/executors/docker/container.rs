//! What a container for an environment looks like: its name, its labels, its limits.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use bollard::models::{
    ContainerCreateBody, HostConfig, HostConfigLogConfig, Mount, MountBindOptions, MountType, ResourcesUlimits,
};
use larder_init::link::{
    ENVIRONMENT_VARIABLE, GRACE_VARIABLE, LINK_VARIABLE, NETWORK_SHARED, NETWORK_VARIABLE, RELAY_VARIABLE,
    TOKEN_VARIABLE,
};
use larder_init::names;

use super::{ContainerFlags, engine};
use crate::environments::endpoint::{Endpoint, SOCKET as API_SOCKET};
use crate::environments::executor::{EnvironmentSpec, ExecutorError, InitUser, Ulimits};
use crate::environments::names::LeadingNames;

/// Label with the id of the store that owns a container.
pub(super) const STORE_LABEL: &str = "larder.store";

/// Label with the id of the data dir's place: a copy of the store has another.
pub(super) const PLACE_LABEL: &str = "larder.place";

/// Label with the id of the environment in a container.
pub(super) const ENVIRONMENT_LABEL: &str = "larder.environment";

/// Where containers see the folder with the link's socket and the init.
pub(super) const LINK_FOLDER: &str = "/var/larder";

/// The init's file name in that folder.
pub(super) const INIT_NAME: &str = "larder-init";

/// The link's socket in that folder.
const SOCKET_NAME: &str = "link.sock";

/// Where Lambda has the function's code.
pub(super) const TASK_FOLDER: &str = "/var/task";

/// Where layers are inside.
pub(super) const LAYER_FOLDER: &str = "/opt";

/// The network that is this machine's own.
pub(super) const HOST_NETWORK: &str = "host";

/// How a network begins that is another container's.
pub(super) const SHARED_NETWORK: &str = "container:";

/// Bytes in a MiB.
pub(super) const MIB: i64 = 1024 * 1024;

/// The memory that gets one whole vCPU on AWS, in MiB (Lambda's guide, "Configure Lambda function
/// memory").
const MIB_PER_VCPU: i64 = 1769;

/// The weight of one vCPU, which is the engines' default for a container.
const SHARES_PER_VCPU: i64 = 1024;

/// The least weight of a function, a quarter of a vCPU: see [`cpu_shares`].
const LEAST_SHARES: i64 = 256;

/// Processes and threads in one environment (Lambda's quotas, "Execution processes/threads").
const PIDS_LIMIT: i64 = 1024;

/// What the init needs of root's powers: to become the runtime's user and to end its processes. It
/// does without the one to pass over file permissions, so the link's socket must be writable for
/// all where the server is not root.
const CAPABILITIES: [&str; 3] = ["KILL", "SETGID", "SETUID"];

/// Limits as recorded on AWS: name, soft, hard; -1 is unlimited. Left out: NPROC (742 there), which counts all
/// processes of the user on the machine, so that some containers would take it from the others; [`PIDS_LIMIT`] is
/// per environment.
const ULIMITS: [(&str, i64, i64); 4] = [
    ("core", 10_737_418_240, 10_737_418_240),
    ("memlock", 65_536, 65_536),
    ("nofile", 1024, 1024),
    ("stack", 8_388_608, -1),
];

/// Names of this machine that AWS's environments have: subscribers of telemetry listen there.
const HOSTS: [&str; 2] = ["sandbox.localdomain:127.0.0.1", "sandbox:127.0.0.1"];

/// What every container gets, whatever its function.
#[derive(Debug, Clone, Default)]
pub struct ContainerOptions {
    /// Networks, the main one first; none: the engine's default (`LAMBDA_DOCKER_NETWORK`).
    pub networks: Vec<String>,
    /// DNS servers in place of the engine's (`LAMBDA_DOCKER_DNS`).
    pub dns: Vec<String>,
    /// Options of `docker run` (`LAMBDA_DOCKER_FLAGS`).
    pub flags: ContainerFlags,
    /// Whether containers stay when they have ended (`LAMBDA_REMOVE_CONTAINERS=0`).
    pub keep_stopped: bool,
    /// Who functions run as (`LAMBDA_INIT_USER`).
    pub user: Option<InitUser>,
    /// Limits of processes.
    pub ulimits: Ulimits,
    /// How functions reach the server.
    pub endpoint: Endpoint,
    /// Which names lead to the server.
    pub names: Option<LeadingNames>,
    /// Id of the data dir's place, whose containers `sweep` may remove.
    pub place: String,
}

impl ContainerOptions {
    /// The main network; `None`: the engine's default.
    pub fn main_network(&self) -> Option<&str> {
        self.networks.first().or(self.flags.network.as_ref()).map(String::as_str)
    }

    /// Whether containers have no loopback of their own but the machine's, or another container's.
    pub fn shares_loopback(&self) -> bool {
        self.main_network().is_some_and(|network| network == HOST_NETWORK || network.starts_with(SHARED_NETWORK))
    }

    /// Who functions run as.
    pub(super) fn user(&self) -> InitUser {
        self.user.or(self.flags.user).unwrap_or_default()
    }
}

/// How the init, the link and the code get into a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Passage {
    /// The engine sees our folders: bind mounts, and the link over a Unix socket.
    Bind {
        /// Absolute host folder with `link.sock` and `larder-init`.
        link_folder: PathBuf,
    },
    /// The engine is elsewhere: files are copied in, and the link goes over TCP.
    Copy {
        /// Host file of the init.
        init: PathBuf,
        /// `ip:port` where containers reach the server.
        server: String,
    },
}

/// The container's name: readable, and unique as the environment's id is.
pub(super) fn name(spec: &EnvironmentSpec) -> String {
    let store = spec.store_id.get(..8).unwrap_or(&spec.store_id);
    format!("larder-{store}-{}-{}", spec.function_name, spec.id)
}

/// The request that creates the container of `spec`.
pub(super) fn body(
    spec: &EnvironmentSpec,
    image: &str,
    passage: &Passage,
    options: &ContainerOptions,
) -> Result<ContainerCreateBody, ExecutorError> {
    let (link, mounts) = match passage {
        Passage::Bind { link_folder } => (
            format!("unix:{LINK_FOLDER}/{SOCKET_NAME}"),
            [(link_folder, LINK_FOLDER)]
                .into_iter()
                .chain(spec.code_tree.as_ref().map(|tree| (tree, TASK_FOLDER)))
                .chain(spec.layer_tree.as_ref().map(|tree| (tree, LAYER_FOLDER)))
                .map(|(from, to)| bind(from, to))
                .collect::<Result<_, _>>()?,
        ),
        Passage::Copy { server, .. } => (format!("tcp:{server}"), vec![]),
    };
    let mut env = vec![
        format!("{LINK_VARIABLE}={link}"),
        format!("{ENVIRONMENT_VARIABLE}={}", spec.id),
        format!("{TOKEN_VARIABLE}={}", spec.token),
        format!("{GRACE_VARIABLE}={}", spec.grace_s),
    ];
    if let Endpoint::Relayed(port) = options.endpoint {
        env.push(format!("{RELAY_VARIABLE}=127.0.0.1:{port} {LINK_FOLDER}/{API_SOCKET}"));
    }
    if let Some(names) = &options.names {
        let told = serde_json::to_string(&names.in_container(LINK_FOLDER));
        let told = told.map_err(|error| ExecutorError::Failed(format!("Docker: cannot tell names: {error}")))?;
        env.push(format!("{}={told}", names::VARIABLE));
    }
    if shares_a_network(options) {
        env.push(format!("{NETWORK_VARIABLE}={NETWORK_SHARED}"));
    }
    let mut body = ContainerCreateBody {
        image: Some(image.to_owned()),
        entrypoint: Some(vec![format!("{LINK_FOLDER}/{INIT_NAME}")]),
        cmd: Some(vec![]),
        env: Some(env),
        labels: Some(labels(spec, options)),
        user: Some("0:0".to_owned()),
        working_dir: Some(TASK_FOLDER.to_owned()),
        host_config: Some(host_config(spec, mounts, options)),
        ..ContainerCreateBody::default()
    };
    options.flags.apply(&mut body);

    Ok(body)
}

/// Whether containers have the loopback device of others: this machine's, or that of one container.
fn shares_a_network(options: &ContainerOptions) -> bool {
    let main = options.networks.first().or(options.flags.network.as_ref());
    main.is_some_and(|name| name == "host" || name.starts_with("container:"))
}

/// Whether an engine refuses a container only because its storage has no limits of size, in the words of Docker's and
/// Podman's drivers.
pub(super) fn is_size_refusal(error: &bollard::errors::Error) -> bool {
    let text = engine::reason(error);
    ["storage-opt", "storage option", "StorageOpt", "pquota"].iter().any(|words| text.contains(words))
}

/// Limits and powers. Where functions do not drop privileges, the engine's own rules of what root may do hold.
///
/// /tmp is a part of the container's files, whose size some storages can limit: overlay2 on XFS with project quotas,
/// Btrfs, ZFS. A tmpfs would be limited too, but what is in it counts as the function's memory.
fn host_config(spec: &EnvironmentSpec, mounts: Vec<Mount>, options: &ContainerOptions) -> HostConfig {
    let memory = i64::from(spec.memory_mib) * MIB;
    let drops = options.user() != InitUser::Init;
    let dns = &options.dns;
    HostConfig {
        auto_remove: Some(!options.keep_stopped),
        cap_add: drops.then(|| CAPABILITIES.map(str::to_owned).to_vec()),
        cap_drop: drops.then(|| vec!["ALL".to_owned()]),
        cpu_shares: Some(cpu_shares(spec.memory_mib)),
        init: Some(false),
        // A namespace of its own without /dev/shm, which AWS has none of; `--shm-size` asks for one.
        ipc_mode: Some("none".to_owned()),
        sysctls: Some(sysctls(options)),
        dns: (!dns.is_empty()).then(|| dns.clone()),
        extra_hosts: Some(extra_hosts(&options.endpoint)),
        // Output goes over the link. What the init itself says is of use where the container can be looked at.
        log_config: (!options.keep_stopped).then(|| HostConfigLogConfig { typ: Some("none".to_owned()), config: None }),
        memory: Some(memory),
        // Memory and swap together: no swap.
        memory_swap: Some(memory),
        mounts: Some(mounts),
        network_mode: options.main_network().map(str::to_owned),
        pids_limit: Some(PIDS_LIMIT),
        security_opt: drops.then(|| vec!["no-new-privileges".to_owned()]),
        storage_opt: Some([("size".to_owned(), format!("{}m", spec.tmp_mib))].into()),
        ulimits: (options.ulimits == Ulimits::Aws).then(|| ULIMITS.map(ulimit).to_vec()),
        ..HostConfig::default()
    }
}

/// Settings of the kernel in a container.
fn sysctls(options: &ContainerOptions) -> HashMap<String, String> {
    // What a killed function leaves of shared memory would count against the next one.
    let segments = ("kernel.shm_rmid_forced", "1");
    // The init answers for names at a low port, and has no right to one; Docker allows it by itself, other engines do not.
    let ports = options.names.as_ref().map(|_| ("net.ipv4.ip_unprivileged_port_start", "0"));
    [segments].into_iter().chain(ports).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Names that resolve inside: AWS's, and Docker's for its own machine where functions are told that one.
fn extra_hosts(endpoint: &Endpoint) -> Vec<String> {
    let machine = match endpoint {
        Endpoint::At(url) if url.contains("//host.docker.internal") => Some("host.docker.internal:host-gateway"),
        _ => None,
    };
    HOSTS.into_iter().chain(machine).map(str::to_owned).collect()
}

/// The weight of a function's processes where they compete for the processors.
///
/// A deviation from AWS, which limits: 128 MiB are 0.07 vCPU there, but with a burst while the
/// runtime starts. A hard limit here would make each cold start of a small function take seconds,
/// and leave the machine idle meanwhile. So functions share in AWS's proportions when the machine
/// is busy, none with less than a quarter of a vCPU's weight, and take what is free else.
pub(super) fn cpu_shares(memory_mib: u32) -> i64 {
    (i64::from(memory_mib) * SHARES_PER_VCPU / MIB_PER_VCPU).max(LEAST_SHARES)
}

fn labels(spec: &EnvironmentSpec, options: &ContainerOptions) -> HashMap<String, String> {
    [
        (STORE_LABEL, spec.store_id.as_str()),
        (PLACE_LABEL, options.place.as_str()),
        (ENVIRONMENT_LABEL, spec.id.0.as_str()),
        ("larder.function", spec.function_arn.as_str()),
        ("larder.version", spec.version.as_str()),
        ("larder.deployment", spec.deployment.as_str()),
        ("larder.runtime", spec.base.runtime.as_str()),
        ("larder.image", spec.base.image.as_deref().unwrap_or_default()),
    ]
    .into_iter()
    // A standby container has no function yet.
    .filter(|(_, value)| !value.is_empty())
    .map(|(label, value)| (label.to_owned(), value.to_owned()))
    .collect()
}

/// A read-only bind mount; unlike the short form `from:to:ro` it takes any path, and refuses one
/// that is not there. What is mounted below the folder on the host stays out: engines make only the top read-only.
fn bind(from: &Path, to: &str) -> Result<Mount, ExecutorError> {
    let source = from.to_str().ok_or_else(|| {
        ExecutorError::Failed(format!("Docker: cannot mount {}: the path is not UTF-8", from.display()))
    })?;
    Ok(Mount {
        typ: Some(MountType::BIND),
        source: Some(source.to_owned()),
        target: Some(to.to_owned()),
        read_only: Some(true),
        bind_options: Some(MountBindOptions { non_recursive: Some(true), ..MountBindOptions::default() }),
        ..Mount::default()
    })
}

fn ulimit((name, soft, hard): (&str, i64, i64)) -> ResourcesUlimits {
    ResourcesUlimits { name: Some(name.to_owned()), soft: Some(soft), hard: Some(hard) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environments::executor::{Base, EnvironmentId};
    use crate::model::functions::ImageConfig;

    fn spec() -> EnvironmentSpec {
        EnvironmentSpec {
            id: EnvironmentId("0123456789abcdef".into()),
            token: "s3cret".into(),
            store_id: "5f1cde61-2f4b".into(),
            function_arn: "arn:aws:lambda:eu-central-1:000000000000:function:f".into(),
            function_name: "f".into(),
            version: "$LATEST".into(),
            deployment: "d1".into(),
            base: Base::runtime("python3.11"),
            image_config: ImageConfig::default(),
            handler: "handler.handler".into(),
            code_tree: Some("/var/lib/larder/trees/with:colon".into()),
            layer_tree: None,
            known_folders: Vec::new(),
            memory_mib: 256,
            tmp_mib: 512,
            grace_s: 30,
        }
    }

    #[test]
    fn names_carry_store_function_and_environment() {
        assert_eq!(name(&spec()), "larder-5f1cde61-f-0123456789abcdef");
        let short = EnvironmentSpec { store_id: "ab".into(), ..spec() };
        assert_eq!(name(&short), "larder-ab-f-0123456789abcdef");
    }

    #[test]
    fn a_local_engine_gets_two_read_only_mounts() {
        let passage = Passage::Bind { link_folder: "/run/larder".into() };
        let body = body(&spec(), "image", &passage, &ContainerOptions::default()).expect("a body");
        let mounts = body.host_config.and_then(|host| host.mounts).expect("mounts");
        let seen: Vec<_> =
            mounts.iter().map(|mount| (mount.source.as_deref(), mount.target.as_deref(), mount.read_only)).collect();
        let options = mounts.iter().map(|mount| mount.bind_options.as_ref().and_then(|bind| bind.non_recursive));
        assert!(options.into_iter().all(|option| option == Some(true)), "what is mounted below stays out");
        assert_eq!(
            seen,
            [
                (Some("/run/larder"), Some("/var/larder"), Some(true)),
                (Some("/var/lib/larder/trees/with:colon"), Some("/var/task"), Some(true)),
            ]
        );
        assert!(body.env.expect("variables").contains(&"LARDER_LINK=unix:/var/larder/link.sock".into()));
    }

    #[test]
    fn layers_are_one_more_mount() {
        let passage = Passage::Bind { link_folder: "/run/larder".into() };
        let spec = EnvironmentSpec { layer_tree: Some("/var/lib/larder/trees/layers".into()), ..spec() };
        let body = body(&spec, "image", &passage, &ContainerOptions::default()).expect("a body");
        let mounts = body.host_config.and_then(|host| host.mounts).expect("mounts");
        let last = mounts.last().map(|mount| (mount.source.as_deref(), mount.target.as_deref(), mount.read_only));
        assert_eq!(last, Some((Some("/var/lib/larder/trees/layers"), Some("/opt"), Some(true))));
    }

    #[test]
    fn a_remote_engine_gets_no_mounts_and_dials_tcp() {
        let passage = Passage::Copy { init: "/init".into(), server: "10.0.0.7:4000".into() };
        let body = body(&spec(), "image", &passage, &ContainerOptions::default()).expect("a body");
        assert_eq!(body.host_config.and_then(|host| host.mounts), Some(vec![]));
        assert!(body.env.expect("variables").contains(&"LARDER_LINK=tcp:10.0.0.7:4000".into()));
    }

    #[test]
    fn the_hosts_network_and_another_containers_are_shared() {
        let network = |name: &str| ContainerOptions { networks: vec![name.into()], ..ContainerOptions::default() };
        assert!(network("host").shares_loopback() && network("container:db").shares_loopback());
        assert!(!network("bridge").shares_loopback() && !ContainerOptions::default().shares_loopback());
        let flags = ContainerFlags::parse_value("--network host").expect("flags");
        assert!(ContainerOptions { flags, ..ContainerOptions::default() }.shares_loopback());
    }

    #[test]
    fn memory_is_a_limit_and_processors_are_a_weight() {
        let host = host_config(&spec(), vec![], &ContainerOptions::default());
        assert_eq!((host.memory, host.memory_swap), (Some(256 * MIB), Some(256 * MIB)));
        assert_eq!((host.nano_cpus, host.cpu_quota), (None, None));
        assert_eq!(cpu_shares(128), 256);
        assert_eq!(cpu_shares(1769), 1024);
        assert_eq!(cpu_shares(10_240), 5927);
    }
}
