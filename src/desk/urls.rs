//! Functions' URLs, as a server answers them.

use super::answers::{ShownUrl, Urls};
use crate::model::state::State;
use crate::model::urls::decide::arn;

/// All URLs of functions with a name, or of all; a server that listens at `port` answers them.
pub fn urls(state: &State, function: Option<&str>, port: u16) -> Urls {
    let is_meant = |name: &str| function.is_none_or(|wanted| wanted == name);
    let functions = state.functions.values().filter(|function| is_meant(function.key.name.as_str()));
    let shown = functions.flat_map(|function| {
        function.urls.iter().map(move |(alias, url)| ShownUrl {
            arn: arn(&function.key, alias.as_ref()),
            id: url.id.to_string(),
            url: format!("http://{}.lambda-url.{}.localhost:{port}/", url.id, function.key.scope.region),
            path_url: format!("http://127.0.0.1:{port}/_url/{}/", url.id),
            auth_type: url.auth_type.clone(),
            invoke_mode: url.invoke_mode().to_owned(),
        })
    });
    Urls { urls: shown.collect() }
}
