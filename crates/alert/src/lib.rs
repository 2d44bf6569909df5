//! From verdicts to alarms that people trust: the life of an alert, its one-line explanation, and
//! its delivery to Alertmanager, Slack, Teams, Discord, PagerDuty, mail, web hooks and logs.
//!
//! Use this crate when you have [verdicts](bongsu_core::Verdict) of your own and want alerts that
//! fire once, end, and arrive even if the receiver was down. If you want the service that also
//! queries and detects, use the facade crate `bongsu` instead; if Alertmanager already gets your
//! alerts from Prometheus rules, you need none of this.
//!
//! [`Lifecycle`] decides, without a clock and without I/O; [`Dispatcher`] delivers, on Tokio.
//! Between them a [`Suppressor`] makes many transitions few messages: it groups them, holds back
//! what is muted, flapping, inhibited or beyond a budget, and sends the rest where a
//! [`RoutingTree`] in Alertmanager's own shape says.
//!
//! A [`Sink`] hears of alerts in one of three ways: of single transitions, or of the whole state
//! (Alertmanager, which groups by itself), or, when it serves a
//! [receiver](Dispatcher::with_receiver), of [pages](Page): one message for a group of alerts, with
//! what there is to say about them.
//!
//! ```
//! use bongsu_alert::{Dispatcher, Lifecycle, LogSink, Policy, Transition};
//! use bongsu_core::{Labels, Timestamp, Verdict};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
//! # runtime.block_on(async {
//! let mut lifecycle = Lifecycle::new();
//! let mut dispatcher = Dispatcher::new().with_sink(LogSink::default())?;
//!
//! let labels = Labels::from_pairs([("__name__", "up"), ("job", "node")])?;
//! let verdict = Verdict {
//!     timestamp: Timestamp::from_secs(60),
//!     labels: labels.clone(),
//!     value: Some(0.0),
//!     score: Some(5.0),
//!     expected: Some(1.0),
//!     lower: Some(0.5),
//!     upper: None,
//!     direction: None,
//!     anomalous: true,
//!     explanation: None,
//! };
//! let transition = lifecycle.observe(&labels, &Policy::default(), &verdict)?;
//! let told: Vec<_> = transition.into_iter().filter_map(Transition::into_notification).collect();
//! assert_eq!(told[0].summary, r#"up{job="node"} is 0, expected 1 (at least 0.5), score 5"#);
//!
//! let deliveries = dispatcher.dispatch(verdict.timestamp, &told, &lifecycle).await;
//! assert_eq!(deliveries[0].delivered, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod annotations;
mod describe;
mod dispatch;
mod duration_text;
mod error;
mod interval;
mod lifecycle;
mod matcher;
mod number;
mod page;
mod policy;
mod routing;
mod sink;
mod suppress;
#[cfg(test)]
mod testing;
mod time;

pub use annotations::{Links, annotations};
pub use describe::describe;
pub use dispatch::{DeadLetters, Delivery, Dispatcher, Pending, PendingPages, SinkStatus};
pub use error::{Error, ErrorKind, Retry};
pub use interval::{TimeInterval, TimeIntervalConfig, TimeRangeConfig, Word};
pub use lifecycle::{HoldReason, Lifecycle, Transition};
pub use matcher::{MatchOp, Matcher, Subject};
pub use page::{Digest, DigestGroup, Note, NoteKind, Occasion, Page};
pub use policy::Policy;
pub use routing::{
    GlobalConfig, InhibitRuleConfig, NamedIntervalConfig, Opaque, ReceiverConfig, RouteConfig,
    RoutingConfig, RoutingTree, Waits,
};
pub use sink::alertmanager::{AlertmanagerBuilder, AlertmanagerSink};
pub use sink::auth::Auth;
pub use sink::builder::SinkBuilder;
pub use sink::chat::ChatSink;
pub use sink::discord::DiscordSink;
pub use sink::email::{EmailBuilder, EmailSink, SmtpSecurity};
pub use sink::firing_only::FiringOnly;
pub use sink::log::LogSink;
pub use sink::pagerduty::{PagerDutyBuilder, PagerDutySink};
pub use sink::plot::Plotter;
pub use sink::slack::{SlackBuilder, SlackSink};
pub use sink::teams::TeamsSink;
pub use sink::webhook::{Template, WebhookBuilder, WebhookSink};
pub use sink::{BoxFuture, Mode, Sink};
/// What single kinds of sinks have of their own, for [`SinkBuilder`] and [`ChatSink`]. There is
/// seldom a need to name these.
pub mod kind {
    pub use crate::sink::alertmanager::Alertmanager;
    pub use crate::sink::chat::{Address, Chat, ChatMessage};
    pub use crate::sink::discord::Discord;
    pub use crate::sink::email::Email;
    pub use crate::sink::pagerduty::PagerDuty;
    pub use crate::sink::slack::Slack;
    pub use crate::sink::teams::Teams;
    pub use crate::sink::webhook::Webhook;
}
pub use suppress::{
    Acknowledgement, BudgetConfig, BudgetKey, EscalationStep, FlappingConfig, Limits,
    MaintenanceConfig, MuteConfig, Outcome, Rate, Silence, Stage, Step, SuppressConfig, Suppressor,
    SuppressorState, SuppressorStatus,
};
