// Ends a process by SIGKILL before and after each system call by which a change of a table writes:
//
//     croupier_crash_commits FOLDER
//
// Each attempt has a table of its own, FOLDER/<change>-<number>/t.lance. It must then have the rows
// that it had before the change, or those after it, and go on to be written. What is left is for
// tests that read it by other libraries.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <arrow/array/array_primitive.h>
#include <arrow/array/builder_primitive.h>
#include <arrow/record_batch.h>
#include <arrow/status.h>
#include <arrow/table.h>
#include <arrow/type.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "croupier/table.h"
#include "croupier/table_writer.h"

namespace croupier {
namespace {

using Ids = std::vector<int64_t>;

// Whether a call changes what others find in a file system.
bool Writes(const __ptrace_syscall_info& call) {
  const auto number = static_cast<int64_t>(call.entry.nr);
  if (number == SYS_openat) return (call.entry.args[2] & O_CREAT) != 0;
  constexpr int64_t kWriting[] = {
      SYS_write,  SYS_pwrite64, SYS_writev,    SYS_fsync,   SYS_fdatasync, SYS_sync_file_range,
      SYS_linkat, SYS_unlinkat, SYS_renameat2, SYS_mkdirat,
#ifdef SYS_link
      SYS_link,   SYS_unlink,   SYS_rename,    SYS_mkdir,   SYS_rmdir,
#endif
  };
  return std::ranges::find(kWriting, number) != std::end(kWriting);
}

enum class End : uint8_t { kKilled, kDone, kFailed };

// Runs `body` in a child that is killed at the stop `number`; each call that writes has two stops,
// before and after it. Only its first thread is watched: that is the one that writes.
End RunAndKill(int number, const std::function<bool()>& body) {
  const pid_t child = fork();
  if (child == 0) {
    ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    raise(SIGSTOP);
    _exit(body() ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
  bool is_writing = false;
  int delivered = 0;
  for (int stops = 0;;) {
    ptrace(PTRACE_SYSCALL, child, nullptr, delivered);
    delivered = 0;
    waitpid(child, &status, 0);
    if (WIFEXITED(status)) return WEXITSTATUS(status) == 0 ? End::kDone : End::kFailed;
    if (WIFSIGNALED(status)) return End::kFailed;
    if (WSTOPSIG(status) != (SIGTRAP | 0x80)) {
      delivered = WSTOPSIG(status);
      continue;
    }
    __ptrace_syscall_info call{};
    if (ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof(call), &call) <= 0) return End::kFailed;
    if (call.op == PTRACE_SYSCALL_INFO_ENTRY) is_writing = Writes(call);
    if (!is_writing || ++stops < number) continue;
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    return End::kKilled;
  }
}

std::shared_ptr<arrow::RecordBatchReader> StreamOf(const Ids& ids) {
  arrow::Int64Builder builder;
  const auto status = builder.AppendValues(ids);
  const auto schema = arrow::schema({arrow::field("id", arrow::int64())});
  const auto batch = arrow::RecordBatch::Make(schema, std::ssize(ids), {*builder.Finish()});
  return status.ok() ? *arrow::RecordBatchReader::Make({batch}, schema) : nullptr;
}

Ids Range(int64_t begin, int64_t end) {
  Ids ids;
  for (; begin < end; ++begin) ids.push_back(begin);
  return ids;
}

arrow::Result<Ids> ReadColumn(const TableSource& table, const std::string& column) {
  ScanOptions options;
  options.columns = {column};
  ARROW_ASSIGN_OR_RAISE(const auto reader, table.Scan(options));
  ARROW_ASSIGN_OR_RAISE(const auto rows, reader->ToTable());
  Ids ids;
  for (const auto& chunk : rows->column(0)->chunks()) {
    for (int64_t i = 0; i < chunk->length(); ++i) {
      const auto scalar = std::static_pointer_cast<arrow::Int64Array>(chunk);
      ids.push_back(scalar->Value(i));
    }
  }
  std::ranges::sort(ids);
  return ids;
}

// The rows of the newest version, and those of all versions that are listed: each can be read.
arrow::Result<Ids> ReadAll(const std::string& uri) {
  ARROW_ASSIGN_OR_RAISE(const auto table, OpenLanceTable(uri));
  ARROW_ASSIGN_OR_RAISE(const auto versions, table->ListVersions());
  for (const auto& each : versions) {
    VersionRef ref;
    ref.version = each.version;
    ARROW_ASSIGN_OR_RAISE(const auto version, table->Checkout(ref));
    ARROW_RETURN_NOT_OK(ReadColumn(*version, "id").status());
  }
  ARROW_ASSIGN_OR_RAISE(const auto tags, table->ListTags());
  for (const auto& tag : tags) {
    VersionRef ref;
    ref.tag = tag.name;
    ARROW_RETURN_NOT_OK(table->Checkout(ref).status());
  }
  return ReadColumn(*table, "id");
}

struct NamedChange {
  std::string name;
  std::function<arrow::Status(const std::string& uri)> run;
};

arrow::Status ChangeRows(const std::string& uri, const RowChange& change) {
  ARROW_ASSIGN_OR_RAISE(const auto writer, TableWriter::Open(uri));
  return writer
      ->ChangeRows([&](const std::shared_ptr<const TableSource>&) -> arrow::Result<RowChange> {
        return change;
      })
      .status();
}

std::vector<NamedChange> Changes() {
  const auto with_writer = [](auto change) {
    return [change](const std::string& uri) -> arrow::Status {
      ARROW_ASSIGN_OR_RAISE(const auto writer, TableWriter::Open(uri));
      return change(writer.get());
    };
  };
  VersionRef first;
  first.version = 1;
  NewColumns columns;
  columns.schema = arrow::schema({arrow::field("again", arrow::int64())});
  columns.inputs = {"id"};
  columns.compute = [](const std::shared_ptr<arrow::RecordBatch>& batch) {
    return batch->RenameColumns({"again"});
  };
  return {
      {"create",
       [](const std::string& uri) {
         return TableWriter::Create(uri, StreamOf(Range(0, 50))).status();
       }},
      {"append", with_writer([](TableWriter* writer) {
         return writer->Append(StreamOf(Range(100, 150)), {.max_rows_per_file = 20}).status();
       })},
      {"overwrite", with_writer([](TableWriter* writer) {
         return writer->Overwrite(StreamOf(Range(0, 9))).status();
       })},
      {"delete",
       [](const std::string& uri) {
         // Rows of one fragment, and all of another.
         RowChange change;
         change.removed = {0, 3};
         for (uint64_t i = 0; i < 20; ++i) change.removed.push_back((uint64_t{1} << 32) + i);
         return ChangeRows(uri, change);
       }},
      {"update",
       [](const std::string& uri) {
         RowChange change;
         change.removed = {1, 2};
         change.added = StreamOf({1001, 1002});
         return ChangeRows(uri, change);
       }},
      {"add_columns", with_writer([columns](TableWriter* writer) {
         return writer->AddColumns(columns).status();
       })},
      {"drop_columns",
       with_writer([](TableWriter* writer) { return writer->DropColumns({"none"}).status(); })},
      {"compact", with_writer([](TableWriter* writer) { return writer->Compact().status(); })},
      {"restore",
       with_writer([first](TableWriter* writer) { return writer->Restore(first).status(); })},
      {"set_tag", with_writer([](TableWriter* writer) { return writer->SetTag("new", {}); })},
      {"replace_tag",
       with_writer([first](TableWriter* writer) { return writer->SetTag("old", first, true); })},
      {"clean_up", with_writer([](TableWriter* writer) {
         CleanupOptions options;
         options.older_than_us = 0;
         options.grace_us = 0;
         return writer->CleanUp(options).status();
       })},
  };
}

// Three versions of rows in several fragments, with deletions and a tag.
arrow::Status MakeBase(const std::string& uri) {
  CreateOptions create;
  create.max_rows_per_file = 20;
  ARROW_RETURN_NOT_OK(TableWriter::Create(uri, StreamOf(Range(0, 60)), create).status());
  RowChange change;
  change.removed = {(uint64_t{2} << 32) + 5};
  ARROW_RETURN_NOT_OK(ChangeRows(uri, change));
  ARROW_ASSIGN_OR_RAISE(const auto writer, TableWriter::Open(uri));
  NewColumns none;
  none.schema = arrow::schema({arrow::field("none", arrow::utf8())});
  ARROW_RETURN_NOT_OK(writer->AddColumns(none).status());
  VersionRef second;
  second.version = 2;
  return writer->SetTag("old", second);
}

arrow::Status CheckChange(const std::string& folder, const std::string& base,
                          const NamedChange& change) {
  const bool is_create = change.name == "create";
  Ids before;
  if (!is_create) {
    ARROW_ASSIGN_OR_RAISE(before, ReadAll(base));
  }
  const auto prepare = [&](const std::string& attempt) {
    const std::string uri = folder + "/" + change.name + "-" + attempt + "/t.lance";
    std::filesystem::create_directories(std::filesystem::path(uri).parent_path());
    if (!is_create) {
      std::filesystem::copy(base, uri, std::filesystem::copy_options::recursive);
    }
    return uri;
  };
  const auto whole = prepare("whole");
  ARROW_RETURN_NOT_OK(change.run(whole));
  ARROW_ASSIGN_OR_RAISE(const auto after, ReadAll(whole));
  for (int stop = 1;; ++stop) {
    const auto uri = prepare(std::to_string(stop));
    const auto at_stop = [&](const arrow::Status& status) {
      return status.WithMessage(change.name, ", stop ", stop, ": ", status.message());
    };
    const End end = RunAndKill(stop, [&] { return change.run(uri).ok(); });
    if (end == End::kFailed) return at_stop(arrow::Status::Invalid("the change failed"));
    auto rows = ReadAll(uri);
    const bool has_table = rows.ok() || !is_create;
    if (has_table) {
      if (!rows.ok()) return at_stop(rows.status());
      if (*rows != after && (end == End::kDone || is_create || *rows != before)) {
        return at_stop(arrow::Status::Invalid("the table has ", rows->size(), " rows"));
      }
    } else if (end == End::kDone) {
      return at_stop(rows.status());
    }
    // What is left is in nobody's way.
    if (has_table) {
      ARROW_ASSIGN_OR_RAISE(const auto writer, TableWriter::Open(uri));
      const auto appended = writer->Append(StreamOf({-1}));
      if (!appended.ok()) return at_stop(appended.status());
      rows->insert(rows->begin(), -1);
    } else {
      const auto created = TableWriter::Create(uri, StreamOf({-1}));
      if (!created.ok()) return at_stop(created.status());
      rows = Ids{-1};
    }
    ARROW_ASSIGN_OR_RAISE(const auto now, ReadAll(uri));
    if (now != *rows) return at_stop(arrow::Status::Invalid("an append lost rows"));
    if (end == End::kDone) {
      std::printf("%s: %d stops\n", change.name.c_str(), stop - 1);
      // A change that never writes would pass without a test.
      return stop > 5 ? arrow::Status::OK() : at_stop(arrow::Status::Invalid("too few stops"));
    }
  }
}

arrow::Status Run(const std::string& folder) {
  const std::string base = folder + "/base.lance";
  ARROW_RETURN_NOT_OK(MakeBase(base));
  for (const auto& change : Changes()) {
    ARROW_RETURN_NOT_OK(CheckChange(folder, base, change));
  }
  return arrow::Status::OK();
}

}  // namespace
}  // namespace croupier

int main(int argc, char** argv) {
  const auto status = argc == 2 ? croupier::Run(argv[1])
                                : arrow::Status::Invalid("usage: croupier_crash_commits FOLDER");
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
