"""The manifest: roles, names, versions, parents; what later versions may add, and what this one must refuse."""

from __future__ import annotations

import hashlib
import io
import json
import random
import zipfile

import pytest

from assay.bundle import layout
from assay.bundle.archive import MANIFEST, SIGNATURE, contents, from_lines, pack, seal, to_json, to_lines, unpack
from assay.bundle.model import Model
from assay.bundle.verify import verify
from assay.bundle.write import build, renamed
from assay.core.errors import BundleError, InputError, SettingsError
from tests.bundle.conftest import RECIPE, Case


def reformed(data, change):
    """The bundle with another manifest, which its entries still fit."""
    entries = contents(data)
    manifest = json.loads(entries[MANIFEST])
    change(manifest)
    return seal(entries | {MANIFEST: to_json(manifest)})


def test_what_a_bundle_says_of_itself(binary, model):
    assert (model.name, model.version, model.manifest["parents"]) == ("model", "0.1.0", [])
    roles = {path: entry["role"] for path, entry in model.manifest["files"].items()}
    assert roles == layout.ROLES
    child = build(binary.assembly, RECIPE, name="late", version="1.2.0-rc.1", parents=[model.digest])
    assert (child.name, child.version, child.manifest["parents"]) == ("late", "1.2.0-rc.1", [model.digest])
    assert (
        child.openapi["info"]["version"] == "1.2.0-rc.1" and "# late 1.2.0-rc.1" in child._files[layout.CARD].decode()
    )


def test_same_arguments_same_bytes(binary, model):
    assert binary.build().to_bytes() == model.to_bytes()


@pytest.mark.parametrize("name", ["", "-a", "a b", "a/b", "a@b", "ä", "x" * 101, "."])
def test_names_that_are_none(name, binary):
    with pytest.raises(SettingsError, match="name"):
        build(binary.assembly, RECIPE, name=name)
    with pytest.raises(BundleError, match="name"):
        pack({}, {"name": name})


@pytest.mark.parametrize(
    "version", ["", "1", "1.2", "v1.2.3", "01.2.3", "1.2.3-", "1.2.3+", "1.2.3-01", "1.2.٣", "1.2.3\n"]
)
def test_versions_that_are_none(version, binary):
    with pytest.raises(SettingsError, match="version"):
        build(binary.assembly, RECIPE, version=version)
    with pytest.raises(BundleError, match="version"):
        pack({}, {"version": version})


@pytest.mark.parametrize("version", ["0.0.0", "1.2.3", "1.2.3-rc.1", "10.20.30-a-b.0+build.5"])
def test_versions(version):
    assert layout.versioned(version) == version


def test_a_later_version_may_add_files_and_keys(model):
    """Forward compatibility: files of unknown roles are checked against their digests and then ignored."""
    manifest, files = unpack(model.to_bytes())
    about = {k: v for k, v in manifest.items() if k not in ("format", "files")}
    added = files | {"fairness.json": b"not even JSON", "model/alt/half.onnx": b"unread"}
    later = pack(added, about | {"licence": {"spdx": "MIT"}}, roles={"fairness.json": "fairness"})
    later = reformed(later, lambda m: m["files"]["fairness.json"].update(media_type="application/json"))
    again = Model.load(later)
    assert again.golden_difference == 0.0 and again.manifest["licence"] == {"spdx": "MIT"}
    assert again.manifest["files"]["fairness.json"]["role"] == "fairness"
    assert again.manifest["files"]["model/alt/half.onnx"]["role"] == "variant"
    bad = contents(later) | {"fairness.json": b"changed"}
    with pytest.raises(BundleError, match=r"'fairness\.json' is not the file"):
        Model.load(seal(bad))


def test_what_a_later_version_may_leave_out(model):
    manifest, files = unpack(model.to_bytes())
    about = {k: v for k, v in manifest.items() if k not in ("format", "files")}
    bare = Model.load(pack({path: files[path] for path in layout.NEEDED}, about))
    assert bare.dossier == bare.lineage == bare.parity == bare.openapi == {}
    assert bare.predict([dict.fromkeys(bare.columns)]).shape == (1,)


@pytest.mark.parametrize("change, match", [
    (lambda m: m.update(format="assay-bundle-2"), "assay-bundle-2.*take the version"),
    (lambda m: m.update(format=None), "None"),
    (lambda m: m.pop("format"), "None"),
    (lambda m: m.pop("name"), "must have a name"),
    (lambda m: m.update(name="../x"), "must have a name"),
    (lambda m: m.pop("version"), "must have a version"),
    (lambda m: m.update(version=1.0), "must have a version"),
    (lambda m: m.update(parents=["../x"]), "parents"),
    (lambda m: m.update(parents={}), "parents"),
    (lambda m: m.update(files=[]), "lists no files"),
    (lambda m: m["files"]["schema.json"].pop("role"), "role"),
    (lambda m: m["files"].update({"schema.json": "x"}), "role"),
    (lambda m: m["files"]["schema.json"].update(role="model"), "belongs elsewhere"),
    (lambda m: m["files"]["schema.json"].update(role="something new"), "belongs elsewhere"),
    (lambda m: m["files"]["schema.json"].update(size="x"), "not the file"),
    (lambda m: m["files"]["schema.json"].pop("sha256"), "not the file"),
    (lambda m: m["files"].update({"x.bin": {"role": "schema", "sha256": "", "size": 0}}), "belongs elsewhere"),
    (lambda m: m["files"].update({"manifest.json": {"role": "x", "sha256": "", "size": 0}}), "belongs elsewhere"),
    (lambda m: m["files"].update({"signature.json": {"role": "x", "sha256": "", "size": 0}}), "belongs elsewhere"),
])  # fmt: skip
def test_manifests_that_are_refused(model, change, match):
    with pytest.raises(BundleError, match=match) as caught:
        Model.load(reformed(model.to_bytes(), change))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


@pytest.mark.parametrize("path", ["run.py", "a/lib.SO", "model.pkl", "x.joblib", "setup.sh", "w.pt", "a.exe"])
def test_nothing_that_runs(path):
    with pytest.raises(BundleError, match="nothing that runs"):
        pack({path: b""}, {})
    listed = {path: {"role": "x", "sha256": hashlib.sha256(b"").hexdigest(), "size": 0}}
    manifest = {"format": layout.FORMAT, "name": "m", "version": "1.0.0", "files": listed}
    with pytest.raises(BundleError, match="nothing that runs"):
        unpack(seal({MANIFEST: to_json(manifest), path: b""}))


def test_a_swapped_graph(model):
    """Another graph under a manifest that fits it: the golden rows tell, and so would a signature."""
    from assay.bundle.verify import verify

    other = Case("binary", "linear").build()
    manifest, files = unpack(model.to_bytes())
    about = {k: v for k, v in manifest.items() if k not in ("format", "files")}
    swapped = pack(files | {layout.GRAPH: other._files[layout.GRAPH]}, about)
    with pytest.raises(BundleError, match=r"golden rows|inputs and outputs"):
        Model.load(swapped)
    assert not verify(swapped).whole


def test_a_file_that_was_added_removed_or_packed_anew(model):
    data = model.to_bytes()
    out = io.BytesIO(data)
    with zipfile.ZipFile(out, "a") as z:
        z.writestr("more.json", b"{}")
    with pytest.raises(BundleError):
        Model.load(out.getvalue())
    with pytest.raises(BundleError, match=r"'more\.json', which its manifest does not list"):
        Model.load(seal(contents(data) | {"more.json": b"{}"}))
    with pytest.raises(BundleError, match=r"lacks 'dossier\.json', which its manifest lists"):
        Model.load(seal({k: v for k, v in contents(data).items() if k != "dossier.json"}))
    again = io.BytesIO()
    with zipfile.ZipFile(again, "w", zipfile.ZIP_DEFLATED) as z:
        for path, content in contents(data).items():
            z.writestr(path, content)
    with pytest.raises(BundleError, match=r"packed anew|link or special"):
        Model.load(again.getvalue())


def test_a_broken_signature_does_not_stop_a_load_but_a_verification(model):
    data = seal(contents(model.to_bytes()) | {SIGNATURE: b"{}"})
    assert Model.load(data).digest != model.digest
    assert not verify(data).whole


def test_any_changed_byte_of_a_model_is_found(model):
    data = model.to_bytes()
    for at in range(7, len(data), max(1, len(data) // 60)):
        bad = bytearray(data)
        bad[at] ^= 0x55
        try:
            got = unpack(bytes(bad))
        except BundleError as error:
            assert "\n" not in str(error)
            continue
        assert got == unpack(data), at


def test_the_same_model_under_another_name(model):
    manifest, files = unpack(model.to_bytes())
    about = {k: v for k, v in manifest.items() if k not in ("format", "files")}
    more = Model(pack(files | {"x.json": b"{}"}, about, {"x.json": "later"}))
    assert renamed(more, name="y").manifest["files"]["x.json"]["role"] == "later"
    late = renamed(model, name="late", version="2.0.0", parents=[model.digest])
    assert (late.name, late.version, late.manifest["parents"]) == ("late", "2.0.0", [model.digest])
    assert late._files[layout.GRAPH] == model._files[layout.GRAPH] and late.openapi["info"]["title"] == "late"
    assert late._files[layout.CARD].startswith(b"# late 2.0.0\n")
    assert renamed(late, name="model", version="0.1.0", parents=[]).to_bytes() == model.to_bytes()
    for bad in ({"name": "a b"}, {"version": "two"}):
        with pytest.raises(SettingsError):
            renamed(model, **bad)


ODD = (None, True, 0, -1, 1e308, "", [], {}, "x" * 50, [[]], {"a": {}}, 3.5, "model", ["a"], [1, 2], "\ue000")


def places(doc, at=()):
    """Every place in a document, as keys and indices."""
    inner = doc.items() if isinstance(doc, dict) else enumerate(doc) if isinstance(doc, list) else ()
    for key, value in inner:
        yield (*at, key)
        yield from places(value, (*at, key))


def test_documents_that_are_wrong_anywhere(model):
    """One value is dropped or replaced, under digests that fit: the bundle is refused in one sentence, or predicts."""
    rng, refused = random.Random(0), 0
    manifest, files = unpack(model.to_bytes())
    about = {k: v for k, v in manifest.items() if k not in ("format", "files")}
    for path in rng.choices(["schema.json", layout.ROWS, layout.EXPECTED], [4, 1, 1], k=30):
        lines = path.endswith("l")
        doc = from_lines(files[path], path) if lines else json.loads(files[path])
        *before, last = rng.choice(list(places(doc)))
        inside = doc
        for step in before:
            inside = inside[step]
        if rng.random() < 0.3:
            del inside[last]
        else:
            inside[last] = rng.choice(ODD)
        data = pack(files | {path: to_lines(doc) if lines else to_json(doc)}, about)
        assert len(verify(data).checks) == 7
        try:
            loaded = Model.load(data)
            loaded.predict([dict.fromkeys(loaded.columns)])
        except (BundleError, InputError) as error:
            refused += 1
            assert "\n" not in str(error)
    assert 5 <= refused <= 27
