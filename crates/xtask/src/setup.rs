//! `cargo xtask setup`: the programs that the integration tests talk to.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::cargo::{self, Result};

/// Programs on the PATH, with the packages that hold them on Debian.
const PROGRAMS: &[(&str, &str)] = &[
    ("prometheus", "prometheus"),
    ("prometheus-alertmanager", "prometheus-alertmanager"),
    ("prometheus-node-exporter", "prometheus-node-exporter"),
    ("victoria-metrics", "victoria-metrics"),
    ("exim4", "exim4-daemon-light"),
];
/// Where Debian puts servers, which is not on everybody's PATH.
const SERVERS: &str = "/usr/sbin";

/// Makes sure that the programs are there: installs them where that is possible without asking,
/// otherwise fails and says how to.
pub(crate) fn run() -> Result {
    let missing = missing();
    if missing.is_empty() {
        eprintln!("all programs are there: {}", names(PROGRAMS).join(", "));
        return Ok(());
    }
    if !(is_root() && cargo::on_path("apt-get")) {
        return Err(format!(
            "the tests need {}, not found on the PATH.\n\
             Debian and Ubuntu:  sudo apt-get install {}\n\
             elsewhere: https://prometheus.io/download/, with the binaries named as above",
            names(&missing).join(", "),
            packages(&missing).join(" "),
        )
        .into());
    }
    let packages = packages(&missing);
    eprintln!("installing {} with apt-get", packages.join(", "));
    install(&packages)?;
    match self::missing() {
        rest if rest.is_empty() => Ok(()),
        rest => Err(format!("still not on the PATH: {}", names(&rest).join(", ")).into()),
    }
}

/// A program and its package.
type Program = (&'static str, &'static str);

fn missing() -> Vec<Program> {
    PROGRAMS
        .iter()
        .copied()
        .filter(|(program, _)| {
            !cargo::on_path(program) && !Path::new(SERVERS).join(program).exists()
        })
        .collect()
}

fn names(programs: &[Program]) -> Vec<&'static str> {
    programs.iter().map(|(program, _)| *program).collect()
}

fn packages(programs: &[Program]) -> Vec<&'static str> {
    programs.iter().map(|(_, package)| *package).collect()
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
