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
    /// The last part of everything that it calls or passes on.
    pub named: BTreeSet<String>,
    /// The lines of its doc comment.
    pub doc: Vec<String>,
    /// The patterns of its `match`es with the expression of each arm.
    pub arms: Vec<(String, BTreeSet<String>)>,
}

/// The functions of a file. Those of tests are left out.
pub fn functions(file: &File) -> Vec<Function> {
    let parsed = syn::parse_file(&file.text).unwrap_or_else(|error| panic!("{}: {error}", file.path));
    let mut found = Found { path: &file.path, of: None, functions: Vec::new() };
    found.visit_file(&parsed);
    found.functions
}

/// The functions that one reaches by the names that it uses, itself included. A name that several functions have
/// reaches all of them: what is found is too much rather than too little.
pub fn reached<'a>(from: &'a Function, among: &'a [Function]) -> Vec<&'a Function> {
    let mut by_name: BTreeMap<&str, Vec<&Function>> = BTreeMap::new();
    for it in among {
        by_name.entry(&it.name).or_default().push(it);
    }
    let (mut reached, mut names, mut open) = (vec![from], BTreeSet::new(), vec![from]);
    while let Some(next) = open.pop() {
        for name in next.named.iter().filter(|name| by_name.contains_key(name.as_str())) {
            if names.insert(name.as_str()) {
                open.extend(&by_name[name.as_str()]);
                reached.extend(&by_name[name.as_str()]);
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
        self.functions.push(Function { name, path, of, made, named, doc, arms });
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
    named: BTreeSet<String>,
    arms: Vec<(String, BTreeSet<String>)>,
}

impl Body {
    fn path(&mut self, path: &syn::Path) {
        let parts: Vec<String> = path.segments.iter().map(|it| it.ident.to_string()).collect();
        self.named.extend(parts.last().cloned());
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
        self.named.insert(it.method.to_string());
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
