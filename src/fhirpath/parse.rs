//! From tokens to an expression, by the grammar of FHIRPath
//! (<http://hl7.org/fhirpath/N1/grammar.html>).

use super::CompileError;
use super::decimal::Decimal;
use super::operand::calendar_unit;
use super::pattern::{self, Extent};
use super::syntax::{
    Expr, Function, FunctionCall, Literal, Namespace, Operator, TypeName, TypeTest, Variable,
};
use super::token::{Token, tokens};

/// The deepest nesting of brackets, arguments and signs.
const NESTING_MAX: u32 = 40;
/// The greatest depth of the tree of an expression, chains of operators and steps included.
const DEPTH_MAX: u32 = 200;

/// Parses a text into an expression.
pub(super) fn parse(text: &str) -> Result<Expr, CompileError> {
    let mut parser = Parser {
        tokens: tokens(text)?,
        at: 0,
        nesting: 0,
    };
    let tree = parser.expression(0)?;
    match parser.peek() {
        Token::End => Ok(tree.expr),
        other => Err(unexpected("the end of the expression", other)),
    }
}

/// An expression and the depth of its tree.
struct Tree {
    expr: Expr,
    depth: u32,
}

impl Tree {
    fn leaf(expr: Expr) -> Self {
        Tree { expr, depth: 1 }
    }

    /// Builds a tree above others; `depth` is that of the deepest.
    fn above(depth: u32, expr: Expr) -> Result<Self, CompileError> {
        if depth >= DEPTH_MAX {
            return Err(CompileError(format!(
                "found an expression of more than {DEPTH_MAX} steps"
            )));
        }
        Ok(Tree {
            expr,
            depth: depth + 1,
        })
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    nesting: u32,
}

impl Parser {
    fn peek(&self) -> &Token {
        self.tokens.get(self.at).unwrap_or(&Token::End)
    }

    fn next(&mut self) -> Token {
        let token = self.tokens.get(self.at).cloned().unwrap_or(Token::End);
        self.at += 1;
        token
    }

    /// Takes a symbol if it is the next token.
    fn skip(&mut self, symbol: &str) -> bool {
        let found = matches!(self.peek(), Token::Symbol(next) if *next == symbol);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, symbol: &'static str) -> Result<(), CompileError> {
        if self.skip(symbol) {
            Ok(())
        } else {
            Err(unexpected(symbol, self.peek()))
        }
    }

    /// Returns the next binary operator, if it binds at least this tightly.
    fn operator(&self, least: u8) -> Option<(u8, Operator)> {
        let name = match self.peek() {
            Token::Symbol(symbol) => symbol,
            Token::Word(word) => &**word,
            _ => return None,
        };
        Operator::named(name).filter(|(tightness, _)| *tightness >= least)
    }

    /// Parses operators; those of one tightness group from the left.
    fn expression(&mut self, least: u8) -> Result<Tree, CompileError> {
        if self.nesting >= NESTING_MAX {
            return Err(CompileError(format!(
                "found an expression nested deeper than {NESTING_MAX} levels"
            )));
        }
        self.nesting += 1;
        let mut left = self.signed()?;
        loop {
            if let Some((tightness, operator)) = self.operator(least) {
                self.at += 1;
                let right = self.expression(tightness + 1)?;
                left = Tree::above(
                    left.depth.max(right.depth),
                    Expr::binary(operator, left.expr, right.expr),
                )?;
                continue;
            }
            let test = match self.peek() {
                Token::Word(word) if **word == *"is" => TypeTest::Is,
                Token::Word(word) if **word == *"as" => TypeTest::As,
                _ => break,
            };
            if TypeTest::TIGHTNESS < least {
                break;
            }
            self.at += 1;
            let type_name = self.type_name()?;
            left = Tree::above(left.depth, Expr::Type(test, Box::new(left.expr), type_name))?;
        }
        self.nesting -= 1;
        Ok(left)
    }

    fn signed(&mut self) -> Result<Tree, CompileError> {
        let negative = match self.peek() {
            Token::Symbol("-") => true,
            Token::Symbol("+") => false,
            _ => return self.path(),
        };
        self.at += 1;
        if self.nesting >= NESTING_MAX {
            return Err(CompileError(format!(
                "found an expression nested deeper than {NESTING_MAX} levels"
            )));
        }
        self.nesting += 1;
        let tree = self.signed()?;
        self.nesting -= 1;
        if negative {
            Tree::above(tree.depth, Expr::Negative(Box::new(tree.expr)))
        } else {
            Ok(tree)
        }
    }

    /// Parses a term, then steps and indices.
    fn path(&mut self) -> Result<Tree, CompileError> {
        let mut tree = self.term()?;
        loop {
            if self.skip(".") {
                tree = match self.next() {
                    Token::Delimited(name) => {
                        Tree::above(tree.depth, Expr::Member(Box::new(tree.expr), name))?
                    }
                    Token::Word(name) if matches!(self.peek(), Token::Symbol("(")) => {
                        self.call(tree, &name)?
                    }
                    Token::Word(name) => {
                        Tree::above(tree.depth, Expr::Member(Box::new(tree.expr), name))?
                    }
                    Token::Special(name) => {
                        return Err(CompileError(format!("found ${name} after a dot")));
                    }
                    other => return Err(unexpected("a name after the dot", &other)),
                };
            } else if self.skip("[") {
                let index = self.expression(0)?;
                self.expect("]")?;
                tree = Tree::above(
                    tree.depth.max(index.depth),
                    Expr::Indexed(Box::new((tree.expr, index.expr))),
                )?;
            } else {
                return Ok(tree);
            }
        }
    }

    fn term(&mut self) -> Result<Tree, CompileError> {
        let expr = match self.next() {
            Token::Symbol("(") => {
                let tree = self.expression(0)?;
                self.expect(")")?;
                return Ok(tree);
            }
            Token::Symbol("{") => {
                self.expect("}")?;
                Expr::Nothing
            }
            Token::Text(text) => Expr::Literal(Literal::Text(text)),
            Token::Number(number) => Expr::Literal(self.number(&number)?),
            Token::Temporal(value) => Expr::Literal(Literal::Temporal(value)),
            Token::Variable(name) => Expr::Variable(variable(&name)?),
            Token::Special(name) => match &*name {
                "this" => Expr::This,
                "index" => Expr::Index,
                "total" => Expr::Total,
                _ => {
                    return Err(CompileError(format!("found ${name}, which is not defined")));
                }
            },
            Token::Delimited(name) => Expr::First(name),
            Token::Word(name) => match &*name {
                "true" | "false" => Expr::Literal(Literal::Boolean(&*name == "true")),
                _ if matches!(self.peek(), Token::Symbol("(")) => {
                    return self.call(Tree::leaf(Expr::This), &name);
                }
                "and" | "or" | "xor" | "implies" | "div" | "mod" => {
                    return Err(unexpected("a value", &Token::Word(name)));
                }
                _ => Expr::First(name),
            },
            other => return Err(unexpected("a value", &other)),
        };
        Ok(Tree::leaf(expr))
    }

    /// Parses a number, with a unit if one follows.
    fn number(&mut self, text: &str) -> Result<Literal, CompileError> {
        let value = Decimal::parse(text).ok_or_else(|| {
            CompileError("found a number that is too long to compute with".into())
        })?;
        let (unit, is_calendar): (Box<str>, bool) = match self.peek() {
            Token::Text(code) => (code.clone(), false),
            Token::Word(word) => match calendar_unit(word) {
                Some(unit) => (unit.into(), true),
                None => return Ok(number_literal(text, value)),
            },
            _ => return Ok(number_literal(text, value)),
        };
        self.at += 1;
        Ok(Literal::Quantity {
            value,
            unit,
            is_calendar,
        })
    }

    /// Parses a function with its arguments, after its name.
    fn call(&mut self, base: Tree, name: &str) -> Result<Tree, CompileError> {
        self.expect("(")?;
        let test = match name {
            "is" => Some(TypeTest::Is),
            "as" => Some(TypeTest::As),
            "ofType" => Some(TypeTest::OfType),
            _ => None,
        };
        if let Some(test) = test {
            let type_name = self.type_name()?;
            self.expect(")")?;
            return Tree::above(base.depth, Expr::Type(test, Box::new(base.expr), type_name));
        }
        let (function, arity) = Function::named(name)
            .ok_or_else(|| CompileError(format!("found {name}(), which is not supported")))?;
        let (mut arguments, mut depth) = (Vec::new(), base.depth);
        if !self.skip(")") {
            loop {
                let argument = self.expression(0)?;
                depth = depth.max(argument.depth);
                arguments.push(argument.expr);
                if self.skip(")") {
                    break;
                }
                self.expect(",")?;
            }
        }
        if !arity.contains(&arguments.len()) {
            return Err(CompileError(format!(
                "found {name}() with {} arguments",
                arguments.len()
            )));
        }
        let pattern = literal_pattern(function, &arguments)?;
        let call = FunctionCall {
            base: base.expr,
            function,
            arguments: arguments.into(),
            pattern,
        };
        Tree::above(depth, Expr::Call(Box::new(call)))
    }

    fn type_name(&mut self) -> Result<TypeName, CompileError> {
        let mut name = self.name()?;
        let mut namespace = Namespace::Unsaid;
        if self.skip(".") {
            namespace = match &*name {
                "System" => Namespace::System,
                "FHIR" => Namespace::Fhir,
                _ => {
                    return Err(CompileError(format!(
                        "found the namespace {name}; there are System and FHIR"
                    )));
                }
            };
            name = self.name()?;
        }
        Ok(TypeName { namespace, name })
    }

    fn name(&mut self) -> Result<Box<str>, CompileError> {
        match self.next() {
            Token::Word(name) | Token::Delimited(name) => Ok(name),
            other => Err(unexpected("the name of a type", &other)),
        }
    }
}

fn number_literal(text: &str, value: Decimal) -> Literal {
    text.parse()
        .map_or(Literal::Decimal(value), Literal::Integer)
}

/// Compiles the pattern of a function that takes one, if the pattern is a literal.
fn literal_pattern(
    function: Function,
    arguments: &[Expr],
) -> Result<Option<regex::Regex>, CompileError> {
    let extent = match function {
        Function::Matches | Function::ReplaceMatches => Extent::Somewhere,
        Function::MatchesFull => Extent::Whole,
        _ => return Ok(None),
    };
    match arguments.first() {
        Some(Expr::Literal(Literal::Text(text))) => {
            pattern::compile(text, extent, pattern::WRITTEN_SIZE_MAX)
                .map(Some)
                .map_err(|why| CompileError(format!("found {why}")))
        }
        _ => Ok(None),
    }
}

fn unexpected(expected: &str, found: &Token) -> CompileError {
    CompileError(format!("expected {expected}, found {found}"))
}

fn variable(name: &str) -> Result<Variable, CompileError> {
    Variable::named(name)
        .ok_or_else(|| CompileError(format!("found %{name}, which is not supported")))
}
