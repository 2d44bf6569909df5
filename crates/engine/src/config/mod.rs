//! Configuration: what the service reads, how it judges, and whom it tells.
//!
//! Files are YAML or JSON. Unknown keys are errors, `${NAME}` takes the value of an environment
//! variable, secrets may be `file:` references, and a profile overlays the base.

mod alerting;
mod auth;
mod budget;
mod capacity;
mod carried_over;
mod gaps;
mod group;
mod load;
mod maintenance;
mod older;
mod outputs;
mod rca;
mod reference;
mod reports;
mod scalars;
mod scrape;
mod shard;
mod sinks;
mod source;
mod training;
mod types;
mod validate;
mod within;

pub(crate) use alerting::EVERYBODY;
pub use alerting::{AlertingConfig, SilencesConfig};
pub use auth::{AuthConfig, ClientAuthConfig, TlsConfig};
pub use budget::BudgetConfig;
pub use capacity::{CapacityConfig, CapacityResource};
pub use gaps::{FillConfig, GapsConfig};
pub use group::{ChannelsConfig, GroupConfig, NewChannels};
pub use load::{load, parse};
pub use maintenance::MaintenanceConfig;
pub use outputs::{
    Archive, OutputConfig, RemoteWriteConfig, RemoteWriteVersion, Rotation, ServerConfig,
    ServerTlsConfig,
};
pub use rca::{CallLabels, RcaConfig, ServiceConfig, WorkloadLabels};
pub use reference::{reference_markdown, schema_json};
pub use reports::ReportsConfig;
pub use scalars::{SecretText, Span};
pub use scrape::TargetConfig;
pub use shard::{ShardConfig, ShardIndex};
pub use sinks::{EmailSecurity, LinksConfig, SinkConfig};
pub use source::SourceConfig;
pub use training::{DriftTrigger, ScheduleConfig, TrainingConfig, Watched};
pub use types::{AlertPolicy, Config, EngineSettings, ParameterValue, QueryConfig, StateConfig};
pub(crate) use validate::check_label;
