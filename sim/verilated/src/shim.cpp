// SPDX-License-Identifier: Apache-2.0
// The part of the shim that is the same for every design.
#include "verilated.h"
#include "verilated_syms.h"
#include <cstdarg>
#include <cstdint>
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
    vluint64_t random[2];  // state of $random: of this instance, whoever else draws
    std::vector<Variable> variables;
    bool listed = false;
#if VRS_TRACE
    VerilatedFstC* trace = nullptr;
    std::string traced;  // its file
    int dumping = 0;
#endif
};
thread_local Instance* current = nullptr;
constexpr size_t kept = 16 << 20;  // bytes of output between two calls of take_output

// Bits of a word: newer versions keep every packed range, and elements(0) of theirs is not set for all variables.
template <class Var> auto bits_of(const Var& var, int) -> decltype(var.packedRanges(), 0u) {
    unsigned bits = 1;
    for (const auto& range : var.packedRanges()) bits *= range.elements();
    return bits;
}
template <class Var> unsigned bits_of(const Var& var, long) { return var.elements(0); }

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

// Verilator keeps one generator a thread and starts it again whenever any thread of the process makes a model. In its
// place stands the generator of the instance that runs (build.rs puts the calls there); null: no instance does.
extern "C" void* vrs_random_state() { return current ? current->random : nullptr; }
extern "C" uint64_t vrs_random() {  // xoroshiro128+, where Verilator has no class for it
    vluint64_t* const s = current->random;
    const vluint64_t result = s[0] + s[1];
    s[1] ^= s[0];
    s[0] = ((s[0] << 55) | (s[0] >> 9)) ^ s[1] ^ (s[1] << 14);
    s[1] = (s[1] << 36) | (s[1] >> 28);
    return result;
}

// Word `index` of what a key gives (splitmix64).
extern "C" uint64_t vrs_mixed(uint64_t key, uint64_t index) {
    for (int round = 0; round < 2; round++) {
        key += (index + 1) * 0x9e3779b97f4a7c15ULL;
        key = (key ^ (key >> 30)) * 0xbf58476d1ce4e5b9ULL;
        key = (key ^ (key >> 27)) * 0x94d049bb133111ebULL;
        key ^= key >> 31;
    }
    return key;
}

extern "C" int vrs_printf(const char* format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    const int n = vsnprintf(nullptr, 0, format, args);
    va_end(args);
    if (current && n > 0) {
        std::string& text = current->text;
        const size_t before = text.size();
        if (before < kept) {
            text.resize(before + n + 1);
            vsnprintf(&text[before], n + 1, format, again);
            text.resize(before + n);
            if (text.size() >= kept) text += "\n[output beyond 16 MiB is dropped: call take_output more often]\n";
        }
    }
    va_end(again);
    return n;
}
void vl_stop(const char* file, int line, const char*) VL_MT_UNSAFE { stopped(2, file, line, "$stop or failed check"); }
void vl_finish(const char* file, int line, const char*) VL_MT_UNSAFE { stopped(1, file, line, "$finish"); }
void vl_fatal(const char* file, int line, const char*, const char* text) VL_MT_UNSAFE { stopped(3, file, line, text); }

#pragma GCC visibility push(default)
extern "C" {
void* vrs_new(unsigned seed, int initial) {  // initial: 0 zeros, 1 ones, 2 random
    Instance* m = new Instance;
    m->context = new VerilatedContext;
    Use use(m);
    vluint64_t split = seed;  // splitmix64
    for (vluint64_t& word : m->random) {
        vluint64_t z = split += 0x9e3779b97f4a7c15ULL;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
        word = z ^ (z >> 31);
    }
    m->context->randSeed(static_cast<int>(m->random[0] >> 32) | 1);  // 0 would be the time of day
    m->context->randReset(initial);
#if VRS_TRACE
    m->context->traceEverOn(true);
#endif
    m->top = new Vmodel(m->context, "TOP");
    return m;  // the caller clears the inputs: they are the bench's, and a clock must begin low
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
const char* vrs_text(void* p, unsigned long long* length) {  // may hold any byte
    const std::string& text = static_cast<Instance*>(p)->text;
    *length = text.size();
    return text.data();
}
void vrs_clear_text(void* p) { static_cast<Instance*>(p)->text.clear(); }
void vrs_set_rust(void* p, void* rust) { static_cast<Instance*>(p)->rust = rust; }
int vrs_trace_open(void* p, const char* path, int depth) {
#if VRS_TRACE
    Instance* m = static_cast<Instance*>(p);
    Use use(m);
    if (m->trace && m->traced != path) {
        m->trace->close();
        delete m->trace;
        m->trace = nullptr;
    }
    if (!m->trace) {
        m->trace = new VerilatedFstC;
        m->traced = path;
        m->top->trace(m->trace, depth);
        m->trace->open(path);
    }
    // What stands now has its time behind it: it is the wave's first.
    if (!m->dumping && m->time) m->trace->dump(m->time - 1);
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
    m->context->coveragep()->forcePerInstance(true);
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
                    unsigned depth = var.udims() ? var.elements(1) : 1;
                    m->variables.push_back({std::string(s.first) + "." + v.first, var.datap(), bits_of(var, 0), depth});
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
