#include "croupier/permutation/position_map.h"

#include <algorithm>
#include <utility>

#include "croupier/permutation/position_shuffle.h"

namespace croupier::permutation {

namespace {

class InOrder : public PositionMap {
 public:
  using PositionMap::PositionMap;
  arrow::Status Map(std::span<uint64_t> /*positions*/) const override {
    return arrow::Status::OK();
  }
};

class OfSplit : public PositionMap {
 public:
  OfSplit(std::shared_ptr<const PermutationTable> table, int64_t split)
      : PositionMap(table->split_num_rows(split)), table_(std::move(table)), split_(split) {}
  arrow::Status Map(std::span<uint64_t> positions) const override {
    return table_->MapPositions(split_, positions);
  }

 private:
  const std::shared_ptr<const PermutationTable> table_;
  const int64_t split_;
};

class Steps : public PositionMap {
 public:
  Steps(PositionMapPtr map, int64_t begin, int64_t step, int64_t num_rows)
      : PositionMap(num_rows), map_(std::move(map)), begin_(begin), step_(step) {}
  arrow::Status Map(std::span<uint64_t> positions) const override {
    const auto begin = static_cast<uint64_t>(begin_);
    const auto step = static_cast<uint64_t>(step_);  // negative ones wrap around, and back
    const auto limit = static_cast<uint64_t>(map_->num_rows());
    for (uint64_t& position : positions) {
      position = begin + position * step;
      if (position >= limit) position %= limit;
    }
    return map_->Map(positions);
  }

 private:
  const PositionMapPtr map_;
  const int64_t begin_;
  const int64_t step_;
};

class OfList : public PositionMap {
 public:
  OfList(PositionMapPtr map, std::shared_ptr<const PackedNumbers> positions)
      : PositionMap(positions->size()), map_(std::move(map)), positions_(std::move(positions)) {}
  arrow::Status Map(std::span<uint64_t> positions) const override {
    ARROW_RETURN_NOT_OK(positions_->Lookup(positions));
    return map_->Map(positions);
  }

 private:
  const PositionMapPtr map_;
  const std::shared_ptr<const PackedNumbers> positions_;
};

class OfRanks : public PositionMap {
 public:
  OfRanks(PositionMapPtr map, std::shared_ptr<const RowIdIndex> row_ids)
      : PositionMap(map->num_rows()), map_(std::move(map)), row_ids_(std::move(row_ids)) {}
  arrow::Status Map(std::span<uint64_t> positions) const override {
    ARROW_RETURN_NOT_OK(map_->Map(positions));
    row_ids_->Lookup(positions);
    return arrow::Status::OK();
  }

 private:
  const PositionMapPtr map_;
  const std::shared_ptr<const RowIdIndex> row_ids_;
};

class Joined : public PositionMap {
 public:
  Joined(std::vector<PositionMapPtr> maps, std::vector<uint64_t> ends,
         const std::optional<ShuffleSpec>& shuffle)
      : PositionMap(static_cast<int64_t>(ends.back())),
        maps_(std::move(maps)),
        ends_(std::move(ends)) {
    if (shuffle.has_value()) shuffle_.emplace(ends_.back(), *shuffle, "join", 0);
  }

  arrow::Status Map(std::span<uint64_t> positions) const override {
    if (shuffle_.has_value()) shuffle_->MapAll(positions);
    // Positions are mapped part by part, so that each is asked once.
    std::vector<std::vector<size_t>> slots(maps_.size());
    for (size_t i = 0; i < positions.size(); ++i) {
      const auto part = std::upper_bound(ends_.begin(), ends_.end(), positions[i]) - ends_.begin();
      slots[static_cast<size_t>(part)].push_back(i);
    }
    std::vector<uint64_t> some;
    for (size_t part = 0; part < maps_.size(); ++part) {
      const uint64_t begin = part == 0 ? 0 : ends_[part - 1];
      some.clear();
      for (const size_t slot : slots[part]) some.push_back(positions[slot] - begin);
      ARROW_RETURN_NOT_OK(maps_[part]->Map(some));
      for (size_t k = 0; k < some.size(); ++k) positions[slots[part][k]] = some[k];
    }
    return arrow::Status::OK();
  }

 private:
  const std::vector<PositionMapPtr> maps_;
  const std::vector<uint64_t> ends_;
  std::optional<PositionShuffle> shuffle_;
};

}  // namespace

PositionMapPtr MapInOrder(int64_t num_rows) { return std::make_shared<InOrder>(num_rows); }

PositionMapPtr MapSplit(std::shared_ptr<const PermutationTable> table, int64_t split) {
  return std::make_shared<OfSplit>(std::move(table), split);
}

PositionMapPtr MapSteps(PositionMapPtr map, int64_t begin, int64_t step, int64_t num_rows) {
  return std::make_shared<Steps>(std::move(map), begin, step, num_rows);
}

PositionMapPtr MapList(PositionMapPtr map, std::shared_ptr<const PackedNumbers> positions) {
  return std::make_shared<OfList>(std::move(map), std::move(positions));
}

PositionMapPtr MapRowIds(PositionMapPtr map, std::shared_ptr<const RowIdIndex> row_ids) {
  return std::make_shared<OfRanks>(std::move(map), std::move(row_ids));
}

PositionMapPtr MapJoined(std::vector<PositionMapPtr> maps,
                         const std::optional<ShuffleSpec>& shuffle) {
  std::vector<uint64_t> ends;
  ends.reserve(maps.size());
  uint64_t end = 0;
  for (const auto& map : maps) ends.push_back(end += static_cast<uint64_t>(map->num_rows()));
  return std::make_shared<Joined>(std::move(maps), std::move(ends), shuffle);
}

}  // namespace croupier::permutation
