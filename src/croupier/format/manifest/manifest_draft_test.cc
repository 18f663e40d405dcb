#include "croupier/format/manifest/manifest_draft.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <arrow/type.h>
#include <gtest/gtest.h>

#include "croupier/format/manifest/deletion_vector.h"
#include "croupier/format/manifest/index_section.h"
#include "croupier/format/manifest/row_id_sequence.h"
#include "croupier/format/manifest/transaction.h"
#include "croupier/format/wire/test_messages.h"
#include "croupier/format/wire/wire_edit.h"
#include "croupier/testing/golden.h"

namespace croupier::format {
namespace {

using test::ByteVector;
using test::Message;

// Every manifest of the golden tables that can be written, by its place.
std::map<std::string, ByteVector> GoldenManifests() {
  std::map<std::string, ByteVector> manifests;
  const std::string root = testing::GoldenPath("tables");
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    if (!entry.path().string().ends_with(".manifest")) continue;
    const auto name = std::filesystem::relative(entry.path(), root).string();
    auto bytes = testing::ReadGolden("tables/" + name);
    if (ManifestFile::Parse(bytes).ok()) manifests[name] = std::move(bytes);
  }
  return manifests;
}

ByteVector AnyTransaction() {
  Transaction transaction;
  transaction.uuid = "00000000-0000-0000-0000-000000000000";
  transaction.operation = Transaction::Operation::kReserveFragments;
  return transaction.Write(WireWriter());
}

ByteVector Write(const ManifestDraft& draft) {
  return draft.Write(1700000000123456789, AnyTransaction(), "0-x.txn").ValueOrDie();
}

Fragment NewFragment(int64_t num_rows) {
  Fragment fragment;
  fragment.files.push_back({"a.lance", {0}, {0}, 2, 2, 100, std::nullopt});
  fragment.num_physical_rows = num_rows;
  return fragment;
}

TEST(ManifestDraftTest, TheNextVersionKeepsAllThatIsNotChanged) {
  const auto manifests = GoldenManifests();
  ASSERT_GT(manifests.size(), 20);
  for (const auto& [name, bytes] : manifests) {
    SCOPED_TRACE(name);
    const auto before = ManifestFile::Parse(bytes).ValueOrDie();
    const auto written = Write(ManifestDraft::After(before).ValueOrDie());
    const auto after = ManifestFile::Parse(written).ValueOrDie();
    const Manifest& old = *before.manifest;
    const Manifest& next = *after.manifest;
    EXPECT_EQ(next.version, old.version + 1);
    EXPECT_EQ(next.timestamp_us, 1700000000123456);
    EXPECT_TRUE(next.schema->Equals(*old.schema, /*check_metadata=*/true));
    EXPECT_EQ(next.data_format_version, old.data_format_version);
    EXPECT_EQ(next.branch, old.branch);
    EXPECT_EQ(next.base_paths.size(), old.base_paths.size());
    EXPECT_TRUE(std::ranges::equal(after.index_section, before.index_section));
    EXPECT_EQ(after.transaction_file, "0-x.txn");
    EXPECT_TRUE(std::ranges::equal(after.transaction.value(), AnyTransaction()));
    // Obsolete: the mark of files of format 2.
    EXPECT_EQ(next.reader_feature_flags, old.reader_feature_flags & ~uint64_t{4});
    EXPECT_EQ(next.writer_feature_flags, old.writer_feature_flags & ~uint64_t{4});
    ASSERT_EQ(next.fragments.size(), old.fragments.size());
    for (size_t i = 0; i < old.fragments.size(); ++i) {
      EXPECT_EQ(next.fragments[i].Write().bytes(), old.fragments[i].Write().bytes());
    }
  }
}

TEST(ManifestDraftTest, KeepsFieldsThatItDoesNotKnow) {
  const auto fragment = NewFragment(7).Write().Text(1000, "of the fragment");
  const auto field =
      Message().Text(2, "a").Number(3, 0).Signed(4, -1).Text(5, "int32").Text(1000, "of the field");
  const auto message = Message().Child(1, field).Child(2, fragment).Number(3, 1).Text(1000, "x");
  ManifestDraft first("2.2", false);
  const auto empty_bytes = Write(first);
  auto file = ManifestFile::Parse(empty_bytes).ValueOrDie();
  file.message = message.bytes();
  auto draft = ManifestDraft::After(file).ValueOrDie();
  DeletionFile deletions{DeletionFile::Type::kBitmap, 1, 2, 3, std::nullopt};
  ASSERT_TRUE(draft
                  .ReplaceFragment(
                      ReplaceDeletionFile(draft.fragments()[0].message, deletions).ValueOrDie())
                  .ok());
  const auto written = Write(draft);
  const std::string text(written.begin(), written.end());
  for (const char* kept : {"of the fragment", "of the field"}) {
    EXPECT_NE(text.find(kept), std::string::npos) << kept;
  }
  const auto after = ManifestFile::Parse(written).ValueOrDie();
  bool has_own = false;
  ASSERT_TRUE(ForEachField(after.message, [&](const WireField& each) {
                has_own = has_own || each.number == 1000;
                return arrow::Status::OK();
              }).ok());
  EXPECT_TRUE(has_own);
  EXPECT_EQ(after.manifest->fragments[0].deletion_file->num_deleted_rows, 3);
  EXPECT_EQ(after.manifest->reader_feature_flags, 1);
}

TEST(ManifestDraftTest, FragmentIdsAreNeverUsedAgain) {
  ManifestDraft draft("2.2", false);
  ASSERT_TRUE(draft.AppendFragments({NewFragment(3), NewFragment(4)}).ok());
  EXPECT_EQ(draft.fragments()[1].parsed.id, 1);
  draft.RemoveFragments({0, 1});
  const auto bytes = Write(draft);
  auto next = ManifestDraft::After(ManifestFile::Parse(bytes).ValueOrDie()).ValueOrDie();
  ASSERT_TRUE(next.AppendFragments({NewFragment(5)}).ok());
  EXPECT_EQ(next.fragments()[0].parsed.id, 2);
  EXPECT_EQ(next.FindFragment(2)->parsed.num_physical_rows, 5);
  EXPECT_EQ(next.FindFragment(1), nullptr);
}

TEST(ManifestDraftTest, NewRowsGetStableRowIdsAndVersions) {
  ManifestDraft draft("2.2", true);
  ASSERT_TRUE(draft.AppendFragments({NewFragment(3)}).ok());
  const auto bytes = Write(draft);
  const auto first = ManifestFile::Parse(bytes).ValueOrDie();
  EXPECT_TRUE(first.manifest->has_stable_row_ids());
  auto next = ManifestDraft::After(first).ValueOrDie();
  ASSERT_TRUE(next.AppendFragments({NewFragment(4)}).ok());
  const auto& added = next.fragments()[1].parsed;
  const std::span<const uint8_t> ids(reinterpret_cast<const uint8_t*>(added.row_ids->data()),
                                     added.row_ids->size());
  EXPECT_EQ(RowIdSequence::Parse(ids, 4).ValueOrDie()->At(3), 6);
  const auto& versions = *added.created_at_versions;
  uint64_t version = 0;
  RowVersionSequence::Parse({reinterpret_cast<const uint8_t*>(versions.data()), versions.size()}, 4)
      .ValueOrDie()
      ->Read(2, {&version, 1});
  EXPECT_EQ(version, 2);
}

TEST(ManifestDraftTest, RestoringGivesNothingOutAgain) {
  ManifestDraft draft("2.2", true);
  ASSERT_TRUE(draft.AppendFragments({NewFragment(3)}).ok());
  const auto first_bytes = Write(draft);
  const auto first = ManifestFile::Parse(first_bytes).ValueOrDie();
  auto second = ManifestDraft::After(first).ValueOrDie();
  ASSERT_TRUE(second.AppendFragments({NewFragment(4)}).ok());
  const auto second_bytes = Write(second);
  auto third = ManifestDraft::After(ManifestFile::Parse(second_bytes).ValueOrDie()).ValueOrDie();
  ASSERT_TRUE(third.Restore(first).ok());
  EXPECT_EQ(third.version(), 3);
  ASSERT_EQ(third.fragments().size(), 1);
  ASSERT_TRUE(third.AppendFragments({NewFragment(1)}).ok());
  EXPECT_EQ(third.fragments()[1].parsed.id, 2);
  const auto& row_ids = *third.fragments()[1].parsed.row_ids;
  EXPECT_EQ(
      RowIdSequence::Parse({reinterpret_cast<const uint8_t*>(row_ids.data()), row_ids.size()}, 1)
          .ValueOrDie()
          ->At(0),
      7);
}

TEST(ManifestDraftTest, FilesOfDroppedColumnsAreRemoved) {
  ManifestDraft draft("2.2", false);
  const auto field = [](int32_t id, const char* name) {
    return Message()
        .Text(2, name)
        .Number(3, static_cast<uint64_t>(id))
        .Signed(4, -1)
        .Text(5, "int32")
        .bytes();
  };
  ASSERT_TRUE(draft.SetSchema({field(0, "a"), field(1, "b")}).ok());
  auto fragment = NewFragment(2);
  fragment.files.push_back({"b.lance", {1}, {0}, 2, 2, 100, std::nullopt});
  ASSERT_TRUE(draft.AppendFragments({fragment}).ok());
  EXPECT_EQ(draft.next_field_id(), 2);
  ASSERT_TRUE(draft.SetSchema({field(1, "b")}).ok());
  ASSERT_EQ(draft.fragments()[0].parsed.files.size(), 1);
  EXPECT_EQ(draft.fragments()[0].parsed.files[0].path, "b.lance");
  // A fragment has rows also where no column of it is left.
  ASSERT_TRUE(draft.SetSchema({field(2, "c")}).ok());
  EXPECT_EQ(draft.fragments()[0].parsed.files.size(), 1);
}

TEST(ManifestDraftTest, AFileOfAnotherFormatIsMarked) {
  ManifestDraft draft("2.1", false);
  ASSERT_TRUE(draft.AppendFragments({NewFragment(2)}).ok());
  const auto bytes = Write(draft);
  EXPECT_EQ(ManifestFile::Parse(bytes)->manifest->reader_feature_flags, 256);
}

TEST(ManifestDraftTest, TheFormatOfDataFilesIsChanged) {
  ManifestDraft draft("2.1", false);
  ASSERT_TRUE(draft.SetDataFormat("2.2").ok());
  ASSERT_TRUE(draft.AppendFragments({NewFragment(2)}).ok());
  const auto bytes = Write(draft);
  const auto file = ManifestFile::Parse(bytes).ValueOrDie();
  EXPECT_EQ(file.manifest->data_format_version, "2.2");
  EXPECT_EQ(file.manifest->reader_feature_flags, 0);
}

TEST(ManifestDraftTest, UnknownFeaturesAreNotWritten) {
  ManifestDraft draft("2.2", false);
  const auto bytes = Write(draft);
  auto file = ManifestFile::Parse(bytes).ValueOrDie();
  auto manifest = *file.manifest;
  for (const uint64_t flag : {64, 512, 4096, 8192, 65536, 131072, 1 << 20}) {
    manifest.writer_feature_flags = flag;
    file.manifest = std::make_shared<const Manifest>(manifest);
    const auto status = ManifestDraft::After(file).status();
    EXPECT_TRUE(status.IsNotImplemented());
    EXPECT_NE(status.message().find(std::to_string(flag)), std::string::npos) << status;
  }
}

TEST(ManifestFileTest, EveryTruncationAndChangedByteIsAnErrorNotACrash) {
  const auto manifests = GoldenManifests();
  for (const char* name : {"stable_row_ids.lance", "deletions_bitmap.lance"}) {
    const auto found = std::ranges::find_if(
        manifests, [&](const auto& entry) { return entry.first.starts_with(name); });
    ASSERT_NE(found, manifests.end());
    const auto check = [](const ByteVector& bytes) {
      const auto file = ManifestFile::Parse(bytes);
      if (!file.ok()) return;
      const auto draft = ManifestDraft::After(*file);
      if (draft.ok()) std::ignore = draft->Write(0, {}, "");
      if (file->transaction.has_value()) std::ignore = Transaction::Parse(*file->transaction);
    };
    test::ForEachTruncation(found->second, check);
    test::ForEachChangedByte(found->second, 0, 3,
                             [&](const ByteVector& bytes, size_t) { check(bytes); });
  }
}

TEST(IndexSectionTest, FollowsDroppedColumnsAndRewrittenFragments) {
  const std::vector<uint32_t> fragments = {0, 1, 5};
  const auto bitmap = DeletionVector::FromSorted(fragments, 100).ValueOrDie()->WriteBitmap();
  const auto index = [&](const char* name, uint64_t field) {
    return Message()
        .Packed(2, std::vector<uint64_t>{field})
        .Text(3, name)
        .Bytes(5, bitmap)
        .Text(99, "kept");
  };
  const auto section = Message().Child(1, index("a_idx", 3)).Child(1, index("b_idx", 4)).bytes();
  EXPECT_EQ(RemoveIndexesOfFields(section, {4}).ValueOrDie(),
            Message().Child(1, index("a_idx", 3)).bytes());
  EXPECT_FALSE(HasFragmentReuseIndex(section).ValueOrDie());

  const auto rest = RemoveIndexedFragments(section, {1, 5, 9}).ValueOrDie();
  int num_indexes = 0;
  ASSERT_TRUE(ForEachField(rest, [&](const WireField& field) {
                ++num_indexes;
                return ForEachField(field.bytes, [&](const WireField& part) {
                  if (part.number == 5) {
                    const auto covered = DeletionVector::ParseBitmap(part.bytes, 100).ValueOrDie();
                    EXPECT_EQ(covered->num_deleted(), 1);
                    EXPECT_TRUE(covered->Contains(0));
                  }
                  return arrow::Status::OK();
                });
              }).ok());
  EXPECT_EQ(num_indexes, 2);
  const auto system = Message().Child(1, index("__lance_frag_reuse", 4)).bytes();
  EXPECT_TRUE(HasFragmentReuseIndex(system).ValueOrDie());
  EXPECT_EQ(RemoveIndexesOfFields(system, {4}).ValueOrDie(), system);
}

}  // namespace
}  // namespace croupier::format
