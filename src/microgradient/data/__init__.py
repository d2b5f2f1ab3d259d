"""Data sets, loaders that make batches of them, and those for the recipes; CSV files."""

from . import transforms
from .bigram import bigram_loss
from .collate import default_collate, default_convert
from .dataset import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)
from .datasets import load_digits, load_names, load_text, make_moons
from .loader import DataLoader
from .samplers import (
    BatchSampler,
    DistributedSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from .split import split
from .table import Table, read_table
from .workers import get_worker_info

__all__ = [
    "BatchSampler",
    "ChainDataset",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "DistributedSampler",
    "IterableDataset",
]
__all__ += ["RandomSampler", "Sampler", "SequentialSampler", "StackDataset", "Subset", "SubsetRandomSampler", "Table"]
__all__ += [
    "TensorDataset",
    "WeightedRandomSampler",
    "bigram_loss",
    "default_collate",
    "default_convert",
    "get_worker_info",
]
__all__ += ["load_digits", "load_names", "load_text", "make_moons", "random_split", "read_table", "split", "transforms"]
