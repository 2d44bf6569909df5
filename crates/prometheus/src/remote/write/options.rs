use crate::Error;

/// The version of the remote-write protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum WriteProtocol {
    /// 1.0, `prometheus.WriteRequest` (the default): every receiver understands it.
    #[default]
    V1,
    /// 2.0, `io.prometheus.write.v2.Request`: smaller, as each text travels once a request; still
    /// experimental. A receiver that does not know it (it answers 415, or does not count what it wrote)
    /// gets 1.0 from then on.
    V2,
}

/// How a [`RemoteWriter`](crate::RemoteWriter) queues and sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteOptions {
    pub(super) protocol: WriteProtocol,
    pub(super) max_batch: usize,
    pub(super) max_queue: usize,
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self {
            protocol: WriteProtocol::V1,
            max_batch: 2_000,
            max_queue: 1_000_000,
        }
    }
}

impl WriteOptions {
    /// The version of the protocol (default 1.0).
    #[must_use]
    pub const fn protocol(mut self, protocol: WriteProtocol) -> Self {
        self.protocol = protocol;
        self
    }

    /// The most samples of one request (default 2,000). Domain: 1 to 100,000.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn max_batch(mut self, samples: usize) -> Result<Self, Error> {
        self.max_batch = within("max_batch", samples, 100_000)?;
        Ok(self)
    }

    /// The most samples that wait; more push out the oldest (default 1,000,000). Domain: 1 to
    /// 100,000,000.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn max_queue(mut self, samples: usize) -> Result<Self, Error> {
        self.max_queue = within("max_queue", samples, 100_000_000)?;
        Ok(self)
    }
}

fn within(name: &str, samples: usize, most: usize) -> Result<usize, Error> {
    if (1..=most).contains(&samples) {
        Ok(samples)
    } else {
        Err(Error::parameter(name, samples, &format!("1 to {most}")))
    }
}
