"""Async connections and tables do what those do whose calls are not awaited."""

import asyncio
import pickle
import threading
from datetime import timedelta

import pyarrow as pa
import pytest
from async_calls import ROWS, make_table, num_open_files, num_threads

import croupier


@pytest.fixture
def table(database) -> croupier.AsyncTable:
    return make_table(database)


def test_a_database_is_made_listed_and_emptied(run, tmp_path):
    async def main():
        db = await croupier.connect_async(tmp_path)
        assert repr(db) == f"<croupier.AsyncConnection '{tmp_path}'>"
        await db.create_table("b", [{"x": 1}])
        table = await db.create_table("a", [{"x": 1}, {"x": 2}])
        assert await db.table_names() == ["a", "b"]
        assert await db.table_names(start_after="a", limit=5) == ["b"]
        assert await (await db.create_table("a", exist_ok=True)).count_rows() == 2
        with pytest.raises(ValueError, match="already exists"):
            await db.create_table("a", [{"x": 1}])
        await db.rename_table("b", "c")
        assert await (await db.open_table("c")).count_rows() == 1
        await db.drop_table("c")
        with pytest.raises(croupier.NameNotFoundError):
            await db.open_table("c")
        await db.drop_table("c", ignore_missing=True)
        assert table.name == "a"
        assert await table.uri() == str(tmp_path / "a.lance")
        await db.drop_all_tables()
        assert await db.table_names() == []

    run(main())


def test_everything_is_read(run, table):
    async def main():
        assert await table.count_rows() == 1000
        assert await table.count_rows("x % 2 = 0") == 500
        assert (await table.schema()).names == ["x", "s"]
        assert (await table.to_arrow(["x"]))["x"].to_pylist() == ROWS["x"]
        assert (await table.head(2)).to_pylist() == [
            {"x": 0, "s": "row 0"},
            {"x": 1, "s": "row 1"},
        ]
        assert len(await table.to_pandas()) == len(await table.to_polars()) == 1000
        query = table.query().select(["x"]).where("x > 5").offset(1).limit(2).with_row_id()
        assert await query.to_list() == [{"x": 7, "_rowid": 7}, {"x": 8, "_rowid": 8}]
        assert (await (await table.search()).limit(1).to_pandas())["x"].tolist() == [0]
        sizes = [len(batch) async for batch in await table.to_batches(300)]
        assert sizes == [300, 300, 300, 100]
        stream = await table.query().where("x < 10").select(["s"]).to_batches(4)
        assert stream.schema.names == ["s"]
        assert [len(batch) async for batch in stream] == [4, 4, 2]
        assert (await table.take([5, 3, 5], columns=["x"]))["x"].to_pylist() == [5, 3, 5]
        assert (await table.take(row_ids=[7], with_row_id=True)).to_pylist() == [
            {"x": 7, "s": "row 7", "_rowid": 7}
        ]
        take = table.take_offsets([1, 2]).select(["x"]).with_row_address()
        assert (await take.to_polars())["_rowaddr"].to_list() == [1, 2]
        assert await table.take_row_ids([4]).select(["x"]).to_list() == [{"x": 4}]
        batches = await table.take_offsets(range(10)).to_batches(5)
        assert [len(batch) async for batch in batches] == [5, 5]

    run(main())


def test_everything_is_changed(run, tmp_path):
    async def main():
        db = await croupier.connect_async(tmp_path)
        table = await db.create_table("t", pa.table({"k": [1, 2, 3], "v": [1, 2, 3]}))
        first = await table.version()
        assert (await table.add([{"k": 4, "v": 4}])).version == 2
        assert (await table.update({"v": 0}, where="k = 1")).rows_updated == 1
        assert (await table.update(updates_sql={"v": "v + 1"}, where="k = 1")).rows_updated == 1
        assert (await table.delete("k = 2")).num_rows_removed == 1
        merge = table.merge_insert("k").when_matched_update_all().when_not_matched_insert_all()
        merged = await merge.when_not_matched_by_source_delete("k = 3").execute(
            [{"k": 4, "v": 40}, {"k": 5, "v": 50}]
        )
        assert (merged.num_inserted_rows, merged.num_updated_rows, merged.num_deleted_rows) == (
            1,
            1,
            1,
        )
        await table.add_columns({"w": "v * 2"})
        await table.add_columns(lambda rows: pa.table({"z": rows["v"]}), read_columns=["v"])
        assert await table.query().to_list() == [
            {"k": 1, "v": 1, "w": 2, "z": 1},
            {"k": 4, "v": 40, "w": 80, "z": 40},
            {"k": 5, "v": 50, "w": 100, "z": 50},
        ]
        await table.drop_columns(["w", "z"])
        await table.tags.create("begin", first)
        assert await table.tags.get_version("begin") == first
        assert list(await table.tags.list()) == ["begin"]
        old = await table.checkout("begin")
        assert (await old.version(), await old.count_rows()) == (first, 3)
        assert await (await old.checkout_latest()).version() == await table.version()
        await table.compact_files()
        await table.restore("begin")
        assert await table.count_rows() == 3
        await table.tags.update("begin", 2)
        await table.tags.delete("begin")
        assert (await table.cleanup_old_versions()).old_versions == 0
        assert [each["version"] for each in await table.list_versions()][-1] == (
            await table.version()
        )
        assert await table.branches.list() == {}
        assert await (await table.branches.checkout("main", 2)).count_rows() == 4
        with pytest.raises(NotImplementedError, match="no indexes"):
            await table.create_index("k")

    run(main())


def test_blobs_are_opened(run, database):
    field = pa.field("b", pa.large_binary(), metadata={"lance-encoding:blob": "true"})
    rows = pa.table({"b": pa.array([b"one", None], pa.large_binary())}, pa.schema([field]))
    table = croupier.AsyncTable(database.create_table("blobs", rows))

    async def main():
        one, none = await table.take_blobs("b", [0, 1])
        assert none is None
        return await croupier.run_async(one.read)

    assert run(main()) == b"one"


def test_errors_are_those_of_the_table(run, table):
    async def main():
        with pytest.raises(IndexError, match="position out of range: 1000 of 1000"):
            await table.take([1000])
        with pytest.raises(IndexError):
            await table.take(row_ids=[5000])
        with pytest.raises(croupier.NameNotFoundError, match="nope"):
            await table.take([1], columns=["nope"])
        with pytest.raises(croupier.NameNotFoundError, match="nope"):
            await table.count_rows("nope = 1")
        with pytest.raises(croupier.VersionNotFoundError):
            await table.checkout(99)
        with pytest.raises(TypeError, match="offsets or row_ids"):
            await table.take([1], row_ids=[1])

        def rows():
            yield pa.record_batch({"x": [1], "s": ["a"]})
            raise ZeroDivisionError("by the caller's rows")

        with pytest.raises(ZeroDivisionError, match="by the caller's rows"):
            await table.add(rows())
        assert await table.version() == 1

    run(main())


def test_a_thousand_takes_at_once_run_on_few_threads(run, table):
    most = 0

    async def take(i: int) -> int:
        nonlocal most
        taken = await table.take([i], columns=["x"])
        if i % 100 == 0:
            most = max(most, num_threads())
        return taken["x"][0].as_py()

    async def main():
        assert await asyncio.gather(*map(take, range(1000))) == list(range(1000))

    before = num_open_files()
    run(main())
    # Calls, and reads of theirs that wait.
    assert most <= 32 + 16
    assert num_open_files() <= before + 1


def test_changes_at_the_same_time_are_all_made(run, table):
    async def main():
        await asyncio.gather(*(table.add([{"x": i, "s": ""}]) for i in range(5)))
        assert await table.version() == 6
        assert await table.count_rows() == 1005

    run(main())


def test_a_read_stays_at_the_version_that_it_began_with(run, table):
    async def main():
        take, query = table.take_offsets([0]), table.query()
        await table.delete("x = 0")
        assert (await take.to_arrow())["x"].to_pylist() == [0]
        assert len(await query.to_list()) == 1000
        assert await table.count_rows() == 999

    run(main())


def test_the_loop_turns_while_rows_are_written(run, table):
    """The rows come when the loop has turned; a loop that waits for the write would never."""
    turned = threading.Event()

    def rows():
        turned.wait()
        yield pa.record_batch({"x": [1], "s": ["a"]})

    async def main():
        adding = asyncio.ensure_future(table.add(rows()))
        for _ in range(1000):
            await asyncio.sleep(0)
        turned.set()
        return (await adding).num_rows_added

    assert run(main()) == 1


def test_an_optimisation_compacts_and_deletes_old_versions(run, table):
    async def main():
        for i in range(3):
            await table.add([{"x": 1000 + i, "s": ""}])
        await table.delete("x < 500")
        stats = await table.optimize(cleanup_older_than=timedelta(0))
        assert stats.compaction.version == await table.version() == 6
        assert stats.prune.old_versions == 5
        assert [each["version"] for each in await table.list_versions()] == [6]
        assert await table.count_rows() == 503
        stats = await table.optimize()
        assert stats.prune.old_versions == 0

    run(main())


def test_what_is_closed_says_so(run, tmp_path):
    async def main():
        with await croupier.connect_async(tmp_path) as db:
            table = await db.create_table("t", [{"x": 1}])
            assert db.is_open()
            assert table.is_open()
        db.close()
        assert not db.is_open()
        assert repr(db) == "<croupier.AsyncConnection closed>"
        for call in (db.table_names, lambda: db.open_table("t"), lambda: db.drop_table("t")):
            with pytest.raises(RuntimeError, match="Connection is closed"):
                await call()
        with pytest.raises(RuntimeError, match="Connection is closed"):
            pickle.dumps(db)

        query = table.query()
        with table:
            counting = asyncio.ensure_future(table.count_rows())
            adding = asyncio.ensure_future(table.add([{"x": 2}]))
            await asyncio.sleep(0)
        assert await counting == 1
        assert (await adding).version == 2
        table.close()
        assert not table.is_open()
        assert table.name == "t"
        assert repr(table) == "<croupier.AsyncTable 't': closed>"
        for call in (table.count_rows, table.schema, table.version, lambda: table.take([0])):
            with pytest.raises(RuntimeError, match="Table t is closed"):
                await call()
        for call in (table.query, lambda: pickle.dumps(table), lambda: table.tags):
            with pytest.raises(RuntimeError, match="Table t is closed"):
                call()
        with pytest.raises(RuntimeError, match="Table t is closed"):
            croupier.Permutation.identity(table)
        assert await query.to_list() == [{"x": 1}]

    run(main())


def test_a_stream_is_read_by_one_task_at_a_time(run, table):
    async def main():
        stream = await table.to_batches(100)
        told = set()

        async def read():
            sizes = []
            while True:
                try:
                    sizes.append(len(await anext(stream)))
                except ValueError as error:
                    told.add(str(error))
                    await asyncio.sleep(0)
                except StopAsyncIteration:
                    return sizes

        assert sum(map(sum, await asyncio.gather(*(read() for _ in range(4))))) == 1000
        assert told == {"another task is reading this stream of batches"}

    run(main())
