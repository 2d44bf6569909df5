//! Which receivers hear of an alert, in the shape of Alertmanager's configuration.

mod config;
mod inhibit;
mod tree;

pub use self::config::{
    GlobalConfig, InhibitRuleConfig, NamedIntervalConfig, Opaque, ReceiverConfig, RouteConfig,
    RoutingConfig,
};
pub(crate) use self::inhibit::InhibitRule;
pub(crate) use self::tree::Route;
pub use self::tree::{RoutingTree, Waits};
