# SPDX-License-Identifier: Apache-2.0
"""Reads the files that Rove writes, with h5py and numpy alone (layouts: docs/formats.md)."""
from .errors import RoveError
from .corpora import FingerprintIndex, Samples, Walks
from .delta import Delta
from .files import Embeddings, Graph, Lists, Model, NeighborSets, Partition, RoveFile
from .open_file import open_file
from .run import Run, open_run

__all__ = ["Delta", "Embeddings", "FingerprintIndex", "Graph", "Lists", "Model", "NeighborSets", "Partition", "RoveError",
           "RoveFile", "Run", "Samples", "Walks", "open_file", "open_run"]
