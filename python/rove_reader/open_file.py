# SPDX-License-Identifier: Apache-2.0
"""Which class reads which format."""
from .corpora import FingerprintIndex, Samples, Walks
from .delta import Delta
from .files import Embeddings, Graph, Model, NeighborSets, Partition, RoveFile

CLASSES = {"rove/graph": Graph, "rove/embeddings": Embeddings, "rove/ppr": NeighborSets,
           "rove/recommendations": NeighborSets, "rove/partition": Partition, "rove/model": Model, "rove/walks": Walks,
           "rove/samples": Samples, "rove/index": FingerprintIndex, "rove/delta": Delta}


def open_file(path):
    """Opens a file as the class of its format."""
    with RoveFile(path) as file:
        kind = CLASSES.get(file.format, RoveFile)
    return kind(path)
