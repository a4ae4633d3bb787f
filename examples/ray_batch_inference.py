#!/usr/bin/env python3
"""Scores many examples with a SavedModel on the actors of Ray Data: each actor loads the model once, and Ray hands it batches.

  ray_batch_inference.py MODEL EXAMPLES.npy OUTPUTS.npz [--actors 2] [--cpus-per-actor 1] [--batch-size 16]

EXAMPLES.npy: examples of the model's only input, stacked. OUTPUTS.npz: each output, in the examples' order. Needs ray[data].
"""
import argparse

import numpy as np
import ray
import tftrt


class Scorer:
    """What an actor holds. Batches of fewer examples than an engine was built for are served by it too."""

    def __init__(self, directory: str, threads: int):
        self.signature = tftrt.load(directory, threads=threads).default_signature
        self.signature.prepare()

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {"index": batch["index"], **self.signature(batch["example"])}


def score(directory: str, examples: np.ndarray, actors: int, cpus_per_actor: int, batch_size: int) -> dict[str, np.ndarray]:
    """The outputs of all examples, by name."""
    rows = ray.data.from_items([{"index": i, "example": example} for i, example in enumerate(examples)])
    scored = rows.map_batches(
        Scorer,
        fn_constructor_args=(directory, cpus_per_actor),
        batch_size=batch_size,
        concurrency=actors,
        num_cpus=cpus_per_actor,
    )
    batches = list(scored.iter_batches(batch_size=batch_size))  # in the order in which they were finished
    columns = {name: np.concatenate([b[name] for b in batches]) for name in batches[0]}
    order = np.argsort(columns.pop("index"))
    return {name: column[order] for name, column in columns.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("examples")
    parser.add_argument("outputs")
    parser.add_argument("--actors", type=int, default=2)
    parser.add_argument("--cpus-per-actor", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=16)
    a = parser.parse_args()
    ray.init(include_dashboard=False)
    np.savez(a.outputs, **score(a.model, np.load(a.examples), a.actors, a.cpus_per_actor, a.batch_size))
