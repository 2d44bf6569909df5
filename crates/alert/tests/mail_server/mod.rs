//! A real mail server to test against: Exim, which keeps every mail in one file.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) const USER: &str = "ann";
pub(crate) const PASSWORD: &str = "MARKED-SECRET-PASSWORD";

/// A running Exim, stopped when dropped.
#[derive(Debug)]
pub(crate) struct MailServer {
    process: Child,
    /// Where connections begin open.
    pub(crate) port: u16,
    /// Where they are encrypted from the beginning.
    pub(crate) tls_port: u16,
    /// The server's certificate, for `localhost`.
    pub(crate) certificate: String,
    directory: tempfile::TempDir,
}

impl Drop for MailServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl MailServer {
    pub(crate) fn start() -> Self {
        // Somebody else may take a free port before the server does.
        for _ in 0..5 {
            let mut server = Self::spawn();
            if server.is_ready() {
                return server;
            }
        }
        panic!("exim4 started five times, and was never ready");
    }

    fn spawn() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate = key.cert.pem();
        let (port, tls_port) = (free_port(), free_port());
        let write = |name: &str, text: &str| {
            std::fs::write(path.join(name), text).unwrap();
            readable(&path.join(name), 0o644);
        };
        write("cert.pem", &certificate);
        write("key.pem", &key.signing_key.serialize_pem());
        write("exim.conf", &config(path, port, tls_port));
        // Started by root, Exim gives its rights up.
        for name in ["spool", "mail"] {
            std::fs::create_dir(path.join(name)).unwrap();
            readable(&path.join(name), 0o777);
        }
        readable(path, 0o755);
        let program = ["/usr/sbin/exim4", "/usr/sbin/exim"]
            .into_iter()
            .find(|program| Path::new(program).exists())
            .unwrap_or("exim4");
        let process = Command::new(program)
            .arg("-C")
            .arg(path.join("exim.conf"))
            .args(["-bdf", "-odf"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|e| {
                panic!(
                    "exim4 cannot be started: {e}; \
                     install the Debian package `exim4-daemon-light`"
                )
            });
        Self {
            process,
            port,
            tls_port,
            certificate,
            directory,
        }
    }

    /// Waits until it is ready; `false` when it has ended or takes too long.
    fn is_ready(&mut self) -> bool {
        let deadline = Instant::now() + Duration::from_secs(30);
        while Instant::now() < deadline && self.process.try_wait().unwrap().is_none() {
            let open = |port| {
                let address = SocketAddr::from(([127, 0, 0, 1], port));
                TcpStream::connect(address).is_ok()
            };
            if open(self.port) && open(self.tls_port) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        false
    }

    /// The mails so far, once there are `count` of them.
    pub(crate) async fn mails(&self, count: usize) -> Vec<String> {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let all = std::fs::read_to_string(self.directory.path().join("mail/all"));
            let mails: Vec<String> = all
                .unwrap_or_default()
                .split("\x01\n")
                .filter(|mail| !mail.is_empty())
                .map(str::to_owned)
                .collect();
            if mails.len() >= count || Instant::now() > deadline {
                return mails;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// `later` is never taken now, `nobody` never at all; `strict` only after a login.
fn config(path: &Path, port: u16, tls_port: u16) -> String {
    let path = path.display();
    format!(
        r#"primary_hostname = localhost
spool_directory = {path}/spool
log_file_path = {path}/spool/%slog
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port} : {tls_port}
tls_on_connect_ports = {tls_port}
tls_advertise_hosts = *
tls_certificate = {path}/cert.pem
tls_privatekey = {path}/key.pem
acl_smtp_rcpt = recipient
acl_smtp_data = data
deliver_drop_privilege = true
keep_environment =
rfc1413_query_timeout = 0s

begin acl
recipient:
  defer local_parts = later
        message = not now
  deny local_parts = nobody
        message = no such user
  deny local_parts = strict
       !authenticated = *
        message = who are you
  accept
data:
  accept

begin routers
all:
  driver = accept
  transport = file

begin transports
file:
  driver = appendfile
  file = {path}/mail/all
  envelope_to_add
  batch_max = 100
  message_prefix = ""
  message_suffix = "\001\n"

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if and{{{{eq{{$auth2}}{{{USER}}}}}{{eq{{$auth3}}{{{PASSWORD}}}}}}}}}
  server_set_id = $auth2
  server_advertise_condition = ${{if def:tls_in_cipher}}
"#
    )
}

fn readable(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
