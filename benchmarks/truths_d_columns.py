"""Known truths of D08, D11, D12 and D19 in the tables of ../shared/data (counted in its README)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from truth import Finding, Truth, anything, named


def at_least(share: float) -> Callable[[Sequence[Finding]], bool]:
    return lambda findings: any(f["effect"] >= share for f in findings)


def together(*columns: str) -> Callable[[Sequence[Finding]], bool]:
    """True where one finding names all of these columns."""
    return lambda findings: any(set(columns) <= set(f["columns"]) for f in findings)


ADULT = {"target": "income"}
COMPAS = {"target": "two_year_recid", "time": "compas_screening_date", "group": "id"}
TELCO = {"target": "Churn", "roles": {"id": "customerID"}}
NET = ("DeviceProtection", "OnlineBackup", "OnlineSecurity", "StreamingMovies", "StreamingTV", "TechSupport")

WINE, TITANIC, DIAMONDS = {"target": "quality"}, {"target": "survived"}, {"target": "price"}

TRUTHS = [
    Truth(
        "dedupe_early_childhood.csv.gz",
        "D08",
        "61 % of the rows are an entity written again; a third at least is said",
        at_least(0.33),
        {"roles": {"id": ["Id", "True Id"]}},
    ),
    Truth("sms_spam.csv.gz", "D08", "templates of spam, filled in anew", anything, {"target": "label"}),
    Truth("diamonds.csv.gz", "D08", "stones are alike by nature", anything, DIAMONDS, silent=True),
    Truth("titanic.csv", "D08", "passengers look alike, and are no copies", anything, TITANIC, silent=True),
    Truth("adult.csv.gz", "D08", "people look alike, and are no copies", anything, ADULT, silent=True),
    Truth("wine_quality.csv.gz", "D08", "copies of wines are exact, which D07 says", anything, WINE, silent=True),
    Truth(
        "adult.csv.gz",
        "D11",
        "education and education-num are one-to-one",
        together("education", "education-num"),
        ADULT,
    ),
    Truth("titanic.csv", "D11", "class and pclass are one-to-one", together("class", "pclass"), TITANIC),
    Truth(
        "titanic.csv",
        "D11",
        "embarked and embark_town are one-to-one",
        together("embarked", "embark_town"),
        TITANIC,
    ),
    Truth("titanic.csv", "D11", "alive is the target's copy, which K01 says", named("alive"), TITANIC, silent=True),
    Truth(
        "compas.csv.gz",
        "D11",
        "decile_score twice",
        together("decile_score", "decile_score.1"),
        COMPAS,
    ),
    Truth(
        "compas.csv.gz",
        "D11",
        "priors_count twice",
        together("priors_count", "priors_count.1"),
        COMPAS,
    ),
    Truth("telco_churn.csv.gz", "D11", "six columns repeat `No internet service`", together(*NET), TELCO),
    Truth(
        "telco_churn.csv.gz",
        "D11",
        "TotalCharges is about tenure x MonthlyCharges",
        together("TotalCharges", "tenure", "MonthlyCharges"),
        TELCO,
    ),
    Truth("diamonds.csv.gz", "D11", "carat and size are not the same", anything, DIAMONDS, silent=True),
    Truth("wine_quality.csv.gz", "D12", "most measurements say something", anything, WINE, silent=True),
    Truth("adult.csv.gz", "D12", "most columns say something", anything, ADULT, silent=True),
    Truth("diamonds.csv.gz", "D19", "length and width of a stone are no twins", anything, DIAMONDS, silent=True),
    Truth(
        "air_quality.csv.gz",
        "D19",
        "sensors of different gases are no twins",
        anything,
        {"target": "CO_GT"},
        silent=True,
    ),
]
