import pickle

import pytest

import croupier


def test_unknown_name_is_a_key_error_and_a_value_error_that_reads_well(numbers):
    with pytest.raises(croupier.NameNotFoundError) as caught:
        numbers.to_arrow(["zz"])
    assert isinstance(caught.value, KeyError)
    assert isinstance(caught.value, ValueError)
    assert str(caught.value) == "no column named 'zz'; the columns are: x, y, s"


def test_errors_pickle():
    for error in (
        croupier.NameNotFoundError("no column"),
        croupier.CorruptFileError("bad page"),
        croupier.VersionNotFoundError("gone"),
    ):
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again)) == (type(error), str(error))


def test_malformed_files_are_os_errors():
    assert issubclass(croupier.CorruptFileError, OSError)
    assert issubclass(croupier.VersionNotFoundError, ValueError)
