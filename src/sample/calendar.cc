#include "sample/calendar.h"

#include <cstdint>

namespace sluice::sample {
namespace {

void append_two(std::string& out, unsigned value) {
  out.push_back(static_cast<char>('0' + value / 10));
  out.push_back(static_cast<char>('0' + value % 10));
}

void append_local(std::string& out, Moment moment) {
  const LocalDay day = day_of(moment);
  append_date(out, day);
  const auto seconds = static_cast<unsigned>((moment.local - day).count());
  out.push_back('T');
  append_two(out, seconds / 3600);
  out.push_back(':');
  append_two(out, seconds / 60 % 60);
  out.push_back(':');
  append_two(out, seconds % 60);
}

void append_offset(std::string& out, std::chrono::minutes offset) {
  if (offset.count() == 0) {
    out.push_back('Z');
    return;
  }
  out.push_back(offset.count() < 0 ? '-' : '+');
  const auto minutes = static_cast<unsigned>(offset.count() < 0 ? -offset.count() : offset.count());
  append_two(out, minutes / 60);
  out.push_back(':');
  append_two(out, minutes % 60);
}

}  // namespace

int age_at(LocalDay birth, LocalDay day) {
  if (day < birth) return 0;
  const std::chrono::year_month_day from{birth};
  const std::chrono::year_month_day to{day};
  const int years = static_cast<int>(to.year()) - static_cast<int>(from.year());
  const bool had_birthday =
      to.month() > from.month() || (to.month() == from.month() && to.day() >= from.day());
  return had_birthday ? years : years - 1;
}

void append_date(std::string& out, LocalDay day) {
  const std::chrono::year_month_day date{day};
  const auto year = static_cast<unsigned>(static_cast<int>(date.year()));
  append_two(out, year / 100);
  append_two(out, year % 100);
  out.push_back('-');
  append_two(out, static_cast<unsigned>(date.month()));
  out.push_back('-');
  append_two(out, static_cast<unsigned>(date.day()));
}

void append_date_time(std::string& out, Moment moment) {
  append_local(out, moment);
  append_offset(out, moment.offset);
}

void append_instant(std::string& out, Moment moment) {
  append_local(out, moment);
  // A fraction that looks measured but depends on nothing else than the second itself.
  const auto milliseconds = static_cast<unsigned>(
      static_cast<std::uint64_t>(moment.local.time_since_epoch().count()) * 389 % 1000);
  out.push_back('.');
  out.push_back(static_cast<char>('0' + milliseconds / 100));
  append_two(out, milliseconds % 100);
  append_offset(out, moment.offset);
}

}  // namespace sluice::sample
