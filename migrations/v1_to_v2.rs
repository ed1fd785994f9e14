//! Schema 1 to 2: code may be an image, layers carry their zip, configurations got the rest of AWS's
//! members.

use bincode::Options as _;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

type Pairs = Vec<(String, String)>;

#[derive(Serialize, Deserialize)]
struct Head {
    time: u64,
    request_id: String,
    access_key_id: String,
    user_agent: String,
}

#[derive(Serialize, Deserialize)]
struct Key {
    account: String,
    region: String,
    name: String,
}

#[derive(Serialize, Deserialize)]
struct Failure {
    reason: String,
    code: String,
}

#[derive(Serialize, Deserialize)]
enum State {
    Pending,
    Active,
    Failed(Failure),
}

#[derive(Serialize, Deserialize)]
enum Update {
    Successful,
    InProgress,
    Failed(Failure),
}

#[derive(Serialize, Deserialize)]
struct Logging {
    format: String,
    application_level: Option<String>,
    system_level: Option<String>,
    group: String,
}

#[derive(Serialize, Deserialize)]
struct VpcV1 {
    subnets: Vec<String>,
    security_groups: Vec<String>,
    ipv6: bool,
}

#[derive(Serialize, Deserialize)]
struct VpcV2 {
    subnets: Vec<String>,
    security_groups: Vec<String>,
    ipv6: bool,
    /// Not known before.
    id: String,
}

#[derive(Serialize, Deserialize)]
struct FileSystemV1 {
    arn: String,
    mount_path: String,
}

#[derive(Serialize, Deserialize)]
struct FileSystemV2 {
    arn: String,
    mount_path: String,
    /// Never set before.
    direct_s3_read: Option<()>,
}

/// Of both versions; `layers`, the VPC, the file systems and what follows them are what changed.
#[derive(Serialize, Deserialize)]
struct Config<Layer, Vpc, FileSystem, More> {
    runtime: String,
    role: String,
    handler: String,
    description: String,
    timeout_s: u32,
    memory_mib: u32,
    ephemeral_storage_mib: u32,
    environment: Option<Pairs>,
    architecture: String,
    tracing_mode: String,
    logging: Logging,
    snap_start: String,
    layers: Vec<Layer>,
    kms_key_arn: Option<String>,
    dead_letter_target: Option<String>,
    vpc: Option<Vpc>,
    file_systems: Vec<FileSystem>,
    more: More,
}

type ConfigV1 = Config<String, VpcV1, FileSystemV1, ()>;
type ConfigV2 = Config<LayerV2, VpcV2, FileSystemV2, MoreV2>;

#[derive(Serialize, Deserialize)]
struct LayerV2 {
    arn: String,
    blob: Option<[u8; 32]>,
    size: u64,
}

/// The new members; none of them was ever set before, so their shapes do not matter here.
#[derive(Serialize, Deserialize, Default)]
struct MoreV2 {
    image_config: Option<()>,
    tenant_isolation: Option<()>,
    capacity_provider: Option<()>,
    durable: Option<()>,
    runtime_config: Option<()>,
    accelerator_memory_gb: Option<()>,
}

fn config(old: ConfigV1) -> ConfigV2 {
    Config {
        runtime: old.runtime,
        role: old.role,
        handler: old.handler,
        description: old.description,
        timeout_s: old.timeout_s,
        memory_mib: old.memory_mib,
        ephemeral_storage_mib: old.ephemeral_storage_mib,
        environment: old.environment,
        architecture: old.architecture,
        tracing_mode: old.tracing_mode,
        logging: old.logging,
        snap_start: old.snap_start,
        // Schema 1 had no layers of its own: only their ARNs were ever known.
        layers: old.layers.into_iter().map(|arn| LayerV2 { arn, blob: None, size: 0 }).collect(),
        kms_key_arn: old.kms_key_arn,
        dead_letter_target: old.dead_letter_target,
        vpc: old.vpc.map(|old| VpcV2 {
            subnets: old.subnets,
            security_groups: old.security_groups,
            ipv6: old.ipv6,
            id: String::new(),
        }),
        file_systems: old
            .file_systems
            .into_iter()
            .map(|old| FileSystemV2 { arn: old.arn, mount_path: old.mount_path, direct_s3_read: None })
            .collect(),
        more: MoreV2::default(),
    }
}

/// Of both versions: in the second an image may follow the size; before, code was always a zip.
#[derive(Serialize, Deserialize)]
struct Code<Image> {
    blob: [u8; 32],
    size: u64,
    image: Image,
}

type CodeV1 = Code<()>;
type CodeV2 = Code<Option<()>>;

fn code(old: &CodeV1) -> CodeV2 {
    Code { blob: old.blob, size: old.size, image: None }
}

#[derive(Serialize, Deserialize)]
struct Version<Code, Config> {
    number: u64,
    code: Code,
    config: Config,
    description: Option<String>,
    state: State,
    last_update: Option<Update>,
    revision: [u8; 16],
    deployment: [u8; 16],
    modified: u64,
}

type VersionV1 = Version<CodeV1, ConfigV1>;
type VersionV2 = Version<CodeV2, ConfigV2>;

fn version(old: VersionV1) -> VersionV2 {
    Version {
        number: old.number,
        code: code(&old.code),
        config: config(old.config),
        description: old.description,
        state: old.state,
        last_update: old.last_update,
        revision: old.revision,
        deployment: old.deployment,
        modified: old.modified,
    }
}

type FunctionCreated<Version> = (Head, Key, Version, Pairs);
type FunctionCodeUpdated<Code, Config> = (Head, Key, Code, Config, [u8; 16], u64);
type FunctionConfigurationUpdated<Config> = (Head, Key, Config, [u8; 16], u64);
type VersionPublished<Version> = (Head, Key, Version, [u8; 16]);

/// Lifts the payload of an event; see [`super::lift`].
pub fn lift(kind: u16, payload: &[u8]) -> bincode::Result<Vec<u8>> {
    match kind {
        1 => {
            let (head, key, latest, tags): FunctionCreated<VersionV1> = read(payload)?;
            write(&(head, key, version(latest), tags))
        }
        2 => {
            let (head, key, old, of, revision, at): FunctionCodeUpdated<CodeV1, ConfigV1> = read(payload)?;
            write(&(head, key, code(&old), config(of), revision, at))
        }
        3 => {
            let (head, key, old, revision, at): FunctionConfigurationUpdated<ConfigV1> = read(payload)?;
            write(&(head, key, config(old), revision, at))
        }
        6 => {
            let (head, key, published, latest_revision): VersionPublished<VersionV1> = read(payload)?;
            write(&(head, key, version(published), latest_revision))
        }
        _ => Err(bincode::ErrorKind::Custom(format!("kind {kind} did not change after version 1")).into()),
    }
}

fn read<T: DeserializeOwned>(payload: &[u8]) -> bincode::Result<T> {
    bincode::options().with_fixint_encoding().deserialize(payload)
}

fn write(payload: &impl Serialize) -> bincode::Result<Vec<u8>> {
    bincode::options().with_fixint_encoding().serialize(payload)
}
