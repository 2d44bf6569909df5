//! What the operating system says about this process; nothing where it has no `/proc`.

use std::fs;

/// Memory in use.
pub(crate) fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1_024)
}

/// Time used by all threads, in user and system mode.
pub(crate) fn cpu_seconds() -> Option<f64> {
    // The kernel counts in hundredths of a second on every architecture that it shows this on.
    const TICKS: f64 = 100.0;
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program may hold blanks, but is in parentheses.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let (user, system): (f64, f64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((user + system) / TICKS)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_running_process_has_memory_and_uses_time() {
        assert!(resident_bytes().unwrap() > 100_000);
        let begun = cpu_seconds().unwrap();
        let mut sum = 0_u64;
        while cpu_seconds().unwrap() < begun + 0.02 {
            sum = (0..100_000).fold(sum, |sum, i| sum.wrapping_mul(31).wrapping_add(i));
        }
        assert_ne!(sum, 1);
    }
}
