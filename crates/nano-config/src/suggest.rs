//! "Did you mean": the nearest of the names that would be right.

/// Longer names are not compared: a name that long is no misspelling.
const NAME_CHARS_MAX: usize = 40;

/// A name this long that another begins with is near it: `host` is near `hostname`.
const PREFIX_CHARS_MIN: usize = 3;

/// The candidate that `name` is most likely a misspelling of.
pub(crate) fn nearest<'a>(name: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let name = simple(name);
    let near = |candidate: &&'a str| {
        let candidate = simple(candidate);
        let begins = name.len() >= PREFIX_CHARS_MIN && candidate.starts_with(&name)
            || candidate.len() >= PREFIX_CHARS_MIN && name.starts_with(&candidate);
        if begins { 1 } else { distance(&name, &candidate) }
    };
    let best = candidates.iter().copied().min_by_key(near)?;
    let allowed = (best.len() / 3).max(1);
    (near(&best) <= allowed).then_some(best)
}

/// `maxBodyMb` and `max-body-mb` are near `max_body_mb`.
fn simple(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).map(|c| c.to_ascii_lowercase()).collect()
}

/// The number of insertions, deletions, replacements and swaps of neighbours between two names.
pub(crate) fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().max(b.len()) > NAME_CHARS_MAX {
        return usize::MAX;
    }
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for (i, from) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, to) in b.iter().enumerate() {
            let cell = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX - 1);
            let above = rows.last().map_or(&[][..], Vec::as_slice);
            let mut best = (cell(above, j) + usize::from(from != to)).min(cell(above, j + 1) + 1);
            best = best.min(cell(&row, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(to) && b.get(j - 1) == Some(from);
            if let (true, Some(before)) = (swapped, rows.get(i.wrapping_sub(1))) {
                best = best.min(cell(before, j - 1) + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows.last().and_then(|row| row.last()).copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_misspelt_keys() {
        let keys = ["cpu_ms", "timeout_ms", "memory_mb", "hostname", "hostnames", "env"];
        for (name, expected) in [
            ("cpu", Some("cpu_ms")),
            ("cpums", Some("cpu_ms")),
            ("cpuMs", Some("cpu_ms")),
            ("memoryMb", Some("memory_mb")),
            ("timeuot_ms", Some("timeout_ms")),
            ("host_name", Some("hostname")),
            ("host", Some("hostname")),
            ("environment", Some("env")),
            ("evn", Some("env")),
            ("zzz", None),
        ] {
            assert_eq!(nearest(name, &keys), expected, "{name}");
        }
    }
}
