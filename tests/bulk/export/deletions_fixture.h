// For tests of deleted files: resources and groups of a few patients, and exports since they were
// written.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "export_fixture.h"

namespace sluice::bulk {

using Keys = std::set<std::string>;

inline std::string observation(const std::string& id, const std::vector<std::string>& patients,
                               const std::string& note = "") {
  std::string performers;
  for (std::size_t i = 1; i < patients.size(); ++i)
    performers += fmt::format(R"({}{{"reference":"Patient/{}"}})", performers.empty() ? "" : ",",
                              patients[i]);
  return fmt::format(
      R"({{"resourceType":"Observation","id":"{}","status":"final","code":{{"text":"{}"}},"subject":{{"reference":"Patient/{}"}},"performer":[{}]}})",
      id, note, patients[0], performers);
}

inline std::string simple(const std::string& type, const std::string& id,
                          const std::string& more = "") {
  return fmt::format(R"({{"resourceType":"{}","id":"{}"{}}})", type, id, more);
}

class DeletionsTest : public ExportFixture {
 protected:
  /// "Type/id" of every entry; checks the form of the Bundles.
  static Keys deleted_keys(const std::vector<std::string>& lines) {
    Keys keys;
    for (const auto& line : lines) {
      const auto bundle = boost::json::parse(line).as_object();
      EXPECT_EQ(bundle.at("resourceType").as_string(), "Bundle");
      EXPECT_EQ(bundle.at("type").as_string(), "transaction");
      EXPECT_FALSE(bundle.at("entry").as_array().empty());
      for (const auto& entry : bundle.at("entry").as_array()) {
        const auto& request = entry.as_object().at("request").as_object();
        EXPECT_EQ(request.at("method").as_string(), "DELETE");
        const std::string url(request.at("url").as_string());
        EXPECT_TRUE(keys.insert(url).second) << url << " twice";
      }
    }
    return keys;
  }

  /// The texts of the outcomes.
  std::string outcomes(const ExportRequest& request) {
    std::string all;
    for (const auto& line : run(request, FileKind::kOutcome)) all += line + "\n";
    return all;
  }

  ExportRequest of_group(const std::string& id = "g") const {
    ExportRequest request = since(ExportLevel::kGroup);
    request.group_id = id;
    request.history_of_new_members = true;
    return request;
  }

  static std::string group(const std::string& id, const std::vector<std::string>& patients) {
    std::string members;
    for (const auto& patient : patients)
      members += fmt::format(R"({}{{"entity":{{"reference":"Patient/{}"}}}})",
                             members.empty() ? "" : ",", patient);
    return simple("Group", id,
                  fmt::format(R"(,"type":"person","actual":true,"member":[{}])", members));
  }

  Keys deleted(const ExportRequest& request) {
    return deleted_keys(run(request, FileKind::kDeleted));
  }

  ExportRequest since(ExportLevel level) const {
    ExportRequest request;
    request.level = level;
    request.since = since_;
    return request;
  }

  void put_patients() {
    put({simple("Patient", "a"), simple("Patient", "b"), simple("Patient", "c"),
         simple("Practitioner", "gone"), simple("Practitioner", "nobody-knows"),
         simple("Device", "free"), simple("Basic", "of-nobody"), observation("a1", {"a"}),
         observation("b1", {"b"}), observation("both", {"a", "b"}), observation("back", {"a"}),
         simple("Encounter", "e",
                R"(,"status":"planned","class":{"code":"AMB"},"subject":{"reference":"Patient/b"},)"
                R"("participant":[{"individual":{"reference":"Practitioner/gone"}}])"),
         simple(
             "Group", "g",
             R"(,"type":"person","actual":true,"member":[{"entity":{"reference":"Patient/b"}}])")});
    since_ = store_->last_commit().instant;
  }

  Instant since_;
};

}  // namespace sluice::bulk
