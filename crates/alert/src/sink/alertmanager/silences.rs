use super::AlertmanagerSink;
use crate::{Error, ErrorKind, Silence};

/// The longest list of silences that is read: some 10,000 of them.
const LIMIT: usize = 8 << 20;

impl AlertmanagerSink {
    /// The silences made in this Alertmanager that are active or will be, for
    /// [`Suppressor::set_silences`](crate::Suppressor::set_silences), so that other receivers honour
    /// them, too.
    ///
    /// The members of a cluster tell each other of their silences, so the first one that answers is
    /// enough. The second part says which single ones cannot be read, and why.
    ///
    /// # Errors
    /// When no member gives an answer that can be read; the error is that of the last one.
    pub async fn silences(&self) -> Result<(Vec<Silence>, Vec<Error>), Error> {
        let mut last = Error::delivery(ErrorKind::Misconfigured, "there is no member to ask");
        for member in &self.members {
            let answer = self.http.get(&member.silences, &member.name, LIMIT).await;
            let read = answer.and_then(|body| {
                Silence::parse_all(&body).map_err(|e| {
                    let message = format!("{}: {e}", member.name);
                    Error::delivery(ErrorKind::Rejected, message)
                })
            });
            match read {
                Ok(silences) => return Ok(silences),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}
