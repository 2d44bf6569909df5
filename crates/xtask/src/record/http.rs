//! Just enough HTTP/1.1 for the workload: one request a connection, loopback only.

use super::Result;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Reads a request and returns its path. Bodies are not used.
pub(crate) fn read_path(stream: &mut TcpStream) -> Result<String> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.set_nodelay(true)?;
    let mut head = Vec::with_capacity(512);
    let mut chunk = [0_u8; 1024];
    while !head.windows(4).any(|w| w == b"\r\n\r\n") {
        let n = stream.read(&mut chunk)?;
        if n == 0 || head.len() > 65_536 {
            return Err("incomplete request".into());
        }
        head.extend_from_slice(chunk.get(..n).unwrap_or_default());
    }
    let text = String::from_utf8_lossy(&head);
    let path = text.split_whitespace().nth(1).ok_or("no path")?;
    Ok(path.to_owned())
}

/// Answers and lets the connection close.
pub(crate) fn respond(stream: &mut TcpStream, status: u16, body: &[u8]) -> Result<()> {
    let mut message = format!(
        "HTTP/1.1 {status} -\r\ncontent-type: text/plain; version=0.0.4\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    )
    .into_bytes();
    message.extend_from_slice(body);
    stream.write_all(&message)?;
    Ok(())
}

/// Sends a GET request to a loopback port; the status and how many bytes came back.
pub(crate) fn get(port: u16, path: &str, timeout: Duration) -> Result<(u16, usize)> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let mut stream = TcpStream::connect_timeout(&address, timeout)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::with_capacity(16_384);
    stream.read_to_end(&mut answer)?;
    let head = answer.get(..32.min(answer.len())).unwrap_or_default();
    let status = String::from_utf8_lossy(head)
        .split_whitespace()
        .nth(1)
        .and_then(|code| code.parse().ok())
        .ok_or("no status line")?;
    Ok((status, answer.len()))
}
