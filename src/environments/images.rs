//! Which image runs a runtime: AWS's own, or the one the user maps it to.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use crate::model::runtimes::{self, Architecture};

/// Where AWS publishes its base images.
const REGISTRY: &str = "public.ecr.aws/lambda";

/// What a pattern has in place of the runtime's name.
const PLACEHOLDER: &str = "<runtime>";

/// Whose images run the runtimes: the value of `LAMBDA_RUNTIME_IMAGE_MAPPING`, a name and three
/// forms that users know from `LocalStack`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ImageMapping {
    /// AWS's images only.
    #[default]
    Official,
    /// One image name for all runtimes, with `<runtime>` where the name of the runtime belongs.
    Pattern(String),
    /// Image names by runtime; AWS's images for the others.
    Table(BTreeMap<String, String>),
}

/// Why a value of `LAMBDA_RUNTIME_IMAGE_MAPPING` is refused.
#[derive(Debug, thiserror::Error)]
pub enum ImageMappingError {
    /// It is no form that we know.
    #[error(
        "LAMBDA_RUNTIME_IMAGE_MAPPING is neither a pattern with <runtime>, nor a JSON object, nor a file that can be read: {}: {source}",
        path.display()
    )]
    Unreadable {
        /// The value, taken for a path.
        path: PathBuf,
        /// Why there is nothing to read.
        source: io::Error,
    },
    /// JSON, but no object of texts.
    #[error("LAMBDA_RUNTIME_IMAGE_MAPPING {place} is not a JSON object of runtime names and image names: {source}")]
    Malformed {
        /// `itself`, or the file.
        place: String,
        /// Where it breaks.
        source: serde_json::Error,
    },
    /// An image name that no engine can take.
    #[error("LAMBDA_RUNTIME_IMAGE_MAPPING maps {runtime} to {image:?}, which is no image name")]
    NoImageName {
        /// The runtime, or the pattern's placeholder.
        runtime: String,
        /// What stands in place of an image name.
        image: String,
    },
}

impl ImageMapping {
    /// Reads the value of `LAMBDA_RUNTIME_IMAGE_MAPPING`: a pattern such as
    /// `registry/lambda-<runtime>:1`, a JSON object such as `{"python3.12": "my/python:3.12"}`, or
    /// the path of a file with such an object. Empty: AWS's images.
    pub fn parse(value: &str) -> Result<Self, ImageMappingError> {
        let value = value.trim();
        if value.is_empty() {
            return Ok(Self::Official);
        }
        if value.starts_with('{') {
            return table(value, "itself");
        }
        if value.contains(PLACEHOLDER) {
            let image = checked(PLACEHOLDER, value)?;
            return Ok(Self::Pattern(image));
        }

        let path = PathBuf::from(value);
        match std::fs::read_to_string(&path) {
            Ok(text) => table(&text, &format!("(file {value})")),
            Err(source) => Err(ImageMappingError::Unreadable { path, source }),
        }
    }

    /// The image that runs `runtime`, such as `public.ecr.aws/lambda/python:3.12`; `None` when it
    /// is not mapped and AWS never had one. The tags serve every architecture: [`platform`] says
    /// which to pull.
    pub fn image(&self, runtime: &str) -> Option<String> {
        match self {
            Self::Pattern(pattern) => Some(pattern.replace(PLACEHOLDER, runtime)),
            Self::Table(images) => images.get(runtime).cloned().or_else(|| official(runtime)),
            Self::Official => official(runtime),
        }
    }
}

/// What a container engine calls an architecture of Lambda.
pub const fn platform(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::X86_64 => "linux/amd64",
        Architecture::Arm64 => "linux/arm64",
    }
}

fn official(runtime: &str) -> Option<String> {
    let image = runtimes::find(runtime)?.image?;
    Some(format!("{REGISTRY}/{image}"))
}

fn table(text: &str, place: &str) -> Result<ImageMapping, ImageMappingError> {
    let images: BTreeMap<String, String> = serde_json::from_str(text)
        .map_err(|source| ImageMappingError::Malformed { place: place.to_owned(), source })?;
    for (runtime, image) in &images {
        checked(runtime, image)?;
    }
    Ok(ImageMapping::Table(images))
}

/// `image`, unless it cannot be one. Engines know better; this finds slips early.
fn checked(runtime: &str, image: &str) -> Result<String, ImageMappingError> {
    if image.is_empty() || image.contains(char::is_whitespace) {
        return Err(ImageMappingError::NoImageName { runtime: runtime.to_owned(), image: image.to_owned() });
    }
    Ok(image.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_mapping_the_images_are_those_of_aws() {
        let images = ImageMapping::parse(" ").expect("empty is allowed");
        assert_eq!(images, ImageMapping::Official);
        for (runtime, image) in [
            ("python3.12", "public.ecr.aws/lambda/python:3.12"),
            ("nodejs20.x", "public.ecr.aws/lambda/nodejs:20"),
            ("java8.al2", "public.ecr.aws/lambda/java:8.al2"),
            ("dotnetcore3.1", "public.ecr.aws/lambda/dotnet:core3.1"),
            ("provided.al2023", "public.ecr.aws/lambda/provided:al2023"),
            ("provided", "public.ecr.aws/lambda/provided:alami"),
            ("go1.x", "public.ecr.aws/lambda/go:1"),
        ] {
            assert_eq!(images.image(runtime).as_deref(), Some(image));
        }

        assert_eq!(images.image("nodejs4.3"), None);
        assert_eq!(images.image("cobol"), None);
    }

    #[test]
    fn a_pattern_serves_every_runtime() {
        let images = ImageMapping::parse("my.registry:5000/lambda-<runtime>:1").expect("a pattern");
        assert_eq!(images.image("python3.12").as_deref(), Some("my.registry:5000/lambda-python3.12:1"));
    }

    #[test]
    fn a_table_leaves_the_other_runtimes_alone() {
        let text = r#"{"python3.12": "my/python", "cobol": "my/cobol:1"}"#;
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("images.json");
        std::fs::write(&file, text).expect("written");
        let path = file.to_str().expect("a plain path");
        for value in [text, path] {
            let images = ImageMapping::parse(value).expect("a table");
            assert_eq!(images.image("python3.12").as_deref(), Some("my/python"));
            assert_eq!(images.image("cobol").as_deref(), Some("my/cobol:1"));
            let other = images.image("nodejs20.x");
            assert_eq!(other.as_deref(), Some("public.ecr.aws/lambda/nodejs:20"));
        }
    }

    #[test]
    fn refusals_say_what_is_wrong() {
        for (value, says) in [
            (
                "my/python:3",
                "neither a pattern with <runtime>, nor a JSON object, nor a file that can be read: my/python:3: No such file",
            ),
            ("{\"python3.12\"", "itself is not a JSON object"),
            ("{\"python3.12\": 3}", "itself is not a JSON object"),
            ("{\"python3.12\": \"\"}", "maps python3.12 to \"\""),
            ("my lambda:<runtime>", "which is no image name"),
        ] {
            let refusal = ImageMapping::parse(value).expect_err(value).to_string();
            assert!(refusal.contains(says), "{refusal}");
        }
    }

    #[test]
    fn platforms_are_the_engines_names() {
        assert_eq!(platform(Architecture::X86_64), "linux/amd64");
        assert_eq!(platform(Architecture::Arm64), "linux/arm64");
    }
}
