// SPDX-License-Identifier: Apache-2.0
//! The C++ between a Verilator model and [`crate::Model`]: generated for each design.

use crate::port::PortInfo;
use std::fmt::Write;

/// Goes into the cache key: a change here makes every cached model stale.
pub(crate) const VERSION: u32 = 6;

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

const BODY: &str = r#"
#include "verilated.h"
#include "verilated_sym_props.h"
#include "verilated_syms.h"
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

namespace {
struct Variable {  // a public signal or memory
    std::string name;
    void* at;
    unsigned width, depth;
};
struct Instance {
    VerilatedContext* context = nullptr;
    Vmodel* top = nullptr;
    vluint64_t time = 0;
    bool settled = false;  // evaluated once: edges count from then on
    int stopped = 0;  // 1 $finish, 2 $stop or a failed check, 3 fatal
    std::string where;
    std::string text;  // what the design printed since it was last fetched
    void* rust = nullptr;
    std::vector<Variable> variables;
    bool listed = false;
#if VRS_TRACE
    VerilatedFstC* trace = nullptr;
    int dumping = 0;
#endif
};
thread_local Instance* current = nullptr;

struct Use {  // makes an instance the current one, and its context the thread's
    explicit Use(Instance* m) { current = m; Verilated::threadContextp(m->context); }
};

void stopped(int how, const char* file, int line, const char* text) {
    if (!current || current->stopped >= how) return;
    current->stopped = how;
    current->where = std::string(file ? file : "") + ":" + std::to_string(line) + ": " + (text ? text : "");
}

inline void dump(Instance* m) {
#if VRS_TRACE
    if (m->dumping) m->trace->dump(m->time);
#endif
}
}  // namespace

extern "C" int vrs_printf(const char* format, ...) {
    char line[4096];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (current && current->text.size() < 65536) current->text += line;
    return n;
}
void vl_stop(const char* file, int line, const char*) VL_MT_UNSAFE { stopped(2, file, line, "$stop or failed check"); }
void vl_finish(const char* file, int line, const char*) VL_MT_UNSAFE { stopped(1, file, line, "$finish"); }
void vl_fatal(const char* file, int line, const char*, const char* text) VL_MT_UNSAFE { stopped(3, file, line, text); }

#pragma GCC visibility push(default)
extern "C" {
void* vrs_new(int seed) {
    Instance* m = new Instance;
    m->context = new VerilatedContext;
    Use use(m);
    m->context->randSeed(seed);
    m->context->randReset(0);
#if VRS_TRACE
    m->context->traceEverOn(true);
#endif
    m->top = new Vmodel(m->context, "TOP");
    return m;
}
void vrs_free(void* p) {
    Instance* m = static_cast<Instance*>(p);
    Use use(m);  // another context current here would hang the scope destructor
#if VRS_TRACE
    if (m->trace) { m->trace->close(); delete m->trace; }
#endif
    m->top->final();
    delete m->top;
    delete m->context;
    Verilated::threadContextp(nullptr);
    current = nullptr;
    delete m;
}
void vrs_eval(void* p) {
    Instance* m = static_cast<Instance*>(p);
    Use use(m);
    m->settled = true;
    m->top->eval();
}
void vrs_advance(void* p) {  // one step of time, dumped with the values that stand
    Instance* m = static_cast<Instance*>(p);
    dump(m);
    m->context->time(++m->time);
}
unsigned long long vrs_cycles(void* p, unsigned char* clk, unsigned long long n) {
    Instance* m = static_cast<Instance*>(p);
    Use use(m);
    unsigned long long i = 0;
    if (!m->settled) {  // a rise in the first evaluation would be no edge
        m->settled = true;
        *clk = 0;
        m->top->eval();
    }
    for (; i < n && !m->stopped; i++) {
        *clk = 1;
        m->top->eval();
        dump(m);
        m->context->time(++m->time);
        *clk = 0;
        m->top->eval();
        dump(m);
        m->context->time(++m->time);
    }
    return i;
}
unsigned long long vrs_time(void* p) { return static_cast<Instance*>(p)->time; }
int vrs_stopped(void* p) { return static_cast<Instance*>(p)->stopped; }
const char* vrs_where(void* p) { return static_cast<Instance*>(p)->where.c_str(); }
const char* vrs_text(void* p) { return static_cast<Instance*>(p)->text.c_str(); }
void vrs_clear_text(void* p) { static_cast<Instance*>(p)->text.clear(); }
void vrs_set_rust(void* p, void* rust) { static_cast<Instance*>(p)->rust = rust; }
int vrs_trace_open(void* p, const char* path, int depth) {
#if VRS_TRACE
    Instance* m = static_cast<Instance*>(p);
    Use use(m);
    if (!m->trace) {
        m->trace = new VerilatedFstC;
        m->top->trace(m->trace, depth);
        m->trace->open(path);
    }
    m->dumping = 1;
    return m->trace->isOpen();
#else
    return -1;
#endif
}
void vrs_trace_pause(void* p) {
#if VRS_TRACE
    Instance* m = static_cast<Instance*>(p);
    m->dumping = 0;
    if (m->trace) m->trace->flush();
#endif
}
int vrs_coverage(void* p, const char* path) {
#if VRS_COVERAGE
    Instance* m = static_cast<Instance*>(p);
    Use use(m);
    m->context->coveragep()->write(path);
    return 0;
#else
    return -1;
#endif
}
int vrs_variables(void* p) {
    Instance* m = static_cast<Instance*>(p);
    Use use(m);
    if (!m->listed) {
        m->listed = true;
        const VerilatedScopeNameMap* scopes = m->context->scopeNameMap();
        if (scopes)
            for (const auto& s : *scopes) {
                VerilatedVarNameMap* vars = s.second->varsp();
                if (!vars) continue;
                for (const auto& v : *vars) {
                    const VerilatedVar& var = v.second;
                    if (var.isParam() || var.udims() > 1 || !(var.vltype() == VLVT_UINT8 || var.vltype() == VLVT_UINT16
                        || var.vltype() == VLVT_UINT32 || var.vltype() == VLVT_UINT64 || var.vltype() == VLVT_WDATA)) continue;
                    unsigned depth = var.udims() ? var.unpacked().elements() : 1;
                    m->variables.push_back({std::string(s.first) + "." + v.first, var.datap(), (unsigned)var.packed().elements(), depth});
                }
            }
    }
    return (int)m->variables.size();
}
const char* vrs_variable(void* p, unsigned i, void** at, unsigned* width, unsigned* depth) {
    const Variable& v = static_cast<Instance*>(p)->variables[i];
    *at = v.at;
    *width = v.width;
    *depth = v.depth;
    return v.name.c_str();
}
typedef unsigned long long (*vrs_dpi_fn)(void* rust, const char* name, int count, unsigned long long* args);
static vrs_dpi_fn vrs_dpi = nullptr;
void vrs_set_dpi(vrs_dpi_fn f) { vrs_dpi = f; }
"#;

/// The shim of a design with these ports.
pub(crate) fn generate(ports: &[PortInfo], dpi: &[DpiImport], trace: bool, coverage: bool) -> String {
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
    for (i, p) in ports.iter().enumerate() {
        let _ = writeln!(t, "    case {i}: return &top->{};", p.name);
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
    }
}
