//! Functions' URLs, as a server answers them.

use super::answers::{ShownUrl, Urls};
use crate::model::state::State;
use crate::model::urls::UrlOwner;
use crate::model::urls::decide::arn;

/// All URLs of functions with a name, or of all; a server that listens at `port` answers them.
pub fn urls(state: &State, function: Option<&str>, port: u16) -> Urls {
    let is_meant = |name: &str| function.is_none_or(|wanted| wanted == name);
    let mut owners: Vec<_> = state.urls.values().filter(|owner| is_meant(owner.key.name.as_str())).collect();
    owners.sort_by_key(|owner| (&owner.key, &owner.alias));
    let shown = owners.into_iter().filter_map(|UrlOwner { key, alias }| {
        let url = state.function(key)?.urls.get(alias)?;
        Some(ShownUrl {
            arn: arn(key, alias.as_ref()),
            id: url.id.to_string(),
            url: format!("http://{}.lambda-url.{}.localhost:{port}/", url.id, key.scope.region),
            path_url: format!("http://127.0.0.1:{port}/_url/{}/", url.id),
            auth_type: url.auth_type.clone(),
            invoke_mode: url.invoke_mode().to_owned(),
        })
    });
    Urls { urls: shown.collect() }
}
