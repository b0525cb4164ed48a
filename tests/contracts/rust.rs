//! Rust read as a tree: which functions there are, what each makes, and which others it reaches.

use crate::tree::File;
use std::collections::{BTreeMap, BTreeSet};
use syn::visit::{self, Visit};

/// A function or method that is compiled into the product.
pub struct Function {
    pub name: String,
    /// The file that it stands in.
    pub path: String,
    /// The type that its `impl` is of.
    pub of: Option<String>,
    /// What its expressions name, as the last two parts of each path: `Error::Gone`; of one part, `StageTimedOut`.
    pub made: BTreeSet<String>,
    /// What it calls or passes on.
    named: BTreeSet<Named>,
    /// Whether it is called on a value.
    is_method: bool,
    /// The lines of its doc comment.
    pub doc: Vec<String>,
    /// The patterns of its `match`es with the expression of each arm.
    pub arms: Vec<(String, BTreeSet<String>)>,
}

/// How an expression names a function.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Named {
    /// `it.name()`.
    Method(String),
    /// `name`, `module::name` or `Type::name`: the part before, and the name.
    Path(Option<String>, String),
}

impl Function {
    /// Whether this may be the function that another one names so.
    fn is(&self, named: &Named, by: &Function) -> bool {
        match named {
            Named::Method(name) => self.is_method && self.name == *name,
            Named::Path(Some(of), name) if of == "Self" => self.of == by.of && self.name == *name,
            Named::Path(Some(of), name) if of.starts_with(char::is_uppercase) => {
                self.of.as_ref() == Some(of) && self.name == *name
            }
            Named::Path(_, name) => self.of.is_none() && self.name == *name,
        }
    }
}

/// The functions of a file. Those of tests are left out.
pub fn functions(file: &File) -> Vec<Function> {
    let parsed = syn::parse_file(&file.text).unwrap_or_else(|error| panic!("{}: {error}", file.path));
    let mut found = Found { path: &file.path, of: None, functions: Vec::new() };
    found.visit_file(&parsed);
    found.functions
}

/// The functions that one reaches by the names that it uses, itself included. Where a name may be that of several
/// functions, it reaches them all: what is found is too much rather than too little.
pub fn reached<'a>(from: &'a Function, among: &[&'a Function]) -> Vec<&'a Function> {
    let mut by_name: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, it) in among.iter().enumerate() {
        by_name.entry(&it.name).or_default().push(place);
    }
    let (mut reached, mut seen, mut open) = (vec![from], BTreeSet::new(), vec![from]);
    while let Some(next) = open.pop() {
        for named in &next.named {
            let (Named::Method(name) | Named::Path(_, name)) = named;
            for place in by_name.get(name.as_str()).into_iter().flatten() {
                if among[*place].is(named, next) && seen.insert(*place) {
                    open.push(among[*place]);
                    reached.push(among[*place]);
                }
            }
        }
    }
    reached
}

struct Found<'a> {
    path: &'a str,
    of: Option<String>,
    functions: Vec<Function>,
}

impl Found<'_> {
    fn add(&mut self, signature: &syn::Signature, attributes: &[syn::Attribute], block: &syn::Block) {
        let mut body = Body::default();
        body.visit_block(block);
        let Body { made, named, arms } = body;
        let doc = attributes.iter().filter_map(doc).collect();
        let (name, path, of) = (signature.ident.to_string(), self.path.to_owned(), self.of.clone());
        let is_method = signature.receiver().is_some();
        self.functions.push(Function { name, path, of, made, named, is_method, doc, arms });
    }
}

fn is_of_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|it| {
        it.path().is_ident("test")
            || (it.path().is_ident("cfg") && it.parse_args::<syn::Path>().is_ok_and(|it| it.is_ident("test")))
    })
}

fn doc(attribute: &syn::Attribute) -> Option<String> {
    let syn::Meta::NameValue(it) = &attribute.meta else { return None };
    let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) = &it.value else { return None };
    it.path.is_ident("doc").then(|| text.value())
}

impl<'ast> Visit<'ast> for Found<'_> {
    fn visit_item_mod(&mut self, it: &'ast syn::ItemMod) {
        if !is_of_tests(&it.attrs) {
            visit::visit_item_mod(self, it);
        }
    }

    fn visit_item_impl(&mut self, it: &'ast syn::ItemImpl) {
        let syn::Type::Path(path) = &*it.self_ty else { return };
        self.of = path.path.segments.last().map(|it| it.ident.to_string());
        visit::visit_item_impl(self, it);
        self.of = None;
    }

    fn visit_item_fn(&mut self, it: &'ast syn::ItemFn) {
        if !is_of_tests(&it.attrs) {
            self.add(&it.sig, &it.attrs, &it.block);
        }
    }

    fn visit_impl_item_fn(&mut self, it: &'ast syn::ImplItemFn) {
        self.add(&it.sig, &it.attrs, &it.block);
    }
}

/// What the expressions of a body name; patterns and types are not followed.
#[derive(Default)]
struct Body {
    made: BTreeSet<String>,
    named: BTreeSet<Named>,
    arms: Vec<(String, BTreeSet<String>)>,
}

impl Body {
    fn path(&mut self, path: &syn::Path) {
        let parts: Vec<String> = path.segments.iter().map(|it| it.ident.to_string()).collect();
        if let Some((name, before)) = parts.split_last() {
            self.named.insert(Named::Path(before.last().cloned(), name.clone()));
        }
        self.made.insert(parts[parts.len().saturating_sub(2)..].join("::"));
    }
}

impl<'ast> Visit<'ast> for Body {
    fn visit_expr_path(&mut self, it: &'ast syn::ExprPath) {
        self.path(&it.path);
    }

    fn visit_expr_struct(&mut self, it: &'ast syn::ExprStruct) {
        self.path(&it.path);
        visit::visit_expr_struct(self, it);
    }

    fn visit_expr_method_call(&mut self, it: &'ast syn::ExprMethodCall) {
        self.named.insert(Named::Method(it.method.to_string()));
        visit::visit_expr_method_call(self, it);
    }

    fn visit_pat(&mut self, _: &'ast syn::Pat) {}

    fn visit_arm(&mut self, it: &'ast syn::Arm) {
        let mut body = Self::default();
        body.visit_expr(&it.body);
        self.arms.push((variant(&it.pat), body.made));
        visit::visit_arm(self, it);
    }

    fn visit_macro(&mut self, it: &'ast syn::Macro) {
        // `join!(one(), two())` and the like: arguments that are expressions.
        let list = syn::punctuated::Punctuated::<syn::Expr, syn::Token![,]>::parse_terminated;
        for expression in it.parse_body_with(list).into_iter().flatten() {
            self.visit_expr(&expression);
        }
    }
}

/// The variant that a pattern is of.
fn variant(pattern: &syn::Pat) -> String {
    let path = match pattern {
        syn::Pat::Struct(it) => &it.path,
        syn::Pat::TupleStruct(it) => &it.path,
        syn::Pat::Path(it) => &it.path,
        _ => return String::new(),
    };
    path.segments.last().map(|it| it.ident.to_string()).unwrap_or_default()
}
