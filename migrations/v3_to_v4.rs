//! Schema 3 to 4: functions' code, layers' versions and functions' layers know the folder that they stay in, where
//! they are not in a zip.
//!
//! Nothing else changed: a step copies what it passes, and puts the new member where it belongs.

use bincode::Options as _;
use serde::de::DeserializeOwned;

type Pairs = Vec<(String, String)>;

/// Time, request id, access key id, user agent.
type Head = (u64, (String, String, String));

/// Account and region, name: of functions and layers.
type Key = ((String, String), String);

/// Blob, size, image, key of the package; in version 4 an optional folder follows.
type Code = ([u8; 32], u64, Option<(String, String)>, Option<String>);

/// ARN, blob, size; in version 4 an optional folder follows.
type LayerReference = (String, Option<[u8; 32]>, u64);

/// Runtime, role, handler, description; timeout, memory, storage; variables; architecture, tracing; logging;
/// `SnapStart`.
type BeforeLayers =
    ((String, String, String, String), (u32, u32, u32), Option<Pairs>, (String, String), Logging, String);

type Logging = (String, Option<String>, Option<String>, String);

/// Key, dead-letter target; VPC; file systems; image; tenants, capacity provider, durable, runtime, accelerator.
type AfterLayers = (
    (Option<String>, Option<String>),
    Option<(Vec<String>, Vec<String>, bool, String)>,
    Vec<(String, String, Option<String>)>,
    Option<(Option<Vec<String>>, Option<Vec<String>>, Option<String>)>,
    Option<String>,
    Option<(String, Option<u32>, Option<f64>)>,
    Option<(u32, u32, Option<String>)>,
    Option<(String, String)>,
    Option<i64>,
);

/// Description, state, last update, revision, deployment, time.
type AfterConfig = (Option<String>, Status, Option<Status>, [u8; 16], [u8; 16], u64);

/// `Pending` or `Successful`, `Active` or `InProgress`, `Failed`.
#[derive(serde::Deserialize)]
enum Status {
    First,
    Second,
    #[expect(dead_code, reason = "it is passed, not read")]
    Failed((String, String)),
}

/// What follows a function's versions.
type AfterVersions = (
    u64,
    Vec<(String, (String, u64, String, Option<(u64, f64)>, [u8; 16]))>,
    Pairs,
    Option<u32>,
    Vec<(String, (u32, u32, Provisioned, u64, [u8; 16]))>,
    Vec<(String, (Option<u32>, Option<u32>))>,
    Option<Key>,
    Vec<(Option<String>, Url)>,
    Vec<(String, (Option<u32>, Option<u32>, (Option<String>, Option<String>), u64))>,
    bool,
    Vec<(u64, (String, Option<String>))>,
    Vec<(Target, Policy)>,
);

#[derive(serde::Deserialize)]
enum Provisioned {
    InProgress,
    Ready,
    #[expect(dead_code, reason = "it is passed, not read")]
    Failed(String),
}

/// Id, authorisation, CORS, mode, times.
type Url = (String, String, Option<Cors>, Option<String>, u64, u64);

type Texts = Option<Vec<String>>;

type Cors = (Option<bool>, Texts, Texts, Texts, Texts, Option<u32>);

#[derive(serde::Deserialize)]
#[expect(dead_code, reason = "it is passed, not read")]
enum Target {
    Function,
    Version(u64),
    Alias(String),
    LatestPublished,
}

/// Version, id, statements, revision.
type Policy = (String, Option<String>, Vec<(Option<String>, String)>, [u8; 16]);

/// Number, description, licence, runtimes, architectures, blob, size, time, policy; in version 4 an optional
/// folder follows.
type LayerVersion = (u64, String, Option<String>, Texts, Texts, [u8; 32], u64, u64, Option<Policy>);

#[derive(serde::Deserialize)]
#[expect(dead_code, reason = "it is passed, not read")]
enum Cause {
    Rewind { to: u64, mark: Option<String>, only: Vec<String> },
    PodLoaded { digest: String, source: String, message: Option<String>, strategy: String },
}

/// Not known before.
const NO_FOLDER: u8 = 0;

/// Numbers of the kinds of resources that changed. They come before all others.
const FUNCTION: u32 = 0;
const LAYER: u32 = 1;

/// Lifts the payload of an event; see [`super::lift`].
pub fn lift(kind: u16, payload: &[u8]) -> bincode::Result<Vec<u8>> {
    let mut step = Step { rest: payload, lifted: Vec::with_capacity(payload.len() + 64) };
    step.pass::<Head>()?;
    match kind {
        1 | 6 => {
            step.pass::<Key>()?;
            step.version()?;
        }
        2 => {
            step.pass::<Key>()?;
            step.code()?;
            step.config()?;
        }
        3 => {
            step.pass::<Key>()?;
            step.config()?;
        }
        30 => {
            step.pass::<Key>()?;
            step.with_folder::<LayerVersion>()?;
        }
        140 => {
            step.pass::<Cause>()?;
            step.resources()?;
        }
        143 => step.resources()?,
        _ => {
            let reason = format!("kind {kind} did not change after version 3");
            return Err(bincode::ErrorKind::Custom(reason).into());
        }
    }
    // What follows is the same in both versions.
    Ok([&step.lifted[..], step.rest].concat())
}

/// A payload on its way.
struct Step<'a> {
    rest: &'a [u8],
    lifted: Vec<u8>,
}

impl Step<'_> {
    /// Copies a value.
    fn pass<T: DeserializeOwned>(&mut self) -> bincode::Result<T> {
        let before = self.rest;
        // A length that the payload cannot have would be asked of the memory.
        let options = bincode::options().with_fixint_encoding().with_limit(before.len() as u64);
        let value = options.deserialize_from(&mut self.rest)?;
        self.lifted.extend_from_slice(&before[..before.len() - self.rest.len()]);
        Ok(value)
    }

    /// Copies a value that a folder follows now.
    fn with_folder<T: DeserializeOwned>(&mut self) -> bincode::Result<()> {
        self.pass::<T>()?;
        self.lifted.push(NO_FOLDER);
        Ok(())
    }

    /// Copies a list, each entry by `entry`.
    fn list(&mut self, mut entry: impl FnMut(&mut Self) -> bincode::Result<()>) -> bincode::Result<()> {
        let count: u64 = self.pass()?;
        (0..count).try_for_each(|_| entry(self))
    }

    fn code(&mut self) -> bincode::Result<()> {
        self.with_folder::<Code>()
    }

    fn config(&mut self) -> bincode::Result<()> {
        self.pass::<BeforeLayers>()?;
        self.list(Self::with_folder::<LayerReference>)?;
        self.pass::<AfterLayers>().map(drop)
    }

    fn version(&mut self) -> bincode::Result<()> {
        self.pass::<u64>()?;
        self.code()?;
        self.config()?;
        self.pass::<AfterConfig>().map(drop)
    }

    fn function(&mut self) -> bincode::Result<()> {
        self.pass::<Key>()?;
        self.version()?;
        if self.pass::<u8>()? == 1 {
            self.version()?;
        }
        self.list(|step| step.pass::<u64>().and_then(|_| step.version()))?;
        self.pass::<AfterVersions>().map(drop)
    }

    fn layer(&mut self) -> bincode::Result<()> {
        self.list(|step| step.pass::<u64>().and_then(|_| step.with_folder::<LayerVersion>()))?;
        self.pass::<u64>().map(drop)
    }

    /// Copies resources up to the last function or layer: behind that, nothing changed.
    fn resources(&mut self) -> bincode::Result<()> {
        let count: u64 = self.pass()?;
        for _ in 0..count {
            match self.rest.first_chunk().map(|number| u32::from_le_bytes(*number)) {
                Some(FUNCTION) => {
                    self.pass::<(u32, Key)>()?;
                    self.function()?;
                }
                Some(LAYER) => {
                    self.pass::<(u32, Key)>()?;
                    self.layer()?;
                }
                _ => return Ok(()),
            }
        }
        Ok(())
    }
}
