// SPDX-License-Identifier: Apache-2.0
//! The `#[harness::test]` attribute.

use proc_macro::TokenStream;
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Expr, Ident, ItemFn, LitInt, LitStr, Token, bracketed, parse_macro_input};

#[derive(Default)]
struct Arguments {
    top: Option<LitStr>,
    sources: Vec<LitStr>,
    include: Vec<LitStr>,
    params: Vec<(Ident, Expr)>,
    seed: Option<LitInt>,
    initial: Option<Ident>,
}

impl Parse for Arguments {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let mut a = Arguments::default();
        while !input.is_empty() {
            let key: Ident = input.parse()?;
            input.parse::<Token![=]>()?;
            let list = |input: ParseStream| -> syn::Result<Vec<LitStr>> {
                let inside;
                bracketed!(inside in input);
                Ok(Punctuated::<LitStr, Token![,]>::parse_terminated(&inside)?.into_iter().collect())
            };
            match key.to_string().as_str() {
                "top" => a.top = Some(input.parse()?),
                "sources" => a.sources = list(input)?,
                "include" => a.include = list(input)?,
                "seed" => a.seed = Some(input.parse()?),
                "initial" => {
                    let how: LitStr = input.parse()?;
                    let variant = match how.value().as_str() {
                        "zeros" => "Zeros",
                        "ones" => "Ones",
                        "random" => "Random",
                        other => {
                            let text = format!("'{other}' is not known; registers begin as \"zeros\", \"ones\" or \"random\"");
                            return Err(syn::Error::new(how.span(), text));
                        }
                    };
                    a.initial = Some(Ident::new(variant, how.span()));
                }
                "params" => {
                    let inside;
                    bracketed!(inside in input);
                    while !inside.is_empty() {
                        let name: Ident = inside.parse()?;
                        inside.parse::<Token![=]>()?;
                        a.params.push((name, inside.parse()?));
                        if inside.is_empty() {
                            break;
                        }
                        inside.parse::<Token![,]>()?;
                    }
                }
                other => {
                    let text = format!("'{other}' is not known; there are top, sources, include, params, seed, initial");
                    return Err(syn::Error::new(key.span(), text));
                }
            }
            if input.is_empty() {
                break;
            }
            input.parse::<Token![,]>()?;
        }
        Ok(a)
    }
}

/// Makes an async function with one parameter (a `harness::Sim`) an ordinary test.
///
/// `#[harness::test(top = "counter", sources = ["tests/counter.v"], params = [WIDTH = 8], seed = 7)]`.
/// Paths are relative to the crate. The seed is 1 where none is given; the environment variable
/// `HARNESS_SEED` overrides it, `HARNESS_TRACE=FOLDER` keeps the wave of a failing run. Registers and memories without an initial value begin at
/// random by the seed, or as `VERILATED_X` says; `initial = "zeros"` (`"ones"`, `"random"`) holds whatever it says.
#[proc_macro_attribute]
pub fn test(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let a = parse_macro_input!(arguments as Arguments);
    let function = parse_macro_input!(item as ItemFn);
    let Some(top) = a.top else {
        return syn::Error::new(function.sig.ident.span(), "say which module is tested: top = \"name\"")
            .to_compile_error()
            .into();
    };
    let (name, body, inputs, attributes) = (&function.sig.ident, &function.block, &function.sig.inputs, &function.attrs);
    let (sources, include) = (&a.sources, &a.include);
    let (keys, values): (Vec<String>, Vec<&Expr>) = a.params.iter().map(|(k, v)| (k.to_string(), v)).unzip();
    let seed = a.seed.map_or_else(|| quote!(1u64), |s| quote!(#s));
    let initial = a.initial.map_or_else(
        || quote!(::core::option::Option::None),
        |how| quote!(::core::option::Option::Some(::harness::verilated::Initial::#how)),
    );
    quote! {
        #(#attributes)*
        #[::core::prelude::v1::test]
        fn #name() {
            async fn bench(#inputs) #body
            let root = ::std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
            let spec = ::harness::verilated::Spec::new(#top)
                #(.source(root.join(#sources)))*
                #(.include_dir(root.join(#include)))*
                #(.parameter(#keys, #values))*;
            let setup = ::harness::Setup { seed: #seed, trace: ::core::option::Option::None, initial: #initial };
            ::harness::run_test(&spec, setup, bench);
        }
    }
    .into()
}
