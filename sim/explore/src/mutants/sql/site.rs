//! Where something in a statement can be changed, and the statement with it changed.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Query, Select, Statement, VisitMut as _, VisitorMut};

use super::MutantKind;
use super::{clauses, expressions, schema};

/// A part of a statement that may be put in place of what is there.
#[derive(Clone)]
pub(super) enum Part {
    Expression(Box<Expr>),
    Query(Box<Query>),
    Select(Box<Select>),
    Statement(Box<Statement>),
}

/// A change of a part: what kind it is, what it is in words, and the part with it.
pub(super) struct Alteration {
    pub(super) kind: MutantKind,
    pub(super) what: String,
    pub(super) part: Part,
}

/// A part that is there.
enum Spot<'a> {
    Expression(&'a mut Expr),
    Query(&'a mut Query),
    Select(&'a mut Select),
    Statement(&'a mut Statement),
}

impl Alteration {
    pub(super) fn expression(kind: MutantKind, what: impl Into<String>, part: Expr) -> Alteration {
        Alteration { kind, what: what.into(), part: Part::Expression(Box::new(part)) }
    }

    pub(super) fn query(kind: MutantKind, what: impl Into<String>, part: Query) -> Alteration {
        Alteration { kind, what: what.into(), part: Part::Query(Box::new(part)) }
    }

    pub(super) fn select(kind: MutantKind, what: impl Into<String>, part: Select) -> Alteration {
        Alteration { kind, what: what.into(), part: Part::Select(Box::new(part)) }
    }

    pub(super) fn statement(
        kind: MutantKind,
        what: impl Into<String>,
        part: Statement,
    ) -> Alteration {
        Alteration { kind, what: what.into(), part: Part::Statement(Box::new(part)) }
    }
}

/// Every statement that `statement` becomes by one change, in the order of their places: the kind, what is
/// changed, the statement.
pub(super) fn changed(statement: &Statement) -> Vec<(MutantKind, String, Statement)> {
    let mut all = Vec::new();
    for number in 0.. {
        let mut found = None;
        at(&mut statement.clone(), number, |place| found = Some(changes(&place)));
        let Some(changes) = found else { break };
        for Alteration { kind, what, part } in changes {
            let mut copy = statement.clone();
            at(&mut copy, number, |place| place.put(part));
            all.push((kind, what, copy));
        }
    }
    all
}

fn changes(place: &Spot<'_>) -> Vec<Alteration> {
    match place {
        Spot::Expression(it) => expressions::changes(it),
        Spot::Query(it) => clauses::of_query(it),
        Spot::Select(it) => clauses::of_select(it),
        Spot::Statement(it) => {
            let mut changes = clauses::of_statement(it);
            changes.append(&mut schema::changes(it));
            changes
        }
    }
}

impl Spot<'_> {
    fn put(self, part: Part) {
        match (self, part) {
            (Spot::Expression(place), Part::Expression(part)) => *place = *part,
            (Spot::Query(place), Part::Query(part)) => *place = *part,
            (Spot::Select(place), Part::Select(part)) => *place = *part,
            (Spot::Statement(place), Part::Statement(part)) => *place = *part,
            _ => unreachable!("a part is put where one of its kind was"),
        }
    }
}

/// Calls `visit` with the place of this number, if there are so many.
fn at(statement: &mut Statement, number: usize, visit: impl FnOnce(Spot<'_>)) {
    let mut walk = Walk { left: number, visit: Some(visit) };
    // Whether it was broken off says nothing more than whether there was such a place.
    let _ = statement.visit(&mut walk);
}

struct Walk<F> {
    left: usize,
    visit: Option<F>,
}

impl<F: FnOnce(Spot<'_>)> Walk<F> {
    fn pass(&mut self, place: Spot<'_>) -> ControlFlow<()> {
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                ControlFlow::Continue(())
            }
            None => {
                if let Some(visit) = self.visit.take() {
                    visit(place);
                }
                ControlFlow::Break(())
            }
        }
    }
}

impl<F: FnOnce(Spot<'_>)> VisitorMut for Walk<F> {
    type Break = ();

    fn pre_visit_statement(&mut self, statement: &mut Statement) -> ControlFlow<()> {
        self.pass(Spot::Statement(statement))
    }

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.pass(Spot::Query(query))
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        self.pass(Spot::Select(select))
    }

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        self.pass(Spot::Expression(expression))
    }
}
