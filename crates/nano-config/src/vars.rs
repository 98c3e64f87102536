//! `${VAR}` in configuration strings: how the host's operator passes host variables in.

/// Why a string's variables could not be put in, and at which byte of the string.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// A `${` without its `}`.
    Unterminated(usize),
    /// What is between the braces is no variable name.
    NotAName(usize),
    /// The host has no such variable.
    Missing(usize, String),
}

/// Replaces each `${VAR}`; `$${` stands for a literal `${`. Values are not looked into again.
pub(crate) fn expand(text: &str, host_env: &dyn Fn(&str) -> Option<String>) -> Result<String, Problem> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let at = text.len() - rest.len() + before.len();
        if let Some(before) = before.strip_suffix('$') {
            expanded.push_str(before);
            expanded.push_str("${");
            rest = after;
            continue;
        }
        expanded.push_str(before);
        let (name, after) = after.split_once('}').ok_or(Problem::Unterminated(at))?;
        if !is_name(name) {
            return Err(Problem::NotAName(at));
        }
        let value = host_env(name).ok_or_else(|| Problem::Missing(at, name.to_owned()))?;
        expanded.push_str(&value);
        rest = after;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

fn is_name(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expands() {
        let env = |name: &str| (name == "A").then(|| "${A}".to_owned());
        for (text, expected) in [
            ("", Ok("")),
            ("plain $ $$ {}", Ok("plain $ $$ {}")),
            ("x${A}y", Ok("x${A}y")),
            ("$${A}", Ok("${A}")),
            ("$${A}${A}$", Ok("${A}${A}$")),
            ("é${A", Err(Problem::Unterminated(2))),
            ("${}", Err(Problem::NotAName(0))),
            ("${A:-b}", Err(Problem::NotAName(0))),
            ("${A}${B}", Err(Problem::Missing(4, "B".to_owned()))),
        ] {
            assert_eq!(expand(text, &env), expected.map(str::to_owned), "{text}");
        }
    }
}
