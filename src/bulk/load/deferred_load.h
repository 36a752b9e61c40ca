// The end of a load: what its conditions find, and the resources that waited for it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "bulk/load/deferred.h"
#include "bulk/load/load_conditions.h"
#include "bulk/load/load_parser.h"
#include "fhir/resource_reader.h"
#include "store/store.h"

namespace sluice::bulk {

/// Where the resources go. An error ends the load.
class DeferredSink {
 public:
  virtual ~DeferredSink() = default;
  virtual Result<void> take(fhir::IncomingResource resource) = 0;
  virtual Result<void> remove(const fhir::ResourceId& key) = 0;
  /// A conditional create that found one.
  virtual Result<void> count_found(fhir::ResourceType type) = 0;
  virtual Result<void> report(std::size_t input, LoadProblem problem) = 0;
  /// Whether to read more of an input.
  virtual bool wants(std::size_t) { return true; }
};

struct DeferredOptions {
  fhir::ReaderLimits limits = {};
  std::string base_url = {};
  /// kLenient: a conditional reference that does not find exactly one resource stays as it is, with
  /// a warning.
  fhir::Leniency leniency = fhir::Leniency::kStrict;
  LoadConditions::Limits conditions = {};
  LoadConditions::MaySearch may_search = {};
  query::Bounds bounds = {};
};

/// One thread.
class DeferredLoad {
 public:
  explicit DeferredLoad(DeferredOptions options);

  /// Resolves the conditions of all resources in `files`: against `store`, with updates that are
  /// held back, and against the files themselves, in any order. The files must
  /// outlive this.
  Result<void> find(const store::Store& store, std::vector<const DeferredFile*> files,
                    const LoadConditions::HeldBack& held_back);
  /// Gives the resources of one of the files, their references resolved. May be done again.
  Result<void> write(std::size_t file, DeferredSink& sink);

  std::size_t passes() const { return conditions_.passes(); }
  std::uint64_t resolved() const { return resolved_; }  ///< references, in what was written

 private:
  /// What a conditional create or update of the load itself makes of its condition.
  struct Decision {
    std::string id;
    std::optional<std::uint64_t> creator;  // the number of the resource that is created
  };

  Result<void> gather();
  Result<void> look_at_files();
  Result<void> decide(const DeferredResource& resource, std::uint64_t number);
  Result<void> write_one(const DeferredResource& resource, std::uint64_t number,
                         DeferredSink& sink);
  /// The id that the resource is written under; nullopt: it is not, for there is one.
  Result<std::optional<std::string>> id_of(const DeferredResource& resource, std::uint64_t number);
  Result<std::string> target_of(std::string_view condition, bool is_own_entry);
  Result<std::string> rewritten(const DeferredResource& resource, LoadProblem& warning);
  Result<void> each(
      const std::function<Result<void>(const DeferredResource&, std::uint64_t)>& take);

  const DeferredOptions options_;
  std::vector<const DeferredFile*> files_;
  std::vector<std::uint64_t> starts_;  // the number of each file's first resource
  LoadConditions conditions_;
  bool has_own_targets_ = false;  // some condition is on a type that is among the resources
  bool has_decisions_ = false;    // conditional creates or updates
  std::map<std::size_t, Decision> decisions_;  // by the condition's number
  std::uint64_t resolved_ = 0;
  fhir::ResourceReader reader_;
  fhir::JsonTokens tokens_;
};

}  // namespace sluice::bulk
