"""The words around the C: the header that explains itself, the names of its fields, and the golden rows as a check."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from assay.bundle.archive import from_lines
from assay.bundle.layout import EXPECTED, ROWS
from assay.bundle.model import Model
from assay.bundle.schema import Input
from assay.bundle.variants import held

from .program import Program

KEYWORDS = {
    "auto", "break", "case", "char", "const", "continue", "default", "do", "double", "else", "enum", "extern", "float",
    "for", "goto", "if", "inline", "int", "long", "register", "restrict", "return", "short", "signed", "sizeof",
    "static", "struct", "switch", "typedef", "union", "unsigned", "void", "volatile", "while", "and", "or", "not",
    "xor", "class", "new", "delete", "this", "template", "typename", "operator", "private", "public", "protected",
    "namespace", "using", "try", "catch", "throw", "bool", "true", "false", "virtual", "friend", "export", "explicit",
    "mutable", "asm", "wchar_t", "compl", "bitand", "bitor", "concept", "requires", "constexpr", "decltype", "nullptr",
    "noexcept", "alignas", "alignof", "static_assert", "thread_local", "char8_t", "char16_t", "char32_t", "linux",
    "unix", "NAN", "INFINITY", "NULL", "errno",
}  # fmt: skip


def struct_names(program: Program) -> dict[str, str]:
    """Column -> its field in the struct of a row."""
    out: dict[str, str] = {}
    for given, _ in program.inputs:
        name = re.sub(r"[^A-Za-z0-9_]", "_", given.column)
        name = name if re.match(r"[A-Za-z]", name) else f"c_{name}"
        name = f"{name}_" if name in KEYWORDS else name
        while name in out.values():
            name += "_"
        out[given.column] = name
    return out


def literal(text: str) -> str:
    """A text as a C string constant: UTF-8, every byte that is not plain written as octal."""
    plain = b" !#$%&'()*+,-./0123456789:;<=>@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`abcdefghijklmnopqrstuvwxyz{|}~"
    return '"' + "".join(chr(b) if b in plain else f"\\{b:03o}" for b in text.encode("utf-8", "surrogatepass")) + '"'


def remark(text: str) -> str:
    """Text inside a comment: nothing in it may end the comment or the line."""
    plain = "".join(c if c.isprintable() else "?" for c in text).replace("*/", "* /").replace("/*", "/ *")
    return plain.replace("??", "? ?").replace("\\", "/")


def _says(given: Input) -> str:
    if given.is_text:
        some = ", ".join(repr(c) for c in given.categories[:4])
        more = f" and {len(given.categories) - 4:,} more" if len(given.categories) > 4 else ""
        return remark(f"{given.column}: text, NULL where missing" + (f"; {some}{more}" if some else ""))
    what = {"bool": "0 or 1", "clock": "time of day as HHMM (930 is 9:30)", "date": "seconds since 1970-01-01 UTC"}
    seen = "" if given.lo is None else f"; seen between {given.lo:.9g} and {given.hi:.9g}"
    return remark(f"{given.column}: {what.get(given.kind, 'a number')}, NAN where missing{seen}")


def header(model: Model, name: str, program: Program, fields: Mapping[str, str]) -> str:
    """The .h file."""
    upper, k = name.upper(), len(model.classes)
    target = remark(model.target or "the target")
    width = max((len(f) for f in fields.values()), default=0) + len("const char *;")
    row = "".join(
        f"    {('const char *' if i.is_text else 'double ') + fields[i.column] + ';':<{width}} /* {_says(i)} */\n"
        for i, _ in program.inputs
    )
    coverage = f"{100 * model._schema.coverage:g}"
    if model.task == "regression":
        result = (
            f"    double value;  /* {target} */\n"
            f"    double set[2]; /* the interval that holds the truth in {coverage} of 100 cases, low end first */\n"
        )
        names = ""
    else:
        some = [f"{i} {remark(c)}" for i, c in enumerate(model.classes[:8])]
        listed = ", ".join(some) + (" ..." if k > 8 else "")
        result = (
            f"    float probabilities[{upper}_CLASSES];\n"
            f"    int label;                           /* the predicted class: {listed} */\n"
            f"    unsigned char set[{upper}_CLASSES]; /* 1 for each class that cannot be ruled out, "
            f"right in {coverage} of 100 cases */\n"
        )
        names = (
            f"#define {upper}_CLASSES {k}\n\n/* Names of the classes, in the order of probabilities and set. */\n"
            f"extern const char *const {name}_classes[{upper}_CLASSES];\n\n"
        )
    return f"""\
/* {remark(str(model.manifest.get("name", name)))}: predicts {target}.
 *
 * Made by assay from the .assay file with SHA-256
 *   {model.digest}
 *
 *   #include "{name}.h"
 *   {name}_row row = {{0}};       set every field below
 *   {name}_result result;
 *   {name}_predict(&row, &result);
 *
 * C99 or C++, the standard library and libm only: cc -std=c99 -O2 -c {name}.c, and link with -lm.
 * No memory is taken, nothing is kept between calls: any number of threads may call at once.
 * Texts are UTF-8 and end with a zero byte. A text that training did not see counts as missing.
 * To replay the file's golden rows on your machine:
 *   cc -std=c99 -O2 -D{upper}_CHECK {name}.c -lm && ./a.out
 * Do not compile with -ffast-math: missing numbers are NAN.
 */
#ifndef {upper}_H
#define {upper}_H

#ifdef __cplusplus
extern "C" {{
#endif

{names}typedef struct {{
{row}}} {name}_row;

typedef struct {{
{result}}} {name}_result;

void {name}_predict(const {name}_row *row, {name}_result *result);

#ifdef __cplusplus
}}
#endif

#endif
"""


def check_part(model: Model, name: str, fields: Mapping[str, str], variant: str | None = None) -> str:
    """A main function, compiled on request, that replays the golden rows and says the largest difference."""
    rows, main = from_lines(model._files[ROWS], ROWS), model._session.main
    if variant is None:
        expected = [row[main] for row in from_lines(model._files[EXPECTED], EXPECTED)]
    else:
        expected = held(model, variant)[1]["golden"]
    inputs = {i.column: i for i in model._schema.inputs}
    lines = []
    for row in rows:
        cells = []
        for column in fields:
            value, given = row[column], inputs[column]
            if given.is_text:
                cells.append("NULL" if value is None else literal(value))
            else:
                cells.append("NAN" if value is None or math.isnan(float(value)) else repr(float(value)))
        lines.append(f"    {{{', '.join(cells)}}},\n")
    wide = max(1, len(model.classes))
    wanted = "".join(f"    {{{', '.join(repr(float(v)) for v in row)}}},\n" for row in expected)
    got = "result.value" if model.task == "regression" else "result.probabilities[k]"
    return f"""\
#ifdef {name.upper()}_CHECK
static const {name}_row golden[{len(rows)}] = {{
{"".join(lines)}}};
static const double wanted[{len(rows)}][{wide}] = {{
{wanted}}};

int main(void)
{{
    double worst = 0.0;
    int i, k;
    for (i = 0; i < {len(rows)}; i++) {{
        {name}_result result;
        {name}_predict(&golden[i], &result);
        for (k = 0; k < {wide}; k++) {{
            double far = fabs({got} - wanted[i][k]);
            if (fabs(wanted[i][k]) > 1.0) far /= fabs(wanted[i][k]);
            if (!(far <= worst)) worst = far;
        }}
    }}
    printf("{len(rows)} golden rows, largest difference %.3g\\n", worst);
    return worst <= 1e-6 ? 0 : 1;
}}
#endif
"""
