"""What must be found, and what must not, of whole tables: D13 to D17."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from truth import Finding, Truth, anything


def saying(*words: str) -> Callable[[Sequence[Finding]], bool]:
    """True where one finding of the code says all of these words."""
    return lambda findings: any(all(w in f["message"] for w in words) for f in findings)


BIKE = {"target": "cnt", "time": "dteday"}
AIR = {"target": "CO_GT", "time": "Date"}
SMS = {"target": "label"}
MNIST = {"target": "class"}

TRUTHS = [
    Truth("bike_hour.csv.gz", "D15", "165 hours absent", saying("165 of 17,544 hours", "dteday and hr"), BIKE),
    Truth("air_quality.csv.gz", "D15", "the date is written day first", saying("Date is written day first"), AIR),
    Truth("air_quality.csv.gz", "D15", "no hour is absent", saying("have no row"), AIR, silent=True),
    Truth("taxis.csv.gz", "D15", "pickups are events, not a series", anything,
          {"target": "tip", "time": "pickup"}, silent=True),
    Truth("sms_spam.csv.gz", "D17", "309 messages hold &lt; &gt; &amp;", saying("309 of 5,574", "HTML entities"), SMS),
    Truth("sms_spam.csv.gz", "D17", "nothing is cut off or wrongly encoded",
          lambda found: any("cut off" in f["message"] or "encoding" in f["message"] for f in found), SMS, silent=True),
    Truth("hospital_clean.csv.gz", "D17", "37 texts hold a replacement character", saying("37 of 1,000", "encoding")),
    Truth("mnist_t10k_images_idx3.gz", "D16", "no image is faulty", anything, MNIST, silent=True),
    Truth("adult.csv.gz", "D13", "the columns tell the income", anything, {"target": "income"}, silent=True),
    Truth("compas.csv.gz", "D13", "the columns tell a part of it", anything,
          {"target": "two_year_recid", "time": "compas_screening_date", "group": "id"}, silent=True),
]  # fmt: skip
