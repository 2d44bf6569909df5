use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bongsu::core::snapshot::Lock;
use bongsu::engine::stream::{
    Lines, PushedLine, Skipped, StreamCounts, StreamRequest, StreamSession,
};
use bongsu::engine::{DetectedRow, Table, are_limits_wrong, open_input, tell_outside_limits};
use tokio::sync::mpsc::{self, Receiver};

use crate::Failure;
use crate::args::{HeaderChoice, StreamArgs};
use crate::output::{self, Appended, write_row};
use crate::signals::Signals;

/// So many bytes are read, or written, at once when they are there.
const BLOCK: usize = 1 << 16;

/// So many blocks wait to be judged.
const WAITING_BLOCKS: usize = 4;

/// After so many rows the share of values outside of the limits says something.
const ENOUGH_ROWS: u64 = 100;

/// Skipped rows are told of this often.
const REPORT_EVERY: Duration = Duration::from_secs(10);

pub(crate) fn stream(args: &StreamArgs) -> Result<(), Failure> {
    let request = StreamRequest {
        detector: args.detector.clone(),
        parameters: args.parameters.iter().cloned().collect(),
        raw: args.raw,
        explain: args.explain,
    };
    request.validate()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let judged = runtime.block_on(async {
        let mut signals = Signals::install()?;
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let stopped = tokio::spawn(async move {
            signals.wait().await;
            told.store(true, Ordering::Relaxed);
        });
        // Before the output is touched.
        check_files(args)?;
        let input = open_input(&args.input)?;
        let mut stream = Stream::open(args, request, stop)?;
        let blocks = read_blocks(input)?;
        match stream.run(blocks, stopped).await {
            Ok(()) | Err(Halt::Stopped) => stream.finish(),
            Err(Halt::Failed(failure)) => Err(failure),
        }
    });
    // Whoever reads the input may wait for more of it for ever.
    runtime.shutdown_background();
    if judged?.anomalous > 0 && args.fail_on_anomaly {
        return Err(Failure::Anomaly);
    }
    Ok(())
}

/// Rows that are written must not come in again.
fn check_files(args: &StreamArgs) -> Result<(), Failure> {
    let same = |a: &Path, b: &Path| match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b && a.is_file(),
        _ => false,
    };
    let refused = |what: &str| {
        let message = format!("{}: {what}", args.output.display());
        Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, message).into())
    };
    if args.output.as_os_str() == "-" {
        return Ok(());
    }
    if same(&args.input, &args.output) {
        return refused("the output would overwrite the input");
    }
    match &args.state {
        Some(state) if same(state, &args.output) => refused("the output is the state"),
        _ => Ok(()),
    }
}

/// Locks the file beside the state, so that two processes do not undo each other's work.
fn lock(state: &Path) -> Result<Lock, Failure> {
    if state.is_dir() {
        let message = format!("{}: the state must be a file", state.display());
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, message).into());
    }
    let mut path = state.as_os_str().to_owned();
    path.push(".lock");
    Lock::take(Path::new(&path)).map_err(|e| bongsu::engine::Error::from(e).into())
}

/// Reads the input on a thread of its own, so that a signal is heard while no input comes.
fn read_blocks(
    mut input: Box<dyn Read + Send>,
) -> std::io::Result<Receiver<std::io::Result<Vec<u8>>>> {
    let (sender, blocks) = mpsc::channel(WAITING_BLOCKS);
    std::thread::Builder::new()
        .name("input".to_owned())
        .spawn(move || {
            loop {
                let mut block = vec![0; BLOCK];
                let read = match input.read(&mut block) {
                    Ok(0) => return,
                    Ok(read) => {
                        block.truncate(read);
                        Ok(block)
                    }
                    Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
                    Err(e) => Err(e),
                };
                let failed = read.is_err();
                if sender.blocking_send(read).is_err() || failed {
                    return;
                }
            }
        })?;
    Ok(blocks)
}

/// Why rows are no longer judged before the input has ended.
enum Halt {
    Stopped,
    Failed(Failure),
}

impl From<Failure> for Halt {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<std::io::Error> for Halt {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.into())
    }
}

struct Stream<'a> {
    args: &'a StreamArgs,
    request: StreamRequest,
    /// Known once the header has come, or from the saved state.
    session: Option<StreamSession>,
    stop: Arc<AtomicBool>,
    out: Box<dyn Write>,
    /// The output, where it is a file that a saved state relies on.
    file: Option<File>,
    // Held for as long as rows are judged.
    _lock: Option<Lock>,
    /// Rows that are still to be written.
    rows: Vec<u8>,
    /// Whether what is written goes on from something.
    begun: bool,
    with_band: bool,
    line: u64,
    unsaved: u64,
    unit_is_known: bool,
    before: StreamCounts,
    /// What was counted at the last report of skipped rows, and when that was.
    reported: Option<(StreamCounts, Instant)>,
    outside_is_told: bool,
}

impl<'a> Stream<'a> {
    fn open(
        args: &'a StreamArgs,
        request: StreamRequest,
        stop: Arc<AtomicBool>,
    ) -> Result<Self, Failure> {
        let lock = args.state.as_deref().map(lock).transpose()?;
        let session = match &args.state {
            Some(path) if path.exists() => Some(StreamSession::load(path, &request)?),
            _ => None,
        };
        if request.is_refitted()? {
            tracing::info!(
                detector = request.detector,
                "is for many rows: it is fitted again and again on the latest ones, as `history`, `refit` and `min_points` say"
            );
        }
        if let (Some(session), Some(path)) = (&session, &args.state) {
            tell_resumed(session, path);
        }
        let Appended { out, begun, file } = if args.state.is_some() {
            output::append(&args.output, session.is_some())?
        } else {
            Appended {
                out: output::open(&args.output)?,
                begun: false,
                file: None,
            }
        };
        let is_file = args.output.as_os_str() != "-";
        Ok(Self {
            args,
            request,
            stop,
            out,
            file,
            _lock: lock,
            rows: Vec::with_capacity(2 * BLOCK),
            begun: begun || (session.is_some() && !is_file),
            with_band: false,
            line: 0,
            unsaved: 0,
            unit_is_known: false,
            before: session
                .as_ref()
                .map(StreamSession::counts)
                .unwrap_or_default(),
            reported: None,
            outside_is_told: false,
            session,
        })
    }

    /// Judges the input up to its end.
    async fn run(
        &mut self,
        mut blocks: Receiver<std::io::Result<Vec<u8>>>,
        mut stopped: tokio::task::JoinHandle<()>,
    ) -> Result<(), Halt> {
        let mut lines = Lines::default();
        let period = Duration::from_secs(self.args.save_seconds);
        let mut save_now = tokio::time::interval_at(tokio::time::Instant::now() + period, period);
        save_now.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            if blocks.is_empty() {
                // Whoever waits for these rows must not wait for more input.
                self.flush()?;
            }
            tokio::select! {
                biased;
                _ = &mut stopped => return Err(Halt::Stopped),
                _ = save_now.tick() => self.save_now_and_then()?,
                block = blocks.recv() => match block {
                    Some(block) => lines.feed(&block?, |line| self.take(line))?,
                    None => break,
                },
            }
        }
        lines.end(|line| self.take(line))?;
        if self.session.is_none() {
            return Err(Halt::from(std::io::Error::new(
                std::io::ErrorKind::InvalidData,
                format!(
                    "{}: line 1: the input is empty, but must start with `timestamp,<channel>`",
                    self.args.input.display()
                ),
            )));
        }
        Ok(())
    }

    fn take(&mut self, line: Option<&[u8]>) -> Result<(), Halt> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(Halt::Stopped);
        }
        self.line += 1;
        if self.line == 1
            && let Some(line) = line
            && self.begin(line)?
        {
            return Ok(());
        }
        let Some(session) = &mut self.session else {
            return Err(not_a_header().into());
        };
        let skipped = match line.map(|line| session.push_line(line)) {
            Some(None) => return Ok(()),
            Some(Some(PushedLine { time_text, outcome })) => {
                let (row, skipped) = match outcome {
                    Ok(row) => (row, None),
                    Err(skipped) => (DetectedRow::default(), Some(skipped)),
                };
                write_row(
                    &mut self.rows,
                    &time_text,
                    &row,
                    self.with_band,
                    self.args.explain,
                )?;
                skipped
            }
            None => {
                let skipped = session.push_overlong_line();
                let row = DetectedRow::default();
                write_row(&mut self.rows, "", &row, self.with_band, self.args.explain)?;
                Some(skipped)
            }
        };
        if let Some(skipped) = skipped {
            self.tell_skipped(&skipped);
        } else if !self.unit_is_known {
            self.tell_unit();
        }
        self.unsaved += 1;
        self.tell_outside(false);
        if self.rows.len() >= BLOCK {
            self.write()?;
        }
        if self.unsaved >= self.args.save_rows {
            self.save_now_and_then()?;
        }
        Ok(())
    }

    /// Takes the first line, which is a header, or, where a saved state knows the channels, may be a
    /// row. Whether it was a header.
    fn begin(&mut self, line: &[u8]) -> Result<bool, Failure> {
        let channels = StreamSession::header(line)?;
        let session = match (self.session.take(), &channels) {
            (Some(session), None) => session,
            (Some(session), Some(channels)) => {
                session.accept_channels(channels)?;
                session
            }
            (None, Some(channels)) => StreamSession::new(&self.request, channels.clone())?,
            (None, None) => return Err(not_a_header()),
        };
        self.with_band = session.has_band();
        let header = match self.args.header {
            HeaderChoice::Always => true,
            HeaderChoice::Never => false,
            HeaderChoice::Auto => !self.begun,
        };
        if header {
            output::write_header(&mut self.rows, self.with_band, self.args.explain)?;
        }
        self.session = Some(session);
        Ok(channels.is_some())
    }

    fn write(&mut self) -> Result<(), Failure> {
        self.out.write_all(&self.rows)?;
        self.rows.clear();
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Failure> {
        self.write()?;
        self.out.flush()?;
        Ok(())
    }

    /// Saves the state where rows have come since it was saved; the next time may succeed where this
    /// one does not.
    fn save_now_and_then(&mut self) -> Result<(), Failure> {
        if self.unsaved == 0 {
            return Ok(());
        }
        match self.save() {
            Err(Failure::Engine(error)) => {
                tracing::error!(%error, "the state could not be saved; trying again later");
                self.unsaved = 0;
                Ok(())
            }
            outcome => outcome,
        }
    }

    /// Saves the state, after the rows that it knows of were written: after a crash rows may be
    /// written twice, but none is lost.
    fn save(&mut self) -> Result<(), Failure> {
        if let (Some(path), true) = (&self.args.state, self.session.is_some()) {
            self.out.write_all(&self.rows)?;
            self.rows.clear();
            self.out.flush()?;
            if let Some(file) = &self.file {
                // Nor by a power failure.
                file.sync_data()?;
            }
            if let Some(session) = &self.session {
                session.save(path)?;
            }
            self.unsaved = 0;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<StreamCounts, Failure> {
        self.flush()?;
        self.save()?;
        let Some(session) = &self.session else {
            return Ok(StreamCounts::default());
        };
        let counts = session.counts().since(&self.before);
        if counts.skipped() > 0 {
            tracing::warn!(
                late = counts.late,
                missing = counts.missing,
                unreadable = counts.unreadable,
                refused = counts.refused,
                "rows that were neither judged nor learned"
            );
        }
        if counts.infinite_values > 0 {
            tracing::warn!(
                values = counts.infinite_values,
                "infinite values were taken as missing"
            );
        }
        let newest = session.newest().map(|time| time.to_string());
        self.tell_outside(true);
        tracing::info!(
            rows = counts.judged,
            anomalous = counts.anomalous,
            newest,
            "done"
        );
        Ok(counts)
    }

    /// Tells once that values lie outside of the limits of the detector: soon when the limits are
    /// wrong, else at the end.
    fn tell_outside(&mut self, at_end: bool) {
        if self.outside_is_told {
            return;
        }
        let Some(session) = &self.session else {
            return;
        };
        let counts = session.counts().since(&self.before);
        let channels = session.channels().len() as u64;
        let (outside, values) = (counts.outside_limits, counts.judged * channels);
        if at_end || (counts.judged >= ENOUGH_ROWS && are_limits_wrong(outside, values)) {
            self.outside_is_told = true;
            tell_outside_limits(outside, values);
        }
    }

    fn tell_unit(&mut self) {
        if let Some(session) = &self.session
            && let Some(unit) = session.unit()
        {
            self.unit_is_known = true;
            tracing::info!(channels = session.channels().len(), timestamps = %unit, "reading");
        }
    }

    /// Tells of skipped rows: of the first at once, of later ones now and then.
    fn tell_skipped(&mut self, skipped: &Skipped) {
        let Some(session) = &self.session else {
            return;
        };
        let now = Instant::now();
        let (told, at) = self.reported.unzip();
        if at.is_some_and(|at| now.duration_since(at) < REPORT_EVERY) {
            return;
        }
        let counts = session.counts();
        let rows = counts.since(&told.unwrap_or(self.before)).skipped();
        self.reported = Some((counts, now));
        let why = match skipped {
            Skipped::Late => format!(
                "its time is not after {}, that of the newest learned row",
                session.newest().unwrap_or_default()
            ),
            Skipped::Missing => "it has no value that can be judged".to_owned(),
            Skipped::Unreadable(why) => why.clone(),
            Skipped::Refused(error) => error.to_string(),
            other => format!("{other:?}"),
        };
        tracing::warn!(rows, line = self.line, why, "skipped");
    }
}

fn not_a_header() -> Failure {
    let message = format!(
        "line 1: the input must start with the header `timestamp,<channel>,...`; the time may be \
         called {}",
        Table::TIME_COLUMNS.join(", ")
    );
    std::io::Error::new(std::io::ErrorKind::InvalidData, message).into()
}

fn tell_resumed(session: &StreamSession, path: &Path) {
    let newest = session.newest().map(|time| time.to_string());
    tracing::info!(
        state = %path.display(),
        rows = session.counts().judged,
        newest,
        "goes on; rows up to the newest time are skipped as late"
    );
}
