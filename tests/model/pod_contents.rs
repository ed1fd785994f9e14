//! What travels in pods, over random states.

use larder::model::limits::Limits;
use larder::model::resource::Resource;
use larder::model::resource_pattern::ResourcePattern;
use larder::pods::mapping::{Mapping, map};
use larder::pods::redaction::{Rule, redact};
use larder::pods::selection::select;
use proptest::prelude::*;

use crate::commands::steps;
use crate::properties::run;

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn resources_are_mapped_selected_and_redacted(steps in steps()) {
        let (state, _) = run(&steps, &Limits::default());
        let mut resources: Vec<Resource> = state.resources().collect();
        let to = Mapping { account: Some("999999999999".into()), ..Mapping::default() };
        if let Ok(mapped) = map(&resources, &to) {
            prop_assert!(mapped.iter().all(|resource| resource.key().account().as_str() == "999999999999"));
        }
        let to = Mapping { region: Some("ap-south-2".into()), ..Mapping::default() };
        if let Ok(mapped) = map(&resources, &to) {
            prop_assert!(mapped.iter().all(|it| it.key().region().is_none_or(|region| region.as_str() == "ap-south-2")));
        }
        for resource in &resources {
            let pattern = ResourcePattern::parse(&resource.key().arn()).expect("an ARN is one");
            let selection = select(&state, &[pattern]).expect("it is there");
            prop_assert!(selection.resources.contains(resource));
        }
        let rules = [Rule::parse("env:*").expect("is a rule")];
        redact(&mut resources, &rules);
        prop_assert!(redact(&mut resources, &rules).variables.is_empty());
    }
}
