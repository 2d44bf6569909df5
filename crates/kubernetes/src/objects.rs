//! The objects, typed.

use std::collections::BTreeMap;

use k8s_openapi::api::batch::v1::{CronJob, CronJobSpec, JobSpec, JobTemplateSpec};
use k8s_openapi::api::core::v1::{
    Capabilities, ConfigMap, ConfigMapVolumeSource, Container, EmptyDirVolumeSource, EnvFromSource,
    Namespace, PersistentVolumeClaim, PersistentVolumeClaimSpec, PersistentVolumeClaimVolumeSource,
    PodSecurityContext, PodSpec, PodTemplateSpec, ResourceRequirements, SeccompProfile, Secret,
    SecretEnvSource, SecurityContext, Volume, VolumeMount, VolumeResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::{ByteString, Metadata, Resource};
use kube::core::ApiResource;
use serde::Serialize;
use serde_json::Value;

use crate::{Error, Settings, Variables};

const NAME_LABEL: &str = "app.kubernetes.io/name";
const CONFIG_FOLDER: &str = "/etc/bongsu";
/// The user that the image runs as.
const USER: i64 = 65_532;

/// An object of Kubernetes, ready to be shown or applied.
#[derive(Debug, Clone)]
pub struct Object {
    pub(crate) resource: ApiResource,
    pub(crate) namespace: Option<String>,
    pub(crate) name: String,
    pub(crate) value: Value,
    yaml: String,
}

impl Object {
    fn of<K>(object: &K) -> Result<Self, Error>
    where
        K: Serialize + Resource + Metadata<Ty = ObjectMeta>,
    {
        let write = |e: &dyn std::fmt::Display| Error::Write(e.to_string());
        let meta = object.metadata();
        Ok(Self {
            resource: ApiResource {
                group: K::GROUP.into(),
                version: K::VERSION.into(),
                api_version: K::API_VERSION.into(),
                kind: K::KIND.into(),
                plural: K::URL_PATH_SEGMENT.into(),
            },
            namespace: meta.namespace.clone(),
            name: meta.name.clone().unwrap_or_default(),
            value: serde_json::to_value(object).map_err(|e| write(&e))?,
            yaml: serde_saphyr::to_string(object).map_err(|e| write(&e))?,
        })
    }

    /// Its kind, for example `CronJob`.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.resource.kind
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Kind and name, as `kubectl` says them.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{}/{}", self.kind().to_lowercase(), self.name)
    }

    /// As a document of YAML. A Secret's holds its values.
    #[must_use]
    pub fn yaml(&self) -> &str {
        &self.yaml
    }

    /// Whether it holds what must not be shown.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.kind() == Secret::KIND
    }
}

/// The objects of `settings`, in the order in which they need each other.
///
/// A namespace, a config map with the configuration, a secret if its values are given, a volume
/// claim for the state and the cron job, which fits the restricted pod security standard.
///
/// # Errors
/// [`Error::Setting`] names what is out of its domain.
pub fn objects(settings: &Settings) -> Result<Vec<Object>, Error> {
    settings.check()?;
    let mut made = vec![
        Object::of(&namespace(settings))?,
        Object::of(&config_map(settings))?,
    ];
    if let Variables::Values(values) = &settings.variables {
        made.push(Object::of(&secret(settings, values))?);
    }
    made.push(Object::of(&claim(settings))?);
    made.push(Object::of(&cron_job(settings))?);
    Ok(made)
}

fn labels() -> BTreeMap<String, String> {
    [(NAME_LABEL.to_owned(), "bongsu".to_owned())].into()
}

fn meta(settings: &Settings) -> ObjectMeta {
    ObjectMeta {
        name: Some(settings.name.clone()),
        namespace: Some(settings.namespace.clone()),
        labels: Some(labels()),
        ..ObjectMeta::default()
    }
}

fn namespace(settings: &Settings) -> Namespace {
    let mut labels = labels();
    let enforce = "pod-security.kubernetes.io/enforce".to_owned();
    labels.insert(enforce, "restricted".to_owned());
    Namespace {
        metadata: ObjectMeta {
            name: Some(settings.namespace.clone()),
            labels: Some(labels),
            ..ObjectMeta::default()
        },
        ..Namespace::default()
    }
}

fn config_map(settings: &Settings) -> ConfigMap {
    ConfigMap {
        metadata: meta(settings),
        data: Some([("bongsu.yaml".to_owned(), settings.config.clone())].into()),
        ..ConfigMap::default()
    }
}

fn secret(settings: &Settings, values: &BTreeMap<String, String>) -> Secret {
    // `stringData` would belong to nobody once it is applied.
    let bytes = |text: &String| ByteString(text.clone().into_bytes());
    let data = values
        .iter()
        .map(|(name, value)| (name.clone(), bytes(value)));
    Secret {
        metadata: meta(settings),
        type_: Some("Opaque".to_owned()),
        data: Some(data.collect()),
        ..Secret::default()
    }
}

fn quantities(pairs: &[(&str, &str)]) -> BTreeMap<String, Quantity> {
    let quantity =
        |(name, value): &(&str, &str)| ((*name).to_owned(), Quantity((*value).to_owned()));
    pairs.iter().map(quantity).collect()
}

fn claim(settings: &Settings) -> PersistentVolumeClaim {
    PersistentVolumeClaim {
        metadata: meta(settings),
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec!["ReadWriteOnce".to_owned()]),
            storage_class_name: settings.storage_class.clone(),
            resources: Some(VolumeResourceRequirements {
                requests: Some(quantities(&[("storage", &settings.storage)])),
                ..VolumeResourceRequirements::default()
            }),
            ..PersistentVolumeClaimSpec::default()
        }),
        ..PersistentVolumeClaim::default()
    }
}

fn cron_job(settings: &Settings) -> CronJob {
    CronJob {
        metadata: meta(settings),
        spec: Some(CronJobSpec {
            schedule: settings.schedule.clone(),
            time_zone: Some(settings.time_zone.clone()),
            // Two runs never share a state.
            concurrency_policy: Some("Forbid".to_owned()),
            starting_deadline_seconds: Some(300),
            successful_jobs_history_limit: Some(3),
            failed_jobs_history_limit: Some(3),
            job_template: JobTemplateSpec {
                spec: Some(JobSpec {
                    active_deadline_seconds: Some(settings.deadline),
                    backoff_limit: Some(1),
                    template: PodTemplateSpec {
                        metadata: Some(ObjectMeta {
                            labels: Some(labels()),
                            ..ObjectMeta::default()
                        }),
                        spec: Some(pod(settings)),
                    },
                    ..JobSpec::default()
                }),
                ..JobTemplateSpec::default()
            },
            ..CronJobSpec::default()
        }),
        ..CronJob::default()
    }
}

fn pod(settings: &Settings) -> PodSpec {
    PodSpec {
        restart_policy: Some("Never".to_owned()),
        automount_service_account_token: Some(false),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            run_as_user: Some(USER),
            run_as_group: Some(USER),
            fs_group: Some(USER),
            fs_group_change_policy: Some("OnRootMismatch".to_owned()),
            seccomp_profile: Some(SeccompProfile {
                type_: "RuntimeDefault".to_owned(),
                ..SeccompProfile::default()
            }),
            ..PodSecurityContext::default()
        }),
        containers: vec![container(settings)],
        volumes: Some(volumes(settings)),
        ..PodSpec::default()
    }
}

fn container(settings: &Settings) -> Container {
    let mut args = vec![
        "run".to_owned(),
        "--once".to_owned(),
        format!("--config={CONFIG_FOLDER}/bongsu.yaml"),
        "--log-format=json".to_owned(),
    ];
    args.extend(
        settings
            .profile
            .iter()
            .map(|name| format!("--profile={name}")),
    );
    let from = match &settings.variables {
        Variables::None => None,
        Variables::Existing(name) => Some(name.clone()),
        Variables::Values(_) => Some(settings.name.clone()),
    };
    let (memory, limit) = &settings.memory;
    Container {
        name: "bongsu".to_owned(),
        image: Some(settings.image.clone()),
        args: Some(args),
        env_from: from.map(|name| {
            vec![EnvFromSource {
                secret_ref: Some(SecretEnvSource {
                    name,
                    ..SecretEnvSource::default()
                }),
                ..EnvFromSource::default()
            }]
        }),
        resources: Some(ResourceRequirements {
            requests: Some(quantities(&[("cpu", &settings.cpu), ("memory", memory)])),
            limits: Some(quantities(&[("memory", limit)])),
            ..ResourceRequirements::default()
        }),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            read_only_root_filesystem: Some(true),
            capabilities: Some(Capabilities {
                drop: Some(vec!["ALL".to_owned()]),
                ..Capabilities::default()
            }),
            ..SecurityContext::default()
        }),
        volume_mounts: Some(vec![
            VolumeMount {
                read_only: Some(true),
                ..mount("config", CONFIG_FOLDER)
            },
            mount("state", &settings.state_directory),
            mount("tmp", "/tmp"),
        ]),
        ..Container::default()
    }
}

fn mount(name: &str, path: &str) -> VolumeMount {
    VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        ..VolumeMount::default()
    }
}

fn volumes(settings: &Settings) -> Vec<Volume> {
    let config = Volume {
        name: "config".to_owned(),
        config_map: Some(ConfigMapVolumeSource {
            name: settings.name.clone(),
            ..ConfigMapVolumeSource::default()
        }),
        ..Volume::default()
    };
    let state = Volume {
        name: "state".to_owned(),
        persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
            claim_name: settings.name.clone(),
            ..PersistentVolumeClaimVolumeSource::default()
        }),
        ..Volume::default()
    };
    let tmp = Volume {
        name: "tmp".to_owned(),
        empty_dir: Some(EmptyDirVolumeSource {
            size_limit: Some(Quantity("64Mi".to_owned())),
            ..EmptyDirVolumeSource::default()
        }),
        ..Volume::default()
    };
    vec![config, state, tmp]
}
