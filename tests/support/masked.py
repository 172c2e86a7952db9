"""A table of learned masks that is made by hand."""

import numpy as np
import pandas as pd
from red_herring.report.masks import REFERENCES
from red_herring.study.catalogue import analysis_card


def learned(methods=("classification", "actdiff"), seeds=(0, 1), few=(1, 10), draws=(1, 2), task="spc"):
    """learned_masks.csv: fixed, few examples in several draws, and all references. IoU and LE of fixed are 0.4 and 0.2,
    of few lower by 0.1 for one example; draws and seeds differ by 0.02 and 0.1.
    """
    rows = []

    def add(method, seed, arm, value, **own):
        scores = dict.fromkeys(analysis_card("learned_masks").columns, value) | {"le": 0.6 - value, "sm": -1 - value}
        known = {"reference": 0, "collapsed": 0, "kept_0": 1.0, "kept_1": 0.9, "examples": np.nan, "draw": np.nan}
        known |= {"examples_alone": 1.0}
        counts = {"images": 20, "nuisance_images": 40, "nuisance_change": 3 + seed, "logit_sd": 2.0}
        rows.append({"task": task, "method": method, "seed": seed, "arm": arm, **scores, **known, **counts, **own})

    for method in methods:
        for seed in seeds:
            add(method, seed, "fixed", 0.4 + seed / 10)
            for examples in few:
                for draw in draws:
                    value = 0.4 - 0.1 / examples + 0.02 * draw + seed / 10
                    name = f"few_examples={examples}_draw={draw}"
                    add(method, seed, name, value, examples=examples, draw=draw)
            for name in REFERENCES:
                add(method, seed, name, 0.1, reference=1, kept_0=np.nan, kept_1=np.nan, examples_alone=np.nan)
    return pd.DataFrame(rows)


def collapse(table, rows):
    """The table in which these rows are of maskers that collapsed, which keeps nothing but what is known of them."""
    known = ["task", "method", "seed", "arm", "reference", "collapsed", "kept_0", "kept_1", "examples", "draw"]
    known += ["examples_alone"]
    known += ["images", "mean_mask", "mean_mask_0", "mean_mask_1", "nuisance_images", "nuisance_change", "logit_sd"]
    found = table.copy()
    found.loc[rows, "collapsed"] = 1
    found.loc[rows, [column for column in table if column not in known]] = np.nan
    return found
