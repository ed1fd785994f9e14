//! What memory this machine has.

/// All of it, in bytes; `None` where the kernel does not say.
pub fn total() -> Option<u64> {
    told("MemTotal:")
}

/// What it can give without swapping, in bytes; `None` where the kernel does not say.
pub fn available() -> Option<u64> {
    told("MemAvailable:")
}

fn told(name: &str) -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_more_memory_than_is_available() {
        assert!(total() > available() && available() > Some(1 << 20), "{:?} of {:?}", available(), total());
    }
}
