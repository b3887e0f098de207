//! The tokens of FHIRPath (<http://hl7.org/fhirpath/N1/#lexical-elements>). Knows no grammar.

use std::fmt;

use super::CompileError;
use super::temporal::Temporal;

/// One token.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Token {
    /// A name or a keyword.
    Word(Box<str>),
    /// A name between backticks, which is never a keyword.
    Delimited(Box<str>),
    /// A string.
    Text(Box<str>),
    /// A number as written.
    Number(Box<str>),
    /// A date, time or both.
    Temporal(Temporal),
    /// `%name`, without the sign.
    Variable(Box<str>),
    /// `$this` and the like, without the sign.
    Special(Box<str>),
    /// An operator or bracket.
    Symbol(&'static str),
    /// The end, after the last token.
    End,
}

impl fmt::Display for Token {
    /// Describes the token in an error. The content of strings and dates is not repeated.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::Word(word) | Token::Delimited(word) => write!(f, "'{word}'"),
            Token::Text(_) => f.write_str("a string"),
            Token::Number(number) => write!(f, "the number {number}"),
            Token::Temporal(_) => f.write_str("a date or time"),
            Token::Variable(name) => write!(f, "%{name}"),
            Token::Special(name) => write!(f, "${name}"),
            Token::Symbol(symbol) => write!(f, "'{symbol}'"),
            Token::End => f.write_str("the end"),
        }
    }
}

/// The symbols, longer ones first where one begins like another.
const SYMBOLS: &[&str] = &[
    "!=", "!~", "<=", ">=", "{", "}", "(", ")", "[", "]", ".", ",", "+", "-", "*", "/", "|", "&",
    "=", "~", "<", ">",
];

/// Splits a text into tokens, `End` last.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, CompileError> {
    let mut lexer = Lexer { rest: text };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_space()?;
        let token = lexer.token()?;
        let end = token == Token::End;
        tokens.push(token);
        if end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'t> {
    rest: &'t str,
}

impl<'t> Lexer<'t> {
    /// Takes as many characters as the test allows.
    fn take_while(&mut self, test: impl Fn(char) -> bool) -> &'t str {
        let end = self.rest.find(|c| !test(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn skip_space(&mut self) -> Result<(), CompileError> {
        loop {
            self.take_while(char::is_whitespace);
            if let Some(rest) = self.rest.strip_prefix("/*") {
                let end = rest
                    .find("*/")
                    .ok_or_else(|| error("a comment that does not end"))?;
                self.rest = &rest[end + 2..];
            } else if self.rest.starts_with("//") {
                self.take_while(|c| c != '\n' && c != '\r');
            } else {
                return Ok(());
            }
        }
    }

    fn token(&mut self) -> Result<Token, CompileError> {
        let Some(first) = self.rest.chars().next() else {
            return Ok(Token::End);
        };
        match first {
            '0'..='9' => Ok(Token::Number(self.number().into())),
            'a'..='z' | 'A'..='Z' | '_' => Ok(Token::Word(self.take_while(is_of_name).into())),
            '\'' | '"' => Ok(Token::Text(self.quoted(first)?)),
            '`' => Ok(Token::Delimited(self.quoted(first)?)),
            '@' => self.temporal(),
            '%' => self.variable(),
            '$' => {
                self.rest = &self.rest[1..];
                Ok(Token::Special(self.take_while(is_of_name).into()))
            }
            _ => {
                let symbol = SYMBOLS
                    .iter()
                    .find(|symbol| self.rest.starts_with(**symbol));
                let symbol = symbol.ok_or_else(|| {
                    error(format_args!(
                        "the character '{first}', which begins no token"
                    ))
                })?;
                self.rest = &self.rest[symbol.len()..];
                Ok(Token::Symbol(symbol))
            }
        }
    }

    fn number(&mut self) -> &'t str {
        let all = self.rest;
        let mut length = self.take_while(|c| c.is_ascii_digit()).len();
        if let Some(fraction) = self.rest.strip_prefix('.')
            && fraction.starts_with(|c: char| c.is_ascii_digit())
        {
            self.rest = fraction;
            length += 1 + self.take_while(|c| c.is_ascii_digit()).len();
        }
        &all[..length]
    }

    /// Reads the text between quotes, with its escapes resolved.
    fn quoted(&mut self, quote: char) -> Result<Box<str>, CompileError> {
        let mut text = String::new();
        let mut characters = self.rest.char_indices().skip(1);
        while let Some((at, character)) = characters.next() {
            if character == quote {
                self.rest = &self.rest[at + 1..];
                return Ok(text.into());
            }
            if character != '\\' {
                text.push(character);
                continue;
            }
            let (_, escaped) = characters
                .next()
                .ok_or_else(|| error("a string that does not end"))?;
            text.push(match escaped {
                '\'' | '"' | '`' | '\\' | '/' => escaped,
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'f' => '\u{c}',
                'u' => {
                    let digits: String = characters
                        .by_ref()
                        .take(4)
                        .map(|(_, digit)| digit)
                        .collect();
                    let code = if digits.len() == 4 {
                        u32::from_str_radix(&digits, 16).ok()
                    } else {
                        None
                    };
                    code.and_then(char::from_u32)
                        .ok_or_else(|| error("\\u without the four digits of a character"))?
                }
                other => {
                    return Err(error(format_args!(
                        "the escape \\{other}, which is not defined"
                    )));
                }
            });
        }
        Err(error("a string that does not end"))
    }

    fn temporal(&mut self) -> Result<Token, CompileError> {
        self.rest = &self.rest[1..];
        let all = self.rest;
        let of_time = |c: char| c.is_ascii_digit() || c == ':';
        let mut length = self.take_while(|c| c.is_ascii_digit() || c == '-').len();
        if self.rest.starts_with('T') {
            self.rest = &self.rest[1..];
            length += 1 + self.take_while(of_time).len();
            if self.rest.starts_with('.')
                && self.rest[1..].starts_with(|c: char| c.is_ascii_digit())
            {
                self.rest = &self.rest[1..];
                length += 1 + self.take_while(of_time).len();
            }
            if self.rest.starts_with(['Z', '+', '-']) && length > 1 && !all.starts_with('T') {
                self.rest = &self.rest[1..];
                length += 1 + self.take_while(of_time).len();
            }
        }
        let literal = &all[..length];
        Temporal::literal(literal)
            .map(Token::Temporal)
            .ok_or_else(|| error(format_args!("'@{literal}', which is no date or time")))
    }

    fn variable(&mut self) -> Result<Token, CompileError> {
        self.rest = &self.rest[1..];
        let name: Box<str> = match self.rest.chars().next() {
            Some(quote @ ('`' | '\'' | '"')) => self.quoted(quote)?,
            _ => self.take_while(|c| is_of_name(c) || c == '-').into(),
        };
        if name.is_empty() {
            Err(error("% without a name"))
        } else {
            Ok(Token::Variable(name))
        }
    }
}

fn is_of_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

fn error(found: impl fmt::Display) -> CompileError {
    CompileError(format!("found {found}"))
}
