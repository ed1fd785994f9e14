//! The runtimes of AWS Lambda: what they are called, what runs them, and how AWS speaks of them.
//!
//! [`RUNTIMES`] is the one table. Its names are those of the enum `Runtime` in botocore 1.44.5 and
//! of the recorded error texts; dates and successors come from AWS's runtime page as kept by
//! cfn-lint 1.58 (`LmbdRuntimeLifecycle.json`); architectures and image tags from SAM CLI 1.170
//! and, for the oldest, from the images on `public.ecr.aws/lambda`.

use Family::{Dotnet, Go, Java, NodeJs, Other, Provided, Python, Ruby};
use Lifecycle::Managed;
use strum::{Display, EnumString, IntoStaticStr};

pub mod texts;

/// One runtime that a function may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Runtime {
    /// The name in the API, such as `python3.12`.
    pub name: &'static str,
    /// What kind of program it runs.
    pub family: Family,
    /// Repository and tag below `public.ecr.aws/lambda/`, such as `python:3.12`; `None` for those
    /// that never had an image.
    pub image: Option<&'static str>,
    /// What it can run on, the default first.
    pub architectures: &'static [Architecture],
    /// Whether `SnapStart` can be applied to it.
    pub snap_start: bool,
    /// When AWS takes it away, or why it never offered it.
    pub lifecycle: Lifecycle,
}

/// What a runtime runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// `CPython`.
    Python,
    /// Node.js.
    NodeJs,
    /// A Java virtual machine.
    Java,
    /// .NET, and .NET Core before it.
    Dotnet,
    /// Ruby.
    Ruby,
    /// No language: the function brings an executable `bootstrap`.
    Provided,
    /// The retired Go runtime, where the handler names the executable.
    Go,
    /// Names without a documented meaning.
    Other,
}

/// A processor architecture, as the API spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, EnumString, IntoStaticStr, Display)]
pub enum Architecture {
    /// `x86_64`, the default.
    #[strum(serialize = "x86_64")]
    X86_64,
    /// `arm64`.
    #[strum(serialize = "arm64")]
    Arm64,
}

/// When AWS takes a runtime away, or why it never offered it. Dates are `YYYY-MM-DD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifecycle {
    /// AWS offers it, or did.
    Managed {
        /// From then on it gets no patches; `None` when AWS has given no date.
        deprecated: Option<&'static str>,
        /// From then on AWS refuses to create functions with it. For the oldest, days before the
        /// deprecation.
        create_blocked: Option<&'static str>,
    },
    /// In AWS's model, announced nowhere yet.
    Future,
    /// In AWS's model or error texts only: trials and inner names that nobody can use.
    Internal,
}

/// Where a runtime is in its life on a given day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Fully supported.
    Current,
    /// Without patches, but functions can still be created with it.
    Deprecated,
    /// AWS refuses to create functions with it ([`texts::no_longer_supported`]).
    Blocked,
    /// See [`Lifecycle::Future`].
    Future,
    /// See [`Lifecycle::Internal`].
    Internal,
}

impl Runtime {
    /// The version of the language as its makers write it: `3.12` for `python3.12`, `20` for
    /// `nodejs20.x`, `8` for `java8.al2`. `None` where the name carries none (`provided.al2023`).
    pub fn language_version(&self) -> Option<&'static str> {
        let from = self.name.find(|c: char| c.is_ascii_digit())?;
        if self.family == Provided {
            return None;
        }
        let version = &self.name[from..];
        let length = version.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(version.len());
        Some(version[..length].trim_end_matches('.'))
    }

    /// [`Self::language_version`] as numbers: `(3, 12)` for `python3.12`, `(20, 0)` for `nodejs20.x`.
    pub fn language_number(&self) -> Option<(u32, u32)> {
        let version = self.language_version()?;
        let (major, minor) = version.split_once('.').unwrap_or((version, "0"));
        Some((major.parse().ok()?, minor.parse().ok()?))
    }

    /// Where it is in its life on the day `today` (`YYYY-MM-DD`).
    pub fn status(&self, today: &str) -> Status {
        match self.lifecycle {
            Lifecycle::Future => Status::Future,
            Lifecycle::Internal => Status::Internal,
            Managed { create_blocked: Some(day), .. } if day <= today => Status::Blocked,
            Managed { deprecated: Some(day), .. } if day <= today => Status::Deprecated,
            Managed { .. } => Status::Current,
        }
    }
}

/// The runtime called `name`, case-sensitive as on AWS.
pub fn find(name: &str) -> Option<&'static Runtime> {
    RUNTIMES.iter().find(|runtime| runtime.name == name)
}

/// What kind of program the runtime called `name` runs; [`Family::Other`] for an unknown name.
pub fn family(name: &str) -> Family {
    find(name).map_or(Other, |runtime| runtime.family)
}

/// Every runtime AWS has a name for, by family, the newest first.
#[rustfmt::skip]
pub const RUNTIMES: &[Runtime] = &[
    row("python3.15",           Python,   Some("python:3.15"),      BOTH, NO_SNAP, FUTURE),
    row("python3.14",           Python,   Some("python:3.14"),      BOTH, SNAP,    managed("2029-06-30", "2029-07-31")),
    row("python3.13",           Python,   Some("python:3.13"),      BOTH, SNAP,    managed("2029-06-30", "2029-07-31")),
    row("python3.12",           Python,   Some("python:3.12"),      BOTH, SNAP,    managed("2028-10-31", "2028-11-30")),
    row("python3.11",           Python,   Some("python:3.11"),      BOTH, NO_SNAP, managed("2027-06-30", "2027-07-31")),
    row("python3.10",           Python,   Some("python:3.10"),      BOTH, NO_SNAP, managed("2026-10-31", "2027-02-01")),
    row("python3.9",            Python,   Some("python:3.9"),       BOTH, NO_SNAP, managed("2025-12-15", "2027-02-01")),
    row("python3.8",            Python,   Some("python:3.8"),       BOTH, NO_SNAP, managed("2024-10-14", "2027-02-01")),
    row("python3.7",            Python,   Some("python:3.7"),       X86,  NO_SNAP, managed("2023-12-04", "2024-01-09")),
    row("python3.6",            Python,   Some("python:3.6"),       X86,  NO_SNAP, managed("2022-07-18", "2022-07-18")),
    row("python3.4",            Python,   None,                     X86,  NO_SNAP, INTERNAL),
    row("python2.7",            Python,   Some("python:2.7"),       X86,  NO_SNAP, managed("2021-07-15", "2021-07-15")),
    row("python2.7-greengrass", Python,   None,                     X86,  NO_SNAP, INTERNAL),
    row("nodejs26.x",           NodeJs,   Some("nodejs:26"),        BOTH, NO_SNAP, FUTURE),
    row("nodejs24.x",           NodeJs,   Some("nodejs:24"),        BOTH, NO_SNAP, managed("2028-04-30", "2028-06-01")),
    row("nodejs22.x",           NodeJs,   Some("nodejs:22"),        BOTH, NO_SNAP, managed("2027-04-30", "2027-06-01")),
    row("nodejs20.x",           NodeJs,   Some("nodejs:20"),        BOTH, NO_SNAP, managed("2026-04-30", "2027-02-01")),
    row("nodejs18.x",           NodeJs,   Some("nodejs:18"),        BOTH, NO_SNAP, managed("2025-09-01", "2027-02-01")),
    row("nodejs16.x",           NodeJs,   Some("nodejs:16"),        BOTH, NO_SNAP, managed("2024-06-12", "2027-02-01")),
    row("nodejs14.x",           NodeJs,   Some("nodejs:14"),        BOTH, NO_SNAP, managed("2023-12-04", "2024-01-09")),
    row("nodejs12.x",           NodeJs,   Some("nodejs:12"),        BOTH, NO_SNAP, managed("2023-03-31", "2023-03-31")),
    row("nodejs10.x",           NodeJs,   Some("nodejs:10"),        X86,  NO_SNAP, managed("2021-07-30", "2021-07-30")),
    row("nodejs8.x",            NodeJs,   None,                     X86,  NO_SNAP, INTERNAL),
    row("nodejs8.10",           NodeJs,   None,                     X86,  NO_SNAP, managed("2020-03-06", "2020-02-04")),
    row("nodejs8.9",            NodeJs,   None,                     X86,  NO_SNAP, INTERNAL),
    row("nodejs6.10",           NodeJs,   None,                     X86,  NO_SNAP, managed("2019-08-12", "2019-07-12")),
    row("nodejs4.3",            NodeJs,   None,                     X86,  NO_SNAP, managed("2020-03-05", "2020-02-03")),
    row("nodejs4.3-edge",       NodeJs,   None,                     X86,  NO_SNAP, managed("2020-03-05", "2019-03-31")),
    row("nodejs",               NodeJs,   None,                     X86,  NO_SNAP, managed("2016-08-30", "2016-09-30")),
    row("java25",               Java,     Some("java:25"),          BOTH, SNAP,    managed("2029-06-30", "2029-07-31")),
    row("java21",               Java,     Some("java:21"),          BOTH, SNAP,    managed("2029-06-30", "2029-07-31")),
    row("java17",               Java,     Some("java:17"),          BOTH, SNAP,    managed("2027-06-30", "2027-07-31")),
    row("java17.al2023",        Java,     Some("java:17.al2023"),   BOTH, SNAP,    SUPPORTED),
    row("java11",               Java,     Some("java:11"),          BOTH, SNAP,    managed("2027-06-30", "2027-07-31")),
    row("java11.al2023",        Java,     Some("java:11.al2023"),   BOTH, SNAP,    SUPPORTED),
    row("java8",                Java,     Some("java:8"),           X86,  NO_SNAP, managed("2024-01-08", "2024-02-08")),
    row("java8.al2023",         Java,     Some("java:8.al2023"),    BOTH, NO_SNAP, SUPPORTED),
    row("java8.al2",            Java,     Some("java:8.al2"),       BOTH, NO_SNAP, managed("2027-06-30", "2027-07-31")),
    row("dotnet10",             Dotnet,   Some("dotnet:10"),        BOTH, SNAP,    managed("2028-11-14", "2028-12-14")),
    row("dotnet8",              Dotnet,   Some("dotnet:8"),         BOTH, SNAP,    managed("2026-11-10", "2027-02-01")),
    row("dotnet6",              Dotnet,   Some("dotnet:6"),         BOTH, NO_SNAP, managed("2024-12-20", "2027-02-01")),
    row("dotnetcore3.1",        Dotnet,   Some("dotnet:core3.1"),   BOTH, NO_SNAP, managed("2023-04-03", "2023-04-03")),
    row("dotnetcore2.1",        Dotnet,   Some("dotnet:core2.1"),   X86,  NO_SNAP, managed("2022-01-05", "2022-01-05")),
    row("dotnetcore2.0",        Dotnet,   None,                     X86,  NO_SNAP, managed("2019-05-30", "2019-04-30")),
    row("dotnetcore1.0",        Dotnet,   None,                     X86,  NO_SNAP, managed("2019-06-27", "2019-06-30")),
    row("ruby4.0",              Ruby,     Some("ruby:4.0"),         BOTH, NO_SNAP, managed("2029-03-31", "2029-04-30")),
    row("ruby3.5",              Ruby,     None,                     X86,  NO_SNAP, INTERNAL),
    row("ruby3.4",              Ruby,     Some("ruby:3.4"),         BOTH, NO_SNAP, managed("2028-03-31", "2028-04-30")),
    row("ruby3.3",              Ruby,     Some("ruby:3.3"),         BOTH, NO_SNAP, managed("2027-03-31", "2027-04-30")),
    row("ruby3.2",              Ruby,     Some("ruby:3.2"),         BOTH, NO_SNAP, managed("2026-03-31", "2027-02-01")),
    row("ruby2.7",              Ruby,     Some("ruby:2.7"),         BOTH, NO_SNAP, managed("2023-12-07", "2024-01-09")),
    row("ruby2.6",              Ruby,     None,                     X86,  NO_SNAP, INTERNAL),
    row("ruby2.5",              Ruby,     Some("ruby:2.5"),         X86,  NO_SNAP, managed("2021-07-30", "2021-07-30")),
    row("provided.al2023",      Provided, Some("provided:al2023"),  BOTH, NO_SNAP, managed("2029-06-30", "2029-07-31")),
    row("provided.al2",         Provided, Some("provided:al2"),     BOTH, NO_SNAP, managed("2026-07-31", "2027-02-01")),
    row("provided",             Provided, Some("provided:alami"),   X86,  NO_SNAP, managed("2024-01-08", "2024-02-08")),
    row("go1.x",                Go,       Some("go:1"),             X86,  NO_SNAP, managed("2024-01-08", "2024-02-08")),
    row("go1.9",                Go,       None,                     X86,  NO_SNAP, INTERNAL),
    row("custom",               Other,    None,                     X86,  NO_SNAP, INTERNAL),
    row("nasa",                 Other,    None,                     X86,  NO_SNAP, INTERNAL),
    row("byol",                 Other,    None,                     X86,  NO_SNAP, INTERNAL),
];

const X86: &[Architecture] = &[Architecture::X86_64];
const BOTH: &[Architecture] = &[Architecture::X86_64, Architecture::Arm64];
const SNAP: bool = true;
const NO_SNAP: bool = false;
const FUTURE: Lifecycle = Lifecycle::Future;
const INTERNAL: Lifecycle = Lifecycle::Internal;
const SUPPORTED: Lifecycle = Managed { deprecated: None, create_blocked: None };

const fn managed(deprecated: &'static str, create_blocked: &'static str) -> Lifecycle {
    Managed { deprecated: Some(deprecated), create_blocked: Some(create_blocked) }
}

const fn row(
    name: &'static str,
    family: Family,
    image: Option<&'static str>,
    architectures: &'static [Architecture],
    snap_start: bool,
    lifecycle: Lifecycle,
) -> Runtime {
    Runtime { name, family, image, architectures, snap_start, lifecycle }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// A day after every recording.
    const TODAY: &str = "2026-11-23";

    #[test]
    fn names_are_unique_and_dates_are_dates() {
        let names: HashSet<_> = RUNTIMES.iter().map(|runtime| runtime.name).collect();
        assert_eq!(names.len(), RUNTIMES.len());
        for runtime in RUNTIMES {
            let Managed { deprecated, create_blocked } = runtime.lifecycle else {
                continue;
            };
            for day in [deprecated, create_blocked].into_iter().flatten() {
                assert!(day.len() == 10 && day.starts_with("20"), "{}: {day}", runtime.name);
            }
        }
    }

    #[test]
    fn what_aws_was_recorded_to_refuse_is_blocked() {
        for name in ["go1.x", "java8", "nodejs12.x", "provided", "ruby2.7"] {
            assert_eq!(find(name).expect("in the table").status(TODAY), Status::Blocked, "{name}");
        }
    }

    #[test]
    fn a_status_changes_on_its_day() {
        let runtime = find("python3.12").expect("in the table");
        assert_eq!(runtime.status("2028-10-30"), Status::Current);
        assert_eq!(runtime.status("2028-10-31"), Status::Deprecated);
        assert_eq!(runtime.status("2028-11-30"), Status::Blocked);
        assert_eq!(find("nasa").expect("in the table").status(TODAY), Status::Internal);
        assert_eq!(find("nodejs26.x").expect("in the table").status(TODAY), Status::Future);
        assert!(find("PYTHON3.9").is_none(), "names are case-sensitive");
        assert_eq!(find("ruby4.0").expect("in the table").status(TODAY), Status::Current);
    }

    #[test]
    fn versions_are_those_of_the_language() {
        for (name, version) in [
            ("python3.12", Some("3.12")),
            ("nodejs20.x", Some("20")),
            ("nodejs4.3-edge", Some("4.3")),
            ("nodejs", None),
            ("java8.al2", Some("8")),
            ("java21", Some("21")),
            ("dotnetcore3.1", Some("3.1")),
            ("ruby4.0", Some("4.0")),
            ("go1.x", Some("1")),
            ("provided.al2023", None),
            ("provided", None),
        ] {
            let runtime = find(name).expect("in the table");
            assert_eq!(runtime.language_version(), version, "{name}");
        }
    }

    #[test]
    fn families_follow_the_name() {
        assert_eq!(family("python3.8"), Python);
        assert_eq!(family("provided.al2"), Provided);
        assert_eq!(family("cobol"), Other);
    }
}
