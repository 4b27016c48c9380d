//! `#[sim_test]`: what it is told, what it is written on, and the test that comes of both.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned as _;
use syn::{
    Error, Expr, FnArg, Ident, ItemFn, LitStr, ReturnType, Signature, Token, Type, bracketed,
};

/// The profiles that there are. Whoever draws storms has the same, by the same names.
const PROFILES: [&str; 3] = ["Swarm", "Uniform", "Priority"];

const ARGUMENTS: &str = "`system`, `seeds`, `profile` or `faults`";
const FUNCTIONS: &str = "`fn name(outcome: &Outcome)` or `fn name()`";

/// What the attribute says.
struct Arguments {
    system: Expr,
    seeds: Option<Expr>,
    profile: Option<Ident>,
    faults: Option<Vec<LitStr>>,
}

/// The test that `function` becomes.
pub fn test(arguments: TokenStream, function: TokenStream) -> Result<TokenStream, Error> {
    let arguments: Arguments = syn::parse2(arguments)?;
    let function: ItemFn = syn::parse2(function)?;
    let each = each(&function.sig)?;
    let ItemFn { attrs, vis, sig, block } = &function;
    let (name, inputs) = (&sig.ident, &sig.inputs);
    let (test, storms) = (name.unraw().to_string(), arguments.storms());
    let system = &arguments.system;
    let system = quote_spanned!(system.span()=> &(#system));
    Ok(quote! {
        #(#attrs)*
        #[test]
        #vis fn #name() {
            fn #name(#inputs) #block
            ::stormproof_explore::testing::storms_hold(#system, #test, &#storms, #each);
        }
    })
}

/// What is done with each outcome: the function, made one of an outcome if it is none.
fn each(signature: &Signature) -> Result<TokenStream, Error> {
    if let Some(asyncness) = &signature.asyncness {
        return Err(Error::new(asyncness.span, "the run is over when it is judged: no `async`"));
    }
    if !signature.generics.params.is_empty() {
        return Err(Error::new_spanned(&signature.generics, "a test has no generics"));
    }
    if let ReturnType::Type(_, returned) = &signature.output {
        return Err(Error::new_spanned(returned, "a test of outcomes asserts and returns nothing"));
    }
    let name = &signature.ident;
    let mut inputs = signature.inputs.iter();
    let Some(first) = inputs.next() else { return Ok(quote!(|_| #name())) };
    if let Some(second) = inputs.next() {
        let what = format!("one argument too many: expected {FUNCTIONS}");
        return Err(Error::new_spanned(second, what));
    }
    match first {
        FnArg::Typed(argument) if is_shared_reference(&argument.ty) => {
            // A function of something else is a mistake in this place, and not in the macro's code.
            let place = argument.ty.span();
            let mut name = name.clone();
            name.set_span(place);
            Ok(quote_spanned! {place=> {
                let each: fn(&::stormproof_explore::Outcome) = #name;
                each
            }})
        }
        FnArg::Typed(argument) => {
            let what = format!("expected `&Outcome`, as in {FUNCTIONS}");
            Err(Error::new_spanned(&argument.ty, what))
        }
        FnArg::Receiver(receiver) => {
            Err(Error::new_spanned(receiver, format!("no method: expected {FUNCTIONS}")))
        }
    }
}

fn is_shared_reference(argument: &Type) -> bool {
    matches!(argument, Type::Reference(reference) if reference.mutability.is_none())
}

impl Arguments {
    /// The storms, as whoever runs them is told.
    fn storms(&self) -> TokenStream {
        let Arguments { seeds, profile, faults, .. } = self;
        let seeds = seeds.iter().map(|seeds| quote!(seeds: ::std::vec::Vec::from_iter(#seeds)));
        let profile =
            profile.iter().map(|word| quote!(profile: ::stormproof_explore::Profile::#word));
        let faults = faults.iter();
        let faults = faults.map(|keys| quote!(faults: ::std::option::Option::Some(&[#(#keys),*])));
        let mut told: Vec<_> = seeds.chain(profile).chain(faults).collect();
        if told.len() < 3 {
            told.push(quote!(..::std::default::Default::default()));
        }
        quote!(::stormproof_explore::testing::Storms { #(#told),* })
    }
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> Result<Arguments, Error> {
        let (mut system, mut seeds, mut profile, mut faults) = (None, None, None, None);
        while !input.is_empty() {
            let key: Ident = input.call(Ident::parse_any)?;
            let word = key.to_string();
            if !input.peek(Token![=]) {
                let what = format!("`{word}`: expected {ARGUMENTS}, then `=` and a value");
                return Err(Error::new(key.span(), what));
            }
            input.parse::<Token![=]>()?;
            let is_first = match word.as_str() {
                "system" => system.replace(input.parse()?).is_none(),
                "seeds" => seeds.replace(input.parse()?).is_none(),
                "profile" => profile.replace(self::profile(input)?).is_none(),
                "faults" => faults.replace(self::faults(input)?).is_none(),
                _ => return Err(Error::new(key.span(), format!("`{word}`: expected {ARGUMENTS}"))),
            };
            if !is_first {
                return Err(Error::new(key.span(), format!("`{word}` is there twice")));
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        let what = "whose storms? expected `system = …`, as in `#[sim_test(system = MySystem)]`";
        let system = system.ok_or_else(|| Error::new(Span::call_site(), what))?;
        Ok(Arguments { system, seeds, profile, faults })
    }
}

fn profile(input: ParseStream<'_>) -> Result<Ident, Error> {
    let [swarm, uniform, priority] = PROFILES;
    let expected = format!("expected {swarm}, {uniform} or {priority}");
    let begin = input.span();
    let word = input.parse::<Ident>().map_err(|_| Error::new(begin, &expected))?;
    match PROFILES.iter().any(|known| word == known) {
        true => Ok(word),
        false => Err(Error::new(word.span(), format!("profile `{word}`: {expected}"))),
    }
}

fn faults(input: ParseStream<'_>) -> Result<Vec<LitStr>, Error> {
    let kinds;
    bracketed!(kinds in input);
    let kinds = kinds.parse_terminated(<LitStr as Parse>::parse, Token![,])?;
    Ok(kinds.into_iter().collect())
}
