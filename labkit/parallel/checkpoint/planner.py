"""How torch.distributed.checkpoint (DCP) learns of pieces: a plan of what is written, and one of what is read.

DCP's own classes for sharded tensors cut along a dimension, as DTensor does. ZeRO cuts a flat vector at any element, so
the two planners here say themselves which elements a rank holds; the resharding, that is which bytes of which file
hold a part of them, is DCP's.
"""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.distributed.checkpoint import DefaultLoadPlanner, DefaultSavePlanner, LoadPlan, SavePlan
from torch.distributed.checkpoint.metadata import ChunkStorageMetadata, MetadataIndex, TensorProperties
from torch.distributed.checkpoint.planner import TensorWriteData, WriteItem, WriteItemType
from torch.distributed.checkpoint.planner_helpers import create_read_items_for_chunk_list

from labkit.parallel.checkpoint.pieces import Piece


class SavePieces(DefaultSavePlanner):
    """Each rank writes its pieces. Of those that several ranks hold alike, DCP lets one rank write."""

    def __init__(self, pieces: Mapping[str, Piece]):
        super().__init__(flatten_state_dict=False)
        self.pieces = pieces

    def create_local_plan(self) -> SavePlan:
        """What this rank could write; the coordinator then takes out what is there twice."""
        self.plan = SavePlan([_write(name, piece) for name, piece in _not_empty(self.pieces)])
        return self.plan

    def lookup_object(self, index: MetadataIndex) -> Tensor:
        """The values to write for an item of the plan."""
        return self.pieces[index.fqn].values


class LoadPieces(DefaultLoadPlanner):
    """Each rank reads what overlaps with its pieces, wherever the ranks that saved had cut."""

    def __init__(self, pieces: Mapping[str, Piece]):
        super().__init__(flatten_state_dict=False)
        self.pieces = pieces

    def create_local_plan(self) -> LoadPlan:
        """Which parts of which files this rank reads."""
        saved = self.metadata.state_dict_metadata
        reads = [
            create_read_items_for_chunk_list(name, saved[name], [_chunk(piece)])
            for name, piece in _not_empty(self.pieces)
        ]
        return LoadPlan([item for items in reads for item in items])

    def lookup_tensor(self, index: MetadataIndex) -> Tensor:
        """The tensor to fill for an item of the plan."""
        return self.pieces[index.fqn].values


def _not_empty(pieces: Mapping[str, Piece]) -> list[tuple[str, Piece]]:
    return [(name, piece) for name, piece in pieces.items() if piece.values.numel()]


def _write(name: str, piece: Piece) -> WriteItem:
    properties = TensorProperties.create_from_tensor(piece.values)
    data = TensorWriteData(_chunk(piece), properties, torch.Size([piece.length]))
    return WriteItem(MetadataIndex(name, torch.Size([piece.start])), WriteItemType.SHARD, tensor_data=data)


def _chunk(piece: Piece) -> ChunkStorageMetadata:
    return ChunkStorageMetadata(torch.Size([piece.start]), torch.Size([piece.values.numel()]))
