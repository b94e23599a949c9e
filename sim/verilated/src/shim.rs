// SPDX-License-Identifier: Apache-2.0
//! The C++ between a Verilator model and [`crate::Model`]: generated for each design.

use crate::port::PortInfo;
use std::fmt::Write;

/// Goes into the cache key: a change here makes every cached model stale.
pub(crate) const VERSION: u32 = 12;

/// Included in front of every C++ file: `$display` and friends print through the shim.
pub(crate) const PRINT_HEADER: &str = "\
#pragma once
#ifdef __cplusplus
extern \"C\"
#endif
int vrs_printf(const char* format, ...);
#define VL_PRINTF vrs_printf
";

/// A DPI import of scalars, as found in the header that Verilator wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DpiImport {
    pub name: String,
    pub result: String,
    pub args: Vec<String>, // C types
}

impl DpiImport {
    /// A type of its result or arguments that is no scalar of up to 64 bits.
    pub fn unsupported(&self) -> Option<&str> {
        const SCALARS: [&str; 11] = [
            "char",
            "signed char",
            "unsigned char",
            "short",
            "unsigned short",
            "int",
            "unsigned int",
            "long long",
            "unsigned long long",
            "svBit",
            "svLogic",
        ];
        let scalar = |kind: &str| SCALARS.contains(&kind.strip_suffix('*').unwrap_or(kind)) || kind == "unsigned";
        std::iter::once(&self.result).filter(|r| *r != "void").chain(&self.args).map(String::as_str).find(|k| !scalar(k))
    }
}

/// DPI imports in `V*__Dpi.h`: `extern int name(int a, int* b);` below a DPI import comment.
pub(crate) fn parse_dpi(text: &str) -> Vec<DpiImport> {
    let mut imports = Vec::new();
    let mut import = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with("// DPI") {
            import = line.contains("import");
        }
        let Some(decl) = line.strip_prefix("extern ").filter(|l| import && l.ends_with(");")) else { continue };
        let Some((head, args)) = decl.trim_end_matches(");").split_once('(') else { continue };
        let Some((result, name)) = head.rsplit_once(' ') else { continue };
        let args = args
            .split(',')
            .map(str::trim)
            .filter(|a| !a.is_empty() && *a != "void")
            .map(|a| {
                // `const int* a`: the type is what stands before the name.
                let flat = a.replace('*', " ");
                let kind = flat.trim_end().rsplit_once(' ').map_or(flat.trim(), |(kind, _)| kind.trim());
                kind.to_string() + if a.contains('*') { "*" } else { "" }
            })
            .collect();
        imports.push(DpiImport { name: name.to_string(), result: result.to_string(), args });
    }
    imports
}

const BODY: &str = include_str!("shim.cpp");

/// `verilated.cpp` with the generator of the running instance in place of the thread's; `None` where it is in no known form.
pub(crate) fn own_random(text: &str) -> Option<String> {
    const DECLARATION: &str = "#include <cstdint>\nextern \"C\" void* vrs_random_state();\nextern \"C\" uint64_t vrs_random();\nextern \"C\" uint64_t vrs_mixed(uint64_t key, uint64_t index);\n";
    let forms = [
        ("\nuint64_t vl_rand64() VL_MT_SAFE {\n", "    if (vrs_random_state()) return vrs_random();\n"),
        (
            "\nVlRNG& VlRNG::vl_thread_rng() VL_MT_SAFE {\n",
            "    static_assert(sizeof(VlRNG) == 16, \"\");\n    if (void* const own = vrs_random_state()) return *static_cast<VlRNG*>(own);\n",
        ),
    ];
    let (head, call) = forms.iter().find(|(head, _)| text.matches(head).count() == 1)?;
    let mut text = DECLARATION.to_string() + &text.replace(head, &format!("{head}{call}"));
    // Newer versions make initial values from the names of variables: by a generator whose first number has a constant
    // bit 0 in some, and for an X of the Verilog even where registers are to begin with zeros or ones.
    const KEY: &str = "Verilated::threadContextp()->randSeed() ^ scopeHash ^ salt";
    let narrow = |mask: &str| {
        format!("    if (Verilated::threadContextp()->randReset() == 2) return vrs_mixed({KEY}, 0) & {mask}(obits);\n")
    };
    let wide = format!(
        "    if (Verilated::threadContextp()->randReset() == 2) {{\n        \
         for (int i = 0; i < VL_WORDS_I(obits); ++i) outwp[i] = vrs_mixed({KEY}, i);\n        \
         outwp[VL_WORDS_I(obits) - 1] &= VL_MASK_E(obits);\n        return outwp;\n    }}\n"
    );
    for (result, size, out, body) in
        [("IData", 'I', "", narrow("VL_MASK_I")), ("QData", 'Q', "", narrow("VL_MASK_Q")), ("WDataOutP", 'W', ", outwp", wide)]
    {
        let call = format!("    return VL_SCOPED_RAND_RESET_{size}(obits{out}, scopeHash, salt);\n");
        for (function, body) in [("VL_SCOPED_RAND_RESET", &body), ("VL_SCOPED_RAND_RESET_ASSIGN", &call)] {
            let start = format!("\n{result} {function}_{size}(");
            let Some(at) = text.find(&start).and_then(|at| Some(at + text[at..].find("{\n")? + 2)) else { continue };
            text.insert_str(at, body);
        }
    }
    Some(text)
}

/// The shim of a design with these ports.
pub(crate) fn generate(ports: &[(PortInfo, String)], dpi: &[DpiImport], trace: bool, coverage: bool) -> String {
    let mut t = String::from("// Generated; see the crate `verilated`.\n#include \"Vmodel.h\"\n");
    if trace {
        t.push_str("#include \"verilated_fst_c.h\"\n");
    }
    if coverage {
        t.push_str("#include \"verilated_cov.h\"\n");
    }
    let _ = writeln!(t, "#define VRS_TRACE {}\n#define VRS_COVERAGE {}", u8::from(trace), u8::from(coverage));
    t.push_str(BODY);
    for d in dpi {
        let args: Vec<String> = d.args.iter().enumerate().map(|(i, a)| format!("{a} a{i}")).collect();
        let _ = writeln!(t, "{} {}({}) {{", d.result, d.name, args.join(", "));
        let values: Vec<String> = d
            .args
            .iter()
            .enumerate()
            .map(
                |(i, a)| {
                    if a.ends_with('*') { format!("(unsigned long long)*a{i}") } else { format!("(unsigned long long)a{i}") }
                },
            )
            .collect();
        let _ =
            writeln!(t, "    unsigned long long v[] = {{{}{}0}};", values.join(", "), if values.is_empty() { "" } else { ", " });
        let _ =
            writeln!(t, "    unsigned long long r = vrs_dpi ? vrs_dpi(current->rust, \"{}\", {}, v) : 0;", d.name, d.args.len());
        for (i, a) in d.args.iter().enumerate().filter(|(_, a)| a.ends_with('*') && !a.starts_with("const")) {
            let _ = writeln!(t, "    *a{i} = ({})v[{i}];", a.trim_end_matches('*'));
        }
        let _ = writeln!(
            t,
            "    {}\n}}",
            if d.result == "void" { "(void)r;".to_string() } else { format!("return ({})r;", d.result) }
        );
    }
    t.push_str("void* vrs_port(void* p, unsigned i) {\n    Vmodel* top = static_cast<Instance*>(p)->top;\n    switch (i) {\n");
    for (i, (_, cpp)) in ports.iter().enumerate() {
        let _ = writeln!(t, "    case {i}: return &top->{cpp};");
    }
    t.push_str("    default: return nullptr;\n    }\n}\n}\n");
    t
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dpi_imports_are_read_from_verilators_header() {
        let text = "// DPI IMPORTS\n// DPI import at a.v:3:10\nextern int add(int a, int b);\n// DPI import at a.v:4\nextern void put(long long v, int* out);\n// DPI export at\nextern int no(int x);";
        let found = parse_dpi(text);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0], DpiImport { name: "add".into(), result: "int".into(), args: vec!["int".into(), "int".into()] });
        assert_eq!(found[1].args, vec!["long long".to_string(), "int*".to_string()]);
        assert!(found.iter().all(|d| d.unsupported().is_none()));
    }

    #[test]
    fn dpi_imports_of_what_is_no_scalar_are_found() {
        for kind in ["const char* s", "double d", "void* h", "const svBitVecVal* v", "const svOpenArrayHandle a"] {
            let found = parse_dpi(&format!("// DPI import at a.v:3\nextern int f(int a, {kind});"));
            assert!(found[0].unsupported().is_some(), "{kind}");
        }
        let found = parse_dpi("// DPI import at a.v:3\nextern const char* f(int a);\nextern unsigned char g(char* a);");
        assert!(found[0].unsupported().is_some() && found[1].unsupported().is_none());
    }
}
