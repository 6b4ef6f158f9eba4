"""What a model has learned as two files, weights and a manifest, and these as text. No pickle."""

import base64
import hashlib
import io
import json
import tempfile
import zipfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

import numpy as np
from safetensors import torch as safetensors
from torch import Tensor

Model = TypeVar("Model")


def save(folder: Path, model: str, weights: dict[str, Tensor], manifest: dict) -> None:
    """Write the weights (safetensors) and a manifest (JSON) into a folder.

    Parameters
    ----------
    folder : Path
        Made if it is not there; what was saved in it is replaced.
    model : str
        What it is; in lower case, the name of both files.
    weights : dict of str to Tensor
        What was learned.
    manifest : dict
        What else is needed to read it; the model's name and the versions are added.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: values.cpu().contiguous() for name, values in weights.items()}
    safetensors.save_file(weights, folder / f"{model.lower()}.safetensors")
    versions = {name: version(name) for name in ("numpy", "safetensors", "torch")}
    manifest = {"model": model} | manifest | {"versions": versions}
    (folder / f"{model.lower()}.json").write_text(json.dumps(manifest, indent=2) + "\n")


def load(folder: Path, model: str) -> tuple[dict[str, Tensor], dict]:
    """Read what :func:`save` wrote.

    Parameters
    ----------
    folder : Path
        Where it is.
    model : str
        What it shall be.

    Returns
    -------
    tuple of dicts
        The weights, on the processor, and the manifest.

    Raises
    ------
    FileNotFoundError
        When one of the two files is not there.
    ValueError
        When the manifest is of another model.
    """
    file = Path(folder) / f"{model.lower()}.json"
    manifest = json.loads(file.read_text())
    if manifest.get("model") != model:
        raise ValueError(f"{file} is of no {model}: {manifest.get('model')!r}")
    # Read whole: a map of the file would read from disk later, when somebody waits for it.
    return safetensors.load(file.with_suffix(".safetensors").read_bytes()), manifest


def to_text(save: Callable[[Path], None]) -> str:
    """Write what would be saved into a folder as one zip, in base64.

    Parameters
    ----------
    save : callable
        Writes files into the folder that it is given.

    Returns
    -------
    str
        The same for the same files.
    """
    packed = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(packed, "w") as archive:
        save(Path(folder))
        for file in sorted(Path(folder).iterdir()):
            archive.writestr(zipfile.ZipInfo(file.name), file.read_bytes())
    return base64.b64encode(packed.getbuffer()).decode()


def from_text(text: str, load: Callable[[Path], Model]) -> Model:
    """Read what :func:`to_text` wrote.

    Parameters
    ----------
    text : str
        The zip, in base64.
    load : callable
        Reads the files from the folder that it is given.

    Returns
    -------
    Model
        What ``load`` gives.
    """
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(io.BytesIO(base64.b64decode(text))) as archive:
            archive.extractall(folder)
        return load(Path(folder))


def fingerprint(*arrays: np.ndarray) -> str:
    """Hash what a model was given to learn from: values, shapes and types.

    Examples
    --------
    >>> fingerprint(np.arange(3)) == fingerprint(np.arange(3))
    True
    >>> fingerprint(np.arange(3)) == fingerprint(np.arange(3), np.arange(0))
    False
    """
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.shape} {array.dtype}".encode())
        digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()
