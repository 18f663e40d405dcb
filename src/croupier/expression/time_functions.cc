#include <array>
#include <cmath>
#include <optional>

#include <arrow/compute/exec.h>
#include <arrow/scalar.h>

#include "croupier/base/wall_clock.h"
#include "croupier/expression/call_site.h"
#include "croupier/expression/lexer.h"
#include "croupier/expression/text_values.h"
#include "croupier/expression/type_names.h"

namespace croupier::expression {

namespace {

using arrow::Datum;
using arrow::Result;
using arrow::Status;
using arrow::TimeUnit;
using arrow::Type;

constexpr int64_t kSecondsPerDay = 86400;

enum class Part {
  kYear,
  kIsoYear,
  kQuarter,
  kMonth,
  kWeek,
  kDay,
  kDayOfWeek,
  kIsoDayOfWeek,
  kDayOfYear,
  kHour,
  kMinute,
  kSecond,
  kMillisecond,
  kMicrosecond,
  kNanosecond,
  kEpoch,
};

struct PartName {
  std::string_view name;
  Part part;
};
constexpr std::array<PartName, 16> kParts = {{
    {"year", Part::kYear},
    {"isoyear", Part::kIsoYear},
    {"quarter", Part::kQuarter},
    {"month", Part::kMonth},
    {"week", Part::kWeek},
    {"day", Part::kDay},
    {"dow", Part::kDayOfWeek},
    {"isodow", Part::kIsoDayOfWeek},
    {"doy", Part::kDayOfYear},
    {"hour", Part::kHour},
    {"minute", Part::kMinute},
    {"second", Part::kSecond},
    {"millisecond", Part::kMillisecond},
    {"microsecond", Part::kMicrosecond},
    {"nanosecond", Part::kNanosecond},
    {"epoch", Part::kEpoch},
}};

// The part of a time that operand 0 names; `is_truncation`: one of those that date_trunc takes.
Result<Part> PartOf(const CallSite& call, bool is_truncation) {
  const auto word = call.LiteralText(0);
  if (!word) return call.WrongType(0, "the name of a part, as 'year',");
  const auto name = ToLowerAscii(*word);
  std::string names;
  for (const auto& entry : kParts) {
    const bool is_taken =
        !is_truncation || (entry.part != Part::kIsoYear && entry.part != Part::kDayOfWeek &&
                           entry.part != Part::kIsoDayOfWeek && entry.part != Part::kDayOfYear &&
                           entry.part != Part::kNanosecond && entry.part != Part::kEpoch);
    if (!is_taken) continue;
    // The plural, too.
    const bool is_plural = name.size() == entry.name.size() + 1 && name.back() == 's' &&
                           std::string_view(name).starts_with(entry.name);
    if (name == entry.name || (is_plural && !is_truncation)) return entry.part;
    names += (names.empty() ? "" : ", ") + std::string(entry.name);
  }
  return call.make.Error(arrow::StatusCode::Invalid, call.operands[0]->place(),
                         "no such part; there are: " + names);
}

bool IsUtc(const std::string& zone) {
  return zone.empty() || zone == "UTC" || zone == "Z" || zone == "+00:00" || zone == "Etc/UTC";
}

// Parts of local time are only known without a zone.
Status CheckZone(const CallSite& call, size_t i) {
  if (call.type(i)->id() != Type::TIMESTAMP) return Status::OK();
  const auto& zone = static_cast<const arrow::TimestampType&>(*call.type(i)).timezone();
  if (IsUtc(zone)) return Status::OK();
  return call.make.Error(
      arrow::StatusCode::NotImplemented, call.operands[i]->place(),
      std::string(call.name) + " knows no time zone but UTC, and this is in " + zone);
}

// What is counted since the epoch, or since midnight: how many in a second.
int64_t PerSecond(const arrow::DataType& type) {
  switch (type.id()) {
    case Type::TIMESTAMP:
      return UnitsPerSecond(static_cast<const arrow::TimestampType&>(type).unit());
    case Type::TIME32:
    case Type::TIME64:
      return UnitsPerSecond(static_cast<const arrow::TimeType&>(type).unit());
    case Type::DATE64:
      return 1000;
    default:
      return 1;
  }
}

// Days and seconds count from 1970-01-01T00:00:00.
int64_t WeekdayOf(int64_t days) { return FloorModulo(days + 4, 7); }  // Sunday is 0
int64_t MondayOf(int64_t days) { return days - FloorModulo(days + 3, 7); }

// A week belongs to the year that its Thursday is in.
CivilDate IsoThursday(int64_t days) { return CivilOfDays(MondayOf(days) + 3); }

template <Part kPart>
int64_t PartOfDate(int64_t days) {
  if constexpr (kPart == Part::kDayOfWeek) return WeekdayOf(days);
  if constexpr (kPart == Part::kIsoDayOfWeek) return WeekdayOf(days + 6) + 1;
  if constexpr (kPart == Part::kIsoYear) return IsoThursday(days).year;
  if constexpr (kPart == Part::kWeek) {
    return (MondayOf(days) + 3 - DaysOfCivil(IsoThursday(days).year, 1, 1)) / 7 + 1;
  }
  const auto date = CivilOfDays(days);
  if constexpr (kPart == Part::kQuarter) return (date.month + 2) / 3;
  if constexpr (kPart == Part::kMonth) return date.month;
  if constexpr (kPart == Part::kDay) return date.day;
  if constexpr (kPart == Part::kDayOfYear) return days - DaysOfCivil(date.year, 1, 1) + 1;
  return date.year;
}

// Parts within a minute count from its begin, in units of which there are `scale` in a second.
template <int64_t kScale>
int64_t PartOfMinute(int64_t value, int64_t per_second) {
  const int64_t in_minute = FloorModulo(value, 60 * per_second);
  return per_second >= kScale ? in_minute / (per_second / kScale)
                              : in_minute * (kScale / per_second);
}

// Call `function` with what computes the part: (value, values in a second) → number.
template <typename Function>
Result<Datum> VisitPart(Part part, Function&& function) {
  const auto of_date = [&](auto constant) {
    return function([](int64_t value, int64_t per_second) {
      return PartOfDate<decltype(constant)::value>(FloorDivide(value, kSecondsPerDay * per_second));
    });
  };
  switch (part) {
    case Part::kYear:
      return of_date(std::integral_constant<Part, Part::kYear>{});
    case Part::kIsoYear:
      return of_date(std::integral_constant<Part, Part::kIsoYear>{});
    case Part::kQuarter:
      return of_date(std::integral_constant<Part, Part::kQuarter>{});
    case Part::kMonth:
      return of_date(std::integral_constant<Part, Part::kMonth>{});
    case Part::kWeek:
      return of_date(std::integral_constant<Part, Part::kWeek>{});
    case Part::kDay:
      return of_date(std::integral_constant<Part, Part::kDay>{});
    case Part::kDayOfWeek:
      return of_date(std::integral_constant<Part, Part::kDayOfWeek>{});
    case Part::kIsoDayOfWeek:
      return of_date(std::integral_constant<Part, Part::kIsoDayOfWeek>{});
    case Part::kDayOfYear:
      return of_date(std::integral_constant<Part, Part::kDayOfYear>{});
    case Part::kHour:
      return function([](int64_t value, int64_t per_second) {
        return FloorModulo(value, kSecondsPerDay * per_second) / (3600 * per_second);
      });
    case Part::kMinute:
      return function([](int64_t value, int64_t per_second) {
        return FloorModulo(value, 3600 * per_second) / (60 * per_second);
      });
    case Part::kSecond:
      return function(PartOfMinute<1>);
    case Part::kMillisecond:
      return function(PartOfMinute<1000>);
    case Part::kMicrosecond:
      return function(PartOfMinute<1000000>);
    default:
      return function(PartOfMinute<1000000000>);
  }
}

bool IsDatePart(Part part) { return part < Part::kHour; }

Result<BoundPtr> BindDatePart(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(2, 2));
  ARROW_ASSIGN_OR_RAISE(const auto part, PartOf(*call, /*is_truncation=*/false));
  if (IsText(*call->type(1)) || call->type(1)->id() == Type::NA) {
    ARROW_RETURN_NOT_OK(call->Coerce(1, arrow::timestamp(TimeUnit::NANO)));
  }
  const auto type = call->type(1);
  const bool is_time = arrow::is_time(type->id());
  if (!IsTemporal(*type) || (is_time && IsDatePart(part))) {
    return call->WrongType(1, is_time ? "a date for such a part" : "a date, a time or a timestamp");
  }
  ARROW_RETURN_NOT_OK(CheckZone(*call, 1));
  // A day is counted in seconds here.
  const int64_t factor = type->id() == Type::DATE32 ? kSecondsPerDay : 1;
  const int64_t per_second = PerSecond(*type);
  const bool is_narrow = type->bit_width() == 32;
  const auto visit = [factor, is_narrow](const Operands& operands,
                                         auto&& function) -> Result<Datum> {
    if (is_narrow) {
      const FixedInput<int32_t> values(operands.inputs[0]);
      return function([&](int64_t row) { return values[row] * factor; });
    }
    const FixedInput<int64_t> values(operands.inputs[0]);
    return function([&](int64_t row) { return values[row]; });
  };
  const auto result_type = part == Part::kEpoch
                               ? arrow::float64()
                               : (part == Part::kNanosecond ? arrow::int64() : arrow::int32());
  const auto kernel = [=](const KernelArgs& args) -> Result<Datum> {
    ARROW_ASSIGN_OR_RAISE(const auto operands, Operands::Make(args));
    return visit(operands, [&](auto value_of) -> Result<Datum> {
      if (part == Part::kEpoch) {
        return MapRows<double>(
            result_type, args.num_rows, operands.validity, args.pool(), [&](int64_t row) {
              return static_cast<double>(value_of(row)) / static_cast<double>(per_second);
            });
      }
      return VisitPart(part, [&](auto compute) -> Result<Datum> {
        if (part == Part::kNanosecond) {
          return MapRows<int64_t>(result_type, args.num_rows, operands.validity, args.pool(),
                                  [&](int64_t row) { return compute(value_of(row), per_second); });
        }
        return MapRows<int32_t>(
            result_type, args.num_rows, operands.validity, args.pool(),
            [&](int64_t row) { return static_cast<int32_t>(compute(value_of(row), per_second)); });
      });
    });
  };
  return call->make.Apply({call->operands[1]}, result_type, call->place, kernel);
}

// The begin of the part of a date, in days.
int64_t BeginOfDatePart(Part part, int64_t days) {
  if (part == Part::kDay) return days;
  if (part == Part::kWeek) return MondayOf(days);
  const auto date = CivilOfDays(days);
  switch (part) {
    case Part::kYear:
      return DaysOfCivil(date.year, 1, 1);
    case Part::kQuarter:
      return DaysOfCivil(date.year, (date.month - 1) / 3 * 3 + 1, 1);
    default:
      return DaysOfCivil(date.year, date.month, 1);
  }
}

// How many values of a type are in a part of a day, at least one.
int64_t ValuesInPart(Part part, int64_t per_second) {
  switch (part) {
    case Part::kHour:
      return 3600 * per_second;
    case Part::kMinute:
      return 60 * per_second;
    case Part::kSecond:
      return per_second;
    case Part::kMillisecond:
      return std::max<int64_t>(1, per_second / 1000);
    default:
      return std::max<int64_t>(1, per_second / 1000000);
  }
}

Result<BoundPtr> BindDateTrunc(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(2, 2));
  ARROW_ASSIGN_OR_RAISE(const auto part, PartOf(*call, /*is_truncation=*/true));
  const auto id = call->type(1)->id();
  if (IsText(*call->type(1)) || id == Type::NA || id == Type::DATE32 || id == Type::DATE64) {
    ARROW_RETURN_NOT_OK(call->Coerce(1, arrow::timestamp(TimeUnit::NANO)));
  }
  const auto type = call->type(1);
  const bool is_time = arrow::is_time(type->id());
  if ((type->id() != Type::TIMESTAMP && !is_time) || (is_time && IsDatePart(part))) {
    return call->WrongType(1, is_time ? "a timestamp for such a part" : "a timestamp or a time");
  }
  ARROW_RETURN_NOT_OK(CheckZone(*call, 1));
  const int64_t per_second = PerSecond(*type);
  const int64_t per_day = kSecondsPerDay * per_second;
  const int64_t in_part = ValuesInPart(part, per_second);
  const bool is_narrow = type->bit_width() == 32;
  const auto kernel = [=](const KernelArgs& args) -> Result<Datum> {
    ARROW_ASSIGN_OR_RAISE(const auto operands, Operands::Make(args));
    if (is_narrow) {
      const FixedInput<int32_t> values(operands.inputs[0]);
      return MapRows<int32_t>(
          type, args.num_rows, operands.validity, args.pool(),
          [&](int64_t row) { return static_cast<int32_t>(values[row] - values[row] % in_part); });
    }
    const FixedInput<int64_t> values(operands.inputs[0]);
    return MapRows<int64_t>(type, args.num_rows, operands.validity, args.pool(), [&](int64_t row) {
      const int64_t value = values[row];
      if (IsDatePart(part)) {
        // What is before the first nanosecond wraps around.
        const int64_t days = BeginOfDatePart(part, FloorDivide(value, per_day));
        return static_cast<int64_t>(static_cast<uint64_t>(days) * static_cast<uint64_t>(per_day));
      }
      return static_cast<int64_t>(static_cast<uint64_t>(value) -
                                  static_cast<uint64_t>(FloorModulo(value, in_part)));
    });
  };
  return call->make.Apply({call->operands[1]}, type, call->place, kernel);
}

// to_timestamp_seconds and the like: integers count in the unit that the function is named after.
template <TimeUnit::type kUnit>
Result<BoundPtr> BindToTimestampIn(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(1, 1));
  const auto type = arrow::timestamp(kUnit);
  if (IsFloat(*call->type(0))) ARROW_RETURN_NOT_OK(call->Coerce(0, arrow::int64()));
  if (call->type(0)->id() == Type::DECIMAL128 || arrow::is_time(call->type(0)->id())) {
    return call->WrongType(0, "text, a number, a date or a timestamp");
  }
  return MakeCast(call->make, call->operands[0], type, call->place);
}

// to_timestamp: numbers count seconds; the result counts nanoseconds.
Result<BoundPtr> BindToTimestamp(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(1, 1));
  const auto nanoseconds = arrow::timestamp(TimeUnit::NANO);
  if (IsFloat(*call->type(0))) {
    ARROW_RETURN_NOT_OK(call->Coerce(0, arrow::float64()));
    return call->Apply(nanoseconds, [nanoseconds](const KernelArgs& args) -> Result<Datum> {
      ARROW_ASSIGN_OR_RAISE(const auto operands, Operands::Make(args));
      const FixedInput<double> values(operands.inputs[0]);
      return MapRows<int64_t>(nanoseconds, args.num_rows, operands.validity, args.pool(),
                              [&](int64_t row) -> int64_t {
                                // As far as the type goes; NaN is the epoch.
                                const double value = values[row] * 1e9;
                                if (std::isnan(value)) return 0;
                                if (value >= 0x1p63) return std::numeric_limits<int64_t>::max();
                                if (value < -0x1p63) return std::numeric_limits<int64_t>::min();
                                return static_cast<int64_t>(value);
                              });
    });
  }
  if (IsInteger(*call->type(0))) {
    ARROW_RETURN_NOT_OK(call->Coerce(0, arrow::timestamp(TimeUnit::SECOND)));
  }
  return BindToTimestampIn<TimeUnit::NANO>(call);
}

Result<BoundPtr> BindToDate(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(1, 1));
  return MakeCast(call->make, call->operands[0], arrow::date32(), call->place);
}

Result<BoundPtr> BindToUnixTime(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(1, 1));
  if (!IsInteger(*call->type(0))) {
    ARROW_RETURN_NOT_OK(call->Coerce(0, arrow::timestamp(TimeUnit::SECOND)));
  }
  return MakeCast(call->make, call->operands[0], arrow::int64(), call->place);
}

Result<BoundPtr> BindFromUnixTime(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(1, 1));
  ARROW_RETURN_NOT_OK(call->NeedInteger(0));
  return MakeCast(call->make, call->operands[0], arrow::timestamp(TimeUnit::SECOND), call->place);
}

Result<BoundPtr> BindMakeDate(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(3, 3));
  for (size_t i = 0; i < 3; ++i) {
    ARROW_RETURN_NOT_OK(IsText(*call->type(i)) ? call->Coerce(i, arrow::int64())
                                               : call->NeedInteger(i));
  }
  return call->Apply(
      arrow::date32(),
      [](const KernelArgs& args) -> Result<Datum> {
        ARROW_ASSIGN_OR_RAISE(const auto operands, Operands::Make(args));
        const FixedInput<int64_t> years(operands.inputs[0]);
        const FixedInput<int64_t> months(operands.inputs[1]);
        const FixedInput<int64_t> days(operands.inputs[2]);
        ARROW_ASSIGN_OR_RAISE(auto values, AllocateValues<int32_t>(args.num_rows, args.pool()));
        auto* out = values->mutable_data_as<int32_t>();
        for (int64_t row = 0; row < args.num_rows; ++row) {
          out[row] = 0;
          if (!operands.validity[row]) continue;
          const int64_t year = years[row];
          const int64_t month = months[row];
          constexpr int64_t kMostYears = 262142;
          if (year < -kMostYears || year > kMostYears || month < 1 || month > 12 || days[row] < 1 ||
              days[row] > DaysInMonth(year, static_cast<int>(month))) {
            return Status::Invalid("no such date: year ", year, ", month ", month, ", day ",
                                   days[row]);
          }
          out[row] = static_cast<int32_t>(
              DaysOfCivil(year, static_cast<int>(month), static_cast<int>(days[row])));
        }
        return FixedResult(arrow::date32(), args.num_rows, operands.validity.buffer(),
                           std::move(values));
      },
      Failure::kPossible);
}

// The time at which the expression is bound, the same for all batches.
Result<BoundPtr> BindNow(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(0, 0));
  return MakeLiteral(std::make_shared<arrow::TimestampScalar>(WallClockNanoseconds(),
                                                              arrow::timestamp(TimeUnit::NANO)),
                     call->place);
}

Result<BoundPtr> BindToday(CallSite* call) {
  ARROW_ASSIGN_OR_RAISE(auto now, BindNow(call));
  return MakeCast(call->make, std::move(now), arrow::date32(), call->place);
}

constexpr FunctionEntry kFunctions[] = {
    {"date_part", BindDatePart},
    {"datepart", BindDatePart},
    {"date_trunc", BindDateTrunc},
    {"datetrunc", BindDateTrunc},
    {"to_timestamp", BindToTimestamp},
    {"to_timestamp_seconds", BindToTimestampIn<TimeUnit::SECOND>},
    {"to_timestamp_millis", BindToTimestampIn<TimeUnit::MILLI>},
    {"to_timestamp_micros", BindToTimestampIn<TimeUnit::MICRO>},
    {"to_timestamp_nanos", BindToTimestampIn<TimeUnit::NANO>},
    {"to_date", BindToDate},
    {"to_unixtime", BindToUnixTime},
    {"from_unixtime", BindFromUnixTime},
    {"make_date", BindMakeDate},
    {"now", BindNow},
    {"current_timestamp", BindNow},
    {"today", BindToday},
    {"current_date", BindToday},
};

}  // namespace

std::span<const FunctionEntry> TimeFunctions() { return kFunctions; }

}  // namespace croupier::expression
