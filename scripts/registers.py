# SPDX-License-Identifier: Apache-2.0
"""Reads rtl/systole.rdl with systemrdl-compiler and holds it against the registers that `cargo run -p systole-isa --example
registers -- CONFIG` prints: addresses, fields, accesses, values after reset. Part of `make integration`.

  scripts/registers.py FILE.rdl REGISTERS.json..
"""

import json
import sys

from systemrdl import RDLCompiler
from systemrdl.node import RegNode
from systemrdl.rdltypes import AccessType, OnWriteType


def elaborated(path, parameters):
    """The registers as the reader has them, in the shape of the JSON."""
    compiler = RDLCompiler()
    compiler.compile_file(path)
    top = compiler.elaborate(top_def_name="systole", parameters=parameters).top
    registers = []
    for reg in top.children():
        assert isinstance(reg, RegNode), reg.inst_name
        fields = []
        for field in reg.fields():
            writes = field.get_property("onwrite")
            fields.append(
                {
                    "name": field.inst_name,
                    "lsb": field.lsb,
                    "width": field.width,
                    "read": field.is_sw_readable,
                    "write": field.is_sw_writable,
                    "one_clears": writes == OnWriteType.woclr,
                    "changes": field.get_property("hw") in (AccessType.w, AccessType.rw),
                    "reset": field.get_property("reset"),
                }
            )
        registers.append({"name": reg.inst_name, "offset": reg.absolute_address, "fields": fields})
    return registers


def main():
    rdl, *tables = sys.argv[1:]
    for table in tables:
        with open(table) as file:
            expected = json.load(file)
        found = elaborated(rdl, expected["parameters"])
        for ours, theirs in zip(expected["registers"], found):
            if ours != theirs:
                sys.exit(f"registers: {rdl} says {theirs}, the table {ours}")
        if len(found) != len(expected["registers"]):
            sys.exit(f"registers: {len(found)} registers in {rdl}, {len(expected['registers'])} in the table")
        fields = sum(len(r["fields"]) for r in found)
        print(f"registers: {table}: {len(found)} registers, {fields} fields as in the table")


if __name__ == "__main__":
    main()
