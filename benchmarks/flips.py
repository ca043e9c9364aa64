"""Flip single bits of what pedseg keeps, and read it as the jobs do.

Run with `python -m benchmarks.flips --flips 1000` where pedseg is installed. Of every kind of file so many random bits
are flipped, one at a time. A flip is *detected* where reading refuses the file or falls back on an earlier one,
*without effect* where what is read is the same bit for bit, else *wrong*. Without effect are, of gzip, most of the
header and such bits as point from one run of equal bytes to another.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.demo import say
from benchmarks.kill_targets import plain
from benchmarks.kills import JOINTS, make_place, run_command
from pedseg.bundle import load_recipe
from pedseg.bundle.checkpoints import check_best
from pedseg.bundle.generations import Generations
from pedseg.bundle.prior import NOTE, load_prior, standing_note
from pedseg.errors import PedsegError
from pedseg.inference import load_model
from pedseg.inference.autoencoder import PRIOR, load_autoencoder
from pedseg.plan import load_plan
from pedseg.storage.cache import read_entry
from pedseg.storage.runs import PLAN, WEIGHTS
from pedseg.volumes.nifti import read_nifti
from pedseg.workspace import Workspace

CPU = torch.device("cpu")
DETECTED, NO_EFFECT, WRONG = "detected", "without effect", "wrong"


@dataclass(frozen=True)
class Kept:
    """A file that pedseg keeps.

    Args:
        kind: in words.
        path: of the file.
        read: what the jobs make of it, as something that can be compared.
        fallback: what they may take in its place.
    """

    kind: str
    path: Path
    read: Callable[[], Any]
    fallback: Any = None


def main(arguments: list[str] | None = None) -> int:
    """Make a trained workspace, flip, and say what came of it; exit code 1 where anything was read wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--flips", type=int, default=1000, metavar="N", help="of each kind of file")
    parser.add_argument("--seed", type=int, default=0, help="of the bits")
    parser.add_argument("-o", "--output", type=Path, help="write the figures here, as JSON")
    flags = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="pedseg_flips_") as folder:
        place = make_place(Path(folder) / "workspace")
        run_command("pedseg_preprocess", "-w", place.root, "-q")
        run_command("pedseg_train", "0", "-w", place.root, "-q", "--device", "cpu", "--no-test", "--epochs", "2")
        figures = {kind: dict(found) for kind, found in flip_all(place, flags.flips, seed=flags.seed)}
    if flags.output:
        flags.output.write_text(json.dumps({"seed": flags.seed, **figures}, indent=2) + "\n", "utf-8")
    return int(any(found.get(WRONG) for found in figures.values()))


def flip_all(place: Workspace, flips: int, *, seed: int = 0) -> Iterator[tuple[str, Counter[str]]]:
    """So many flips of each kind of file of a workspace with a trained fold 0, telling of each."""
    logging.getLogger("pedseg").setLevel(logging.ERROR)  # each fallback is a warning
    for kept in kinds(place):
        found = flip(kept, flips, random.Random(f"{seed} {kept.kind}"))
        told = "  ".join(f"{found[what]:5} {what}" for what in (DETECTED, NO_EFFECT, WRONG))
        say(f"{kept.kind:<32}{told}")
        yield kept.kind, found


def kinds(place: Workspace) -> Iterator[Kept]:
    """Checkpoints, weights, the slice cache and labels."""
    fold = place.fold("default", "main", "0")
    yield from checkpoints(Generations(fold), "newest checkpoint")
    domain = JOINTS[0]
    yield Kept("weights, models/model.pt", fold / WEIGHTS, lambda: weights(fold, domain))
    yield Kept("the same of a begun fold", fold / WEIGHTS, lambda: begun(fold))
    yield next(checkpoints(begun_prior(fold), "newest of an auto-encoder"))
    yield Kept("auto-encoder, models/prior.pt", fold / PRIOR, lambda: autoencoder(fold))
    yield Kept("the same of a begun fold", fold / PRIOR, lambda: begun_autoencoder(fold))
    yield Kept("its note, models/prior.json", fold / NOTE, lambda: begun_autoencoder(fold))
    cache = sorted(place.cache("default", domain).glob("*.json"))[0]
    for suffix in ("image.npy", "labels.npy", "json"):
        path = cache.with_name(f"{cache.stem}.{suffix}")
        yield Kept(f"slice cache, .{suffix}", path, lambda: entry(cache.parent, cache.stem))
    labels = sorted(place.raw(domain).glob("*/labels.nii.gz"))[0]
    yield Kept("labels.nii.gz", labels, lambda: nifti(labels))


def checkpoints(generations: Generations, kind: str) -> Iterator[Kept]:
    """The newest of two, which the other may stand in for, and its checksum."""
    states = {int(s["epoch"]): s for path in generations.paths for s in [torch.load(path, weights_only=True)]}
    former = "".join(plain(states[min(states)]))
    newest = generations.paths[max(states) % 2]

    def state() -> str:
        return "".join(plain(generations.newest()))

    yield Kept(kind, newest, state, former)
    yield Kept("its checksum", newest.with_suffix(".sha256"), state, former)


def begun_prior(fold: Path) -> Generations:
    """States of an auto-encoder's training, which go when it ends: its weights in those of the network's."""
    generations, weights = Generations(fold, "prior"), torch.load(fold / PRIOR, weights_only=True)
    for path in Generations(fold).paths:
        generations.save({**torch.load(path, weights_only=True), "network": weights, "optimizer": {}})
    return generations


def flip(kept: Kept, flips: int, draw: random.Random) -> Counter[str]:
    """Flip so many bits of one file, one at a time; it is whole again behind them."""
    whole, expected = kept.path.read_bytes(), kept.read()
    found: Counter[str] = Counter()
    try:
        for _ in range(flips):
            bit = draw.randrange(8 * len(whole))
            damaged = bytearray(whole)
            damaged[bit // 8] ^= 1 << bit % 8
            kept.path.write_bytes(damaged)
            found[outcome(kept, expected)] += 1
    finally:
        kept.path.write_bytes(whole)
    return found


def outcome(kept: Kept, expected: Any) -> str:
    """What reading comes to."""
    try:
        read = kept.read()
    except PedsegError:
        return DETECTED
    if read == expected:
        return NO_EFFECT
    return DETECTED if kept.fallback is not None and read == kept.fallback else WRONG


def weights(fold: Path, domain: str) -> str:
    """Of one domain's network, as prediction reads them."""
    return "".join(plain(load_model(fold).network(domain, CPU).state_dict()))


def begun(fold: Path) -> str:
    """Weights of the best epoch so far, as a training that goes on checks them."""
    state = Generations(fold).newest() or {}
    check_best(fold / WEIGHTS, str(state["best"]))
    return "".join(plain(torch.load(fold / WEIGHTS, weights_only=True)))


def autoencoder(fold: Path) -> str:
    """Of a finished fold, as prediction reads it."""
    network = load_autoencoder(fold, load_plan(fold / PLAN))
    return "".join(plain(network.state_dict() if network else {}))


def begun_autoencoder(fold: Path) -> str:
    """Of a fold in training: the note by which it is not trained again, and the weights that note vouches for."""
    return "".join(plain([standing_note(fold), load_prior(load_recipe(fold)).state_dict()]))


def entry(folder: Path, case: str) -> tuple[str, bytes, bytes]:
    """A cache entry, as training and preprocessing read it."""
    read = read_entry(folder, case, verify=True)
    return read.manifest.model_dump_json(), read.images.tobytes(), read.labels.tobytes()


def nifti(path: Path) -> tuple[bytes, bytes]:
    """Voxels and where they lie."""
    volume = read_nifti(path)
    return np.asarray(volume.array).tobytes(), volume.affine.tobytes()


if __name__ == "__main__":
    sys.exit(main())
