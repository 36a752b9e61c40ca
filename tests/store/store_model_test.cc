// Random histories on the store and on a simple model in memory; both must answer alike, as of
// every sequence that the horizon allows, also after restarts and compactions.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <random>
#include <set>

#include "store_fixture.h"

namespace sluice::store {
namespace {

using Lines = std::vector<std::string>;

/// What happened to one resource at one sequence.
struct Version {
  std::uint64_t sequence = 0;
  std::uint32_t version = 0;
  bool deleted = false;
  std::string text;
  std::vector<std::string> owners;
};

class Model {
 public:
  using Key = std::pair<std::string, std::string>;  // type, id

  const Version* at(const Key& key, std::uint64_t as_of) const {
    const Version* found = nullptr;
    if (const auto all = versions.find(key); all != versions.end())
      for (const auto& version : all->second)
        if (version.sequence <= as_of) found = &version;
    return found;
  }
  const Version* existing(const Key& key, std::uint64_t as_of) const {
    const Version* found = at(key, as_of);
    return found == nullptr || found->deleted ? nullptr : found;
  }

  Lines scan(const std::string& type, std::uint64_t as_of) const {
    std::set<std::pair<std::pair<std::string, std::string>, std::string>> records;
    for (const auto& [key, all] : versions) {
      const Version* found = key.first == type ? existing(key, as_of) : nullptr;
      if (found == nullptr) continue;
      const auto owners = found->owners.empty() ? std::vector<std::string>{""} : found->owners;
      for (const auto& owner : owners)
        records.insert({{owner, key.second},
                        fmt::format("{}{}/{}@{}", owner == owners[0] ? "" : "->", owner, key.second,
                                    found->version)});
    }
    Lines lines;
    for (const auto& record : records) lines.push_back(record.second);
    return lines;
  }

  std::map<Key, std::vector<Version>> versions;
  std::vector<Lines> changes{{}};  ///< by sequence, sorted within
  std::vector<std::int64_t> instants{0};
  std::map<std::string, std::string> documents;
};

class StoreModel : public StoreTest {
 protected:
  std::size_t below(std::size_t n) { return random_() % n; }
  template <class T>
  const T& one_of(const std::vector<T>& all) {
    return all[below(all.size())];
  }
  Model::Key random_key() { return {one_of(types_), "r" + std::to_string(below(60))}; }

  std::vector<std::string> random_owners(const std::string& type) {
    if (type == "Organization") return {};
    std::set<std::string> owners;
    for (std::size_t n = one_of(std::vector<std::size_t>{0, 1, 1, 1, 2, 3, 40}); n > 0; --n)
      owners.insert("p" + std::to_string(below(n > 3 ? 100 : 6)));
    return {owners.begin(), owners.end()};
  }

  // A transaction on both.
  void transact() {
    Batch batch;
    const std::uint64_t sequence = model_.changes.size();
    std::map<Model::Key, fhir::IncomingResource> puts;
    std::set<Model::Key> removals;
    const bool leave = below(8) == 0;
    if (leave) batch.leave_different();
    if (below(10) != 0) batch.not_durable();
    const bool seals = below(20) == 0;
    if (seals) batch.seal();
    for (std::size_t n = below(12); n > 0; --n) {
      const auto key = random_key();
      auto resource = random_resource(key);
      batch.put(resource);
      puts[key] = std::move(resource);
    }
    for (std::size_t n = below(4); n > 0; --n) {
      const auto key = random_key();
      batch.remove(key.first, key.second);
      removals.insert(key);
    }
    if (below(4) == 0) {
      const auto key = "job/" + std::to_string(below(5));
      if (below(3) == 0) {
        batch.document(key, std::nullopt);
        model_.documents.erase(key);
      } else {
        batch.document(key, std::to_string(sequence));
        model_.documents[key] = std::to_string(sequence);
      }
    }
    clock_.milliseconds += static_cast<std::int64_t>(below(5)) - 1;
    const auto outcome = write(batch);
    ASSERT_EQ(outcome.commit.sequence.value, sequence);
    // the clock's instant, or that of the commit before when the clock is behind; one more
    // only where an instant belongs to one commit alone.
    const std::int64_t instant = outcome.commit.instant.milliseconds;
    const std::int64_t least = model_.instants.back() + (sealed_ || seals ? 1 : 0);
    ASSERT_EQ(instant, std::max<std::int64_t>(clock_.milliseconds, least));
    sealed_ = seals;
    ASSERT_EQ(store_->commit_of({sequence}).value()->instant.milliseconds, instant);
    model_.instants.push_back(instant);
    model_.changes.emplace_back();
    for (const auto& key : removals) puts.erase(key);
    for (const auto& [key, resource] : puts) apply_put(key, resource, sequence, leave);
    for (const auto& key : removals) apply_removal(key, sequence);
    std::sort(model_.changes.back().begin(), model_.changes.back().end());
  }

  fhir::IncomingResource random_resource(const Model::Key& key) {
    // Owners follow from the content, as they do for real resources.
    const Version* now = model_.existing(key, ~0ull);
    if (now != nullptr && below(4) == 0)
      return make_resource(key.first, key.second, now->text, now->owners);
    const auto owners = random_owners(key.first);
    std::string text = fmt::format("{}", random_());
    for (const auto& owner : owners) text += "-" + owner;
    text += std::string(below(20) == 0 ? 20'000 : below(200), 'x');
    return make_resource(key.first, key.second, text, owners);
  }

  void apply_put(const Model::Key& key, const fhir::IncomingResource& resource,
                 std::uint64_t sequence, bool leave) {
    auto& all = model_.versions[key];
    std::string text = resource.content.substr(resource.content.find("\"text\":\"") + 8);
    text.resize(text.size() - 2);
    const bool exists = !all.empty() && !all.back().deleted;
    if (exists && (all.back().text == text || leave)) return;
    const std::uint32_t version = all.empty() ? 1 : all.back().version + 1;
    all.push_back({sequence, version, false, text, resource.owners});
    model_.changes.back().push_back(fmt::format("{} put {}/{} {}", sequence, key.first, key.second,
                                                resource.owners.empty() ? "" : resource.owners[0]));
  }

  void apply_removal(const Model::Key& key, std::uint64_t sequence) {
    auto& all = model_.versions[key];
    if (all.empty() || all.back().deleted) return;
    const auto owners = all.back().owners;
    all.push_back({sequence, all.back().version + 1, true, "", owners});
    model_.changes.back().push_back(fmt::format("{} remove {}/{} {}", sequence, key.first,
                                                key.second, owners.empty() ? "" : owners[0]));
  }

  void check_reads(std::uint64_t as_of) {
    const auto key = random_key();
    const Version* expected = model_.existing(key, as_of);
    EXPECT_EQ(
        read(key.first, key.second, {as_of}),
        expected == nullptr ? "none" : fmt::format("{} {}", expected->version, expected->text))
        << key.first << "/" << key.second << " as of " << as_of;
    const auto record = store_->read({type_of(key.first), key.second}, {as_of}).value();
    const auto owners = store_->owners({type_of(key.first), key.second}, {as_of}).value();
    EXPECT_EQ(owners.has_value(), expected != nullptr) << as_of;
    if (owners && record) {
      EXPECT_EQ(*owners, record->owners) << as_of;
    }
    std::vector<std::string> ids;
    std::vector<bool> exist;
    for (int i = 0; i < 60; ++i) {
      ids.push_back("r" + std::to_string(i));
      exist.push_back(model_.existing({key.first, ids.back()}, as_of) != nullptr);
    }
    EXPECT_EQ(store_->exist(type_of(key.first), ids, {as_of}).value(), exist) << as_of;
  }

  void check_scans(std::uint64_t as_of) {
    const auto& type = one_of(types_);
    const Lines expected = model_.scan(type, as_of);
    EXPECT_EQ(scan_all(type, {as_of}), expected) << type << " as of " << as_of;
    Lines in_parts;
    for (const auto& part : store_->split(whole_type(type_of(type)), 1 + below(50'000)).value())
      for (auto& line : scan(part, {as_of})) in_parts.push_back(std::move(line));
    EXPECT_EQ(in_parts, expected) << type << " in parts as of " << as_of;
    // Seeks find the same as the scan.
    const auto seeking = store_->scan(whole_type(type_of(type)), {as_of}).value();
    for (int i = 0; i < 5; ++i) {
      const auto owner = "p" + std::to_string(below(10));
      seeking->seek_owner(owner);
      RecordView record;
      const bool found = seeking->next(record).value();
      const auto first = std::find_if(expected.begin(), expected.end(), [&](const auto& line) {
        return line.substr(line.find_first_not_of("->")) >= owner && line.find('/') != 0;
      });
      ASSERT_EQ(found, first != expected.end());
      if (!found) continue;
      EXPECT_EQ(fmt::format("{}{}/{}@{}", record.is_link ? "->" : "", record.owner, record.id,
                            record.version),
                *first);
      if (record.is_link) {
        OwnerList owners(record.owners);
        for (const auto& each : model_.existing({type, std::string(record.id)}, as_of)->owners)
          EXPECT_EQ(owners.next(), each);
        EXPECT_FALSE(owners.next());
      }
    }
  }

  void check_changes() {
    const std::uint64_t last_sequence = model_.changes.size() - 1;
    const std::uint64_t after = below(last_sequence + 1);
    const std::uint64_t up_to = after + below(last_sequence - after + 1);
    Lines expected;
    for (std::uint64_t s = after + 1; s <= up_to; ++s)
      expected.insert(expected.end(), model_.changes[s].begin(), model_.changes[s].end());
    Lines found = changes({after}, {up_to});
    std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
      return std::stoull(a) != std::stoull(b) ? std::stoull(a) < std::stoull(b) : a < b;
    });
    EXPECT_EQ(found, expected) << after << " to " << up_to;
    EXPECT_EQ(store_->change_count({after}, {up_to}).value(), expected.size());
    const std::int64_t instant = model_.instants[after] + static_cast<std::int64_t>(below(3)) - 1;
    std::uint64_t sequence = 0;
    for (std::uint64_t s = 1; s <= last_sequence; ++s)
      if (model_.instants[s] <= instant) sequence = s;
    EXPECT_EQ(store_->commit_at({instant}).value().sequence.value, sequence);
  }

  void check_totals() {
    std::map<std::string, std::uint64_t> resources;
    for (const auto& [key, all] : model_.versions)
      if (!all.empty()) resources[key.first] += all.back().deleted ? 0 : 1;
    for (const auto& statistics : store_->statistics().value()) {
      const std::string type(fhir::type_name(statistics.type));
      EXPECT_EQ(statistics.resources, resources[type]) << type;
      std::uint64_t bytes = 0;
      const auto scan = store_->scan(whole_type(statistics.type), last()).value();
      RecordView record;
      while (scan->next(record).value())
        if (!record.is_link) bytes += record.json.size() + 1;
      EXPECT_EQ(statistics.bytes, bytes) << type;
    }
    std::map<std::string, std::string> documents;
    for (const auto& d : store_->documents("job/", "", 100).value()) documents[d.key] = d.value;
    EXPECT_EQ(documents, model_.documents);
  }

  const std::vector<std::string> types_ = {"Patient", "Observation", "Organization"};
  std::mt19937_64 random_;
  Model model_;
  bool sealed_ = false;  // whether the next instant must be later
};
INSTANTIATE_TEST_SUITE_P(EachBackend, StoreModel, testing::ValuesIn(backends()),
                         [](const auto& i) { return i.param.name; });

TEST_P(StoreModel, AnswersLikeTheModel) {
  random_.seed(test_seed());
  std::uint64_t horizon = 0;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(6);
  int steps = 0;
  for (; std::chrono::steady_clock::now() < end && !HasFailure(); ++steps) {
    transact();
    if (HasFatalFailure()) break;
    const std::uint64_t newest = model_.changes.size() - 1;
    const std::uint64_t as_of = horizon + below(newest - horizon + 1);
    switch (below(40)) {
      case 0:
        reopen();
        sealed_ = true;  // as far as the store knows
        store_->set_history_horizon({horizon});
        break;
      case 1:
        horizon = as_of;
        store_->set_history_horizon({horizon});
        break;
      case 2:
        store_->compact().value();
        break;
      case 3:
      case 4:
        check_totals();
        break;
      default:
        break;
    }
    check_reads(as_of);
    if (steps % 5 == 0) {
      check_scans(as_of);
      check_changes();
    }
  }
  std::cout << steps << " transactions" << std::endl;
  reopen();
  check_totals();
}

}  // namespace
}  // namespace sluice::store
