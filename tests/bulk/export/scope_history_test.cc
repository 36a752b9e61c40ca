// A full export and the one since it are together the full one of later (M-04, P-02), over random
// histories: what leaves an export's scope, in whatever way, is told, and of nothing else is told
// what the client was never given (R-06).
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <random>

#include "export_fixture.h"

namespace sluice::bulk {
namespace {

namespace json = boost::json;
using Keys = std::set<std::string>;
using Copy = std::map<std::string, std::string>;  // line by "Type/id"

constexpr int kPatients = 5;

fhir::ResourceType type_of(std::string_view name) {
  return fhir::find_resource_type(name).value();
}

/// What the test knows of a resource, kept apart from what the store makes of it.
struct Known {
  std::string type;
  std::set<std::string> owners;
  std::string status;
  std::set<std::string> members;  // of a Group
  bool has_encounter = false;
};
using State = std::map<std::string, Known>;  // by "Type/id"

/// An export that is made again and again.
struct Config {
  std::string name;
  ExportRequest request;
  bool only_final = false;  // of Observations and Devices: those with the status "final", "active"
};

class ScopeHistory : public ExportFixture, public testing::WithParamInterface<std::uint64_t> {
 protected:
  void SetUp() override {
    engine_options_.workers = 1;
    engine_options_.jobs_per_client_max = 32;
    ExportFixture::SetUp();
    random_.seed(GetParam());
    const auto add = [&](const char* name, ExportLevel level, bool only_final) -> ExportRequest& {
      Config config{name, {}, only_final};
      config.request.level = level;
      config.request.history_of_new_members = true;
      if (level == ExportLevel::kGroup) config.request.group_id = "g";
      if (level == ExportLevel::kPatient && std::string_view(name).ends_with("list"))
        config.request.patients = {"p0", "p1"};
      configs_.push_back(config);
      return configs_.back().request;
    };
    const auto filter = [](ExportRequest& request) {
      request.type_filters = {{type_of("Observation"), "status=final"},
                              {type_of("Device"), "status=active"}};
    };
    const auto limit = [](ExportRequest& request) {
      request.limits.by_query = {{{type_of("Observation")}, {{"status=final"}}},
                                 {{type_of("Device")}, {{"status=active"}}}};
    };
    add("system", ExportLevel::kSystem, false);
    filter(add("system filtered", ExportLevel::kSystem, true));
    add("patient", ExportLevel::kPatient, false);
    filter(add("patient filtered", ExportLevel::kPatient, true));
    add("patient list", ExportLevel::kPatient, false);
    limit(add("limited patient list", ExportLevel::kPatient, true));
    add("by patient", ExportLevel::kSystem, false).organize_by = fhir::types::kPatient;
    add("by encounter", ExportLevel::kSystem, false).organize_by = type_of("Encounter");
    add("group", ExportLevel::kGroup, false);
    add("group by encounter", ExportLevel::kGroup, false).organize_by = type_of("Encounter");
    filter(add("group filtered", ExportLevel::kGroup, true));
    limit(add("group limited", ExportLevel::kGroup, true));
  }

  // Hundreds of small jobs would do nothing but wait for a disk.
  std::filesystem::path parent_folder() const override {
    const std::filesystem::path memory = "/dev/shm";
    std::error_code none;
    const auto room = std::filesystem::space(memory, none);
    return !none && room.available > 32u << 20 ? memory : ExportFixture::parent_folder();
  }

  std::size_t pick(std::size_t below) { return random_() % below; }
  std::string patient() { return fmt::format("p{}", pick(kPatients)); }

  // ---- writing ----

  std::string referring(const std::string& type, const std::string& id, const std::string& status,
                        const std::string& more, const std::set<std::string>& owners) {
    now_[type + "/" + id] = {type, owners, status, {}};
    return fmt::format(
        R"({{"resourceType":"{}","id":"{}","status":"{}","identifier":[{{"value":"{}"}}]{}}})",
        type, id, status, ++number_, more);
  }

  std::string observation(const std::string& id) {
    std::set<std::string> owners;
    std::string more = R"(,"code":{"text":"x"})";
    if (pick(5) != 0) {
      const std::string subject = patient();
      owners.insert(subject);
      more += fmt::format(R"(,"subject":{{"reference":"Patient/{}"}})", subject);
    }
    if (pick(4) == 0) {
      const std::string performer = patient();
      owners.insert(performer);
      more += fmt::format(R"(,"performer":[{{"reference":"Patient/{}"}}])", performer);
    }
    const bool has_encounter = pick(2) == 0;
    if (has_encounter)
      more += fmt::format(R"(,"encounter":{{"reference":"Encounter/e{}"}})", pick(2));
    std::string line =
        referring("Observation", id, pick(2) == 0 ? "final" : "amended", more, owners);
    now_["Observation/" + id].has_encounter = has_encounter;
    return line;
  }

  std::string device(const std::string& id) {
    std::set<std::string> owners;
    std::string more;
    if (pick(4) != 0) {
      const std::string owner = patient();
      owners.insert(owner);
      more = fmt::format(R"(,"patient":{{"reference":"Patient/{}"}})", owner);
    }
    return referring("Device", id, pick(2) == 0 ? "active" : "inactive", more, owners);
  }

  std::string person(const std::string& id) {
    now_["Patient/" + id] = {"Patient", {id}, "", {}};
    return fmt::format(R"({{"resourceType":"Patient","id":"{}","identifier":[{{"value":"{}"}}]}})",
                       id, ++number_);
  }

  std::string group(const std::string& id) {
    Known known{"Group", {}, "", {}};
    std::string members;
    const auto add = [&](const std::string& reference) {
      members += fmt::format(R"({}{{"entity":{{"reference":"{}"}}}})", members.empty() ? "" : ",",
                             reference);
    };
    for (int i = 0; i < kPatients; ++i)
      if (pick(2) == 0) {
        known.members.insert(fmt::format("p{}", i));
        add(fmt::format("Patient/p{}", i));
      }
    if (id == "g" && pick(3) == 0) add("Group/h");
    if (members.find("Group/h") != std::string::npos) known.members.insert("(h)");
    now_["Group/" + id] = known;
    return fmt::format(
        R"({{"resourceType":"Group","id":"{}","type":"person","actual":true,"name":"{}"{}}})", id,
        ++number_, members.empty() ? "" : ",\"member\":[" + members + "]");
  }

  std::string some_resource() {
    switch (pick(10)) {
      case 0:
        return group(std::vector{"g", "h", "k"}[pick(3)]);
      case 1:
        return person(patient());
      case 2:
      case 3:
        return device(fmt::format("d{}", pick(5)));
      default:
        return observation(fmt::format("o{}", pick(9)));
    }
  }

  void change() {
    if (pick(5) == 0) {
      // Without these there is nothing to export.
      const Keys needed{"Group/g", "Group/h", "Patient/p0", "Patient/p1"};
      std::vector<std::string> there;
      for (const auto& [key, known] : now_)
        if (!needed.contains(key)) there.push_back(key);
      if (there.empty()) return;
      const std::string key = there[pick(there.size())];
      now_.erase(key);
      remove(key.substr(0, key.find('/')), key.substr(key.find('/') + 1));
    } else {
      std::map<std::string, std::string> lines;  // by resource: each once in a transaction
      for (std::size_t n = 1 + pick(3); n > 0; --n) {
        const std::string line = some_resource();
        lines[key_of(line)] = line;
      }
      std::vector<std::string> all;
      for (const auto& [key, line] : lines) all.push_back(line);
      put(all);
    }
    states_.push_back(now_);
  }

  // ---- what is right ----

  static std::set<std::string> members(const State& state) {
    std::set<std::string> all = state.at("Group/g").members;
    if (all.erase("(h)") > 0) {
      const auto& nested = state.at("Group/h").members;
      all.insert(nested.begin(), nested.end());
    }
    return all;
  }

  static Keys visible(const State& state, const Config& config) {
    std::optional<std::set<std::string>> patient_set;
    if (config.request.level == ExportLevel::kGroup) patient_set = members(state);
    if (config.request.patients)
      patient_set.emplace(config.request.patients->begin(), config.request.patients->end());
    Keys keys;
    for (const auto& [key, known] : state) {
      const bool is_filtered = known.type == "Observation" || known.type == "Device";
      if (config.only_final && is_filtered && known.status != "final" && known.status != "active")
        continue;
      const auto organizer = config.request.organize_by;
      const bool by_patient = organizer == fhir::types::kPatient;
      if (organizer && !by_patient && !known.has_encounter) continue;
      if (by_patient && known.type == "Group") continue;
      if (config.request.level != ExportLevel::kSystem || by_patient) {
        if (known.type == "Group") {
          const bool has_patient = known.members.size() > (known.members.contains("(h)") ? 1u : 0u);
          if (config.request.level == ExportLevel::kPatient && !patient_set && has_patient)
            keys.insert(key);
          continue;
        }
        const bool is_in =
            std::any_of(known.owners.begin(), known.owners.end(),
                        [&](const auto& id) { return !patient_set || patient_set->contains(id); });
        if (!is_in) continue;
      }
      keys.insert(key);
    }
    return keys;
  }

  // ---- exporting ----

  static std::string key_of(const std::string& line) {
    const auto resource = json::parse(line).as_object();
    return std::string(resource.at("resourceType").as_string()) + "/" +
           std::string(resource.at("id").as_string());
  }
  static bool is_head(const std::string& line) {
    return json::parse(line).at("resourceType").as_string() == "Parameters";
  }

  struct Exported {
    Instant instant;
    std::size_t state = 0;  // how many states there were
    Copy copy;
  };

  Exported result_of(const std::string& id, bool is_organized) {
    Exported exported;
    const auto view = wait(id);
    EXPECT_EQ(view.job.state, job::JobState::kDone);
    exported.instant = view.job.snapshot.instant;
    exported.state = states_.size();
    for (const auto& line : lines_of_kind(id, FileKind::kOutput)) {
      if (is_head(line)) continue;  // of a block
      const auto [entry, is_new] = exported.copy.emplace(key_of(line), line);
      // It is in the block of each of its patients.
      EXPECT_TRUE(is_new || (is_organized && entry->second == line)) << line;
    }
    return exported;
  }

  Keys deleted_of(const std::string& id) {
    Keys keys;
    for (const auto& line : lines_of_kind(id, FileKind::kDeleted)) {
      const auto bundle = json::parse(line).as_object();
      for (const auto& entry : bundle.at("entry").as_array()) {
        const std::string url(entry.as_object().at("request").as_object().at("url").as_string());
        EXPECT_TRUE(keys.insert(url).second) << url << " twice";
      }
    }
    return keys;
  }

  /// Brings `from` up to date and compares; whether an outcome said that it cannot be.
  bool check_since(const Config& config, const Exported& from, const Exported& now,
                   const std::string& id) {
    const bool is_organized = config.request.organize_by.has_value();
    const Exported changes = result_of(id, is_organized);
    const Keys deleted = deleted_of(id);
    const bool is_incomplete = !lines_of_kind(id, FileKind::kOutcome).empty();
    // Nothing is told of what was never there for the client between the two. Of what is deleted
    // and not kept nobody knows whether it passed the client's own filter, or was in a block.
    Config seen = config;
    if (is_past_lost_ && !config.request.type_filters.empty()) seen.only_final = false;
    if (is_past_lost_ && config.request.organize_by != fhir::types::kPatient)
      seen.request.organize_by.reset();
    Keys was_visible;
    for (std::size_t i = from.state - 1; i < states_.size(); ++i)
      was_visible.merge(visible(states_[i], seen));
    for (const auto& key : deleted) {
      EXPECT_TRUE(was_visible.contains(key)) << key << " was never the client's";
      EXPECT_FALSE(changes.copy.contains(key)) << key << " is in both";
      EXPECT_FALSE(now.copy.contains(key)) << key << " is there";
    }
    if (is_incomplete) return true;
    Copy copy = from.copy;
    for (const auto& [key, line] : changes.copy) copy[key] = line;
    for (const auto& key : deleted) copy.erase(key);
    // Who left the group is no deletion: the list of its members tells.
    if (config.request.level == ExportLevel::kGroup) {
      const auto patient_set = members(states_.back());
      std::erase_if(copy, [&](const auto& entry) {
        const auto resource = fhir::ResourceReader().read(entry.second);
        return std::none_of(resource->owners.begin(), resource->owners.end(),
                            [&](const auto& owner) { return patient_set.contains(owner); });
      });
    }
    EXPECT_EQ(copy, now.copy);
    return false;
  }

  /// Everything is exported, and since some time before; how many outcomes there were.
  int compare() {
    std::vector<std::string> full;
    std::vector<std::string> since;
    std::vector<const Exported*> from;
    for (auto& config : configs_) {
      full.push_back(kick_off(config.request));
      auto& before = exports_of_[config.name];
      from.push_back(
          before.empty()
              ? nullptr
              : &before[before.size() - 1 - pick(std::min<std::size_t>(before.size(), 3))]);
      ExportRequest request = config.request;
      if (from.back() != nullptr) request.since = from.back()->instant;
      since.push_back(from.back() == nullptr ? "" : kick_off(request));
    }
    int incomplete = 0;
    std::map<std::string, Exported> now;
    for (std::size_t i = 0; i < configs_.size(); ++i) {
      SCOPED_TRACE(
          fmt::format("{} seed {} states {}", configs_[i].name, GetParam(), states_.size()));
      now[configs_[i].name] = result_of(full[i], configs_[i].request.organize_by.has_value());
      Keys keys;
      for (const auto& [key, line] : now[configs_[i].name].copy) keys.insert(key);
      EXPECT_EQ(keys, visible(now_, configs_[i]));
      if (from[i] != nullptr)
        incomplete += check_since(configs_[i], *from[i], now[configs_[i].name], since[i]) ? 1 : 0;
    }
    for (auto& [name, exported] : now) exports_of_[name].push_back(std::move(exported));
    return incomplete;
  }

  void begin() {
    put({group("g"), group("h"), person("p0"), person("p1")});
    states_.push_back(now_);
    for (int i = 0; i < 12; ++i) change();
    compare();
  }

  std::mt19937_64 random_;
  std::vector<Config> configs_;
  State now_;
  std::vector<State> states_;  // after each transaction
  std::map<std::string, std::vector<Exported>> exports_of_;
  int number_ = 0;
  bool is_past_lost_ = false;
};

// M-04, P-02
TEST_P(ScopeHistory, AnExportAndTheOneSinceItAreTheFullOneOfLater) {
  begin();
  for (int round = 0; round < 6 && !HasFailure(); ++round) {
    for (std::size_t n = 1 + pick(6); n > 0; --n) change();
    EXPECT_EQ(compare(), 0);
  }
}

// M-04: what is not kept any more is said to be missing, and no more than that.
TEST_P(ScopeHistory, WhatHistoryDoesNotKeepIsSaidToBeMissing) {
  is_past_lost_ = true;
  begin();
  int incomplete = 0;
  for (int round = 0; round < 4 && !HasFailure(); ++round) {
    for (std::size_t n = 1 + pick(6); n > 0; --n) change();
    store_->set_history_horizon(store_->last_commit().sequence);
    if (pick(2) == 0) {
      ASSERT_TRUE(store_->compact());
    }
    incomplete += compare();
  }
  EXPECT_LT(incomplete, 4 * static_cast<int>(configs_.size()));
}

INSTANTIATE_TEST_SUITE_P(Seeds, ScopeHistory, testing::Range<std::uint64_t>(1, 9));

}  // namespace
}  // namespace sluice::bulk
