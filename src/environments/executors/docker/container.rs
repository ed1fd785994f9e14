//! What a container for an environment looks like: its name, its labels, its limits.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use bollard::models::{ContainerCreateBody, HostConfig, HostConfigLogConfig, Mount, MountType, ResourcesUlimits};
use larder_init::link::{ENVIRONMENT_VARIABLE, GRACE_VARIABLE, LINK_VARIABLE, TOKEN_VARIABLE};

use crate::environments::executor::{EnvironmentSpec, ExecutorError};

/// Label with the id of the store that owns a container.
pub(super) const STORE_LABEL: &str = "larder.store";

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

/// Limits as recorded on AWS: name, soft, hard; -1 is unlimited. Left out: NPROC, which counts all
/// processes of the user on the machine ([`PIDS_LIMIT`] is per environment), and CORE, as core
/// files would go to the host's crash handler.
const ULIMITS: [(&str, i64, i64); 3] = [("memlock", 65_536, 65_536), ("nofile", 1024, 1024), ("stack", 8_388_608, -1)];

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
) -> Result<ContainerCreateBody, ExecutorError> {
    let (link, mounts) = match passage {
        Passage::Bind { link_folder } => (
            format!("unix:{LINK_FOLDER}/{SOCKET_NAME}"),
            [(link_folder, LINK_FOLDER), (&spec.code_tree, TASK_FOLDER)]
                .into_iter()
                .chain(spec.layer_tree.as_ref().map(|tree| (tree, LAYER_FOLDER)))
                .map(|(from, to)| bind(from, to))
                .collect::<Result<_, _>>()?,
        ),
        Passage::Copy { server, .. } => (format!("tcp:{server}"), vec![]),
    };
    Ok(ContainerCreateBody {
        image: Some(image.to_owned()),
        entrypoint: Some(vec![format!("{LINK_FOLDER}/{INIT_NAME}")]),
        cmd: Some(vec![]),
        env: Some(vec![
            format!("{LINK_VARIABLE}={link}"),
            format!("{ENVIRONMENT_VARIABLE}={}", spec.id),
            format!("{TOKEN_VARIABLE}={}", spec.token),
            format!("{GRACE_VARIABLE}={}", spec.grace_s),
        ]),
        labels: Some(labels(spec)),
        user: Some("0:0".to_owned()),
        working_dir: Some(TASK_FOLDER.to_owned()),
        host_config: Some(host_config(spec, mounts)),
        ..ContainerCreateBody::default()
    })
}

/// Limits and powers. /tmp is the container's own: engines cannot limit its size on their usual
/// storage, so [`EnvironmentSpec::tmp_mib`] is not enforced here, unlike on AWS.
fn host_config(spec: &EnvironmentSpec, mounts: Vec<Mount>) -> HostConfig {
    let memory = i64::from(spec.memory_mib) * MIB;
    HostConfig {
        auto_remove: Some(true),
        cap_add: Some(CAPABILITIES.map(str::to_owned).to_vec()),
        cap_drop: Some(vec!["ALL".to_owned()]),
        cpu_shares: Some(cpu_shares(spec.memory_mib)),
        init: Some(false),
        // Output goes over the link.
        log_config: Some(HostConfigLogConfig { typ: Some("none".to_owned()), config: None }),
        memory: Some(memory),
        // Memory and swap together: no swap.
        memory_swap: Some(memory),
        mounts: Some(mounts),
        pids_limit: Some(PIDS_LIMIT),
        security_opt: Some(vec!["no-new-privileges".to_owned()]),
        ulimits: Some(ULIMITS.map(ulimit).to_vec()),
        ..HostConfig::default()
    }
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

fn labels(spec: &EnvironmentSpec) -> HashMap<String, String> {
    [
        (STORE_LABEL, spec.store_id.as_str()),
        (ENVIRONMENT_LABEL, spec.id.0.as_str()),
        ("larder.function", spec.function_arn.as_str()),
        ("larder.version", spec.version.as_str()),
        ("larder.deployment", spec.deployment.as_str()),
        ("larder.runtime", spec.runtime.as_str()),
    ]
    .into_iter()
    // A standby container has no function yet.
    .filter(|(_, value)| !value.is_empty())
    .map(|(label, value)| (label.to_owned(), value.to_owned()))
    .collect()
}

/// A read-only bind mount; unlike the short form `from:to:ro` it takes any path, and refuses one
/// that is not there.
fn bind(from: &Path, to: &str) -> Result<Mount, ExecutorError> {
    let source = from.to_str().ok_or_else(|| {
        ExecutorError::Failed(format!("Docker: cannot mount {}: the path is not UTF-8", from.display()))
    })?;
    Ok(Mount {
        typ: Some(MountType::BIND),
        source: Some(source.to_owned()),
        target: Some(to.to_owned()),
        read_only: Some(true),
        ..Mount::default()
    })
}

fn ulimit((name, soft, hard): (&str, i64, i64)) -> ResourcesUlimits {
    ResourcesUlimits { name: Some(name.to_owned()), soft: Some(soft), hard: Some(hard) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environments::executor::EnvironmentId;

    fn spec() -> EnvironmentSpec {
        EnvironmentSpec {
            id: EnvironmentId("0123456789abcdef".into()),
            token: "s3cret".into(),
            store_id: "5f1cde61-2f4b".into(),
            function_arn: "arn:aws:lambda:eu-central-1:000000000000:function:f".into(),
            function_name: "f".into(),
            version: "$LATEST".into(),
            deployment: "d1".into(),
            runtime: "python3.11".into(),
            handler: "handler.handler".into(),
            code_tree: "/var/lib/larder/trees/with:colon".into(),
            layer_tree: None,
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
        let body = body(&spec(), "image", &passage).expect("a body");
        let mounts = body.host_config.and_then(|host| host.mounts).expect("mounts");
        let seen: Vec<_> =
            mounts.iter().map(|mount| (mount.source.as_deref(), mount.target.as_deref(), mount.read_only)).collect();
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
        let body = body(&spec, "image", &passage).expect("a body");
        let mounts = body.host_config.and_then(|host| host.mounts).expect("mounts");
        let last = mounts.last().map(|mount| (mount.source.as_deref(), mount.target.as_deref(), mount.read_only));
        assert_eq!(last, Some((Some("/var/lib/larder/trees/layers"), Some("/opt"), Some(true))));
    }

    #[test]
    fn a_remote_engine_gets_no_mounts_and_dials_tcp() {
        let passage = Passage::Copy { init: "/init".into(), server: "10.0.0.7:4000".into() };
        let body = body(&spec(), "image", &passage).expect("a body");
        assert_eq!(body.host_config.and_then(|host| host.mounts), Some(vec![]));
        assert!(body.env.expect("variables").contains(&"LARDER_LINK=tcp:10.0.0.7:4000".into()));
    }

    #[test]
    fn memory_is_a_limit_and_processors_are_a_weight() {
        let host = host_config(&spec(), vec![]);
        assert_eq!((host.memory, host.memory_swap), (Some(256 * MIB), Some(256 * MIB)));
        assert_eq!((host.nano_cpus, host.cpu_quota), (None, None));
        assert_eq!(cpu_shares(128), 256);
        assert_eq!(cpu_shares(1769), 1024);
        assert_eq!(cpu_shares(10_240), 5927);
    }
}
