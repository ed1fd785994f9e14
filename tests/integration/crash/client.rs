//! One client of the crash test: random changes, the model of what was acknowledged, and the check
//! of the server against it.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::http::HttpResponse;
use aws_sdk_lambda::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::Runtime;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, IteratorRandom as _};
use rand::{Rng as _, RngCore as _, SeedableRng as _};
use sha2::{Digest as _, Sha256};

use super::model::{Function, Functions};
use crate::support::functions::{creation, zip};
use crate::support::{Server, http};

/// Functions of a client at most.
const FUNCTIONS: usize = 6;

/// Versions of a function at most.
const VERSIONS: usize = 5;

/// A client and what it knows.
#[derive(Debug)]
pub struct Worker {
    index: usize,
    random: StdRng,
    /// What was acknowledged.
    known: Functions,
    /// What else may be: a change was sent, and no answer came.
    in_doubt: Option<Functions>,
    changes: u64,
}

/// How a change ended.
enum End {
    Acknowledged,
    /// The server said no: nothing has changed.
    Refused,
    /// No answer came.
    Unknown,
}

/// A change, ready to be sent.
enum Change {
    Create { name: String, package: Vec<u8>, publish: bool },
    UpdateCode { name: String, package: Vec<u8>, publish: bool },
    UpdateConfiguration { name: String, description: String },
    Publish { name: String },
    PutAlias { name: String, alias: String, version: u64, is_new: bool },
    DeleteAlias { name: String, alias: String },
    DeleteVersion { name: String, version: u64 },
    Delete { name: String },
}

impl Worker {
    /// A client of its own names.
    pub fn new(index: usize, seed: u64) -> Self {
        let random = StdRng::seed_from_u64(seed * 1000 + index as u64);
        Self { index, random, known: Functions::new(), in_doubt: None, changes: 0 }
    }

    /// Changes acknowledged so far.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Functions that are there.
    pub fn functions(&self) -> usize {
        self.known.len()
    }

    /// Changes one thing after the other until an answer does not come.
    pub async fn work_until_the_kill(mut self, client: Client) -> Self {
        loop {
            let change = self.choose();
            match send(&client, &change).await {
                End::Acknowledged => {
                    apply(&mut self.known, &change);
                    self.changes += 1;
                }
                // An update of this function goes on.
                End::Refused => tokio::time::sleep(Duration::from_millis(2)).await,
                End::Unknown => {
                    let mut possible = self.known.clone();
                    apply(&mut possible, &change);
                    self.in_doubt = Some(possible);
                    return self;
                }
            }
        }
    }

    fn package(&mut self) -> Vec<u8> {
        // One in eight is large enough to be a file of its own.
        let size = if self.random.random_ratio(1, 8) { 300_000 } else { 200 };
        let mut content = vec![0; size];
        self.random.fill_bytes(&mut content);
        zip(&[("bootstrap", &content)])
    }

    fn choose(&mut self) -> Change {
        let Some(name) = self.known.keys().choose(&mut self.random).cloned() else { return self.creation() };
        let function = self.known[&name].clone();
        let version = function.versions.keys().choose(&mut self.random).copied();
        let alias = ["blue", "green"].choose(&mut self.random).map(|alias| (*alias).to_owned()).expect("two");
        match (self.random.random_range(0..100), version) {
            (0..=24, _) if self.known.len() < FUNCTIONS => self.creation(),
            (0..=44, _) => Change::UpdateCode { name, package: self.package(), publish: self.random.random_bool(0.3) },
            (45..=59, _) => {
                Change::UpdateConfiguration { name, description: format!("{:016x}", self.random.random::<u64>()) }
            }
            (60..=74, _) if function.versions.len() < VERSIONS => Change::Publish { name },
            (60..=84, Some(version)) => {
                let is_new = !function.aliases.contains_key(&alias);
                Change::PutAlias { name, alias, version, is_new }
            }
            (85..=89, _) if function.aliases.contains_key(&alias) => Change::DeleteAlias { name, alias },
            (85..=94, Some(version)) if !function.aliases.values().any(|used| *used == version) => {
                Change::DeleteVersion { name, version }
            }
            (95.., _) => Change::Delete { name },
            _ => Change::Publish { name },
        }
    }

    fn creation(&mut self) -> Change {
        let free: Vec<_> = (0..FUNCTIONS)
            .map(|number| format!("worker-{}-{number}", self.index))
            .filter(|name| !self.known.contains_key(name))
            .collect();
        let name = free.choose(&mut self.random).expect("one is free").clone();
        Change::Create { name, package: self.package(), publish: self.random.random_bool(0.3) }
    }

    /// Compares the server with what is known; a change in doubt is there whole, or not at all.
    pub async fn check(&mut self, client: &Client, server: &Server) {
        let seen = self.look(client, server).await;
        let before = self.known.clone();
        let after = self.in_doubt.take().unwrap_or_else(|| before.clone());
        let matches = |possible: &Functions| {
            possible.len() == seen.len()
                && possible.iter().all(|(name, function)| seen.get(name).is_some_and(|seen| function.is(seen)))
        };
        self.known = [before, after]
            .into_iter()
            .find(matches)
            .unwrap_or_else(|| panic!("worker {}: the server has\n{seen:#?}\nknown is\n{:#?}", self.index, self.known));
    }

    /// The functions of this client, as the server shows them.
    async fn look(&self, client: &Client, server: &Server) -> Functions {
        let mut seen = Functions::new();
        for number in 0..FUNCTIONS {
            let name = format!("worker-{}-{number}", self.index);
            match client.get_function().function_name(&name).send().await {
                Ok(_) => {
                    seen.insert(name.clone(), look_at(client, server, &name).await);
                }
                Err(error) => {
                    let error = error.into_service_error();
                    assert!(error.is_resource_not_found_exception(), "{name}: {error:?}");
                }
            }
        }
        seen
    }
}

/// One function in all its versions; each download must be what the digest says.
async fn look_at(client: &Client, server: &Server, name: &str) -> Function {
    let listed = client.list_versions_by_function().function_name(name).send().await.expect("versions");
    let mut contents = BTreeMap::new();
    for version in listed.versions() {
        let number = version.version().expect("a version").to_owned();
        let digest = version.code_sha256().expect("a digest").to_owned();
        let found = client.get_function().function_name(name).qualifier(&number).send().await.expect("is there");
        let shown = found.configuration().expect("a configuration");
        assert_eq!(shown.code_sha256(), Some(digest.as_str()), "{name}:{number}");
        let location = found.code().and_then(|code| code.location()).expect("a location");
        let path = location.strip_prefix(&server.url()).expect("of this server");
        let downloaded = http::get(server.port(), path);
        assert_eq!(downloaded.status, 200, "{name}:{number}");
        assert_eq!(STANDARD.encode(Sha256::digest(&downloaded.body)), digest, "{name}:{number}");
        contents.insert(number, (digest, version.description().unwrap_or_default().to_owned()));
    }
    let latest = contents.remove("$LATEST").expect("$LATEST");
    let versions = contents.into_iter().map(|(number, content)| (number.parse().expect("a number"), content));
    let aliases = client.list_aliases().function_name(name).send().await.expect("aliases");
    let aliases = aliases.aliases().iter().map(|alias| {
        let version = alias.function_version().and_then(|version| version.parse().ok()).expect("a number");
        (alias.name().expect("a name").to_owned(), version)
    });
    let seen = Function { latest, versions: versions.collect(), last: 0, aliases: aliases.collect() };
    assert!(seen.aliases.values().all(|version| seen.versions.contains_key(version)), "{name}: {seen:?}");
    seen
}

fn digest(package: &[u8]) -> String {
    STANDARD.encode(Sha256::digest(package))
}

/// What a change makes of the functions.
fn apply(functions: &mut Functions, change: &Change) {
    let mut function = |name: &String, change: &dyn Fn(&mut Function)| {
        change(functions.get_mut(name).expect("is known"));
    };
    match change {
        Change::Create { name, package, publish } => {
            let mut created = Function::new(&digest(package));
            if *publish {
                created.publish();
            }
            functions.insert(name.clone(), created);
        }
        Change::UpdateCode { name, package, publish } => function(name, &|function| {
            function.latest.0 = digest(package);
            if *publish {
                function.publish();
            }
        }),
        Change::UpdateConfiguration { name, description } => {
            function(name, &|function| function.latest.1.clone_from(description));
        }
        Change::Publish { name } => function(name, &Function::publish),
        Change::PutAlias { name, alias, version, .. } => function(name, &|function| {
            function.aliases.insert(alias.clone(), *version);
        }),
        Change::DeleteAlias { name, alias } => function(name, &|function| {
            function.aliases.remove(alias);
        }),
        Change::DeleteVersion { name, version } => function(name, &|function| {
            function.versions.remove(version);
        }),
        Change::Delete { name } => {
            functions.remove(name);
        }
    }
}

async fn send(client: &Client, change: &Change) -> End {
    match change {
        Change::Create { name, package, publish } => {
            let creation = creation(client, name, Runtime::Providedal2023, package.clone());
            end(creation.publish(*publish).send().await)
        }
        Change::UpdateCode { name, package, publish } => {
            let update = client.update_function_code().function_name(name).zip_file(Blob::new(package.clone()));
            end(update.publish(*publish).send().await)
        }
        Change::UpdateConfiguration { name, description } => {
            end(client.update_function_configuration().function_name(name).description(description).send().await)
        }
        Change::Publish { name } => end(client.publish_version().function_name(name).send().await),
        Change::PutAlias { name, alias, version, is_new: true } => {
            let creation = client.create_alias().function_name(name).name(alias);
            end(creation.function_version(version.to_string()).send().await)
        }
        Change::PutAlias { name, alias, version, is_new: false } => {
            let update = client.update_alias().function_name(name).name(alias);
            end(update.function_version(version.to_string()).send().await)
        }
        Change::DeleteAlias { name, alias } => end(client.delete_alias().function_name(name).name(alias).send().await),
        Change::DeleteVersion { name, version } => {
            end(client.delete_function().function_name(name).qualifier(version.to_string()).send().await)
        }
        Change::Delete { name } => end(client.delete_function().function_name(name).send().await),
    }
}

/// A conflict is the only refusal that may be: the function is being updated.
fn end<T, E: ProvideErrorMetadata + std::fmt::Debug>(answer: Result<T, SdkError<E, HttpResponse>>) -> End {
    match answer {
        Ok(_) => End::Acknowledged,
        Err(SdkError::ServiceError(refused)) => {
            assert_eq!(refused.err().code(), Some("ResourceConflictException"), "{refused:?}");
            End::Refused
        }
        Err(_) => End::Unknown,
    }
}
