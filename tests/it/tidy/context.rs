//! Holds the seam of access control: whoever asks the server anything says who asks.
//!
//! Every public function of `src/interactions/` that takes the server takes the context next, so
//! that a policy can be asked inside of it, whatever road led there.

use super::source::{Token, tokens, without_tests};
use super::{Source, expect_none, file, sources};

/// Returns the parameters of the function whose `fn` stands at that place, each as its words.
fn parameters<'a>(tokens: &[Token<'a>], at: usize) -> Vec<Vec<&'a str>> {
    let (mut depth, mut angles) = (0_usize, 0_i32);
    let mut found = vec![Vec::new()];
    for token in &tokens[at..] {
        match token.text {
            "<" => angles += 1,
            ">" => angles -= 1,
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        match token.text {
            ")" if depth == 0 => break,
            "(" if depth == 1 => angles = 0,
            "," if depth == 1 && angles == 0 => found.push(Vec::new()),
            word if depth > 0 => found.last_mut().expect("there is one").push(word),
            _ => {}
        }
    }
    found
}

/// Returns the public functions that take the server without the context after it.
fn without_context(file: &Source) -> Vec<String> {
    let all = tokens(&file.text);
    let tokens = without_tests(&all);
    let mut found = Vec::new();
    for (at, pair) in tokens.windows(2).enumerate() {
        if pair[0].text != "pub" || pair[1].text != "fn" {
            continue;
        }
        let parameters = parameters(&tokens, at + 1);
        let takes = |at: usize, name| {
            parameters
                .get(at)
                .is_some_and(|words| words.contains(&name))
        };
        let server = (0..parameters.len()).find(|at| takes(*at, "Server"));
        if server.is_some_and(|at| !takes(at + 1, "Context")) {
            found.push(format!(
                "src/{}:{}: {}",
                file.path,
                pair[1].line,
                tokens[at + 2].text
            ));
        }
    }
    found
}

#[test]
fn whoever_asks_the_server_says_who_asks() {
    let files = sources("src");
    let files = files.iter().filter(|file| file.module() == "interactions");
    expect_none(
        files.flat_map(without_context).collect(),
        "public functions of interactions that take the server without the context next:",
    );
}

#[test]
fn a_function_without_the_context_is_found() {
    for (text, count) in [
        ("pub fn a(server: &Server, key: &Key) {}", 1),
        ("pub fn a(&self, server: &Server) -> u8 {}", 1),
        (
            "pub fn a(server: Arc<Server>, f: Box<dyn Fn(u8, u8) -> u8>) {}",
            1,
        ),
        (
            "pub fn a(server: &Server, key: &Key, context: &Context) {}",
            1,
        ),
        (
            "pub fn a<'a, T: F<u8>>(server: &'a Server, context: &Context, key: &Key) {}",
            0,
        ),
        (
            "pub fn a(&mut self, server: &Server, context: &Context) {}",
            0,
        ),
        (
            "pub fn a(server: Arc<Server>, context: Arc<dyn Fn() -> Context + Send>) {}",
            0,
        ),
        (
            "pub(super) fn a(server: &Server) {} fn b(server: &Server) {} pub fn c(u: u8) {}",
            0,
        ),
    ] {
        assert_eq!(
            without_context(&file("interactions/a.rs", text)).len(),
            count,
            "{text}"
        );
    }
}
