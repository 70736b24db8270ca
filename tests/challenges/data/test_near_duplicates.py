"""D08: what was written twice in another way is found; what is alike by nature is not."""

import numpy as np
import pyarrow as pa
import pytest

from assay.challenges.data import near_duplicates as d08
from assay.testing import bare_subject, clean_subject, judge
from tests.challenges.real import real, said, stands

PLACES = "amber birch cedar dover elm forest garden harbor island juniper kingston laurel meadow north oak pine"
NAMES, KINDS = PLACES.split(), ["academy", "center", "nursery", "school", "house", "church", "family", "project"]


def directory(n: int, again: int, seed: int, changed: bool = True) -> pa.Table:
    """n places with a name, a street, a phone and a ward; the last ``again`` are earlier ones, written differently."""
    rng = np.random.default_rng(seed)
    pick = [rng.integers(0, len(words), n) for words in (NAMES, NAMES, KINDS, NAMES)]
    name = np.array([f"{NAMES[a]} {NAMES[b]} {KINDS[c]}".title() for a, b, c in zip(*pick[:3], strict=True)], object)
    street = np.array(
        [f"{k} {NAMES[d].title()} Street" for k, d in zip(rng.integers(1, 9000, n), pick[3], strict=True)], object
    )
    phone, ward = rng.integers(2_000_000, 9_999_999, n), rng.integers(1, 50, n)
    source = np.arange(n)
    source[n - again :] = rng.permutation(n - again)[:again]
    name, street, phone, ward = name[source], street[source], phone[source], ward[source]
    if changed:
        for i in range(n - again, n):
            name[i] = name[i].upper() if i % 2 else name[i].replace("e", "", 1)
            street[i] = street[i].replace("Street", "St.")
    order = rng.permutation(n)
    return pa.table({"name": name[order], "street": street[order], "phone": phone[order], "ward": ward[order]})


def test_directory_written_twice() -> None:
    (claim,) = stands(d08, bare_subject(directory(1500, 200, 0)))
    assert claim.evidence["kind"] == "texts"
    assert claim.evidence["extra"] == pytest.approx(200, abs=20)


def test_directory_written_once_is_quiet() -> None:
    assert not [seed for seed in range(4) if stands(d08, bare_subject(directory(1500, 0, seed)))]


def test_exact_copies_are_not_near() -> None:
    assert not stands(d08, bare_subject(directory(1500, 200, 0, changed=False)))
    clean = clean_subject(2000, 0)
    rows = clean.table.arrow()
    assert not stands(d08, clean.with_table(clean.table.derive(pa.concat_tables([rows, rows.slice(0, 200)]))))


def test_one_place_in_many_rows_is_no_near_duplicate() -> None:
    """A table of results joined with the place that they are about."""
    places = directory(60, 0, 3)
    at = np.random.default_rng(3).integers(0, 60, 1500)
    joined = places.take(pa.array(at)).append_column("result", pa.array(np.random.default_rng(4).normal(size=1500)))
    assert not stands(d08, bare_subject(joined))


def test_series_of_models_are_different_things() -> None:
    """Names that differ in a number or a word, rows that agree in most of what one series has in common."""
    rng = np.random.default_rng(7)
    maker, line = rng.integers(0, 16, 150), rng.integers(0, 16, 150)
    of = np.repeat(np.arange(150), 6)
    kind = np.tile(["", " Sport", " 20", " 30", " 40 XL", " 40 LX"], 150)
    name = [f"{NAMES[maker[k]]} {NAMES[line[k]]} {100 + k}{t}".title() for k, t in zip(of, kind, strict=True)]
    shared = {f"c{c}": rng.integers(0, 40, 150)[of] for c in range(4)}
    price = np.round(100.0 + 9 * of + rng.normal(0, 3, 900), 1)
    assert not stands(d08, bare_subject(pa.table({"name": name, "maker": maker[of], "price": price} | shared)))


def test_reading_of_texts_is_no_more_than_a_warning() -> None:
    (claim,) = stands(d08, bare_subject(directory(1500, 200, 0)))
    assert claim.impact is not None
    assert (claim.basis, claim.impact.kind) == ("heuristic", "costs")


def test_plant_is_where_it_is_said() -> None:
    planted = d08.plant(clean_subject(2000, 1), 0.05, np.random.default_rng(0))
    (claim,) = stands(d08, planted.subject)
    assert claim.effect.value == pytest.approx(planted.true_effect, abs=0.01)
    assert planted.rows is not None
    found = set(claim.about.rows.positions.tolist())
    assert np.mean([p in found for p in planted.rows.positions.tolist()]) > 0.95


@pytest.mark.parametrize("digits", [0, 1, 2])
def test_coarse_numbers_are_alike_by_nature(digits: int) -> None:
    rng = np.random.default_rng(digits)
    table = pa.table(
        {name: np.round(rng.normal(0, 3, 3000), digits) for name in "abc"} | {"outcome": np.resize(["a", "b"], 3000)}
    )
    assert not stands(d08, bare_subject(table))


@pytest.mark.parametrize("n", [100, 300, 1000, 20_000])
@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_dense_numbers_are_alike_by_nature(dimensions: int, n: int) -> None:
    x = np.random.default_rng(5).standard_t(3, size=(n, dimensions))
    assert not stands(d08, bare_subject(pa.table({f"x{k}": x[:, k] for k in range(dimensions)})))


def test_series_in_small_steps_are_alike_by_nature() -> None:
    """A random walk: each row is near the one before."""
    x = np.cumsum(np.random.default_rng(6).normal(size=(4000, 2)), axis=0)
    assert not stands(d08, bare_subject(pa.table({"a": x[:, 0], "b": x[:, 1]})))


def test_early_childhood() -> None:
    claims = stands(d08, real("dedupe_early_childhood.csv.gz", None, id=["Id", "True Id"]))
    assert len(claims) == 1
    assert 0.3 < claims[0].effect.value < 0.62  # a lower bound: 61 % of the rows are an entity written again


@pytest.mark.parametrize("name", ["diamonds.csv.gz", "titanic.csv", "wine_quality.csv.gz", "hospital_clean.csv.gz"])
def test_no_near_duplicates(name: str) -> None:
    target = {"d": "price", "t": "survived", "w": "quality", "h": None}[name[0]]
    assert judge(d08, real(name, target)).decision.verdict in ("clear", "no-sign", "undecided")


def test_spam_from_templates() -> None:
    assert "written differently" in said(d08, real("sms_spam.csv.gz", "label"))


def customers(n: int, seed: int) -> dict[str, np.ndarray]:
    """One measured number; the rest are whole numbers, codes and a nearly unique text."""
    rng = np.random.default_rng(seed)
    months, plan = rng.integers(1, 73, n), rng.integers(0, 5, n)
    price = np.round(20 + 20 * plan + 0.05 * rng.integers(-60, 61, n), 2)
    total = np.array([f"{a * b:.2f}" for a, b in zip(months, price, strict=True)])
    return {
        "months": months, "price": price, "total": total,
        "plan": plan.astype(str), "fast": np.where(plan > 2, "yes", "no"), "sex": rng.choice(["F", "M"], n),
        "contract": rng.choice(["month", "one year", "two years"], n),
    }  # fmt: skip


@pytest.mark.parametrize("slip", ["price", "sex", "months"])
def test_one_difference_among_many_that_agree(slip: str) -> None:
    made, rng = customers(2500, 0), np.random.default_rng(1)
    assert not stands(d08, bare_subject(pa.table(made)))
    for name, values in made.items():
        values[:100] = values[100:200]
        if name == slip:
            off = {"price": lambda: rng.normal(0, 0.03, 100), "months": lambda: np.ones(100, int)}
            values[:100] = np.char.lower(values[:100]) if name == "sex" else values[:100] + off[name]()
    (claim,) = stands(d08, bare_subject(pa.table(made)))
    assert claim.effect.value == pytest.approx(0.08, abs=0.01)


def coarse(kind: str, n: int, seed: int) -> pa.Table:
    rng = np.random.default_rng(seed)
    g, h, words = rng.integers(0, 60, n), rng.integers(0, 30, n), rng.choice(list("abcd"), n)
    if kind == "settled but for noise":
        return pa.table({"g": g, "h": h, "x": 2.0 * g + h + rng.normal(0, 0.1, n), "w": words})
    if kind == "counts":
        return pa.table({f"i{k}": rng.poisson(30, n) for k in range(3)} | {"w": words})
    if kind == "names that look alike":
        names = rng.choice(["anna", "anne", "hanna", "johanna", "jon", "john", "johan"], n)
        return pa.table({"n": names, "x": rng.integers(0, 200, n), "y": np.round(rng.normal(size=n), 1)})
    profile = rng.integers(0, 40, n)
    often = {f"w{i}": np.where(rng.random(n) < 0.85, profile % (i + 3), words == "a").astype(str) for i in range(8)}
    return pa.table(often | {"x": np.round(profile + rng.gamma(2, 2, n), 1), "m": rng.integers(1, 73, n)})


def test_editions_of_one_product_are_not_retyped() -> None:
    rng = np.random.default_rng(0)
    maker, edition = rng.integers(0, 700, 2000), rng.choice(["amber", "black", "extra", "light", "north"], 2000)
    names = np.array([f"Brewery Product Special {a:x} {b}" for a, b in zip(maker * 7919, edition, strict=True)])
    table = pa.table({"name": names, "maker": maker.astype(str), "strength": 4 + maker % 50 / 10})
    claims = stands(d08, bare_subject(table))
    assert not [claim for claim in claims if claim.evidence["kind"] == "numbers"]


@pytest.mark.parametrize("n", [300, 3000])
@pytest.mark.parametrize("kind", ["settled but for noise", "counts", "names that look alike", "profiles"])
def test_mixed_columns_are_alike_by_nature(kind: str, n: int) -> None:
    assert not [seed for seed in range(3) if stands(d08, bare_subject(coarse(kind, n, seed)))]


@pytest.mark.parametrize(("name", "target"), [("telco_churn.csv.gz", "Churn"), ("german_credit.csv", "risk")])
def test_plant_in_mixed_tables(name: str, target: str) -> None:
    ids = {"id": "customerID"} if target == "Churn" else {}
    subject = real(name, target, **ids)
    assert not stands(d08, subject)
    planted = d08.plant(subject, 0.03, np.random.default_rng(0))
    (claim,) = stands(d08, planted.subject)
    assert claim.effect.value == pytest.approx(planted.true_effect, abs=0.01)


def panel(kind: str, n: int, seed: int) -> pa.Table:
    """Twenty years of each unit: laws that change now and then, sizes that drift, cases that are mostly none, or people
    without a name."""
    rng = np.random.default_rng(seed)
    units = n // 20
    u, year = np.repeat(np.arange(units), 20), np.tile(np.arange(2000, 2020), units)
    base, now = rng.normal(10, 3, units)[u], (rng.random((units, 20)) < 0.15).cumsum(1).ravel()
    unit = {"unit": np.char.add("u", u.astype(str)), "year": year, "region": (u % 7).astype(str)}
    law = np.where((now + u) % 2, "yes", "no")
    if kind == "laws":
        return pa.table(unit | {"law": law, "level": (now + u) % 5})
    if kind == "drifting sizes":
        return pa.table(unit | {"size": np.round(np.exp(base + 0.01 * (year - 2000) * rng.normal(1, 1, units)[u]), 0)})
    if kind == "mostly none":
        rate = np.where(rng.random(n) < 0.8, 0, rng.random(n))
        return pa.table(unit | {"cases": np.where(rng.random(n) < 0.7, 0, rng.poisson(8, n)), "rate": rate})
    person = {"school": rng.integers(8, 18, units)[u], "sex": rng.choice(["m", "f"], units)[u], "union": law}
    return pa.table(person | {"worked": rng.integers(1, 20, units)[u] + year - 2000, "wage": np.round(base, 1)})


@pytest.mark.parametrize("n", [400, 3000])
@pytest.mark.parametrize("kind", ["laws", "drifting sizes", "mostly none", "people"])
def test_years_of_a_panel_are_alike_by_nature(kind: str, n: int) -> None:
    assert not [seed for seed in range(3) if by_numbers(panel(kind, n, seed))]


@pytest.mark.parametrize("replicates", [1, 2, 4])
def test_cells_of_an_experiment_are_alike_by_nature(replicates: int) -> None:
    """All combinations of rows, doses and treatments, so many times over."""
    cell = np.array(list(np.ndindex(30, 6, 5, replicates)))
    names = np.array(["T1", "T2", "T3", "T4", "control"])
    for seed in range(3):
        count = np.random.default_rng(seed).poisson(2, len(cell))
        design = {"row": cell[:, 0], "dose": 10.0 * cell[:, 1], "treatment": names[cell[:, 2]], "again": cell[:, 3]}
        assert not by_numbers(pa.table(design | {"count": count}))


def test_a_crossover_is_alike_by_nature() -> None:
    """Each subject has every treatment once, in an order of its own."""
    for seed in range(3):
        rng = np.random.default_rng(seed)
        subject, period = np.repeat(np.arange(200), 6), np.tile(np.arange(1, 7), 200)
        given = rng.permuted(np.tile(np.arange(6), (200, 1)), axis=1).ravel()
        treatment = np.array(["I", "II", "III", "IV", "VI", "VII"])[given]
        table = {
            "subject": subject,
            "period": period,
            "treatment": treatment,
            "age": rng.integers(20, 70, 200)[subject],
        }
        assert not by_numbers(pa.table(table | {"score": rng.integers(0, 5, 1200)}))


@pytest.mark.parametrize("n", [800, 3000, 10_000])
@pytest.mark.parametrize("step", [0.001, 0.01, 0.1])
def test_a_slow_series_is_alike_by_nature(step: float, n: int) -> None:
    rng = np.random.default_rng(8)
    x, z = 20 + np.cumsum(rng.normal(0, step, n)), 100 + np.cumsum(rng.normal(0, 3 * step, n))
    assert not by_numbers(pa.table({"t": np.arange(n), "warm": np.round(x, 2), "pressure": np.round(z, 1)}))
    assert not by_numbers(pa.table({"t": np.arange(n) * 1.0, "a": np.sin(np.arange(n) / 500), "b": x}))


def by_numbers(table: pa.Table) -> list[object]:
    return [claim for claim in stands(d08, bare_subject(table)) if claim.about.slice == "numbers"]


@pytest.mark.parametrize("kind", ["laws", "mostly none"])
def test_copies_in_a_panel_are_found(kind: str) -> None:
    """Rows of a panel written again with another measurement that has hardly moved."""
    made = panel(kind, 3000, 0).append_column("height", pa.array(np.random.default_rng(1).normal(size=3000)))
    again = made.slice(0, 100)
    moved = np.asarray(again["height"]) + 0.001 * np.random.default_rng(2).normal(size=100)
    again = again.set_column(again.schema.get_field_index("height"), "height", pa.array(moved))
    (claim,) = by_numbers(pa.concat_tables([made, again]))
    assert claim.effect.value == pytest.approx(200 / 3100, abs=0.01)  # type: ignore[attr-defined]


MANY = np.array([f"{a}{b}{c}" for a in NAMES for b in ("ton", "ville", "field") for c in ("", "er", "ow")])


def catalogue(kind: str, n: int, seed: int) -> pa.Table:
    """Different things that share much by nature, in two fields: a family of names, and what goes with it."""
    rng = np.random.default_rng(seed)
    of, word = rng.integers(0, n // 5, n), np.char.title(rng.permutation(MANY))
    first, second = (word[rng.integers(0, len(word), n // 5)][of] for _ in range(2))
    name = [f"{a} {b}" for a, b in zip(first, second, strict=True)]
    pick = lambda *of: rng.choice(list(of), n)  # noqa: E731
    if kind == "zip codes":
        town = [f"{p}{a}" for p, a in zip(pick("", "", "North ", "Saint ", "St. "), first, strict=True)]
        county = np.char.add(second, " County")
        return pa.table({"zip": np.sort(rng.permutation(90_000)[:n]), "town": town, "county": county,
                         "lat": np.round(of / 9 + rng.normal(0, 0.05, n), 4)})  # fmt: skip
    if kind == "models":
        trim = pick("", "LX", "Sport", "Limited", "Ltd", "4WD", "Coupe", "Wagon")
        full = [f"{a} {t}".strip() for a, t in zip(name, trim, strict=True)]
        line = [f"{a} {t}".strip() for a, t in zip(second, trim, strict=True)]
        return pa.table({"model": full, "line": line, "length": (150 + of / 7).round(1), "miles": rng.normal(size=n)})
    if kind == "volumes":
        volume = pick("I", "II", "III", "IV", "V", "VI", "VII", "VIII")
        title = [f"{a}, Volume {v}" for a, v in zip(name, volume, strict=True)]
        return pa.table({"title": title, "author": np.char.add("by ", second), "pages": rng.integers(90, 900, n)})
    if kind == "incidents":
        what = [f"{k} at {a}" for k, a in zip(pick("theft", "noise", "call"), name, strict=True)]
        number = [f"INC {k:06d}" for k in range(n)]
        return pa.table({"number": number, "what": what, "place": name, "hour": rng.integers(0, 24, n)})
    if kind == "molecules":
        group = pick("methyl", "ethyl", "propyl", "phenyl", "benzyl", "chloro", "bromo", "nitro")
        chain, end = pick("but", "pent", "hex", "hept", "oct", "non", "dec"), pick("ane", "ene", "yne", "ol", "al")
        iupac = [f"{g}{c}{e}" for g, c, e in zip(group, chain, end, strict=True)]
        full = [f"{k}-{g}-{m}-{i}" for k, g, m, i in zip(of % 7, pick("iso", "oxo"), of % 4, iupac, strict=True)]
        carbon, hydrogen = rng.integers(3, 20, n), rng.integers(4, 40, n)
        formula = [f"C{c}H{h}" for c, h in zip(carbon, hydrogen, strict=True)]
        return pa.table({"name": full, "iupac": iupac, "formula": formula, "weight": 12.011 * carbon + hydrogen})
    if kind == "skin tones":
        tone = pick("", "light skin tone", "medium light skin tone", "medium skin tone", "dark skin tone")
        full = [f"{a}: {t}" if t else a for a, t in zip(name, tone, strict=True)]
        return pa.table({"name": full, "slug": [t.replace(": ", "-") for t in full], "code": 7000 + of})
    if kind == "campuses":
        full = [f"{a} College{t}" for a, t in zip(name, pick("", " Campus", " Downtown", " North"), strict=True)]
        site = [f"www.{a.replace(' ', '').lower()}.edu" for a in name]
        return pa.table({"name": full, "site": site, "size": rng.integers(90, 9000, n)})
    opening = "Mister Speaker I rise today to thank the house for the honour of addressing this chamber on"
    rest = [" ".join(rng.choice(MANY, 40)) for _ in range(n)]
    return pa.table({"speech": [f"{opening} {r}" for r in rest], "speaker": name, "year": rng.integers(1900, 2020, n)})


CATALOGUES = ["zip codes", "models", "volumes", "incidents", "molecules", "skin tones", "campuses", "speeches"]


@pytest.mark.parametrize("kind", CATALOGUES)
def test_what_a_catalogue_counts_up_is_not_written_twice(kind: str) -> None:
    assert not [seed for seed in range(2) if stands(d08, bare_subject(catalogue(kind, 1200, seed)))]


def test_typing_errors_of_entities() -> None:
    """A letter dropped or two exchanged in the name, the street abbreviated; the phone is that of the first writing."""
    rng, syllables = np.random.default_rng(5), [f"{a}{b}" for a in "bcdfghklmnprstvw" for b in "aeiou"]
    word = np.array(["".join(rng.choice(syllables, 4)).title() for _ in range(800)])
    name = [f"{a} {b}" for a, b in zip(rng.choice(word, 1300), rng.choice(word, 1300), strict=True)]
    street = [f"{k} {a} Street" for k, a in zip(rng.integers(1, 900, 1300), rng.choice(word, 1300), strict=True)]
    phone = rng.permutation(9_000_000)[:1300].tolist()
    for k in rng.permutation(1300)[:200].tolist():
        at, old = int(rng.integers(2, 6)), name[k]
        drop, swap = old[:at] + old[at + 1 :], old[:at] + old[at + 1] + old[at] + old[at + 2 :]
        name.append(drop if k % 2 else swap)
        street.append(street[k].replace("Street", "St"))
        phone.append(phone[k])
    (claim,) = stands(d08, bare_subject(pa.table({"name": name, "street": street, "phone": phone})))
    assert 150 < claim.evidence["extra"] <= 200


def test_slips_are_no_more_than_the_rows_they_are_of() -> None:
    made = customers(2500, 3)
    for values in made.values():
        values[:100] = values[100:200]
    made["months"][:100] += 1
    (claim,) = stands(d08, bare_subject(pa.table(made)))
    counts = [int(word.replace(",", "")) for word in claim.says.split() if word.replace(",", "").isdigit()]
    assert len(counts) == 3
    assert counts[2] <= counts[0]
