//! Pressure on the machine itself: CPU, disk and loopback network.

use super::Result;
use super::service::hash;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Keeps every core busy for `lasts`.
pub(crate) fn burn_cpu(lasts: Duration) {
    let end = Instant::now() + lasts;
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while Instant::now() < end {
                    hash(1_000_000);
                }
            });
        }
    });
}

/// Two writers flush every 64 KiB to files in `dir` for `lasts`, then remove them.
pub(crate) fn storm_disk(dir: &Path, lasts: Duration) -> Result<()> {
    let end = Instant::now() + lasts;
    let paths: Vec<_> = (0..2).map(|i| dir.join(format!("storm-{i}"))).collect();
    let outcome = std::thread::scope(|scope| {
        let writers: Vec<_> = paths
            .iter()
            .map(|path| scope.spawn(move || flush_until(path, end)))
            .collect();
        writers.into_iter().try_for_each(|writer| {
            writer
                .join()
                .unwrap_or_else(|_| Err("a writer panicked".into()))
        })
    });
    for path in paths {
        std::fs::remove_file(path)?;
    }
    outcome
}

fn flush_until(path: &Path, end: Instant) -> Result<()> {
    let block = vec![0xA5_u8; 64 << 10];
    let mut file = File::create(path)?;
    let mut blocks = 0_u32;
    while Instant::now() < end {
        file.write_all(&block)?;
        file.sync_data()?;
        blocks += 1;
        // Stay below 128 MiB a file.
        if blocks.is_multiple_of(2048) {
            file.seek(SeekFrom::Start(0))?;
        }
    }
    Ok(())
}

/// Sends about 60 MB/s in small writes over loopback for `lasts`.
pub(crate) fn flood_loopback(lasts: Duration) -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let mut sender = TcpStream::connect(listener.local_addr()?)?;
    sender.set_nodelay(true)?;
    let (mut receiver, _) = listener.accept()?;
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let done = &done;
        scope.spawn(move || {
            let mut sink = vec![0_u8; 1 << 16];
            while !done.load(Relaxed) && matches!(receiver.read(&mut sink), Ok(n) if n > 0) {}
        });
        let outcome = send_paced(&mut sender, lasts);
        done.store(true, Relaxed);
        drop(sender);
        outcome
    })
}

fn send_paced(sender: &mut TcpStream, lasts: Duration) -> Result<()> {
    let block = [0x5A_u8; 4096];
    let tick = Duration::from_millis(4);
    let start = Instant::now();
    let mut ticks = 0_u32;
    while start.elapsed() < lasts {
        for _ in 0..60 {
            sender.write_all(&block)?;
        }
        ticks += 1;
        if let Some(pause) = (tick * ticks).checked_sub(start.elapsed()) {
            std::thread::sleep(pause);
        }
    }
    Ok(())
}
