//! Objects in a cluster: server-side apply, with and without doing it.

use std::time::Duration;

use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::Value;

use crate::compare;
use crate::error::chain;
use crate::{Error, Object};

/// Who the fields that are applied belong to.
const MANAGER: &str = "bongsu";
const CONNECT: Duration = Duration::from_secs(10);
const ANSWER: Duration = Duration::from_secs(30);

/// A cluster of Kubernetes.
pub struct Cluster {
    client: Client,
    address: String,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// How objects are applied.
#[derive(Debug, Clone, Copy, Default)]
pub struct ApplyOptions {
    /// The cluster checks everything and keeps nothing.
    pub dry_run: bool,
    /// Fields that others manage are taken over.
    pub force: bool,
}

/// What became of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was not there.
    Created,
    /// It was there and is another one now.
    Changed,
    /// It was there already.
    Unchanged,
    /// Its namespace is made in the same go, which a dry run does not do: it was not checked.
    Unchecked,
}

/// An object that was applied.
#[derive(Debug, Clone)]
pub struct Applied {
    /// What became of it.
    pub outcome: Outcome,
    /// What changes, as a unified diff; values of a Secret are not shown.
    pub diff: String,
}

impl Cluster {
    /// The cluster of a context of the kubeconfig (`$KUBECONFIG` or `~/.kube/config`), or of its
    /// current one; within a cluster and without a kubeconfig, that one. Nothing is asked yet.
    ///
    /// # Errors
    /// [`Error::Connection`] where none is described, or not so that it can be reached.
    pub async fn connect(context: Option<&str>) -> Result<Self, Error> {
        let config = if context.is_some() {
            let file = Kubeconfig::read().map_err(|e| Error::Connection(chain(&e)))?;
            described(file, context).await?
        } else {
            let config = Config::infer().await;
            config.map_err(|e| Error::Connection(chain(&e)))?
        };
        Self::new(config)
    }

    /// The cluster of a context of a kubeconfig in YAML, or of its current one.
    ///
    /// # Errors
    /// [`Error::Connection`] where it describes none, or not so that it can be reached.
    pub async fn of_kubeconfig(yaml: &str, context: Option<&str>) -> Result<Self, Error> {
        let file = Kubeconfig::from_yaml(yaml).map_err(|e| Error::Connection(chain(&e)))?;
        Self::new(described(file, context).await?)
    }

    fn new(mut config: Config) -> Result<Self, Error> {
        config.connect_timeout = Some(CONNECT);
        config.read_timeout = Some(ANSWER);
        config.write_timeout = Some(ANSWER);
        let address = config.cluster_url.to_string();
        let client = Client::try_from(config).map_err(|e| Error::Connection(chain(&e)))?;
        Ok(Self { client, address })
    }

    /// Where the API server is.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Applies `object` on the server's side.
    ///
    /// # Errors
    /// [`Error::Conflict`] where a field belongs to somebody else, [`Error::Refused`] for what the
    /// cluster does not take or allow, [`Error::Unreachable`] without an answer in 30 seconds.
    pub async fn apply(&self, object: &Object, options: ApplyOptions) -> Result<Applied, Error> {
        let label = object.label();
        let named = |error| Error::of(&label, error);
        let api: Api<DynamicObject> = match &object.namespace {
            Some(namespace) => {
                Api::namespaced_with(self.client.clone(), namespace, &object.resource)
            }
            None => Api::all_with(self.client.clone(), &object.resource),
        };
        let before = api.get_opt(&object.name).await.map_err(named)?;
        let before = before.map(value).transpose()?;
        let mut params = PatchParams::apply(MANAGER);
        params.dry_run = options.dry_run;
        params.force = options.force;
        let patch = Patch::Apply(&object.value);
        let after = match api.patch(&object.name, &params, &patch).await {
            Ok(after) => value(after)?,
            Err(kube::Error::Api(status))
                if options.dry_run && status.code == 404 && is_of_namespace(&status) =>
            {
                return Ok(Applied {
                    outcome: Outcome::Unchecked,
                    diff: compare::diff(object, None, &object.value)?,
                });
            }
            Err(error) => return Err(named(error)),
        };
        let diff = compare::diff(object, before.as_ref(), &after)?;
        let outcome = match (&before, diff.is_empty()) {
            (None, _) => Outcome::Created,
            (Some(_), false) => Outcome::Changed,
            (Some(_), true) => Outcome::Unchanged,
        };
        Ok(Applied { outcome, diff })
    }
}

async fn described(file: Kubeconfig, context: Option<&str>) -> Result<Config, Error> {
    let options = KubeConfigOptions {
        context: context.map(str::to_owned),
        ..KubeConfigOptions::default()
    };
    let config = Config::from_custom_kubeconfig(file, &options).await;
    config.map_err(|e| Error::Connection(chain(&e)))
}

fn is_of_namespace(status: &kube::core::Status) -> bool {
    let details = status.details.as_ref();
    details.is_some_and(|details| details.kind == "namespaces")
}

fn value(object: DynamicObject) -> Result<Value, Error> {
    serde_json::to_value(object).map_err(|e| Error::Write(e.to_string()))
}
