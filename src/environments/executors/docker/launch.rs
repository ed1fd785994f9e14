//! How the program of a container's function is started: by the image's entry point, or as the function says.

use super::DockerExecutor;
use super::container::TASK_FOLDER;
use super::pull::Present;
use crate::environments::executor::{Base, EnvironmentSpec, ExecutorError, Launch};
use crate::environments::{Ground, endpoint, variables};
use crate::model::functions::ImageConfig;
use crate::model::runtimes::{self, Family};

/// Where the init serves the Runtime API: each container has a loopback of its own.
const RUNTIME_API: &str = "127.0.0.1:9001";

/// Where it takes traces.
const XRAY_DAEMON: &str = "127.0.0.1:2000";

/// Where it serves both in a loopback that it shares with others: at any free port.
const ANY_PORT: &str = "127.0.0.1:0";

/// The entrypoint of AWS's images. Its contract: one argument, the handler; where
/// `AWS_LAMBDA_RUNTIME_API` is set it executes the runtime.
const ENTRYPOINT: &str = "/lambda-entrypoint.sh";

/// Where programs are searched on AWS.
const PATH: (&str, &str) = ("PATH", "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin");

/// The variables of AWS's images that a runtime needs (recorded 2026-01-12).
const VARIABLES: [(&str, &str); 6] = [
    ("LAMBDA_RUNTIME_DIR", "/var/runtime"),
    ("LAMBDA_TASK_ROOT", TASK_FOLDER),
    ("LANG", "en_US.UTF-8"),
    (
        "LD_LIBRARY_PATH",
        "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
    ),
    PATH,
    ("TZ", ":UTC"),
];

impl DockerExecutor {
    pub(super) async fn launch_of(&self, spec: &EnvironmentSpec) -> Result<Launch, ExecutorError> {
        let mut launch = if spec.base.image.is_some() {
            of_image(&*self.ensure(&spec.base).await?, &spec.image_config)
        } else {
            of_runtime(spec)
        };
        if self.options.shares_loopback() {
            (launch.runtime_api, launch.xray_daemon) = (ANY_PORT.to_owned(), ANY_PORT.to_owned());
        }
        launch.user = self.options.user().numbers();
        launch.variables.extend(self.options.endpoint.url().map(|url| (endpoint::VARIABLE.to_owned(), url)));
        launch.variables.extend(self.options.flags.variables());
        launch.ground = self.ground(&spec.base)?;

        Ok(launch)
    }

    /// What runs it: the image that was seen last under its name, and the engine.
    fn ground(&self, base: &Base) -> Result<Ground, ExecutorError> {
        let wanted = self.image(base)?;
        let version = self.images.digest(&wanted).unwrap_or_default();
        let engine = format!("{} {}", if self.engine.is_podman { "Podman" } else { "Docker" }, self.engine.description);
        Ok(Ground { program: wanted.image, version, engine })
    }
}

/// Managed runtimes start by the image's entrypoint. `provided` ones have a `bootstrap` of their own, which the init finds
/// as AWS does: AWS's `provided` images look for it in /var/runtime only.
fn of_runtime(spec: &EnvironmentSpec) -> Launch {
    let runtime = spec.base.runtime.as_str();
    let argv = if runtimes::family(runtime) == Family::Provided {
        Vec::new()
    } else {
        vec![ENTRYPOINT.to_owned(), spec.handler.clone()]
    };
    let variables = VARIABLES.map(owned).into_iter().chain(variables::module_path(runtime)).collect();
    launch(argv, TASK_FOLDER.to_owned(), variables)
}

/// An image starts as its maker or the function says, each of the three by itself: unlike in Docker, another entry
/// point keeps the image's command.
fn of_image(image: &Present, config: &ImageConfig) -> Launch {
    let entry_point = config.entry_point.as_ref().unwrap_or(&image.entry_point);
    let command = config.command.as_ref().unwrap_or(&image.command);
    let folder = config.working_directory.as_ref().or(image.working_dir.as_ref());
    let folder = folder.map_or_else(|| TASK_FOLDER.to_owned(), Clone::clone);
    let variables = [owned(PATH)].into_iter().chain(image.variables.iter().cloned());
    launch(entry_point.iter().chain(command).cloned().collect(), folder, variables.collect())
}

fn launch(argv: Vec<String>, working_dir: String, variables: Vec<(String, String)>) -> Launch {
    Launch {
        argv,
        wrapped_by: None,
        working_dir,
        variables,
        user: None,
        watch_memory: false,
        runtime_api: RUNTIME_API.to_owned(),
        xray_daemon: XRAY_DAEMON.to_owned(),
        warning: None,
        ground: Ground::default(),
    }
}

fn owned((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image() -> Present {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Present {
            entry_point: words(&["/entry"]),
            command: words(&["app.handler"]),
            variables: vec![("PATH".into(), "/app".into()), ("STAGE".into(), "test".into())],
            ..Present::default()
        }
    }

    #[test]
    fn an_image_starts_as_it_says() {
        let launch = of_image(&image(), &ImageConfig::default());
        assert_eq!(launch.argv, ["/entry", "app.handler"]);
        assert_eq!(launch.working_dir, "/var/task");
        assert_eq!(launch.variables.last(), Some(&("STAGE".to_owned(), "test".to_owned())));
    }

    #[test]
    fn each_override_stands_by_itself() {
        let config = ImageConfig {
            entry_point: Some(vec!["/other".into()]),
            working_directory: Some("/app".into()),
            ..ImageConfig::default()
        };
        let launch = of_image(&Present { working_dir: Some("/image".into()), ..image() }, &config);
        assert_eq!(launch.argv, ["/other", "app.handler"]);
        assert_eq!(launch.working_dir, "/app");
        let config = ImageConfig { command: Some(vec!["b.c".into()]), ..ImageConfig::default() };
        assert_eq!(of_image(&image(), &config).argv, ["/entry", "b.c"]);
    }
}
