//! What can be changed in an expression.

use sqlparser::ast::{
    BinaryOperator, Expr, FunctionArgumentList, FunctionArguments, Ident, InTarget, ObjectNamePart,
    Value,
};

use super::MutantKind;
use super::site::Alteration;

/// Every change of this expression itself; those of its parts are found there.
pub(super) fn changes(expression: &Expr) -> Vec<Alteration> {
    match expression {
        Expr::BinaryOp { left, op, right } => of_operator(left, op, right),
        Expr::IsNull(inner) => vec![negation(expression, Expr::IsNotNull(inner.clone()))],
        Expr::IsNotNull(inner) => vec![negation(expression, Expr::IsNull(inner.clone()))],
        Expr::In { expr, target, negated, global } => {
            let of = |target: InTarget, negated| {
                let (expr, global) = (expr.clone(), *global);
                Expr::In { expr, target, negated, global }
            };
            let mut changes = vec![negation(expression, of(target.clone(), !negated))];
            let InTarget::List(list) = target else { return changes };
            // How many parameters there are is the caller's affair.
            let named = list.iter().enumerate().filter(|(_, item)| !is_parameter(item));
            changes.extend(named.filter(|_| list.len() > 1).map(|(place, item)| {
                let what = format!("{expr} without {item}");
                let less = of(InTarget::List(without(list, place)), *negated);
                Alteration::expression(MutantKind::Alternative, what, less)
            }));
            changes
        }
        Expr::Exists { subquery, negated } => {
            let opposite = Expr::Exists { subquery: subquery.clone(), negated: !negated };
            vec![negation(expression, opposite)]
        }
        Expr::Between { expr, negated, low, high } => {
            let (expr, low, high) = (expr.clone(), low.clone(), high.clone());
            let opposite = Expr::Between { expr, negated: !negated, low, high };
            vec![negation(expression, opposite)]
        }
        Expr::Like { negated, any, expr, pattern, escape_char } => {
            let opposite = Expr::Like {
                negated: !negated,
                any: *any,
                expr: expr.clone(),
                pattern: pattern.clone(),
                escape_char: escape_char.clone(),
            };
            vec![negation(expression, opposite)]
        }
        Expr::Case { case_token, end_token, operand, conditions, else_result } => {
            let of = |conditions| Expr::Case {
                case_token: case_token.clone(),
                end_token: end_token.clone(),
                operand: operand.clone(),
                conditions,
                else_result: else_result.clone(),
            };
            let places = (0..conditions.len()).filter(|_| conditions.len() > 1);
            let change = |place: usize| {
                let what = format!("without {}", conditions[place]);
                Alteration::expression(
                    MutantKind::Alternative,
                    cut(&what),
                    of(without(conditions, place)),
                )
            };
            places.map(change).collect()
        }
        Expr::Value(value) => match &value.value {
            Value::Number(number, long) => more(number)
                .map(|more| {
                    let value = Value::Number(more.clone(), *long);
                    let what = format!("{more} for {number}");
                    Alteration::expression(MutantKind::Number, what, Expr::Value(value.into()))
                })
                .into_iter()
                .collect(),
            _ => Vec::new(),
        },
        Expr::Function(function) => {
            let FunctionArguments::List(arguments) = &function.args else { return Vec::new() };
            let [ObjectNamePart::Identifier(name)] = &function.name.0[..] else {
                return Vec::new();
            };
            of_function(expression, name, arguments)
        }
        _ => Vec::new(),
    }
}

fn of_operator(left: &Expr, op: &BinaryOperator, right: &Expr) -> Vec<Alteration> {
    use BinaryOperator as Op;
    let with = |op: BinaryOperator| Expr::BinaryOp {
        left: Box::new(left.clone()),
        op,
        right: Box::new(right.clone()),
    };
    let (kind, other) = match op {
        Op::And => return one_left_out(left, op, right, MutantKind::Condition),
        Op::Or => return one_left_out(left, op, right, MutantKind::Alternative),
        Op::Gt => (MutantKind::Comparison, Op::GtEq),
        Op::GtEq => (MutantKind::Comparison, Op::Gt),
        Op::Lt => (MutantKind::Comparison, Op::LtEq),
        Op::LtEq => (MutantKind::Comparison, Op::Lt),
        Op::Eq => (MutantKind::Comparison, Op::NotEq),
        Op::NotEq => (MutantKind::Comparison, Op::Eq),
        Op::Plus => (MutantKind::Arithmetic, Op::Minus),
        Op::Minus => (MutantKind::Arithmetic, Op::Plus),
        Op::Multiply => (MutantKind::Arithmetic, Op::Plus),
        Op::Divide => (MutantKind::Arithmetic, Op::Multiply),
        _ => return Vec::new(),
    };
    let weaker = matches!(op, Op::Multiply | Op::Divide);
    let changed = with(other.clone());
    let what = format!("{other} in {}", cut(&format!("{left} {op} {right}")));
    let changed = if weaker { Expr::Nested(Box::new(changed)) } else { changed };
    vec![Alteration::expression(kind, what, changed)]
}

/// One of two sides, unless it is joined of several itself: each of those is left out there.
fn one_left_out(
    left: &Expr,
    op: &BinaryOperator,
    right: &Expr,
    kind: MutantKind,
) -> Vec<Alteration> {
    let is_one = |side: &Expr| !matches!(side, Expr::BinaryOp { op: of, .. } if of == op);
    let sides = [(left, right), (right, left)].into_iter().filter(|(gone, _)| is_one(gone));
    let change = |(gone, stays): (&Expr, &Expr)| {
        let what = format!("without {op} {}", cut(&gone.to_string()));
        Alteration::expression(kind, what, stays.clone())
    };
    sides.map(change).collect()
}

fn of_function(whole: &Expr, name: &Ident, arguments: &FunctionArgumentList) -> Vec<Alteration> {
    let Expr::Function(function) = whole else { return Vec::new() };
    let named = |other: &str| {
        let mut function = function.clone();
        function.name.0 = vec![ObjectNamePart::Identifier(Ident::new(other))];
        let what = format!("{other} for {name}");
        Alteration::expression(MutantKind::Function, what, Expr::Function(function))
    };
    match name.value.to_ascii_uppercase().as_str() {
        "MIN" => vec![named("MAX")],
        "MAX" => vec![named("MIN")],
        "SUM" => vec![named("MAX")],
        "COALESCE" if arguments.args.len() == 2 => {
            let change = |place: usize| {
                let mut function = function.clone();
                let mut arguments = arguments.clone();
                let gone = arguments.args.remove(place);
                function.args = FunctionArguments::List(arguments);
                // COALESCE wants two.
                let stays = only_argument(&function.args)?;
                let what = format!("{name} without {}", cut(&gone.to_string()));
                Some(Alteration::expression(
                    MutantKind::Function,
                    what,
                    Expr::Nested(Box::new(stays)),
                ))
            };
            (0..2).filter_map(change).collect()
        }
        _ => Vec::new(),
    }
}

fn only_argument(arguments: &FunctionArguments) -> Option<Expr> {
    use sqlparser::ast::{FunctionArg, FunctionArgExpr};
    let FunctionArguments::List(list) = arguments else { return None };
    match &list.args[..] {
        [FunctionArg::Unnamed(FunctionArgExpr::Expr(expression))] => Some(expression.clone()),
        _ => None,
    }
}

fn negation(before: &Expr, after: Expr) -> Alteration {
    Alteration::expression(
        MutantKind::Negation,
        format!("the opposite of {}", cut(&before.to_string())),
        after,
    )
}

/// A whole number and one.
fn more(number: &str) -> Option<String> {
    Some(number.parse::<i64>().ok()?.checked_add(1)?.to_string())
}

pub(super) fn is_parameter(expression: &Expr) -> bool {
    matches!(expression, Expr::Value(value) if matches!(value.value, Value::Placeholder(_)))
}

/// All but one.
pub(super) fn without<T: Clone>(all: &[T], place: usize) -> Vec<T> {
    let mut rest = all.to_vec();
    rest.remove(place);
    rest
}

/// A line of words, as long as one is read.
pub(crate) fn cut(text: &str) -> String {
    const LENGTH_MAX: usize = 100;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LENGTH_MAX) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
