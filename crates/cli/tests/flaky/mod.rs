//! A receiver of alerts that fails as receivers do: it refuses, asks for patience, hangs up, answers
//! late, or takes a message and dies before it can say so.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// Numbers that look random and are the same for the same seed (`SplitMix64`).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

/// What it took, as path and body, in order.
type Taken = Arc<Mutex<Vec<(String, Value)>>>;

pub(crate) struct Flaky {
    address: SocketAddr,
    taken: Taken,
    calm: Arc<AtomicBool>,
    /// A word for each request that arrives, before it is answered.
    pub(crate) arrivals: Receiver<()>,
}

impl Flaky {
    pub(crate) fn start(seed: u64) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (taken, calm) = (Taken::default(), Arc::new(AtomicBool::new(false)));
        let dice = Arc::new(Mutex::new(Dice(seed)));
        let (sender, arrivals) = channel();
        let shared = (Arc::clone(&taken), Arc::clone(&calm));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (taken, calm) = (Arc::clone(&shared.0), Arc::clone(&shared.1));
                let (dice, sender) = (Arc::clone(&dice), sender.clone());
                thread::spawn(move || {
                    let roll = if calm.load(Ordering::SeqCst) {
                        99
                    } else {
                        dice.lock().unwrap().below(100)
                    };
                    serve(stream, roll, &taken, &sender);
                });
            }
        });
        Self {
            address,
            taken,
            calm,
            arrivals,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// From now on it takes everything at once.
    pub(crate) fn calm_down(&self) {
        self.calm.store(true, Ordering::SeqCst);
    }

    /// The bodies that it took at `path`, in order.
    pub(crate) fn taken(&self, path: &str) -> Vec<Value> {
        let taken = self.taken.lock().unwrap();
        let at_path = taken.iter().filter(|(at, _)| at == path);
        at_path.map(|(_, body)| body.clone()).collect()
    }
}

/// Answers one request as the dice fell, and hangs up.
fn serve(mut stream: TcpStream, roll: u64, taken: &Taken, arrivals: &Sender<()>) {
    let Some((path, body)) = request(&stream) else {
        return;
    };
    let _ = arrivals.send(());
    let pause = if roll.is_multiple_of(3) { 60 } else { 0 };
    thread::sleep(Duration::from_millis(pause));
    let answer = match roll {
        0..10 => "503 Service Unavailable\r\nRetry-After: 0",
        10..18 => "429 Too Many Requests\r\nRetry-After: 1",
        18..22 => "500 Internal Server Error",
        22..28 => return,
        _ => "200 OK",
    };
    if answer.starts_with("200") {
        taken.lock().unwrap().push((path, body));
        if roll < 34 {
            // It took the message, and the sender never learns of it.
            return;
        }
    }
    let _ = write!(
        stream,
        "HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
}

fn request(stream: &TcpStream) -> Option<(String, Value)> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((path, serde_json::from_slice(&body).unwrap()))
}
