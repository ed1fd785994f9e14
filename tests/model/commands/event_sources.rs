//! Random commands about event source mappings.

use std::collections::BTreeMap;

use larder::model::command::Command;
use larder::model::event_sources::command::{CreateMapping, EventSourceCommand, UpdateMapping};
use larder::model::event_sources::{
    KafkaPatch, MappingKey, Origin, PollersPatch, SettingsPatch, Source, SourceAccess, Target,
};
use larder::model::state::State;
use proptest::prelude::*;

use super::functions;

/// A command about some mapping of the state, chosen when it is its turn.
#[derive(Debug, Clone)]
pub enum OfMapping {
    Update { index: prop::sample::Index, target: Option<Target>, settings: Box<SettingsPatch>, enabled: Option<bool> },
    Delete(prop::sample::Index),
    SettleAll,
}

impl OfMapping {
    pub fn commands(&self, state: &State) -> Vec<Command> {
        let chosen = |index: &prop::sample::Index| -> Option<MappingKey> {
            let count = state.event_source_mappings.len();
            (count > 0).then(|| state.event_source_mappings.keys().nth(index.index(count)).cloned())?
        };
        match self {
            Self::Update { index, target, settings, enabled } => chosen(index)
                .map(|key| {
                    let (target, settings, enabled) = (target.clone(), (**settings).clone(), *enabled);
                    EventSourceCommand::UpdateMapping(Box::new(UpdateMapping { key, target, settings, enabled })).into()
                })
                .into_iter()
                .collect(),
            Self::Delete(index) => {
                chosen(index).map(|key| EventSourceCommand::DeleteMapping { key }.into()).into_iter().collect()
            }
            Self::SettleAll => state
                .unsettled_mappings
                .iter()
                .map(|(key, revision)| EventSourceCommand::SettleMapping { key: key.clone(), revision: *revision })
                .map(Command::from)
                .collect(),
        }
    }
}

pub fn of_mapping() -> impl Strategy<Value = OfMapping> {
    prop_oneof![
        3 => (any::<prop::sample::Index>(), prop::option::of(target()), settings(), any::<Option<bool>>()).prop_map(
            |(index, target, settings, enabled)| OfMapping::Update { index, target, settings: Box::new(settings), enabled }
        ),
        1 => any::<prop::sample::Index>().prop_map(OfMapping::Delete),
        4 => Just(OfMapping::SettleAll),
    ]
}

pub fn create() -> impl Strategy<Value = EventSourceCommand> {
    (source(), target(), origin(), settings(), any::<bool>()).prop_map(|(source, target, origin, settings, enabled)| {
        let scope = target.function.scope.clone();
        let tags = BTreeMap::from([("team".to_owned(), "red".to_owned())]);
        let create = CreateMapping { scope, source, target, origin, settings, enabled, tags };
        EventSourceCommand::CreateMapping(Box::new(create))
    })
}

fn source() -> impl Strategy<Value = Source> {
    let arns = vec![
        "arn:aws:sqs:us-east-1:000000000000:q",
        "arn:aws:sqs:us-east-1:000000000000:q.fifo",
        "arn:aws:kinesis:us-east-1:000000000000:stream/s",
        "arn:aws:kafka:us-east-1:000000000000:cluster/c/1",
        "arn:aws:mq:us-east-1:000000000000:broker:b:b-1",
    ];
    prop_oneof![
        5 => prop::sample::select(arns).prop_map(|arn| Source::of_arn(arn).expect("a source")),
        1 => prop::sample::subsequence(vec!["k:1", "l:1"], 1..3)
            .prop_map(|servers| Source::SelfManagedKafka(servers.into_iter().map(str::to_owned).collect())),
    ]
}

fn target() -> impl Strategy<Value = Target> {
    (functions::key(), prop::option::weighted(0.3, functions::qualifier()))
        .prop_map(|(function, qualifier)| Target { function, qualifier })
}

/// Every member is there as often as not; which of them a kind takes is for `decide` to say.
fn origin() -> impl Strategy<Value = Origin> {
    let positions = prop::sample::select(vec!["LATEST", "TRIM_HORIZON", "AT_TIMESTAMP"]);
    let list = |name: &'static str| prop::option::of(Just(vec![name.to_owned()])).prop_map(Option::unwrap_or_default);
    (prop::option::of(positions), list("topic"), list("queue")).prop_map(|(position, topics, queues)| Origin {
        position: position.map(str::to_owned),
        timestamp: None,
        topics,
        queues,
    })
}

fn settings() -> impl Strategy<Value = SettingsPatch> {
    let access = prop::option::of(Just(vec![SourceAccess { kind: "BASIC_AUTH".into(), uri: Some("arn".into()) }]));
    let filters = prop::option::weighted(0.3, prop::sample::select(vec![r#"{"a":[1]}"#, "no pattern"]));
    let rare = |likely: f64| prop::option::weighted(likely, 1..30_u32);
    let pollers = prop::option::weighted(0.1, Just(PollersPatch { least: Some(3), ..PollersPatch::default() }));
    let kafka =
        prop::option::weighted(0.1, Just(KafkaPatch { consumer_group: Some("g".into()), ..KafkaPatch::default() }));
    (rare(0.5), rare(0.3), rare(0.1), access, filters, pollers, kafka).prop_map(
        |(batch_size, batching_window_s, factor, access, filter, pollers, managed_kafka)| SettingsPatch {
            batch_size,
            batching_window_s,
            parallelization_factor: factor,
            access,
            filters: filter.map(|filter| vec![filter.to_owned()]),
            pollers,
            managed_kafka,
            ..SettingsPatch::default()
        },
    )
}
