"""Fields of structs by their paths, in scans, takes and permutations."""

import lance
import pyarrow as pa
import pytest

import croupier
from croupier import Loader, Permutation

ROWS = pa.table(
    {
        "id": pa.array(range(6), pa.int64()),
        "box": [
            {"at": {"x": 1, "y": -1.5}, "label": "one"},
            {"at": None, "label": "two"},
            None,
            {"at": {"x": None, "y": 2.0}, "label": None},
            {"at": {"x": 5, "y": 0.0}, "label": "five"},
            {"at": {"x": 6, "y": 1.0}, "label": ""},
        ],
        "tokens": pa.array([[1], [], None, [2, 3], [4], [5, None]], pa.list_(pa.int32())),
    }
)


@pytest.fixture(params=["2.0", "2.1", "2.2"])
def uri(request, tmp_path):
    uri = str(tmp_path / "t.lance")
    rows = ROWS
    if request.param == "2.0":  # in which structs cannot be null
        at = [[1, -1.5], [None, None], [None, None], [None, 2.0], [5, 0.0], [6, 1.0]]
        labels = ["one", "two", None, None, "five", ""]
        boxes = [
            {"at": {"x": x, "y": y}, "label": label}
            for (x, y), label in zip(at, labels, strict=True)
        ]
        rows = ROWS.set_column(1, "box", pa.array(boxes, ROWS.schema.field("box").type))
    lance.write_dataset(rows, uri, max_rows_per_file=4, data_storage_version=request.param)
    return uri


@pytest.mark.parametrize(
    "columns",
    [
        ["box.label"],
        ["box.at"],
        ["box.at.y", "id", "box.at.x"],
        ["box.label", "box"],
        ["tokens", "box.at.x", "_rowid"],
    ],
    ids=str,
)
def test_fields_are_read_as_pylance_reads_them(uri, columns):
    expected = lance.dataset(uri).to_table(columns)
    table = croupier.open_dataset(uri)
    for read in (
        table.search().select(columns).to_arrow(),
        table.scan(columns, batch_size=5).read_all(),
        table.to_arrow(columns),
    ):
        assert read.schema.equals(expected.schema)
        assert read.to_pylist() == expected.to_pylist()
    taken = table.take([5, 0, 2, 2], columns=columns)
    assert taken.schema.equals(expected.schema)
    assert taken.to_pylist() == expected.take([5, 0, 2, 2]).to_pylist()


def test_a_permutation_selects_fields(uri):
    table = croupier.open_dataset(uri)
    permutation = Permutation.identity(table).select_columns(["id", "box"])
    view = permutation.select_columns(["box.at", "id"]).rename_column("box.at", "place")
    assert view.column_names == ["id", "place"]
    assert view.take_offsets([4]) == [{"id": 4, "place": {"x": 5, "y": 0.0}}]
    deeper = view.select_columns(["place.y"])
    assert deeper.schema.field("place.y").type == pa.float64()
    expected = lance.dataset(uri).to_table(["box.at.y"])["box.at.y"].to_pylist()
    batches = Loader(deeper, batch_size=4)
    assert [row for batch in batches for row in batch["place.y"].to_pylist()] == expected
    with pytest.raises(croupier.NameNotFoundError, match="tokens"):
        view.select_columns(["tokens"])
    with pytest.raises(croupier.NameNotFoundError, match="z"):
        view.select_columns(["place.z"])


def test_a_field_that_is_not_there_is_an_error_that_names_it(uri):
    table = croupier.open_dataset(uri)
    for column in ("box.zz", "box.at.x.y", "box.", ".box", "id.x", "tokens.item"):
        with pytest.raises((croupier.NameNotFoundError, NotImplementedError)) as raised:
            table.to_arrow([column])
        assert column in str(raised.value)
