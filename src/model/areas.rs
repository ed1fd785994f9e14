//! The one list of areas. An area is a folder: its types in `mod.rs`, what is asked in `command.rs`, how that is
//! decided in `decide.rs`, and in `event.rs` what happened and what that does to the state.

/// Hands every area to a macro: the doc and the name of its variants, its module, its commands, its events.
macro_rules! for_each_area {
    ($callback:ident) => {
        $callback! {
            /// Functions, their versions and aliases.
            Function functions FunctionCommand FunctionEvent,
            /// Resource-based policies of functions.
            Policy policies PolicyCommand PolicyEvent,
            /// Layers and their policies.
            Layer layers LayerCommand LayerEvent,
            /// Function URLs.
            Url urls UrlCommand UrlEvent,
            /// Event-invoke configurations.
            EventInvoke event_invoke EventInvokeCommand EventInvokeEvent,
            /// Reserved and provisioned concurrency, and scaling.
            Concurrency concurrency ConcurrencyCommand ConcurrencyEvent,
            /// Recursion and runtime management of functions.
            FunctionSettings function_settings FunctionSettingsCommand FunctionSettingsEvent,
            /// Tags of functions.
            Tag tags TagCommand TagEvent,
            /// Code-signing configurations and what they are attached to.
            CodeSigning code_signing CodeSigningCommand CodeSigningEvent,
            /// Event source mappings.
            EventSource event_sources EventSourceCommand EventSourceEvent,
            /// Capacity providers.
            CapacityProvider capacity_providers CapacityProviderCommand CapacityProviderEvent,
            /// Users, roles and policies of IAM.
            Iam iam IamCommand IamEvent,
            /// Log groups and streams of CloudWatch Logs.
            Logs logs LogsCommand LogsEvent,
            /// Queues of SQS.
            Queue queues QueueCommand QueueEvent,
            /// Marks, and states brought back or in.
            History history HistoryCommand HistoryEvent,
        }
    };
}
pub(crate) use for_each_area;
