"""Makes the fuzzer's seeds: `python tests/fuzz/make_corpus.py`. One small valid file of every kind that pedseg reads.

What the fuzzer found and a person kept lies beside them in `corpus/found` and is not made here.
"""

from __future__ import annotations

import gzip
import json
import shutil
import sys
import zipfile
from copy import deepcopy
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import SimpleITK as sitk  # noqa: N813
import torch
from pydicom.dataset import Dataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    EnhancedMRImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / folder) for folder in ("dicom", "tiny")]

from mr_series import Grid, image, save, uid  # noqa: E402
from segs import write_seg  # noqa: E402

from pedseg.domains import load_domains  # noqa: E402
from pedseg.plan import DomainPlan, Fold, Plan, save_plan  # noqa: E402
from pedseg.plan.files import embed_plan  # noqa: E402
from pedseg.workspace import PlanFiles, file_digest  # noqa: E402

CORPUS = Path(__file__).with_name("corpus")
GRID = Grid(rows=36, columns=32, n=6)
PLACE = 2
"""Of the slice that is changed; the others stay."""
PLAIN = {
    "explicit": ExplicitVRLittleEndian,
    "implicit": ImplicitVRLittleEndian,
    "big_endian": ExplicitVRBigEndian,
    "deflated": DeflatedExplicitVRLittleEndian,
}
PACKED = {"rle": RLELossless, "jpeg2000": JPEG2000Lossless, "jpeg_ls": JPEGLSLossless}


def main() -> None:
    """Write all of them."""
    for name in ("dicom", "images", "texts", "packed"):
        shutil.rmtree(CORPUS / name, ignore_errors=True)
    make_dicom(CORPUS / "dicom")
    make_images(CORPUS / "images")
    make_texts(CORPUS / "texts")
    make_packed(CORPUS / "packed")


def make_dicom(folder: Path) -> None:
    """The slices of one series, one of them in every transfer syntax; whole volumes; segmentations."""
    for name in ("series", "slice", "whole", "seg"):
        (folder / name).mkdir(parents=True)
    for k in range(GRID.n):
        save(image(GRID, k), folder / "series" / f"im{k + 1}.dcm")
    for name, syntax in PLAIN.items():
        save(image(GRID, PLACE, RescaleSlope="1", RescaleIntercept="0"), folder / "slice" / f"{name}.dcm", syntax)
    for name, syntax in PACKED.items():
        pack(image(GRID, PLACE), folder / "slice" / f"{name}.dcm", syntax)
    save(enhanced(), folder / "whole" / "enhanced.dcm")
    pack(enhanced(), folder / "whole" / "enhanced_rle.dcm", RLELossless)
    labels = np.zeros((GRID.columns, GRID.rows, GRID.n), np.uint8)
    labels[2:5, 2:7, 1:3], labels[5:7, 3:6, 2:5] = 1, 2
    for kind in ("BINARY", "LABELMAP", "FRACTIONAL"):
        stored = labels.clip(max=1) if kind == "FRACTIONAL" else labels
        names = ("femur_distal", "tibia_proximal")[: int(stored.max())]
        write_seg(folder / "seg" / f"{kind.lower()}.dcm", folder / "series", stored, kind=kind, names=names)


def pack(ds: Dataset, path: Path, syntax: UID) -> None:
    """Write a file with compressed pixels."""
    save(ds, path)
    ds.compress(syntax, generate_instance_uid=False)
    ds.save_as(path, enforce_file_format=True)


def enhanced() -> Dataset:
    """The series as one Enhanced MR file."""
    ds = image(GRID, 0, SOPClassUID=EnhancedMRImageStorage, SOPInstanceUID=uid("fuzz", "enhanced"))
    source = deepcopy(ds)
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "EchoTime", "EchoNumbers"):
        delattr(ds, keyword)
    ds.NumberOfFrames = GRID.n
    ds.SharedFunctionalGroupsSequence = [
        item(
            PixelMeasuresSequence=[item(PixelSpacing=source.PixelSpacing, SliceThickness="0.8")],
            PlaneOrientationSequence=[item(ImageOrientationPatient=source.ImageOrientationPatient)],
            MRImageFrameTypeSequence=[item(FrameType=["ORIGINAL", "PRIMARY", "M", "NONE"])],
        )
    ]
    ds.PerFrameFunctionalGroupsSequence = [
        item(
            FrameContentSequence=[item(StackID="1", InStackPositionNumber=k + 1, DimensionIndexValues=[1, k + 1])],
            PlanePositionSequence=[item(ImagePositionPatient=image(GRID, k).ImagePositionPatient)],
            MREchoSequence=[item(EffectiveEchoTime=4.4)],
            PixelValueTransformationSequence=[item(RescaleSlope="1", RescaleIntercept="0", RescaleType="US")],
        )
        for k in range(GRID.n)
    ]
    pointers = (0x00209056, 0x00209057)
    ds.DimensionIndexSequence = [item(DimensionIndexPointer=p, FunctionalGroupPointer=0x00209111) for p in pointers]
    ds.PixelData = b"".join(GRID.plane(k).astype("<u2").tobytes() for k in range(GRID.n))
    return ds


def item(**tags: object) -> Dataset:
    """An item of a sequence."""
    ds = Dataset()
    for key, value in tags.items():
        setattr(ds, key, value)
    return ds


def make_images(folder: Path) -> None:
    """NIfTI-1 and -2, scaled and not, compressed and not; NRRD and MHA."""
    folder.mkdir(parents=True)
    array = np.stack([GRID.plane(k).T for k in range(GRID.n)], axis=-1)
    for kind, made in (("one", nib.Nifti1Image), ("two", nib.Nifti2Image)):
        nifti = made(array.astype(np.int16), GRID.ras)
        nifti.set_qform(GRID.ras, 1)
        nifti.header.set_xyzt_units("mm")
        nifti.header["descrip"] = b"ZZPHI description"
        write_packed(nifti.to_bytes(), folder / f"{kind}.nii")
    scaled = nib.Nifti1Image(array.astype(np.float32), None)
    scaled.header["scl_slope"], scaled.header["scl_inter"], scaled.header["pixdim"][1:4] = 0.5, -3.0, (0.3, 0.4, 0.5)
    scaled.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"ZZPHI"))
    write_packed(scaled.to_bytes(), folder / "scaled.nii")
    volume = sitk.GetImageFromArray(array.astype(np.int16).transpose(2, 1, 0))
    volume.SetSpacing((0.25, 0.3, 0.8))
    for ending in ("nrrd", "mha"):
        sitk.WriteImage(volume, str(folder / f"plain.{ending}"), useCompression=False)
        sitk.WriteImage(volume, str(folder / f"packed.{ending}"), useCompression=True)


def write_packed(data: bytes, path: Path) -> None:
    """The bytes, and the same in gzip."""
    path.write_bytes(data)
    path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(data, 9, mtime=0))


def make_texts(folder: Path) -> None:
    """Plans, domains and what users say of their exams."""
    folder.mkdir(parents=True)
    domains = load_domains(["ankle", "knee"])
    cases = {f"{i}": f"patient{i}" for i in range(3)}
    parts = [DomainPlan(domain=d, plane="sagittal", spacing_mm=0.5, cases=cases, why={"x": "y"}) for d in domains]
    fold = Fold(train={d.name: ("0", "1") for d in domains}, test={d.name: ("2",) for d in domains})
    plan = Plan(domains=tuple(parts), folds=(fold,), why={"network": "as asked"})
    embed_plan(plan, folder / "plan.json")
    save_plan(plan, PlanFiles(folder / "split"))
    knee = {"name": "wrist", "body_part": ["WRIST"], "structures": [{"name": "radius", "color": "#aabb00"}]}
    write_json(folder / "domain.json", knee)
    write_json(folder / "case.json", {"patient": "A", "side": "left", "series": 2, "echo": 1, "phase": None, "x": 1})
    write_json(folder / "dataset.json", {"labels": {"background": 0, "calcaneus": 1, "talus": 2, "tibia_distal": 3}})
    files = {"configs/plan.json": file_digest(folder / "plan.json"), "models/model.pt": "0" * 64}
    write_json(folder / "run.json", {"plan": plan.digest, "files": files})
    (folder / "domain.yaml").write_text("name: wrist\nbody_part: [WRIST]\nstructures:\n- {name: a, color: '#aabb00'}\n")
    (folder / "scores.csv").write_text("exam,domain,structure,metric,value,unit\n0,knee,femur,dice,0.91,fraction\n")


def make_packed(folder: Path) -> None:
    """An exam and a model in zips, and weights as torch writes them, which are a zip too."""
    folder.mkdir(parents=True)
    inside = {"exam": ("dicom/series/im1.dcm", "dicom/series/im2.dcm"), "model": ("texts/plan.json", "texts/run.json")}
    for name, members in inside.items():
        with zipfile.ZipFile(folder / f"{name}.zip", "w") as archive:
            for member in members:
                info = zipfile.ZipInfo(f"{name}/{Path(member).name}")  # of no date
                info.external_attr = 0o100644 << 16
                archive.writestr(info, (CORPUS / member).read_bytes(), zipfile.ZIP_DEFLATED)
    draw = torch.Generator().manual_seed(0)
    weights = {f"encoder.{k}.weight": torch.randn(4, 2, generator=draw) for k in range(3)}
    torch.save({"network": weights, "epoch": 3, "history": [{"loss": 0.5}]}, folder / "model.pt")


def write_json(path: Path, value: Any) -> None:
    """Readable JSON."""
    path.write_text(json.dumps(value, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
