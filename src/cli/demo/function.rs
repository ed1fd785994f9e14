//! The demo's function, in whatever language the machine can run. It answers with an id that it
//! makes once, when its environment starts.

use std::io::{Cursor, Write as _};

use base64::Engine as _;
use serde_json::Value;

/// A function to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Its runtime.
    pub runtime: String,
    /// Its handler.
    pub handler: &'static str,
    file: &'static str,
    source: &'static str,
}

/// Families in the order of preference, with the runtime for a machine that has to download one.
const LANGUAGES: [(&str, &str, &str, &str, &str); 3] = [
    ("python", "python3.13", "hello.handler", "hello.py", PYTHON),
    ("nodejs", "nodejs22.x", "hello.handler", "hello.js", NODE),
    ("provided", "provided.al2023", "hello", "bootstrap", BOOTSTRAP),
];

const PYTHON: &str = "import uuid

ENVIRONMENT = uuid.uuid4().hex

def handler(event, context):
    return {'hello': event.get('name'), 'environment': ENVIRONMENT}
";

const NODE: &str = "const environment = require('crypto').randomUUID();
exports.handler = async (event) => ({ hello: event.name, environment });
";

const BOOTSTRAP: &str = r#"#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
environment=$(cat /proc/sys/kernel/random/uuid)
while true; do
  id=$(curl -sS -D - -o /dev/null "$api/next" | tr -d '\r' | sed -n 's/^[Ll]ambda-[Rr]untime-[Aa]ws-[Rr]equest-[Ii]d: //p')
  curl -sS -o /dev/null -d "{\"hello\": \"larder\", \"environment\": \"$environment\"}" "$api/$id/response"
done
"#;

impl Sample {
    /// The sample for a machine with these runtimes (`/_larder/runtimes`): one that is there, else
    /// one that can be downloaded. The list has the newest of each family first.
    pub fn choose(runtimes: &Value) -> Self {
        let ready: Vec<&str> = runtimes["ready"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let of = |family: &str| ready.iter().find(|runtime| runtime.starts_with(family)).copied();
        let there = LANGUAGES.iter().find_map(|language| Some((of(language.0)?, language)));
        let (runtime, &(_, _, handler, file, source)) = there.unwrap_or((LANGUAGES[0].1, &LANGUAGES[0]));
        Self { runtime: runtime.to_owned(), handler, file, source }
    }

    /// Its package.
    pub fn zip_base64(&self) -> Result<String, String> {
        let zip = || {
            let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
            zip.start_file(self.file, zip::write::SimpleFileOptions::default().unix_permissions(0o755))?;
            zip.write_all(self.source.as_bytes())?;
            Ok(zip.finish()?.into_inner())
        };
        let zip = zip().map_err(|error: zip::result::ZipError| error.to_string())?;
        Ok(base64::engine::general_purpose::STANDARD.encode(zip))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_that_is_there_is_taken() {
        let runtime = |ready: Value| Sample::choose(&json!({ "ready": ready })).runtime;
        assert_eq!(runtime(json!(["nodejs20.x", "python3.12", "python3.11"])), "python3.12");
        assert_eq!(runtime(json!(["provided.al2023", "provided.al2"])), "provided.al2023");
        assert_eq!(runtime(json!([])), "python3.13");
    }
}
