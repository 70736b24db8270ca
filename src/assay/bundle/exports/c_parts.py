"""Small C functions that an exported model may need: only those that it calls are written into its file."""

from __future__ import annotations

import re

PIECE = """\
/* A text in two parts, so that joining two texts needs no memory. */
typedef struct { const char *a; size_t n; const char *b; size_t m; } piece;
"""
PARTS = {
    "single": """\
static float single(double v)
{
    if (v >= 3.4028235677973366e+38) return INFINITY;
    if (v <= -3.4028235677973366e+38) return -INFINITY;
    return (float)v;
}
""",
    "sigmoid": """\
static double sigmoid(double v)
{
    return v >= 0.0 ? 1.0 / (1.0 + exp(-v)) : exp(v) / (1.0 + exp(v));
}
""",
    "text_of": """\
static piece text_of(const char *at)
{
    piece t;
    t.a = at ? at : "\\xee\\x80\\x80"; /* stands for a missing text inside the model */
    t.n = strlen(t.a);
    t.b = "";
    t.m = 0;
    return t;
}
""",
    "byte_of": """\
static unsigned char byte_of(const piece *t, size_t i)
{
    return (unsigned char)(i < t->n ? t->a[i] : t->b[i - t->n]);
}
""",
    "part_of": """\
static piece part_of(const piece *t, size_t from, size_t to)
{
    piece p;
    p.a = from < t->n ? t->a + from : "";
    p.n = from < t->n ? (to < t->n ? to : t->n) - from : 0;
    p.b = to > t->n ? t->b + (from > t->n ? from - t->n : 0) : "";
    p.m = to > t->n ? to - (from > t->n ? from : t->n) : 0;
    return p;
}
""",
    "joined": """\
static piece joined(piece one, piece two)
{
    piece p; /* one of the two is always a single part: the model joins texts once */
    if (one.n + one.m == 0) return two;
    if (two.n + two.m == 0) return one;
    p.a = one.n ? one.a : one.b;
    p.n = one.n ? one.n : one.m;
    p.b = two.n ? two.a : two.b;
    p.m = two.n ? two.n : two.m;
    return p;
}
""",
    "same": """\
static int same(const piece *one, const piece *two)
{
    size_t i, n = one->n + one->m;
    if (n != two->n + two->m) return 0;
    for (i = 0; i < n; i++)
        if (byte_of(one, i) != byte_of(two, i)) return 0;
    return 1;
}
""",
    "matches": """\
static int matches(const piece *t, const uint8_t *kind, const uint16_t *step, unsigned kinds, const uint8_t *accepts)
{
    size_t i, n = t->n + t->m;
    unsigned state = 1;
    for (i = 0; i < n && state; i++)
        state = step[state * kinds + kind[byte_of(t, i)]];
    return accepts[state];
}
""",
    "parted": """\
static void parted(const piece *t, char by, int parts, piece *out)
{
    size_t i, begin = 0, n = t->n + t->m;
    int k = 0;
    for (i = 0; i < n && k < parts - 1; i++)
        if ((char)byte_of(t, i) == by) {
            out[k++] = part_of(t, begin, i);
            begin = i + 1;
        }
    out[k++] = part_of(t, begin, n);
    for (; k < parts; k++)
        out[k] = part_of(t, n, n);
}
""",
    "number_of": """\
static double number_of(const piece *t)
{
    char digits[512];
    const struct lconv *local = localeconv();
    size_t i = 0, k = 0, n = t->n + t->m;
    while (i < n && strchr(" \\t\\r\\n\\f\\v", byte_of(t, i))) i++;
    for (; i < n && k < sizeof digits - 1; i++) {
        unsigned char c = byte_of(t, i);
        if (!(c >= '0' && c <= '9') && c != '+' && c != '-' && c != '.' && c != 'e' && c != 'E') break;
        digits[k++] = c == '.' ? local->decimal_point[0] : (char)c;
    }
    digits[k] = 0;
    return k ? strtod(digits, NULL) : NAN;
}
""",
    "place": """\
typedef struct { const char *at; uint32_t n; } key;

/* The place of a text among keys that are sorted by length and bytes; -1 where it is none of them. */
static int32_t place(const piece *t, const key *keys, int32_t count)
{
    size_t n = t->n + t->m, i;
    int32_t low = 0, high = count - 1;
    while (low <= high) {
        int32_t middle = low + (high - low) / 2;
        int order = n < keys[middle].n ? -1 : n > keys[middle].n;
        if (!order && !t->m) order = memcmp(t->a, keys[middle].at, n);
        else
            for (i = 0; i < n && !order; i++)
                order = (int)byte_of(t, i) - (int)(unsigned char)keys[middle].at[i];
        if (!order) return middle;
        if (order < 0) high = middle - 1;
        else low = middle + 1;
    }
    return -1;
}
""",
    "number_place": """\
static int32_t number_place(double v, const double *keys, int32_t count)
{
    int32_t low = 0, high = count - 1;
    while (low <= high) {
        int32_t middle = low + (high - low) / 2;
        if (v == keys[middle]) return middle;
        if (v < keys[middle]) high = middle - 1;
        else low = middle + 1;
    }
    return -1;
}
""",
    "said": """\
static piece said(double v, char *room)
{
    piece t;
    char *point;
    sprintf(room, "%.8g", v);
    point = strchr(room, localeconv()->decimal_point[0]);
    if (point) *point = '.';
    t.a = room;
    t.n = strlen(room);
    t.b = "";
    t.m = 0;
    return t;
}
""",
    "counted": """\
static piece counted(int64_t v, char *room)
{
    piece t;
    sprintf(room, "%" PRId64, v);
    t.a = room;
    t.n = strlen(room);
    t.b = "";
    t.m = 0;
    return t;
}
""",
    "words": """\
typedef struct { int32_t first, second; } gram; /* second 0: the word alone */

/* 1 for each word, or pair side by side, that the text holds; words stand between spaces. */
static void words(const piece *t, const key *keys, const int32_t *codes, int32_t count, const gram *grams, int wide,
                  float *out)
{
    size_t i, begin = 0, n = t->n + t->m;
    int32_t before = 0;
    int k;
    for (k = 0; k < wide; k++) out[k] = 0.0f;
    for (i = 0; i <= n; i++) {
        piece token;
        int32_t found, code;
        if (i < n && byte_of(t, i) != ' ') continue;
        if (i == begin) {
            begin = i + 1;
            continue;
        }
        token = part_of(t, begin, i);
        begin = i + 1;
        found = place(&token, keys, count);
        code = found < 0 ? 0 : codes[found];
        if (code)
            for (k = 0; k < wide; k++)
                if (grams[k].second ? before == grams[k].first && code == grams[k].second : code == grams[k].first)
                    out[k] = 1.0f;
        before = code;
    }
}
""",
}
ORDER = list(PARTS)


def parts_of(body: str) -> str:
    """The functions that ``body`` calls, and those that they call, in an order in which C can read them."""
    wanted: set[str] = set()
    todo = [body]
    while todo:
        text = todo.pop()
        for name in PARTS:
            if name not in wanted and re.search(rf"\b{name}\(", text):
                wanted.add(name)
                todo.append(PARTS[name])
    if re.search(r"\bkey\b", body) and "place" not in wanted:
        wanted.add("place")
    chosen = [PARTS[name] for name in ORDER if name in wanted]
    return "\n".join([*([PIECE] if re.search(r"\bpiece\b", body + "".join(chosen)) else []), *chosen])
