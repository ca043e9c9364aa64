"""What one fold makes of slices, as pictures with their captions and a table (B, sections 3.4 and 3.5)."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pedseg.report.page import Block, Picture, TableBlock, Text
from pedseg.report.tables import Cell, Table
from pedseg.storage.runs import run_plan
from pedseg.workspace import Workspace, write_bytes
from pedseg_evaluate.sources import Source

if TYPE_CHECKING:
    import torch

    from pedseg.evaluation.representation import CosineTable
    from pedseg.inference.representations import Representations, Scales


log = logging.getLogger("pedseg.evaluate")


@dataclass(frozen=True)
class RepresentationPicture:
    """One picture.

    Args:
        name: of its file, without the ending.
        title: what it shows.
        caption: how to read it.
        png: its bytes.
    """

    name: str
    title: str
    caption: str
    png: bytes


@dataclass(frozen=True)
class RepresentationPictures:
    """Everything to show of one fold.

    Args:
        pictures: in the order to show them.
        tables: of cosines.
        notes: what a reader should know: what was drawn, and what there is not and why.
    """

    pictures: tuple[RepresentationPicture, ...]
    tables: tuple[Table, ...]
    notes: tuple[str, ...]


def representation_pictures(
    fold: Path, workspace: Workspace, *, slices: int | None = None, seed: int = 0, device: torch.device | None = None
) -> RepresentationPictures:
    """Run a fold over its validation and training slices and draw what it makes of them.

    Args:
        fold: a finished fold of a run.
        workspace: its slice cache holds the exams.
        slices: of each domain at most; None is `pedseg.inference.representations.SLICES`.
        seed: of what is drawn, and of t-SNE.
        device: where the networks run; None is the CPU.

    Raises:
        ModelError, InputError: the fold is not whole, or the cache not its plan's.
    """
    from pedseg.inference import load_model
    from pedseg.inference.representations import SLICES, represent

    model = load_model(fold)
    cache = workspace.cache(model.plan.name, model.plan.domain_names[0]).parent
    found = represent(model, cache, slices=slices or SLICES, seed=seed, device=device)
    notes = list(found.notes)
    pictures, tables = [], []
    for of, scales in (("slices", found.slices), ("masks", found.masks)):
        drawn, table = _of_scales(of, scales, _titles(found), seed=seed, notes=notes)
        pictures += drawn
        tables += table
    return RepresentationPictures((*pictures, *_of_examples(found)), tuple(tables), tuple(notes))


def representation_blocks(source: Source, folder: Path, *, seed: int) -> list[Block]:
    """The first finished fold of a run as blocks of the page, its pictures as files too.

    Args:
        source: a run, with the workspace that holds its slice cache.
        folder: gets a PNG a picture.
        seed: of what is drawn.

    Raises:
        ModelError, InputError: the fold is not whole, or the cache not its plan's.
    """
    if source.run is None:
        return []
    _, finished = run_plan(source.run)
    fold = source.run / f"fold_{finished[0]}"
    log.info("representations of %s, %s: about a minute", source.name, fold.name)
    found = representation_pictures(fold, source.home or Workspace(source.run.parents[2]), seed=seed)
    folder.mkdir(parents=True, exist_ok=True)
    blocks: list[Block] = [Text(f"{source.name}, {fold.name.replace('_', ' ')}.", "lead")]
    for picture in found.pictures:
        write_bytes(folder / f"{picture.name}.png", picture.png)
        blocks.append(Picture(picture.png, picture.title, f"{picture.title}. {picture.caption}"))
    blocks += [TableBlock(table) for table in found.tables]
    return [*blocks, *(Text(note, "note") for note in found.notes)]


def _table(title: str, columns: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> Table:
    return Table(title, columns, tuple(tuple(Cell(text) for text in row) for row in rows))


def _of_scales(
    of: str, scales: Scales, names: list[str], *, seed: int, notes: list[str]
) -> tuple[list[RepresentationPicture], list[Table]]:
    """t-SNE and cosines of the embeddings of slices or of masks."""
    from pedseg.evaluation.representation import cosine_table, separation, settings_for, tsne
    from pedseg.report.representations import Scatter, cosine_figure, cosine_rows, scatter_figure

    if not scales:
        return [], []
    sizes = [len(points) for points in scales[0]]
    if min(sizes) < 2 or sum(sizes) < 4:
        notes.append(f"Too few {of} to compare: {', '.join(map(str, sizes))}; two a domain and four in all are needed.")
        return [], []
    network = "the network" if of == "slices" else "the auto-encoder"
    perplexity, rate = settings_for(sum(sizes))
    panels = [
        Scatter(_panel_title(s, points[0].shape[1], separation(points)), tsne(points, seed=seed))
        for s, points in enumerate(scales, start=1)
    ]
    cosines: list[CosineTable] = [cosine_table(points, seed=seed) for points in scales]
    labels = [f"s{s} (d = {points[0].shape[1]})" for s, points in enumerate(scales, start=1)]
    title = f"Cosine similarity of {of} at the scales of {network}, mean ± std of random pairs"
    first = RepresentationPicture(
        f"tsne_{of}", f"t-SNE of {of} at the scales of {network}",
        f"A point is one of {sum(sizes)} {of}; scales run from the first stage of the encoder to the last of the "
        f"decoder. Perplexity {perplexity:.3g}, learning rate {rate:.3g}. Neighbours mean something, distances and "
        "axes do not. The silhouette is of the embeddings themselves: 1 domains apart, 0 mixed.",
        scatter_figure(panels, names),
    )  # fmt: skip
    second = RepresentationPicture(
        f"cosine_{of}", f"Cosine similarity of {of} within and between domains",
        "Mean and standard deviation of 100000 random pairs a cell. Domains told apart are near 1 on the diagonal and "
        "low beside it.",
        cosine_figure(labels, cosines, names),
    )  # fmt: skip
    return [first, second], [_table(title, *cosine_rows(labels, cosines, names))]


def _of_examples(found: Representations) -> list[RepresentationPicture]:
    """Attention, masks given back, and where masks lie in the latent space."""
    from pedseg.report.representations import attention_figure, reconstruction_figure

    pictures = []
    if found.attention:
        caption = "Coefficients of the attention gate of the highest resolution over the slice: blue 0, red 1."
        picture = attention_figure(found.attention)
        pictures.append(RepresentationPicture("attention", "Where the network looks", caption, picture))
    if found.reconstructions:
        caption = "Reference masks, and the same after the auto-encoder: what it gives back it has learned as a shape."
        name = "Masks and what the auto-encoder gives back"
        picture = reconstruction_figure(found.reconstructions)
        pictures.append(RepresentationPicture("reconstruction", name, caption, picture))
    return [*pictures, *_latent(found)]


def _latent(found: Representations) -> list[RepresentationPicture]:
    from pedseg.evaluation.representation import principal_components
    from pedseg.report.representations import Scatter, latent_figure

    titles = _titles(found)
    if not found.codes or min(map(len, found.codes)) < 2:
        return []
    comparable = found.one_space and len(titles) > 1
    together = Scatter("All domains", principal_components(found.codes)) if comparable else None
    apart = [
        Scatter(f"{title} alone", principal_components([codes]))
        for title, codes in zip(titles, found.codes, strict=True)
    ]
    caption = (
        "Codes of masks, averaged over space, along their first two principal components"
        f"{'; those of all domains are told apart by colour' if together else ''}."
    )
    picture = latent_figure(together, apart, titles, found.bone_share)
    return [RepresentationPicture("latent", "Masks in the latent space of the auto-encoder", caption, picture)]


def _titles(found: Representations) -> list[str]:
    return [domain.title or domain.name for domain in found.domains]


def _panel_title(scale: int, width: int, silhouette: float) -> str:
    apart = f", silhouette {silhouette:.2f}" if silhouette == silhouette else ""  # noqa: PLR0124
    return f"s{scale} (d = {width}{apart})"
