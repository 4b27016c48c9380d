//! What can be changed in the clauses of a statement that reads or changes rows.

use sqlparser::ast::{
    Assignment, AssignmentTarget, BinaryOperator, Distinct, Expr, Ident, Insert, Join,
    JoinOperator, LimitClause, OnConflict, OnConflictAction, OnInsert, OrderByKind, OrderBySort,
    Query, Select, SetExpr, Statement, Value,
};

use super::MutantKind;
use super::expressions::{cut, is_parameter, without};
use super::site::Alteration;

/// Changes of ORDER BY and LIMIT.
pub(super) fn of_query(query: &Query) -> Vec<Alteration> {
    let mut changes = Vec::new();
    let with = |change: &dyn Fn(&mut Query)| {
        let mut query = query.clone();
        change(&mut query);
        query
    };
    if let Some(order_by) = &query.order_by
        && let OrderByKind::Expressions(keys) = &order_by.kind
    {
        for (place, key) in keys.iter().enumerate() {
            let is_descending = matches!(key.options.sort, Some(OrderBySort::Desc));
            let sort = if is_descending { OrderBySort::Asc } else { OrderBySort::Desc };
            let mut keys = keys.clone();
            keys[place].options.sort = Some(sort);
            let reversed = with(&|query| {
                if let Some(order_by) = &mut query.order_by {
                    order_by.kind = OrderByKind::Expressions(keys.clone());
                }
            });
            changes.push(Alteration::query(
                MutantKind::Order,
                format!("{} reversed", key.expr),
                reversed,
            ));
        }
        let unordered = with(&|query| query.order_by = None);
        changes.push(Alteration::query(
            MutantKind::Order,
            format!("without {order_by}"),
            unordered,
        ));
    }
    if let Some(LimitClause::LimitOffset { limit: Some(limit), .. }) = &query.limit_clause {
        let set = |to: Option<Expr>| {
            with(&|query| {
                if let Some(LimitClause::LimitOffset { limit, .. }) = &mut query.limit_clause {
                    limit.clone_from(&to);
                }
            })
        };
        for (op, by) in [(BinaryOperator::Plus, 1), (BinaryOperator::Minus, -1)] {
            let what = format!("LIMIT {limit} {op} 1");
            changes.push(Alteration::query(
                MutantKind::Limit,
                what,
                set(Some(beside(limit, op, by))),
            ));
        }
        changes.push(Alteration::query(
            MutantKind::Limit,
            format!("without LIMIT {limit}"),
            set(None),
        ));
    }
    changes
}

/// A number that is one more or less: known, or worked out there.
fn beside(limit: &Expr, op: BinaryOperator, by: i64) -> Expr {
    let number = |number: String| Expr::Value(Value::Number(number, false).into());
    let known = match limit {
        Expr::Value(value) => value.to_string().parse::<i64>().ok(),
        _ => None,
    };
    match known {
        Some(known) => number((known + by).to_string()),
        None => Expr::BinaryOp {
            left: Box::new(limit.clone()),
            op,
            right: Box::new(number("1".to_owned())),
        },
    }
}

/// Changes of WHERE, HAVING, DISTINCT and joins.
pub(super) fn of_select(select: &Select) -> Vec<Alteration> {
    let mut changes = Vec::new();
    let with = |change: &dyn Fn(&mut Select)| {
        let mut select = select.clone();
        change(&mut select);
        select
    };
    if let Some(what) = only_condition(select.selection.as_ref(), "WHERE") {
        let all = with(&|select| select.selection = None);
        changes.push(Alteration::select(MutantKind::Condition, what, all));
    }
    if let Some(what) = only_condition(select.having.as_ref(), "HAVING") {
        let all = with(&|select| select.having = None);
        changes.push(Alteration::select(MutantKind::Condition, what, all));
    }
    if matches!(select.distinct, Some(Distinct::Distinct)) {
        let all = with(&|select| select.distinct = None);
        changes.push(Alteration::select(MutantKind::Distinct, "without DISTINCT", all));
    }
    for (place, from) in select.from.iter().enumerate() {
        for (number, join) in from.joins.iter().enumerate() {
            let Some(other) = other_join(join) else { continue };
            let what = cut(&format!("{other} for {join}"));
            let joined = with(&|select| select.from[place].joins[number] = other.clone());
            changes.push(Alteration::select(MutantKind::Join, what, joined));
        }
    }
    changes
}

fn other_join(join: &Join) -> Option<Join> {
    use JoinOperator as Op;
    let join_operator = match join.join_operator.clone() {
        Op::Left(how) | Op::LeftOuter(how) => Op::Join(how),
        Op::Join(how) | Op::Inner(how) => Op::Left(how),
        _ => return None,
    };
    Some(Join { join_operator, ..join.clone() })
}

/// Changes of a statement that changes rows.
pub(super) fn of_statement(statement: &Statement) -> Vec<Alteration> {
    match statement {
        Statement::Update(update) => {
            let mut changes = Vec::new();
            if let Some(what) = only_condition(update.selection.as_ref(), "WHERE") {
                let mut update = update.clone();
                update.selection = None;
                let all = Statement::Update(update);
                changes.push(Alteration::statement(MutantKind::Condition, what, all));
            }
            for (what, assignments) in fewer(&update.assignments) {
                let mut update = update.clone();
                update.assignments = assignments;
                let less = Statement::Update(update);
                changes.push(Alteration::statement(MutantKind::Assignment, what, less));
            }
            changes
        }
        Statement::Delete(delete) => {
            let what = only_condition(delete.selection.as_ref(), "WHERE");
            let change = what.map(|what| {
                let mut delete = delete.clone();
                delete.selection = None;
                Alteration::statement(MutantKind::Condition, what, Statement::Delete(delete))
            });
            change.into_iter().collect()
        }
        Statement::Insert(insert) => of_insert(insert),
        _ => Vec::new(),
    }
}

fn of_insert(insert: &Insert) -> Vec<Alteration> {
    let mut changes = Vec::new();
    let mut push = |kind, what: String, insert: Insert| {
        changes.push(Alteration::statement(kind, what, Statement::Insert(insert)));
    };
    for (place, column) in insert.columns.iter().enumerate() {
        if let Some(less) = without_column(insert, place) {
            push(MutantKind::Column, format!("without the column {column}"), less);
        }
    }
    for (place, what) in rows_of_its_own(insert) {
        let mut less = insert.clone();
        if let Some(query) = &mut less.source
            && let SetExpr::Values(values) = &mut *query.body
        {
            values.rows.remove(place);
        }
        push(MutantKind::Row, what, less);
    }
    let on = |on: Option<OnConflict>| Insert { on: on.map(OnInsert::OnConflict), ..insert.clone() };
    match &insert.on {
        None => {
            let nothing = OnConflict { conflict_target: None, action: OnConflictAction::DoNothing };
            let what = "with ON CONFLICT DO NOTHING".to_owned();
            push(MutantKind::Conflict, what, on(Some(nothing)));
        }
        Some(OnInsert::OnConflict(conflict)) => {
            push(MutantKind::Conflict, cut(&format!("without {conflict}")), on(None));
            let OnConflictAction::DoUpdate(update) = &conflict.action else { return changes };
            let acting = |action| on(Some(OnConflict { action, ..conflict.clone() }));
            let what = "DO NOTHING for DO UPDATE".to_owned();
            push(MutantKind::Conflict, what, acting(OnConflictAction::DoNothing));
            for (what, assignments) in fewer(&update.assignments) {
                let mut update = update.clone();
                update.assignments = assignments;
                push(MutantKind::Assignment, what, acting(OnConflictAction::DoUpdate(update)));
            }
            if let Some(what) = only_condition(update.selection.as_ref(), "WHERE") {
                let mut update = update.clone();
                update.selection = None;
                push(MutantKind::Condition, what, acting(OnConflictAction::DoUpdate(update)));
            }
        }
        Some(_) => {}
    }
    changes
}

/// The INSERT without a column and what goes into it; `None`: it is not known what does.
fn without_column(insert: &Insert, place: usize) -> Option<Insert> {
    let mut less = insert.clone();
    if less.columns.len() < 2 {
        return None;
    }
    less.columns.remove(place);
    match &mut *less.source.as_mut()?.body {
        SetExpr::Values(values) => {
            for row in &mut values.rows {
                row.content.remove(place);
            }
        }
        SetExpr::Select(select) if select.projection.len() == insert.columns.len() => {
            select.projection.remove(place);
        }
        _ => return None,
    }
    Some(less)
}

/// Rows of an INSERT that holds no parameter, if there are several: their places.
fn rows_of_its_own(insert: &Insert) -> Vec<(usize, String)> {
    let Some(SetExpr::Values(values)) = insert.source.as_ref().map(|query| &*query.body) else {
        return Vec::new();
    };
    let has_parameter = values.rows.iter().any(|row| row.content.iter().any(is_parameter));
    if values.rows.len() < 2 || has_parameter {
        return Vec::new();
    }
    let rows = values.rows.iter().enumerate();
    let what = |row: &[Expr]| {
        let values: Vec<String> = row.iter().map(ToString::to_string).collect();
        cut(&format!("without the row {}", values.join(", ")))
    };
    rows.map(|(place, row)| (place, what(&row.content))).collect()
}

/// The assignments without one of them, each in turn; the only one stays as one that changes nothing.
fn fewer(assignments: &[Assignment]) -> Vec<(String, Vec<Assignment>)> {
    let less = |(place, gone): (usize, &Assignment)| {
        let rest = match assignments {
            [only] => vec![to_itself(only)?],
            _ => without(assignments, place),
        };
        Some((cut(&format!("without {gone}")), rest))
    };
    assignments.iter().enumerate().filter_map(less).collect()
}

fn to_itself(assignment: &Assignment) -> Option<Assignment> {
    let AssignmentTarget::ColumnName(column) = &assignment.target else { return None };
    let name = Ident::new(column.to_string());
    Some(Assignment { target: assignment.target.clone(), value: Expr::Identifier(name) })
}

/// What it says when all of a clause is left out; `None`: there is none, or its conditions are left out one by
/// one.
fn only_condition(condition: Option<&Expr>, clause: &str) -> Option<String> {
    let condition = condition?;
    let is_joined = matches!(condition, Expr::BinaryOp { op: BinaryOperator::And, .. });
    (!is_joined).then(|| cut(&format!("without {clause} {condition}")))
}
