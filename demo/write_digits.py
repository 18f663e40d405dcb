"""Write the handwritten digits that ship with scikit-learn as the Lance table `digits`.

    python demo/write_digits.py DATABASE

1797 images of 8 × 8 pixels. Columns: ``image`` (64 × float32, 0 to 1), ``label`` (int64, 0 to 9),
``split_key`` (int64, the number of the image).
"""

import sys

import lance
import numpy as np
import pyarrow as pa
from sklearn.datasets import load_digits


def main() -> None:
    """Write the table, in three fragments, in place of an older one."""
    (database,) = sys.argv[1:]
    digits = load_digits()
    pixels = (digits.images / 16).astype(np.float32).reshape(-1)
    table = pa.table(
        {
            "image": pa.FixedSizeListArray.from_arrays(pixels, 64),
            "label": digits.target.astype(np.int64),
            "split_key": np.arange(len(digits.target)),
        }
    )
    lance.write_dataset(table, f"{database}/digits.lance", mode="overwrite", max_rows_per_file=600)


if __name__ == "__main__":
    main()
