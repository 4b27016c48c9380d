//! What can be changed in the tables that a migration makes. An index that only makes things faster is left
//! as it is: nobody should notice.

use sqlparser::ast::{
    AlterTableOperation, ColumnDef, ColumnOption, CreateIndex, CreateTable, Statement,
    TableConstraint,
};

use super::MutantKind;
use super::expressions::{cut, without};
use super::site::Alteration;

/// Every rule of a table left out in turn, and each column out of its keys.
pub(super) fn changes(statement: &Statement) -> Vec<Alteration> {
    match statement {
        Statement::CreateTable(table) => of_table(table),
        Statement::CreateIndex(index) if index.unique => of_unique_index(index),
        Statement::AlterTable(alter) => {
            let mut changes = Vec::new();
            for (place, operation) in alter.operations.iter().enumerate() {
                let AlterTableOperation::AddColumn { column_def, .. } = operation else { continue };
                for (kind, what, column) in of_column(column_def) {
                    let mut alter = alter.clone();
                    if let AlterTableOperation::AddColumn { column_def, .. } =
                        &mut alter.operations[place]
                    {
                        *column_def = column;
                    }
                    changes.push(Alteration::statement(kind, what, Statement::AlterTable(alter)));
                }
            }
            changes
        }
        _ => Vec::new(),
    }
}

fn of_table(table: &CreateTable) -> Vec<Alteration> {
    let mut changes = Vec::new();
    let mut push = |kind, what: String, table: CreateTable| {
        changes.push(Alteration::statement(kind, what, Statement::CreateTable(table)));
    };
    for (place, column) in table.columns.iter().enumerate() {
        for (kind, what, column) in of_column(column) {
            let mut table = table.clone();
            table.columns[place] = column;
            push(kind, what, table);
        }
    }
    for (place, constraint) in table.constraints.iter().enumerate() {
        let Some(kind) = kind_of(constraint) else { continue };
        let mut less = table.clone();
        less.constraints.remove(place);
        push(kind, cut(&format!("without {constraint}")), less);
        for (what, constraint) in of_key(constraint) {
            let mut table = table.clone();
            table.constraints[place] = constraint;
            push(kind, what, table);
        }
    }
    changes
}

fn kind_of(constraint: &TableConstraint) -> Option<MutantKind> {
    Some(match constraint {
        TableConstraint::Unique(_) => MutantKind::Unique,
        TableConstraint::PrimaryKey(_) => MutantKind::PrimaryKey,
        TableConstraint::ForeignKey(_) => MutantKind::ForeignKey,
        TableConstraint::Check(_) => MutantKind::Check,
        _ => return None,
    })
}

/// A key without one of its columns.
fn of_key(constraint: &TableConstraint) -> Vec<(String, TableConstraint)> {
    let columns = match constraint {
        TableConstraint::Unique(unique) => &unique.columns,
        TableConstraint::PrimaryKey(key) => &key.columns,
        _ => return Vec::new(),
    };
    let less = |place: usize| {
        let mut constraint = constraint.clone();
        match &mut constraint {
            TableConstraint::Unique(unique) => unique.columns = without(columns, place),
            TableConstraint::PrimaryKey(key) => key.columns = without(columns, place),
            _ => {}
        }
        (cut(&format!("{} out of {}", columns[place], self::shown(&constraint))), constraint)
    };
    let places = (0..columns.len()).filter(|_| columns.len() > 1);
    places.map(less).collect()
}

fn shown(constraint: &TableConstraint) -> String {
    match constraint {
        TableConstraint::PrimaryKey(_) => "the primary key".to_owned(),
        other => format!("what is then {other}"),
    }
}

/// A column without one of its rules.
fn of_column(column: &ColumnDef) -> Vec<(MutantKind, String, ColumnDef)> {
    let less = |(place, definition): (usize, &sqlparser::ast::ColumnOptionDef)| {
        let kind = match &definition.option {
            ColumnOption::NotNull => MutantKind::NotNull,
            ColumnOption::Default(_) => MutantKind::Default,
            ColumnOption::PrimaryKey(_) => MutantKind::PrimaryKey,
            ColumnOption::Unique(_) => MutantKind::Unique,
            ColumnOption::ForeignKey(_) => MutantKind::ForeignKey,
            ColumnOption::Check(_) => MutantKind::Check,
            _ => return None,
        };
        let mut column = column.clone();
        column.options.remove(place);
        Some((kind, cut(&format!("{} without {}", column.name, definition.option)), column))
    };
    column.options.iter().enumerate().filter_map(less).collect()
}

fn of_unique_index(index: &CreateIndex) -> Vec<Alteration> {
    let change = |what: String, index: CreateIndex| {
        Alteration::statement(MutantKind::Unique, what, Statement::CreateIndex(index))
    };
    let mut other = index.clone();
    other.unique = false;
    let mut changes = vec![change("without UNIQUE".to_owned(), other)];
    if let Some(predicate) = &index.predicate {
        let mut all = index.clone();
        all.predicate = None;
        changes.push(change(cut(&format!("without WHERE {predicate}")), all));
    }
    for place in (0..index.columns.len()).filter(|_| index.columns.len() > 1) {
        let mut less = index.clone();
        less.columns.remove(place);
        changes.push(change(format!("{} out of the key", index.columns[place]), less));
    }
    changes
}
