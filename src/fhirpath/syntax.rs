//! A compiled expression: a tree whose names are resolved as far as the text allows.

use regex::Regex;

use super::decimal::Decimal;
use super::temporal::Temporal;

/// An expression, evaluated on `$this` of its surroundings.
#[derive(Debug)]
pub(super) enum Expr {
    Literal(Literal),
    /// `{}`
    Nothing,
    This,
    Index,
    Total,
    Variable(Variable),
    /// A name that begins a path: a child of `$this`, or `$this` itself if it has a type of that
    /// name.
    First(Box<str>),
    Member(Box<Expr>, Box<str>),
    Call(Box<FunctionCall>),
    Indexed(Box<(Expr, Expr)>),
    Negative(Box<Expr>),
    Binary(Operator, Box<(Expr, Expr)>),
    Type(TypeTest, Box<Expr>, TypeName),
}

impl Expr {
    /// Builds an operation. A union of which only the members matter is left unsorted.
    pub(super) fn binary(operator: Operator, left: Expr, right: Expr) -> Expr {
        let (left, right) = match operator {
            Operator::In => (left, right.gathered()),
            Operator::Contains => (left.gathered(), right),
            _ => (left, right),
        };
        Expr::Binary(operator, Box::new((left, right)))
    }

    /// Visits the expression and all expressions in it.
    pub(super) fn for_each<'e>(&'e self, visit: &mut dyn FnMut(&'e Expr)) {
        visit(self);
        match self {
            Expr::Member(base, _) | Expr::Negative(base) | Expr::Type(_, base, _) => {
                base.for_each(visit);
            }
            Expr::Call(call) => {
                call.base.for_each(visit);
                call.arguments.iter().for_each(|one| one.for_each(visit));
            }
            Expr::Indexed(sides) | Expr::Binary(_, sides) => {
                sides.0.for_each(visit);
                sides.1.for_each(visit);
            }
            Expr::Literal(_)
            | Expr::Nothing
            | Expr::This
            | Expr::Index
            | Expr::Total
            | Expr::Variable(_)
            | Expr::First(_) => {}
        }
    }

    /// Returns the same collection, in which an item may now stand twice.
    fn gathered(self) -> Expr {
        match self {
            Expr::Binary(Operator::Union, sides) => {
                let (left, right) = *sides;
                Expr::Binary(
                    Operator::Gather,
                    Box::new((left.gathered(), right.gathered())),
                )
            }
            other => other,
        }
    }
}

#[derive(Debug)]
pub(super) enum Literal {
    Boolean(bool),
    Integer(i32),
    Decimal(Decimal),
    Text(Box<str>),
    Temporal(Temporal),
    Quantity {
        value: Decimal,
        unit: Box<str>,
        is_calendar: bool,
    },
}

#[derive(Debug)]
pub(super) enum Variable {
    Context,
    Resource,
    RootResource,
    Extension,
    /// One that stands for an address.
    Text(Box<str>),
}

impl Variable {
    /// Returns the variable with this name, if it is supported.
    pub(super) fn named(name: &str) -> Option<Variable> {
        let text = |text: String| Some(Variable::Text(text.into()));
        match name {
            "context" => Some(Variable::Context),
            "resource" => Some(Variable::Resource),
            "rootResource" => Some(Variable::RootResource),
            "extension" => Some(Variable::Extension),
            "ucum" => text("http://unitsofmeasure.org".into()),
            "sct" => text("http://snomed.info/sct".into()),
            "loinc" => text("http://loinc.org".into()),
            "us-zip" => text("[0-9]{5}(-[0-9]{4}){0,1}".into()),
            _ => match name.split_once('-')? {
                ("vs", id) => text(format!("http://hl7.org/fhir/ValueSet/{id}")),
                ("ext", id) => text(format!("http://hl7.org/fhir/StructureDefinition/{id}")),
                _ => None,
            },
        }
    }
}

/// A function on a collection.
#[derive(Debug)]
pub(super) struct FunctionCall {
    pub(super) base: Expr,
    pub(super) function: Function,
    pub(super) arguments: Box<[Expr]>,
    /// The first argument as a pattern, if it is one and is a literal.
    pub(super) pattern: Option<Regex>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Operator {
    Multiply,
    Divide,
    WholeDivide,
    Modulo,
    Add,
    Subtract,
    Concatenate,
    /// `|`
    Union,
    /// `|` where duplicates do not matter.
    Gather,
    LessOrEqual,
    Less,
    Greater,
    GreaterOrEqual,
    Equal,
    Equivalent,
    NotEqual,
    NotEquivalent,
    In,
    Contains,
    And,
    Or,
    Xor,
    Implies,
}

/// The binary operators and their tightness. Unary signs and dots bind tighter than all of these.
const OPERATORS: &[(&str, u8, Operator)] = &[
    ("*", 10, Operator::Multiply),
    ("/", 10, Operator::Divide),
    ("div", 10, Operator::WholeDivide),
    ("mod", 10, Operator::Modulo),
    ("+", 9, Operator::Add),
    ("-", 9, Operator::Subtract),
    ("&", 9, Operator::Concatenate),
    ("|", 7, Operator::Union),
    ("<=", 6, Operator::LessOrEqual),
    ("<", 6, Operator::Less),
    (">", 6, Operator::Greater),
    (">=", 6, Operator::GreaterOrEqual),
    ("=", 5, Operator::Equal),
    ("~", 5, Operator::Equivalent),
    ("!=", 5, Operator::NotEqual),
    ("!~", 5, Operator::NotEquivalent),
    ("in", 4, Operator::In),
    ("contains", 4, Operator::Contains),
    ("and", 3, Operator::And),
    ("or", 2, Operator::Or),
    ("xor", 2, Operator::Xor),
    ("implies", 1, Operator::Implies),
];

impl Operator {
    /// Returns the operator with this name and its tightness.
    pub(super) fn named(name: &str) -> Option<(u8, Operator)> {
        OPERATORS
            .iter()
            .find(|(known, ..)| *known == name)
            .map(|(_, tightness, operator)| (*tightness, *operator))
    }
}

/// A question about a type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TypeTest {
    Is,
    As,
    OfType,
}

impl TypeTest {
    /// The tightness of `is` and `as` among the binary operators.
    pub(super) const TIGHTNESS: u8 = 8;
}

#[derive(Debug)]
pub(super) struct TypeName {
    pub(super) namespace: Namespace,
    pub(super) name: Box<str>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Namespace {
    System,
    Fhir,
    Unsaid,
}

/// The functions by name, with the least and greatest number of arguments. `is`, `as` and `ofType`
/// take types and are not here.
macro_rules! functions {
    ($($variant:ident $name:literal $least:literal $most:literal,)*) => {
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(super) enum Function { $($variant,)* }

        impl Function {
            /// Returns the function with this name, and the number of arguments that it takes.
            pub(super) fn named(name: &str) -> Option<(Function, std::ops::RangeInclusive<usize>)> {
                Some(match name {
                    $($name => (Function::$variant, $least..=$most),)*
                    _ => return None,
                })
            }

            pub(super) fn name(self) -> &'static str {
                match self { $(Function::$variant => $name,)* }
            }
        }
    };
}

functions! {
    Empty "empty" 0 0, Exists "exists" 0 1, All "all" 1 1,
    AllTrue "allTrue" 0 0, AnyTrue "anyTrue" 0 0, AllFalse "allFalse" 0 0, AnyFalse "anyFalse" 0 0,
    SubsetOf "subsetOf" 1 1, SupersetOf "supersetOf" 1 1,
    Count "count" 0 0, Distinct "distinct" 0 0, IsDistinct "isDistinct" 0 0,
    Where "where" 1 1, Select "select" 1 1, Repeat "repeat" 1 1, Aggregate "aggregate" 1 2,
    Single "single" 0 0, First "first" 0 0, Last "last" 0 0, Tail "tail" 0 0, Skip "skip" 1 1, Take "take" 1 1,
    Intersect "intersect" 1 1, Exclude "exclude" 1 1, Union "union" 1 1, Combine "combine" 1 1,
    Iif "iif" 2 3, Not "not" 0 0,
    ToBoolean "toBoolean" 0 0, ToInteger "toInteger" 0 0, ToDecimal "toDecimal" 0 0, ToText "toString" 0 0,
    ToDate "toDate" 0 0, ToDateTime "toDateTime" 0 0, ToTime "toTime" 0 0, ToQuantity "toQuantity" 0 1,
    ConvertsToBoolean "convertsToBoolean" 0 0, ConvertsToInteger "convertsToInteger" 0 0,
    ConvertsToDecimal "convertsToDecimal" 0 0, ConvertsToText "convertsToString" 0 0,
    ConvertsToDate "convertsToDate" 0 0, ConvertsToDateTime "convertsToDateTime" 0 0,
    ConvertsToTime "convertsToTime" 0 0, ConvertsToQuantity "convertsToQuantity" 0 1,
    IndexOf "indexOf" 1 1, Substring "substring" 1 2, StartsWith "startsWith" 1 1, EndsWith "endsWith" 1 1,
    Contains "contains" 1 1, Upper "upper" 0 0, Lower "lower" 0 0, Replace "replace" 2 2,
    Matches "matches" 1 1, MatchesFull "matchesFull" 1 1, ReplaceMatches "replaceMatches" 2 2,
    Length "length" 0 0, ToChars "toChars" 0 0, Trim "trim" 0 0, Split "split" 1 1, Join "join" 0 1,
    Abs "abs" 0 0, Ceiling "ceiling" 0 0, Exp "exp" 0 0, Floor "floor" 0 0, Ln "ln" 0 0, Log "log" 1 1,
    Power "power" 1 1, Round "round" 0 1, Sqrt "sqrt" 0 0, Truncate "truncate" 0 0,
    Children "children" 0 0, Descendants "descendants" 0 0,
    Trace "trace" 1 2, Now "now" 0 0, Today "today" 0 0, TimeOfDay "timeOfDay" 0 0, Type "type" 0 0,
    Extension "extension" 1 1, HasExtension "hasExtension" 1 1, HasValue "hasValue" 0 0, GetValue "getValue" 0 0,
    Resolve "resolve" 0 0, MemberOf "memberOf" 1 1, ConformsTo "conformsTo" 1 1,
    HtmlChecks "htmlChecks" 0 0, HtmlChecks2 "htmlChecks2" 0 0,
}
