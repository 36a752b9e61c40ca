// What the query's tests share: a real store, resources of a line each, and queries as text.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "query/find.h"
#include "store/rocksdb/rocksdb_store.h"
#include "temporary_folder.h"
#include "ticking_clock.h"

namespace sluice::query {

using Ids = std::vector<std::string>;

class Querying : public testing::Test {
 protected:
  /// Writes lines in one transaction.
  store::Commit put(const std::vector<std::string>& lines);
  store::Commit remove(std::string_view type, const std::string& id);

  static std::string patient(const std::string& id, const std::string& gender);
  /// An Observation of a Patient; `performer` "Patient/x" puts it into a second compartment.
  static std::string observation(const std::string& id, const std::string& code,
                                 const std::string& subject, const std::string& performer = "");

  /// "Observation?code=x", compiled and resolved as of the commit.
  search::Query query(std::string_view text, const store::Commit& as_of);
  search::Query query(std::string_view text) { return query(text, store_->last_commit()); }
  /// Compiled only.
  search::Query compiled(std::string_view text);

  /// The matches in the order of a walk.
  Ids found(std::string_view text, const store::Commit& as_of);
  Ids found(std::string_view text) { return found(text, store_->last_commit()); }

  TemporaryFolder folder_;
  TickingClock clock_;
  std::unique_ptr<store::Store> store_ = store::open_rocksdb_store(folder_.path(), clock_).value();
};

}  // namespace sluice::query
