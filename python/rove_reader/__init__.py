# SPDX-License-Identifier: Apache-2.0
"""Reads the files that Rove writes, with h5py and numpy alone (layouts: docs/formats.md)."""
from .errors import RoveError
from .files import Embeddings, Graph, Lists, Model, NeighborSets, Partition, RoveFile, open_file
from .run import Run, open_run

__all__ = ["Embeddings", "Graph", "Lists", "Model", "NeighborSets", "Partition", "RoveError", "RoveFile", "Run",
           "open_file", "open_run"]
