"""Known truths of the developer tables for D01-D03, D07, D09, D10, L03, K01-K04, K06 and S02, and known silences.

Targets and roles are those that the data README names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from truth import Finding, Truth, anything, named

ADULT = {
    "target": "income", "protected": ["sex", "race", "age", "native-country"],
    "roles": {"weight": "fnlwgt", "split": "split"},
}  # fmt: skip
COMPAS = {
    "target": "two_year_recid", "time": "compas_screening_date", "group": "id", "protected": ["race", "sex", "age"]
}  # fmt: skip
GERMAN = {"target": "risk", "protected": ["age", "personal_status_sex", "foreign_worker"]}
BANK = {"target": "y", "time": "@row", "protected": ["age", "marital"]}
TITANIC = {"target": "survived", "protected": ["sex", "class"]}
TELCO = {"target": "Churn", "protected": ["gender", "SeniorCitizen"], "roles": {"id": "customerID"}}
BIKE = {"target": "cnt", "time": "dteday", "roles": {"id": "instant"}}
AMES = {"target": "SalePrice", "time": "Yr Sold", "roles": {"id": ["Order", "PID"]}}
NSL = {"target": "attack", "roles": {"split": "split"}}
ELEC2 = {"target": "class", "time": "@row"}
WINE = {"target": "quality"}
HEART = {"target": "num", "protected": ["sex", "age"], "roles": {"site": "site"}}
PIMA = {"target": "diabetes", "protected": ["age"]}
WISCONSIN = {"target": "class", "group": "id"}
DIABETES = {
    "target": "readmitted", "group": "patient_nbr", "protected": ["race", "gender", "age"],
    "roles": {"id": "encounter_id"},
}  # fmt: skip
MAMMOGRAPHY = {"target": "label"}
OIL = {"target": "label"}
TAXIS = {"target": "tip", "time": "pickup"}
DIAMONDS = {"target": "price"}
AIR = {"target": "CO_GT", "time": "Date"}
SMS = {"target": "label"}

Found = Callable[[Sequence[Finding]], bool]


def extra(count: int) -> Found:
    """Some finding counts exactly so many repeats."""
    return lambda findings: any(f["evidence"].get("extra") == count for f in findings)


def of_comparison(*words: str) -> Found:
    """For every word some finding is about a comparison that names it."""
    return lambda findings: all(any(w in (f["comparison"] or "") for f in findings) for w in words)


def share(value: float) -> Found:
    """Some finding's message or evidence names this share, in percent with one digit."""
    return lambda findings: any(f"{100 * value:.1f}" in f["message"] for f in findings)


def true(data: str, code: str, says: str, found: Found, call: Mapping[str, Any]) -> Truth:
    return Truth(data, code, says, found, call)


def silent(data: str, code: str, says: str, found: Found, call: Mapping[str, Any]) -> Truth:
    return Truth(data, code, says, found, call, silent=True)


MISSING = [
    true("diabetes_130.csv.gz", "D01", "weight is empty in 96.9 %", named("weight"), DIABETES),
    true("adult.csv.gz", "D01", "workclass and occupation are empty together", named("workclass", "occupation"), ADULT),
    true("titanic.csv", "D01", "deck is empty in 688 of 891 rows", named("deck"), TITANIC),
]
DISGUISED = [
    true("air_quality.csv.gz", "D02", "-200 stands for missing in every sensor",
         named("NMHC_GT", "CO_GT", "NO2_GT", "NOx_GT", "T", "RH", "AH"), AIR),
    true("heart_disease_sites.csv", "D02", "chol 0 at two sites, ? and -9 by site", named("chol", "ca", "thal"), HEART),
    true("pima_diabetes.csv", "D02", "zeros that stand for missing",
         named("insulin", "skin_thickness", "blood_pressure", "bmi", "glucose"), PIMA),
    silent("pima_diabetes.csv", "D02", "111 zeros of pregnancies are real", named("pregnancies"), PIMA),
    true("bank_marketing.csv.gz", "D02", "pdays -1 in 32,678 rows", named("pdays"), BANK),
    true("bank_marketing.csv.gz", "D02", "the word unknown in four columns",
         named("poutcome", "contact", "education", "job"), BANK),
    true("adult.csv.gz", "D02", "? in three columns", named("workclass", "occupation", "native-country"), ADULT),
    true("adult.csv.gz", "D02", "99999 in capital-gain", named("capital-gain"), ADULT),
    true("breast_cancer_wisconsin.csv", "D02", "? in bare_nuclei", named("bare_nuclei"), WISCONSIN),
    true("diabetes_130.csv.gz", "D02", "? in three columns", named("weight", "medical_specialty", "payer_code"),
         DIABETES),
]  # fmt: skip
TYPES = [
    true("telco_churn.csv.gz", "D03", "TotalCharges is text because of 11 blanks", named("TotalCharges"), TELCO),
    true("mammography.csv.gz", "D03", "labels carry quote characters", named("label"), MAMMOGRAPHY),
    true("ames_housing.csv.gz", "D03", "MS SubClass is a category in digits", named("MS SubClass"), AMES),
    true("beers_dirty.csv.gz", "D03", "abv as 0.09%", named("abv"), {}),
]
REPEATS = [
    true("wine_quality.csv.gz", "D07", "1,177 repeats", extra(1177), WINE),
    true("titanic.csv", "D07", "107 repeats", extra(107), TITANIC),
    true("mammography.csv.gz", "D07", "3,334 repeats", extra(3334), MAMMOGRAPHY),
    true("telco_churn.csv.gz", "D07", "22 repeats without the id", extra(22), TELCO),
    true("sms_spam.csv.gz", "D07", "403 repeats", extra(403), SMS),
    true("diamonds.csv.gz", "D07", "146 repeats", extra(146), DIAMONDS),
    true("breast_cancer_wisconsin.csv", "D07", "8 repeats", extra(8), WISCONSIN),
]
STUCK = [
    true("elec2.csv.gz", "D09", "three columns stand still for 17,424 rows", named("vicprice", "vicdemand", "transfer"),
         ELEC2),
    true("bike_hour.csv.gz", "D09", "atemp stuck for 24 hours", named("atemp"), {**BIKE, "time": "@row"}),
    true("nsl_kdd.csv.gz", "D09", "a column that never changes", named("num_outbound_cmds"), NSL),
    true("oil_spill.csv", "D09", "c22 is constant", named("c22"), OIL),
    true("diabetes_130.csv.gz", "D09", "examide and citoglipton are constant", named("examide", "citoglipton"),
         DIABETES),
]  # fmt: skip
KEYS = [
    true("telco_churn.csv.gz", "D10", "customerID is a key", named("customerID"), {"target": "Churn"}),
    true("ames_housing.csv.gz", "D10", "Order and PID are keys", named("Order", "PID"), {"target": "SalePrice"}),
    true("bike_hour.csv.gz", "D10", "instant is a row number", named("instant"), {"target": "cnt"}),
]
RARE = [
    true("mammography.csv.gz", "L03", "2.3 % positive", anything, MAMMOGRAPHY),
    true("oil_spill.csv", "L03", "41 positives of 937", anything, OIL),
    true("diabetes_130.csv.gz", "L03", "<30 in 11.2 %", anything, DIABETES),
]
FOLLOW_UP = ("r_offense_date", "r_charge_degree", "r_charge_desc", "r_jail_in", "r_jail_out")
LEAKS = [
    true("titanic.csv", "K01", "alive is the target in words", named("alive"), TITANIC),
    true("compas.csv.gz", "K01", "is_recid is the target in 97 %", named("is_recid"), COMPAS),
    true("bank_marketing.csv.gz", "K02", "duration is known only after the call", named("duration"), BANK),
    true("compas.csv.gz", "K02", "r_* are written at the follow-up", named(*FOLLOW_UP), COMPAS),
    # No statistic of the table tells it: it knows where models err, but so does the honest `count` (among rows that are
    # called an attack, and among the others, the chance that the larger value is the right answer is .99 and .72 for
    # difficulty, .76 and .77 for count). The description forbids it, which is a word that the command line takes.
    true(
        "nsl_kdd.csv.gz",
        "K02",
        "difficulty is derived from the errors of models (said with --unknown)",
        named("difficulty"),
        {**NSL, "unknown": ["difficulty"]},
    ),
    true("bike_hour.csv.gz", "K03", "casual + registered = cnt", named("casual", "registered"), BIKE),
    true("taxis.csv.gz", "K03", "total contains the tip", named("total"), TAXIS),
    true("wine_quality.csv.gz", "K04", "any random split shares rows", anything, WINE),
    true("elec2.csv.gz", "K06", "shuffled folds promise too much", anything, ELEC2),
    true("bank_marketing.csv.gz", "K06", "shuffled folds promise too much", anything, BANK),
]
SHIFTS = [
    true("heart_disease_sites.csv", "S02", "sites differ", of_comparison("hungarian", "switzerland", "va"), HEART),
    true("nsl_kdd.csv.gz", "S02", "train and test differ", of_comparison("test"), NSL),
    true("air_quality.csv.gz", "S02", "sensors drift", anything, AIR),
    true("elec2.csv.gz", "S02", "prices and demand move", anything, ELEC2),
]
HONEST = [
    silent("adult.csv.gz", "K", "no leak", anything, ADULT),
    silent("german_credit.csv", "K", "no leak", anything, GERMAN),
    silent("diamonds.csv.gz", "K01", "no leak", anything, DIAMONDS),
    silent("diamonds.csv.gz", "K02", "no leak", anything, DIAMONDS),
    silent("diamonds.csv.gz", "K03", "no leak", anything, DIAMONDS),
    silent("diamonds.csv.gz", "K06", "no leak", anything, DIAMONDS),
    silent("breast_cancer_wisconsin.csv", "K01", "no leak", anything, WISCONSIN),
    silent("breast_cancer_wisconsin.csv", "K02", "no leak", anything, WISCONSIN),
    silent("breast_cancer_wisconsin.csv", "K03", "no leak", anything, WISCONSIN),
    silent("breast_cancer_wisconsin.csv", "K06", "no leak", anything, WISCONSIN),
    silent("ames_housing.csv.gz", "K01", "no leak", anything, AMES),
    silent("ames_housing.csv.gz", "K02", "no leak", anything, AMES),
]
TRUTHS = [*MISSING, *DISGUISED, *TYPES, *REPEATS, *STUCK, *KEYS, *RARE, *LEAKS, *SHIFTS, *HONEST]
