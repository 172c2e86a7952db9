"""Prepared crosses with a split of all of them, for analyses that ask where the nuisance is."""

import pandas as pd
from red_herring.data.prepare import prepare
from red_herring.data.sources import open_source
from red_herring.runtime.files import write_json


def prepared_crosses(folder, size=28, **settings) -> pd.DataFrame:
    """Makes the folder as `prepare_images` does. The rows of a split in another order than the images, all in `test`;
    label 1 is one cross, nuisance 1 the left side.
    """
    folder.mkdir()
    source = open_source("crosses", {"images_per_cell": 6, "seed": 0, **settings})
    index = source.index()
    prepare(source, index, size, 0.0, folder / "images.npy", folder / "masks.npy")
    index.to_csv(folder / "index.csv", index=False)
    about = {"size": size, "pixel_range": [0.0, 1.0], "nuisance": source.nuisance(size)}
    write_json(folder / "source.json", about)
    label, nuisance = (index["findings"] == "one cross").astype(int), (index["group"] == "left").astype(int)
    table = index.assign(source=folder.name, row=range(len(index)), label=label, nuisance=nuisance, split="test")
    return table.drop(columns=["group", "findings"]).sample(frac=1, random_state=1).reset_index(drop=True)
