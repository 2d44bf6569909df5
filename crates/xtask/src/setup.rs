//! `cargo xtask setup`: the programs that the integration tests talk to.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::cargo::{self, Result};

/// Programs on the PATH; on Debian each comes in the package of the same name.
const PROGRAMS: &[&str] = &[
    "prometheus",
    "prometheus-alertmanager",
    "prometheus-node-exporter",
    "victoria-metrics",
];

/// Makes sure that the programs are there: installs them where that is possible without asking,
/// otherwise fails and says how to.
pub(crate) fn run() -> Result {
    let missing = missing();
    if missing.is_empty() {
        eprintln!("all programs are there: {}", PROGRAMS.join(", "));
        return Ok(());
    }
    if !(is_root() && cargo::on_path("apt-get")) {
        return Err(format!(
            "the tests need {}, not found on the PATH.\n\
             Debian and Ubuntu:  sudo apt-get install {}\n\
             elsewhere: https://prometheus.io/download/, with the binaries named as above",
            missing.join(", "),
            missing.join(" "),
        )
        .into());
    }
    eprintln!("installing {} with apt-get", missing.join(", "));
    install(&missing)?;
    match self::missing() {
        rest if rest.is_empty() => Ok(()),
        rest => Err(format!("still not on the PATH: {}", rest.join(", ")).into()),
    }
}

fn missing() -> Vec<&'static str> {
    PROGRAMS
        .iter()
        .copied()
        .filter(|program| !cargo::on_path(program))
        .collect()
}

fn install(packages: &[&str]) -> Result {
    let _no_services = NoServices::new()?;
    cargo::run(apt_get().args(["-q", "update"]))?;
    cargo::run(
        apt_get()
            .args(["-qy", "--no-install-recommends", "install"])
            .args(packages),
    )
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn is_root() -> bool {
    // The owner of /proc/self is the effective user.
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// While it lives, packages do not start the services they bring: Debian asks this script first.
struct NoServices {
    ours: bool,
}

impl NoServices {
    const POLICY: &str = "/usr/sbin/policy-rc.d";

    fn new() -> Result<Self> {
        let ours = !Path::new(Self::POLICY).exists();
        if ours {
            fs::write(Self::POLICY, "#!/bin/sh\nexit 101\n")?;
            fs::set_permissions(Self::POLICY, fs::Permissions::from_mode(0o755))?;
        }
        Ok(Self { ours })
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.ours && fs::remove_file(Self::POLICY).is_err() {
            eprintln!("please remove {}", Self::POLICY);
        }
    }
}
