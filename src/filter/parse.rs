//! From text to a small tree: what `sqlparser` accepts, less what cannot be evaluated.

use super::{Error, Span};
use sqlparser::ast::{self, BinaryOperator, Spanned, UnaryOperator, Value};
use sqlparser::dialect::DuckDbDialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Span as AstSpan, Token, TokenWithSpan, Tokenizer};
use std::fmt;

/// Tokens besides commas and literals. `a + a + a + …` makes a tree as deep as it is long, which the parser takes down by
/// recursion, at up to a kilobyte of stack a level: so many fit into the 2 MiB that a thread has.
const MOST_TOKENS: usize = 2048;
/// Levels of the tree. Terms that are joined by `and` or by `or` are one.
const MOST_LEVELS: usize = 100;

/// A column as it is written: several parts where it is a field of a struct.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    pub parts: Vec<String>,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.parts.join("."))
    }
}

#[derive(Debug, Clone)]
pub(super) struct Expr {
    pub kind: Kind,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Column(Name),
    Null,
    Bool(bool),
    /// Digits, perhaps with a sign, a point and an exponent.
    Number(String),
    Text(String),
    Hex(Vec<u8>),
    Date(String),
    Timestamp(String),
    Not(Box<Expr>),
    Negate(Box<Expr>),
    All(Vec<Expr>),
    Any(Vec<Expr>),
    Compare(Comparison, Box<Expr>, Box<Expr>),
    Arithmetic(Operator, Box<Expr>, Box<Expr>),
    Between(Box<Expr>, Box<Expr>, Box<Expr>),
    In(Box<Expr>, Vec<Expr>),
    Like {
        expr: Box<Expr>,
        pattern: Box<Expr>,
        escape: Option<char>,
        any_case: bool,
    },
    IsNull(Box<Expr>),
    /// `is true`, `is false`, `is unknown`.
    Is(Box<Expr>, Option<bool>),
    Call(Function, Vec<Expr>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Distinct,
    NotDistinct,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Lower,
    Upper,
    Length,
    StartsWith,
    EndsWith,
    Contains,
    HasWord,
    HasItem,
    ListContains,
    Year,
    Month,
    Day,
    Hour,
    Near,
}

impl Function {
    fn named(name: &str) -> Option<(Function, usize)> {
        Some(match name.to_ascii_lowercase().as_str() {
            "lower" | "lcase" => (Function::Lower, 1),
            "upper" | "ucase" => (Function::Upper, 1),
            "length" | "len" | "char_length" | "character_length" => (Function::Length, 1),
            "starts_with" => (Function::StartsWith, 2),
            "ends_with" | "suffix" => (Function::EndsWith, 2),
            "contains" => (Function::Contains, 2),
            "has_word" => (Function::HasWord, 2),
            "has_item" => (Function::HasItem, 2),
            "list_contains" | "list_has" | "array_contains" | "array_has" => (Function::ListContains, 2),
            "year" => (Function::Year, 1),
            "month" => (Function::Month, 1),
            "day" => (Function::Day, 1),
            "hour" => (Function::Hour, 1),
            "near" => (Function::Near, 5),
            _ => return None,
        })
    }
}

/// The tree of a condition, and the columns in it.
pub(super) fn parse(text: &str) -> Result<(Expr, Vec<Name>), Error> {
    let mut lower = Lower::new(text);
    let tokens = Tokenizer::new(&DuckDbDialect {}, text).tokenize_with_location().map_err(|e| {
        let at = lower.byte(e.location);
        lower.syntax(plain(&e.message), at)
    })?;
    let counts = |token: &Token| {
        let is_leaf = matches!(
            token,
            Token::Comma
                | Token::Whitespace(_)
                | Token::Number(..)
                | Token::SingleQuotedString(_)
                | Token::HexStringLiteral(_)
        );
        !is_leaf
    };
    if tokens.iter().all(|t| matches!(t.token, Token::Whitespace(_) | Token::EOF)) {
        return Err(Error::Empty);
    }
    let count = tokens.iter().filter(|t| counts(&t.token)).count();
    if count > MOST_TOKENS {
        let problem = format!("{count} words and signs in one condition, which may have {MOST_TOKENS}");
        return Err(Error::TooLarge { problem });
    }
    let mut parser = Parser::new(&DuckDbDialect {}).with_tokens_with_locations(parenthesized(tokens));
    let expr = parser.parse_expr().map_err(|e| lower.parser_error(e))?;
    let next = parser.peek_token();
    if next.token != Token::EOF {
        let at = lower.byte(next.span.start);
        return Err(lower.syntax(format!("`{}` where the condition could end", next.token), at));
    }
    let root = lower.lower(expr, 0)?;
    Ok((root, lower.names))
}

/// `x in keywords` as `x in (keywords)`, which the parser knows.
fn parenthesized(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let is_word = |token: &Token| matches!(token, Token::Word(_));
    let is_in = |token: &Token| matches!(token, Token::Word(word) if word.keyword == Keyword::IN);
    let is_blank = |token: &Token| matches!(token, Token::Whitespace(_));
    let mut out: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let begins = is_word(&token.token)
            && out.iter().rev().find(|before| !is_blank(&before.token)).is_some_and(|before| is_in(&before.token));
        if !begins {
            out.push(token);
            continue;
        }
        // A column, or a field of one: words with points between them.
        let mut name = vec![token];
        while let Some(next) = tokens.next_if(|next| match name[name.len() - 1].token {
            Token::Period => is_word(&next.token),
            _ => next.token == Token::Period,
        }) {
            name.push(next);
        }
        let (start, end) = (name[0].span, name[name.len() - 1].span);
        out.push(TokenWithSpan { token: Token::LParen, span: start });
        out.append(&mut name);
        out.push(TokenWithSpan { token: Token::RParen, span: end });
    }
    out
}

/// `Expected: an expression, found: )` → ``expected an expression, found `)` ``.
fn plain(message: &str) -> String {
    let message = message.trim();
    let mut chars = message.chars();
    let message = chars.next().map(|c| c.to_lowercase().collect::<String>() + chars.as_str()).unwrap_or_default();
    let message = message.replacen("expected: ", "expected ", 1);
    match message.split_once(", found: ") {
        Some((expected, "EOF")) => format!("{expected} where the condition ends"),
        Some((expected, found)) => format!("{expected}, found `{found}`"),
        None => message,
    }
}

struct Lower<'a> {
    text: &'a str,
    /// Where each character begins, in bytes, and the end.
    characters: Vec<usize>,
    /// The number of the first character of each line.
    lines: Vec<usize>,
    names: Vec<Name>,
}

impl<'a> Lower<'a> {
    fn new(text: &'a str) -> Lower<'a> {
        let mut characters: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        characters.push(text.len());
        let breaks = text.chars().enumerate().filter(|(_, c)| *c == '\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(breaks).collect();
        Lower { text, characters, lines, names: Vec::new() }
    }

    fn byte(&self, location: Location) -> usize {
        let index = |n: u64| usize::try_from(n.saturating_sub(1)).unwrap_or(usize::MAX);
        let line = self.lines.get(index(location.line)).copied().unwrap_or(usize::MAX);
        self.characters.get(line.saturating_add(index(location.column))).copied().unwrap_or(self.text.len())
    }

    fn span(&self, span: AstSpan) -> Span {
        let (start, end) = (self.byte(span.start), self.byte(span.end));
        start..end.max(start)
    }

    fn syntax(&self, problem: String, at: usize) -> Error {
        Error::Syntax { problem, at: super::character(self.text, &(at..at)) }
    }

    fn parser_error(&self, error: ParserError) -> Error {
        match error {
            ParserError::RecursionLimitExceeded => {
                Error::TooLarge { problem: "the condition is nested too deeply".into() }
            }
            ParserError::TokenizerError(message) | ParserError::ParserError(message) => {
                // The place is only in the message; where there is none, the parser met the end.
                let (message, place) = message.rsplit_once(" at Line: ").unwrap_or((&message, ""));
                let at = place.split_once(", Column: ").and_then(|(line, column)| {
                    Some(self.byte(Location::new(line.trim().parse().ok()?, column.trim().parse().ok()?)))
                });
                self.syntax(plain(message), at.unwrap_or(self.text.len()))
            }
        }
    }

    fn unsupported(&self, what: &str, span: &Span) -> Error {
        Error::Unsupported { what: what.into(), at: super::character(self.text, span) }
    }

    fn lower(&mut self, expr: ast::Expr, level: usize) -> Result<Expr, Error> {
        use ast::Expr as E;
        if level > MOST_LEVELS {
            let problem = format!("the condition is nested more than {MOST_LEVELS} deep");
            return Err(Error::TooLarge { problem });
        }
        let level = level + 1;
        let boxed = |this: &mut Self, expr: Box<ast::Expr>| this.lower(*expr, level).map(Box::new);
        Ok(match expr {
            E::Nested(inner) => self.lower(*inner, level)?,
            E::Identifier(ident) => self.column(vec![ident]),
            E::CompoundIdentifier(idents) => self.column(idents),
            E::Value(value) => {
                let span = self.span(value.span);
                Expr { kind: self.literal(value.value, &span)?, span }
            }
            E::TypedString(typed) => {
                let span = self.span(typed.value.span);
                let text = typed.value.value.into_string().unwrap_or_default();
                let kind = match typed.data_type {
                    ast::DataType::Date => Kind::Date(text),
                    ast::DataType::Timestamp(None, _) | ast::DataType::Datetime(None) => Kind::Timestamp(text),
                    other => return Err(self.unsupported(&format!("a constant of type {other}"), &span)),
                };
                Expr { kind, span }
            }
            E::UnaryOp { op, expr } => {
                let inner = self.lower(*expr, level)?;
                let span = inner.span.clone();
                let kind = match (op, inner.kind) {
                    (UnaryOperator::Plus, kind) => kind,
                    (UnaryOperator::Minus, Kind::Number(digits)) => {
                        Kind::Number(digits.strip_prefix('-').map_or_else(|| format!("-{digits}"), str::to_string))
                    }
                    (UnaryOperator::Minus, kind) => Kind::Negate(Box::new(Expr { kind, span: span.clone() })),
                    (UnaryOperator::Not, kind) => Kind::Not(Box::new(Expr { kind, span: span.clone() })),
                    (op, _) => {
                        return Err(
                            self.unsupported(&format!("the operator `{op}` before `{}`", self.piece(&span)), &span)
                        );
                    }
                };
                Expr { kind, span }
            }
            E::BinaryOp { left, op: op @ (BinaryOperator::And | BinaryOperator::Or), right } => {
                // A chain of one operator leans to the left, as deep as it is long; here it becomes flat.
                let mut terms = vec![*right];
                let mut rest = *left;
                loop {
                    match rest {
                        E::BinaryOp { left, op: other, right } if other == op => {
                            terms.push(*right);
                            rest = *left;
                        }
                        first => {
                            terms.push(first);
                            break;
                        }
                    }
                }
                let terms: Vec<Expr> =
                    terms.into_iter().rev().map(|term| self.lower(term, level)).collect::<Result<_, _>>()?;
                let span = terms[0].span.start..terms[terms.len() - 1].span.end;
                Expr { kind: if op == BinaryOperator::And { Kind::All(terms) } else { Kind::Any(terms) }, span }
            }
            E::BinaryOp { left, op, right } => self.binary(*left, &op, *right, level)?,
            E::IsDistinctFrom(left, right) => self.comparison(*left, Comparison::Distinct, *right, level)?,
            E::IsNotDistinctFrom(left, right) => self.comparison(*left, Comparison::NotDistinct, *right, level)?,
            E::IsNull(inner) => self.unary(*inner, level, false, Kind::IsNull)?,
            E::IsNotNull(inner) => self.unary(*inner, level, true, Kind::IsNull)?,
            E::IsTrue(inner) => self.unary(*inner, level, false, |e| Kind::Is(e, Some(true)))?,
            E::IsNotTrue(inner) => self.unary(*inner, level, true, |e| Kind::Is(e, Some(true)))?,
            E::IsFalse(inner) => self.unary(*inner, level, false, |e| Kind::Is(e, Some(false)))?,
            E::IsNotFalse(inner) => self.unary(*inner, level, true, |e| Kind::Is(e, Some(false)))?,
            E::IsUnknown(inner) => self.unary(*inner, level, false, |e| Kind::Is(e, None))?,
            E::IsNotUnknown(inner) => self.unary(*inner, level, true, |e| Kind::Is(e, None))?,
            E::InList { expr, list, negated } => {
                self.refuse_chain(&expr)?;
                let expr = boxed(self, expr)?;
                let list: Vec<Expr> = list.into_iter().map(|item| self.lower(item, level)).collect::<Result<_, _>>()?;
                let end = list.last().map(|last| last.span.end);
                let Some(end) = end else {
                    return Err(self.unsupported("an empty list", &expr.span));
                };
                let span = expr.span.start..end;
                negate(negated, Expr { kind: Kind::In(expr, list), span })
            }
            E::Between { expr, negated, low, high } => {
                [&expr, &low, &high].into_iter().try_for_each(|e| self.refuse_chain(e))?;
                let (expr, low, high) = (boxed(self, expr)?, boxed(self, low)?, boxed(self, high)?);
                let span = expr.span.start..high.span.end;
                negate(negated, Expr { kind: Kind::Between(expr, low, high), span })
            }
            E::Like { negated, any: false, expr, pattern, escape_char } => {
                self.like(negated, false, *expr, *pattern, escape_char, level)?
            }
            E::ILike { negated, any: false, expr, pattern, escape_char } => {
                self.like(negated, true, *expr, *pattern, escape_char, level)?
            }
            E::Function(function) => self.call(function, level)?,
            other => return Err(self.refuse(&other)),
        })
    }

    fn piece(&self, span: &Span) -> String {
        super::piece(self.text, span)
    }

    fn column(&mut self, idents: Vec<ast::Ident>) -> Expr {
        let spans = idents.iter().map(|ident| self.span(ident.span));
        let span = spans.reduce(|a, b| a.start.min(b.start)..a.end.max(b.end)).unwrap_or(0..0);
        let name = Name { parts: idents.into_iter().map(|ident| ident.value).collect() };
        self.names.push(name.clone());
        Expr { kind: Kind::Column(name), span }
    }

    fn literal(&self, value: Value, span: &Span) -> Result<Kind, Error> {
        Ok(match value {
            Value::Null => Kind::Null,
            Value::Boolean(value) => Kind::Bool(value),
            Value::Number(digits, _) => Kind::Number(digits.replace('_', "")),
            Value::SingleQuotedString(text) => Kind::Text(text),
            Value::HexStringLiteral(digits) => Kind::Hex(
                hex(&digits)
                    .ok_or_else(|| self.syntax(format!("`{}` is not hexadecimal", self.piece(span)), span.start))?,
            ),
            _ => return Err(self.unsupported(&format!("the constant `{}`", self.piece(span)), span)),
        })
    }

    fn unary(
        &mut self,
        inner: ast::Expr,
        level: usize,
        negated: bool,
        kind: impl FnOnce(Box<Expr>) -> Kind,
    ) -> Result<Expr, Error> {
        let inner = self.lower(inner, level)?;
        let span = inner.span.clone();
        Ok(negate(negated, Expr { kind: kind(Box::new(inner)), span }))
    }

    fn binary(&mut self, left: ast::Expr, op: &BinaryOperator, right: ast::Expr, level: usize) -> Result<Expr, Error> {
        let comparison = match op {
            BinaryOperator::Eq => Some(Comparison::Equal),
            BinaryOperator::NotEq => Some(Comparison::NotEqual),
            BinaryOperator::Lt => Some(Comparison::Less),
            BinaryOperator::LtEq => Some(Comparison::LessOrEqual),
            BinaryOperator::Gt => Some(Comparison::Greater),
            BinaryOperator::GtEq => Some(Comparison::GreaterOrEqual),
            _ => None,
        };
        if let Some(comparison) = comparison {
            return self.comparison(left, comparison, right, level);
        }
        let operator = match op {
            BinaryOperator::Plus => Operator::Add,
            BinaryOperator::Minus => Operator::Subtract,
            BinaryOperator::Multiply => Operator::Multiply,
            BinaryOperator::Divide => Operator::Divide,
            BinaryOperator::Modulo => Operator::Remainder,
            other => {
                let right = self.span(right.span());
                return Err(
                    self.unsupported(&format!("the operator `{other}` before `{}`", self.piece(&right)), &right)
                );
            }
        };
        let (left, right) = (Box::new(self.lower(left, level)?), Box::new(self.lower(right, level)?));
        let span = left.span.start..right.span.end;
        Ok(Expr { kind: Kind::Arithmetic(operator, left, right), span })
    }

    fn comparison(&mut self, left: ast::Expr, op: Comparison, right: ast::Expr, level: usize) -> Result<Expr, Error> {
        self.refuse_chain(&left)?;
        self.refuse_chain(&right)?;
        let (left, right) = (Box::new(self.lower(left, level)?), Box::new(self.lower(right, level)?));
        let span = left.span.start..right.span.end;
        Ok(Expr { kind: Kind::Compare(op, left, right), span })
    }

    /// `a < b < c` is not what it looks like, and SQL's dialects disagree on `a = b like c`.
    fn refuse_chain(&self, operand: &ast::Expr) -> Result<(), Error> {
        use BinaryOperator as B;
        let is_comparison = match operand {
            ast::Expr::BinaryOp { op, .. } => matches!(op, B::Eq | B::NotEq | B::Lt | B::LtEq | B::Gt | B::GtEq),
            ast::Expr::Like { .. }
            | ast::Expr::ILike { .. }
            | ast::Expr::Between { .. }
            | ast::Expr::InList { .. }
            | ast::Expr::IsDistinctFrom(..)
            | ast::Expr::IsNotDistinctFrom(..) => true,
            _ => false,
        };
        if !is_comparison {
            return Ok(());
        }
        let span = self.span(operand.span());
        Err(self.syntax("comparisons in a row need parentheses or `and`".into(), span.start))
    }

    fn like(
        &mut self,
        negated: bool,
        any_case: bool,
        expr: ast::Expr,
        pattern: ast::Expr,
        escape: Option<Box<ast::Expr>>,
        level: usize,
    ) -> Result<Expr, Error> {
        self.refuse_chain(&expr)?;
        self.refuse_chain(&pattern)?;
        let expr = Box::new(self.lower(expr, level)?);
        let pattern = Box::new(self.lower(pattern, level)?);
        let escape = match escape.map(|escape| self.lower(*escape, level)).transpose()? {
            None => None,
            Some(Expr { kind: Kind::Text(text), span }) => {
                let mut characters = text.chars();
                match (characters.next(), characters.next()) {
                    (one, None) => one,
                    _ => return Err(self.syntax("`escape` wants one character".into(), span.start)),
                }
            }
            Some(other) => return Err(self.syntax("`escape` wants one character in quotes".into(), other.span.start)),
        };
        let span = expr.span.start..pattern.span.end;
        Ok(negate(negated, Expr { kind: Kind::Like { expr, pattern, escape, any_case }, span }))
    }

    fn call(&mut self, function: ast::Function, level: usize) -> Result<Expr, Error> {
        let span = self.span(function.name.span());
        let name = self.piece(&span);
        let Some((known, wanted)) = Function::named(&name) else {
            return Err(self.unsupported(&format!("the function `{name}`"), &span));
        };
        let is_plain = function.filter.is_none()
            && function.over.is_none()
            && function.null_treatment.is_none()
            && function.within_group.is_empty()
            && matches!(function.parameters, ast::FunctionArguments::None);
        let list = match function.args {
            ast::FunctionArguments::List(list)
                if is_plain && list.duplicate_treatment.is_none() && list.clauses.is_empty() =>
            {
                list.args
            }
            _ => return Err(self.unsupported(&format!("this way to call `{name}`"), &span)),
        };
        let mut args = Vec::new();
        for arg in list {
            let ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(arg)) = arg else {
                return Err(self.unsupported(&format!("this way to call `{name}`"), &span));
            };
            args.push(self.lower(arg, level)?);
        }
        if args.len() != wanted {
            let wanted = match wanted {
                1 => "one value",
                2 => "two values",
                _ => "five values, as in near(lat, lon, 48.2, 16.4, 5): within 5 km of there",
            };
            return Err(self.syntax(format!("`{name}` wants {wanted}"), span.start));
        }
        let span = span.start..args[args.len() - 1].span.end;
        Ok(Expr { kind: Kind::Call(known, args), span })
    }

    fn refuse(&self, expr: &ast::Expr) -> Error {
        use ast::Expr as E;
        let span = self.span(expr.span());
        match expr {
            E::Subquery(_) | E::Exists { .. } | E::InSubquery { .. } => self.unsupported("a query inside", &span),
            E::Case { .. } => self.unsupported("`case`", &span),
            E::Cast { .. } => self.unsupported("a change of type", &span),
            E::Tuple(_) => self.unsupported("a tuple", &span),
            _ if span.is_empty() => self.unsupported("an expression of this kind", &span),
            _ => self.unsupported(&format!("`{}`", self.piece(&span)), &span),
        }
    }
}

fn negate(negated: bool, expr: Expr) -> Expr {
    if !negated {
        return expr;
    }
    let span = expr.span.clone();
    Expr { kind: Kind::Not(Box::new(expr)), span }
}

/// Bytes from hexadecimal digits.
pub(super) fn hex(digits: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    let digit = |d: u8| char::from(d).to_digit(16);
    let byte = |&[high, low]: &[u8; 2]| u8::try_from(digit(high)? * 16 + digit(low)?).ok();
    if rest.is_empty() { pairs.iter().map(byte).collect() } else { None }
}
