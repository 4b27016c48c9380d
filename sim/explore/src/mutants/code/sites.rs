//! The places of a source where something can be changed, and what it is changed to.

use std::ops::Range;

use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{
    Arm, Attribute, BinOp, Block, Expr, ExprIf, ExprMatch, ExprRepeat, File, ImplItemConst,
    ImplItemFn, Item, ItemConst, ItemFn, ItemImpl, ItemMacro, ItemMod, ItemStatic, Lit, Pat,
    ReturnType, Signature, Stmt, TraitItemFn, Type, UnOp,
};

use super::MutantKind;
use super::modules::is_conditional;
use super::variants::Variants;
use crate::mutants::sql::cut;

/// A place, and one thing that is changed there.
pub struct Site {
    /// The bytes that it stands around.
    pub range: Range<usize>,
    /// The function that it is in: `Ledger::post`.
    pub function: String,
    pub kind: MutantKind,
    /// In words.
    pub what: String,
    pub way: SiteChange,
}

/// How something is changed.
pub enum SiteChange {
    /// This expression is evaluated instead.
    Instead(String),
    /// These statements are run instead.
    Reordered(String),
    /// The function returns this at once.
    Answers(String),
    /// The statement is not run.
    Skipped,
    /// The arm, which has no guard, never fits.
    Unmatched,
    /// The arm's guard never holds.
    Unguarded,
}

impl SiteChange {
    /// Which stands around which, where two stand around the same bytes.
    pub fn rank(&self) -> u8 {
        match self {
            SiteChange::Reordered(_) => 0,
            SiteChange::Skipped => 1,
            SiteChange::Unguarded => 2,
            SiteChange::Instead(_) => 3,
            SiteChange::Answers(_) | SiteChange::Unmatched => 4,
        }
    }
}

/// Everything that can be changed in a file, from its beginning to its end.
pub fn of(text: &str, file: &File, variants: &Variants) -> Vec<Site> {
    let mut finder = Finder { text, variants, names: Vec::new(), sites: Vec::new() };
    finder.visit_file(file);
    finder.sites.sort_by_key(|site| (site.range.start, site.range.end));
    finder.sites
}

struct Finder<'a> {
    text: &'a str,
    variants: &'a Variants,
    /// The types and functions around.
    names: Vec<String>,
    sites: Vec<Site>,
}

impl Finder<'_> {
    fn text(&self, node: &impl syn::spanned::Spanned) -> &str {
        &self.text[node.span().byte_range()]
    }

    fn add(&mut self, range: Range<usize>, kind: MutantKind, what: String, way: SiteChange) {
        let function = self.names.join("::");
        self.sites.push(Site { range, function, kind, what, way });
    }

    /// Another expression instead of this one.
    fn instead(&mut self, expression: &Expr, kind: MutantKind, other: String) {
        let what = format!("{} for {}", cut(&other), cut(self.text(expression)));
        self.add(expression.span().byte_range(), kind, what, SiteChange::Instead(other));
    }

    fn within(&mut self, name: String, look: impl FnOnce(&mut Self)) {
        self.names.push(name);
        look(self);
        self.names.pop();
    }

    /// A function with a body: it may answer at once.
    fn function(&mut self, signature: &Signature, body: &Block) {
        if signature.constness.is_some() {
            return;
        }
        self.within(signature.ident.to_string(), |finder| {
            let begin = body.brace_token.span.open().byte_range().end;
            for value in answers(&signature.output) {
                let what = format!("answers {value} at once");
                finder.add(begin..begin, MutantKind::Answer, what, SiteChange::Answers(value));
            }
            finder.visit_block(body);
        });
    }

    /// Statements that are run for their effect: each may be left out, two neighbours may change places.
    fn effects(&mut self, block: &Block) {
        let is_effect =
            |statement: &&Stmt| matches!(statement, Stmt::Expr(it, Some(_)) if does(it));
        for run in block.stmts.chunk_by(|a, b| is_effect(&a) && is_effect(&b)) {
            let run: Vec<&Stmt> = run.iter().filter(is_effect).collect();
            let texts: Vec<&str> =
                run.iter().map(|it| &self.text[it.span().byte_range()]).collect();
            let mut swaps = Vec::new();
            for place in 1..run.len() {
                let mut other = texts.clone();
                other.swap(place - 1, place);
                let what = format!("{} before {}", cut(texts[place]), cut(texts[place - 1]));
                swaps.push((what, other.join(" ")));
            }
            let parts = || run.iter().map(|it| it.span().byte_range());
            if let (Some(first), Some(last)) = (parts().next(), parts().next_back()) {
                for (what, other) in swaps {
                    let way = SiteChange::Reordered(other);
                    self.add(first.start..last.end, MutantKind::Swap, what, way);
                }
            }
            for statement in run {
                let what = format!("without {}", cut(self.text(statement)));
                self.add(
                    statement.span().byte_range(),
                    MutantKind::Effect,
                    what,
                    SiteChange::Skipped,
                );
            }
        }
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_conditional(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        self.within(module.ident.to_string(), |finder| visit::visit_item_mod(finder, module));
    }

    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        let name = match &*item.self_ty {
            Type::Path(path) => path.path.segments.last().map(|it| it.ident.to_string()),
            _ => None,
        };
        self.within(name.unwrap_or_default(), |finder| visit::visit_item_impl(finder, item));
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.function(&item.sig, &item.block);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        self.function(&item.sig, &item.block);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        if let Some(body) = &item.default {
            self.function(&item.sig, body);
        }
    }

    // What is computed while the code is built has no switch, and macros have a language of their own.
    fn visit_item_const(&mut self, _: &'ast ItemConst) {}
    fn visit_impl_item_const(&mut self, _: &'ast ImplItemConst) {}
    fn visit_item_static(&mut self, _: &'ast ItemStatic) {}
    fn visit_item_macro(&mut self, _: &'ast ItemMacro) {}
    fn visit_item_enum(&mut self, _: &'ast syn::ItemEnum) {}
    fn visit_type(&mut self, _: &'ast Type) {}
    fn visit_pat(&mut self, _: &'ast Pat) {}
    fn visit_attribute(&mut self, _: &'ast Attribute) {}

    fn visit_generic_argument(&mut self, _: &'ast syn::GenericArgument) {}

    fn visit_expr_repeat(&mut self, repeat: &'ast ExprRepeat) {
        self.visit_expr(&repeat.expr);
    }

    fn visit_block(&mut self, block: &'ast Block) {
        self.effects(block);
        visit::visit_block(self, block);
    }

    fn visit_expr_if(&mut self, it: &'ast ExprIf) {
        let asked = matches!(
            &*it.cond,
            Expr::Call(_)
                | Expr::MethodCall(_)
                | Expr::Path(_)
                | Expr::Field(_)
                | Expr::Await(_)
                | Expr::Try(_)
        );
        if asked {
            let other = format!("!{}", self.text(&it.cond));
            self.instead(&it.cond, MutantKind::Condition, other);
        }
        visit::visit_expr_if(self, it);
    }

    fn visit_expr_match(&mut self, it: &'ast ExprMatch) {
        let last = it.arms.last().is_some_and(takes_the_rest);
        for arm in &it.arms {
            match &arm.guard {
                Some((_, guard)) if !has_let(guard) => {
                    let what =
                        format!("never {} if {}", cut(self.text(&arm.pat)), cut(self.text(guard)));
                    self.add(
                        guard.span().byte_range(),
                        MutantKind::Arm,
                        what,
                        SiteChange::Unguarded,
                    );
                }
                None if last && !takes_the_rest(arm) => {
                    let end = arm.pat.span().byte_range().end;
                    let what = format!("never {}", cut(self.text(&arm.pat)));
                    self.add(end..end, MutantKind::Arm, what, SiteChange::Unmatched);
                }
                _ => {}
            }
        }
        visit::visit_expr_match(self, it);
    }

    fn visit_expr(&mut self, expression: &'ast Expr) {
        match expression {
            Expr::Binary(binary) if !has_let(expression) => {
                let (left, right) = (self.text(&binary.left), self.text(&binary.right));
                let (kind, others) = operators(&binary.op);
                let others: Vec<String> =
                    others.iter().map(|other| format!("{left} {other} {right}")).collect();
                for other in others {
                    self.instead(expression, kind, other);
                }
            }
            Expr::Unary(unary) if matches!(unary.op, UnOp::Not(_) | UnOp::Neg(_)) => {
                let other = self.text(&unary.expr).to_owned();
                self.instead(expression, MutantKind::Negation, other);
            }
            Expr::Lit(literal) => {
                if let Lit::Int(number) = &literal.lit
                    && let Ok(value) = number.base10_parse::<u64>()
                    && let Some(next) = value.checked_add(1)
                {
                    let other = format!("{next}{}", number.suffix());
                    self.instead(expression, MutantKind::Number, other);
                }
            }
            Expr::Path(path) => {
                if let Some((variant, next)) = self.variants.after(path) {
                    let what = format!("{} for {variant}", cut(&next));
                    let range = expression.span().byte_range();
                    self.add(range, MutantKind::Variant, what, SiteChange::Instead(next));
                }
            }
            _ => {}
        }
        visit::visit_expr(self, expression);
    }
}

/// What can stand for an operator.
fn operators(operator: &BinOp) -> (MutantKind, &'static [&'static str]) {
    match operator {
        BinOp::Eq(_) => (MutantKind::Comparison, &["!="]),
        BinOp::Ne(_) => (MutantKind::Comparison, &["=="]),
        BinOp::Lt(_) => (MutantKind::Comparison, &["<=", ">"]),
        BinOp::Le(_) => (MutantKind::Comparison, &["<", ">"]),
        BinOp::Gt(_) => (MutantKind::Comparison, &[">=", "<"]),
        BinOp::Ge(_) => (MutantKind::Comparison, &[">", "<"]),
        BinOp::And(_) => (MutantKind::Connective, &["||"]),
        BinOp::Or(_) => (MutantKind::Connective, &["&&"]),
        BinOp::Add(_) => (MutantKind::Arithmetic, &["-"]),
        BinOp::Sub(_) => (MutantKind::Arithmetic, &["+"]),
        BinOp::Mul(_) => (MutantKind::Arithmetic, &["+"]),
        BinOp::Div(_) => (MutantKind::Arithmetic, &["*"]),
        BinOp::Rem(_) => (MutantKind::Arithmetic, &["/"]),
        BinOp::AddAssign(_) => (MutantKind::Arithmetic, &["-="]),
        BinOp::SubAssign(_) => (MutantKind::Arithmetic, &["+="]),
        _ => (MutantKind::Arithmetic, &[]),
    }
}

/// What a function of this type can answer without having done anything.
fn answers(output: &ReturnType) -> Vec<String> {
    match output {
        ReturnType::Default => vec!["()".to_owned()],
        ReturnType::Type(_, of) => values(of),
    }
}

fn values(of: &Type) -> Vec<String> {
    let Type::Path(path) = of else {
        let is_unit = matches!(of, Type::Tuple(tuple) if tuple.elems.is_empty());
        return if is_unit { vec!["()".to_owned()] } else { Vec::new() };
    };
    let Some(last) = path.path.segments.last() else { return Vec::new() };
    let name = last.ident.to_string();
    match name.as_str() {
        "bool" => vec!["true".to_owned(), "false".to_owned()],
        "i64" | "u64" | "i32" | "u32" | "i16" | "u16" | "usize" | "u8" => {
            vec!["0".to_owned(), "1".to_owned()]
        }
        "Option" => vec!["None".to_owned()],
        "Result" => match &last.arguments {
            syn::PathArguments::AngleBracketed(arguments) => match arguments.args.first() {
                Some(syn::GenericArgument::Type(inner)) => {
                    values(inner).into_iter().map(|value| format!("Ok({value})")).collect()
                }
                _ => Vec::new(),
            },
            _ => vec!["Ok(())".to_owned()],
        },
        _ => vec!["Default::default()".to_owned()],
    }
}

/// Whether a statement is there for what it does, and the code after it does not need it to end.
fn does(expression: &Expr) -> bool {
    match expression {
        Expr::Call(_)
        | Expr::MethodCall(_)
        | Expr::Await(_)
        | Expr::Assign(_)
        | Expr::Return(_) => true,
        Expr::Continue(_) => true,
        Expr::Binary(binary) => matches!(binary.op, BinOp::AddAssign(_) | BinOp::SubAssign(_)),
        Expr::Try(it) => does(&it.expr),
        _ => false,
    }
}

/// Whether an arm fits whatever there is. A name in capitals is a value, and no name for what is there.
fn takes_the_rest(arm: &Arm) -> bool {
    let is_name =
        |text: String| text.starts_with(|letter: char| letter.is_lowercase() || letter == '_');
    arm.guard.is_none()
        && match &arm.pat {
            Pat::Wild(_) => true,
            Pat::Ident(it) => it.subpat.is_none() && is_name(it.ident.to_string()),
            _ => false,
        }
}

/// Whether a condition binds something, so that it must stand where it is.
fn has_let(expression: &Expr) -> bool {
    match expression {
        Expr::Let(_) => true,
        Expr::Binary(binary) => has_let(&binary.left) || has_let(&binary.right),
        Expr::Paren(paren) => has_let(&paren.expr),
        _ => false,
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Fn(it) => &it.attrs,
        Item::Impl(it) => &it.attrs,
        Item::Mod(it) => &it.attrs,
        Item::Trait(it) => &it.attrs,
        _ => &[],
    }
}
