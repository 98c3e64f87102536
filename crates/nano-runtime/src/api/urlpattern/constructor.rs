//! Constructor strings: a pattern for a whole URL, taken apart (section 1.6).

use super::pattern::{DEFAULT, compile};
use super::tokens::{Kind, Policy, Token, tokenize};
use super::{Invalid, Parts, SpecialTest, canon};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Init,
    Protocol,
    Authority,
    Username,
    Password,
    Hostname,
    Port,
    Pathname,
    Search,
    Hash,
    Done,
}

struct Parser {
    input: Vec<char>,
    tokens: Vec<Token>,
    result: Parts<Option<String>>,
    component_start: usize,
    index: usize,
    increment: usize,
    group_depth: usize,
    bracket_depth: i64,
    is_special: bool,
    state: State,
}

/// "Parse a constructor string".
pub(super) fn parse(input: &str, test: SpecialTest<'_>) -> Result<Parts<Option<String>>, Invalid> {
    let input: Vec<char> = input.chars().collect();
    let tokens = tokenize(&input, Policy::Lenient)?;
    let mut parser = Parser {
        input,
        tokens,
        result: Parts::default(),
        component_start: 0,
        index: 0,
        increment: 1,
        group_depth: 0,
        bracket_depth: 0,
        is_special: false,
        state: State::Init,
    };
    while parser.index < parser.tokens.len() {
        parser.increment = 1;
        if parser.kind() == Kind::End {
            if parser.at_end() {
                break;
            }
        } else if !parser.skips_group() {
            parser.step(test)?;
        }
        parser.index += parser.increment;
    }
    // Who names a host and no port means the default port.
    let result = &mut parser.result;
    if result.hostname.is_some() && result.port.is_none() {
        result.port = Some(String::new());
    }
    Ok(parser.result)
}

impl Parser {
    fn kind(&self) -> Kind {
        self.safe_token(self.index).kind
    }

    /// "Get a safe token": the last one, "end", stands for all behind it.
    fn safe_token(&self, index: usize) -> Token {
        let end = Token { kind: Kind::End, index: self.input.len(), start: 0, end: 0 };
        self.tokens.get(index).or(self.tokens.last()).copied().unwrap_or(end)
    }

    /// Whether token `index` has the value `c`, which is one code point.
    fn has_value(&self, index: usize, c: char) -> bool {
        let token = self.safe_token(index);
        token.end == token.start + 1 && self.input.get(token.start) == Some(&c)
    }

    /// "Is a non-special pattern char".
    fn is_char_at(&self, index: usize, c: char) -> bool {
        let kind = self.safe_token(index).kind;
        self.has_value(index, c) && matches!(kind, Kind::Char | Kind::EscapedChar | Kind::InvalidChar)
    }

    fn is_char(&self, c: char) -> bool {
        self.is_char_at(self.index, c)
    }

    /// "Is a search prefix": a "?" that is no modifier.
    fn is_search_prefix(&self) -> bool {
        if self.is_char('?') {
            return true;
        }
        if !self.has_value(self.index, '?') {
            return false;
        }
        let Some(previous) = self.index.checked_sub(1) else { return true };
        let kind = self.safe_token(previous).kind;
        !matches!(kind, Kind::Name | Kind::Regexp | Kind::Close | Kind::Asterisk)
    }

    /// At the "end" token. Tells whether the parser is done.
    fn at_end(&mut self) -> bool {
        match self.state {
            State::Init => {
                // No protocol: a relative pattern.
                self.rewind();
                if self.is_char('#') {
                    self.change(State::Hash, 1);
                } else if self.is_search_prefix() {
                    self.change(State::Search, 1);
                } else {
                    self.change(State::Pathname, 0);
                }
                false
            }
            State::Authority => {
                // No "@": no credentials.
                self.rewind_to(State::Hostname);
                false
            }
            _ => {
                self.change(State::Done, 0);
                true
            }
        }
    }

    /// What is inside of "{ ... }" is not looked at.
    fn skips_group(&mut self) -> bool {
        match self.kind() {
            Kind::Open => {
                self.group_depth += 1;
                true
            }
            Kind::Close if self.group_depth > 0 => {
                self.group_depth -= 1;
                false
            }
            _ => self.group_depth > 0,
        }
    }

    fn step(&mut self, test: SpecialTest<'_>) -> Result<(), Invalid> {
        match self.state {
            State::Init if self.is_char(':') => self.rewind_to(State::Protocol),
            State::Protocol if self.is_char(':') => {
                self.is_special = self.protocol_is_special(test)?;
                if self.is_char_at(self.index + 1, '/') && self.is_char_at(self.index + 2, '/') {
                    self.change(State::Authority, 3);
                } else {
                    self.change(if self.is_special { State::Authority } else { State::Pathname }, 1);
                }
            }
            State::Authority if self.is_char('@') => self.rewind_to(State::Username),
            State::Authority if self.is_char('/') || self.is_search_prefix() || self.is_char('#') => {
                self.rewind_to(State::Hostname);
            }
            State::Username if self.is_char(':') => self.change(State::Password, 1),
            State::Username | State::Password if self.is_char('@') => self.change(State::Hostname, 1),
            State::Hostname if self.is_char('[') => self.bracket_depth += 1,
            State::Hostname if self.is_char(']') => self.bracket_depth -= 1,
            State::Hostname if self.is_char(':') && self.bracket_depth == 0 => self.change(State::Port, 1),
            State::Hostname | State::Port if self.is_char('/') => self.change(State::Pathname, 0),
            State::Hostname | State::Port | State::Pathname if self.is_search_prefix() => {
                self.change(State::Search, 1);
            }
            State::Hostname | State::Port | State::Pathname | State::Search if self.is_char('#') => {
                self.change(State::Hash, 1);
            }
            _ => {}
        }
        Ok(())
    }

    /// "Change state".
    fn change(&mut self, state: State, skip: usize) {
        let text = self.component_text();
        let result = &mut self.result;
        match self.state {
            State::Protocol => result.protocol = Some(text),
            State::Username => result.username = Some(text),
            State::Password => result.password = Some(text),
            State::Hostname => result.hostname = Some(text),
            State::Port => result.port = Some(text),
            State::Pathname => result.pathname = Some(text),
            State::Search => result.search = Some(text),
            State::Hash => result.hash = Some(text),
            State::Init | State::Authority | State::Done => {}
        }
        // What was passed over is empty.
        if self.state != State::Init && state != State::Done {
            if self.state < State::Hostname && state > State::Hostname {
                result.hostname.get_or_insert_default();
            }
            if self.state < State::Pathname && state > State::Pathname {
                let path = if self.is_special { "/" } else { "" };
                result.pathname.get_or_insert_with(|| path.to_owned());
            }
            if self.state < State::Search && state > State::Search {
                result.search.get_or_insert_default();
            }
        }
        self.state = state;
        self.index += skip;
        self.component_start = self.index;
        self.increment = 0;
    }

    fn rewind(&mut self) {
        self.index = self.component_start;
        self.increment = 0;
    }

    fn rewind_to(&mut self, state: State) {
        self.rewind();
        self.state = state;
    }

    /// "Make a component string".
    fn component_text(&self) -> String {
        let start = self.safe_token(self.component_start).index;
        let end = self.safe_token(self.index).index;
        self.input.get(start..end).unwrap_or_default().iter().collect()
    }

    /// "Compute protocol matches a special scheme flag".
    fn protocol_is_special(&self, test: SpecialTest<'_>) -> Result<bool, Invalid> {
        test(&compile(&self.component_text(), canon::protocol, DEFAULT)?)
    }
}
