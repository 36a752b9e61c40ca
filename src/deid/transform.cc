#include "deid/transform.h"

#include <algorithm>

#include "deid/walker.h"
#include "fhir/compartment.h"
#include "fhir/reference.h"
#include "json/json_check.h"
#include "json/json_walk.h"

namespace sluice::deid {
namespace {

constexpr std::size_t kKeyBytes = 32;

constexpr std::pair<std::string_view, OwnRules> kOwn[] = {
    {"safe-harbor", OwnRules::kSafeHarbor}, {"shifted-dates", OwnRules::kShiftedDates}};

/// Goes down the compartment's paths and keeps the patients that references name.
class OwnerSearch {
 public:
  OwnerSearch(const fhir::JsonTokens& tokens, fhir::ResourceType type)
      : tokens_(tokens), type_(type) {}

  std::optional<std::string> run() {
    object(0, fhir::CompartmentPaths::kRoot);
    return std::move(owner_);
  }

 private:
  void object(std::size_t token, fhir::CompartmentPaths::Place place) {
    const auto& paths = fhir::CompartmentPaths::instance();
    if (paths.counts(place, type_)) reference(token);
    (void)fhir::each_member(tokens_, token, [&](std::size_t key, std::size_t item) -> Result<void> {
      std::string_view name = tokens_.raw_string(key);
      const std::string plain =
          name.find('\\') == std::string_view::npos ? std::string() : fhir::unescape(name);
      if (!plain.empty()) name = plain;
      const auto below = paths.step(place, name);
      if (below != fhir::CompartmentPaths::kNowhere) value(item, below);
      return {};
    });
  }
  void value(std::size_t token, fhir::CompartmentPaths::Place place) {
    if (tokens_.first(token) == '{') object(token, place);
    if (tokens_.first(token) != '[') return;
    (void)fhir::each_element(tokens_, token, [&](std::size_t item) -> Result<void> {
      if (tokens_.first(item) == '{') object(item, place);
      return {};
    });
  }
  void reference(std::size_t token) {
    const auto text = fhir::string_member(tokens_, token, "reference");
    if (!text) return;
    const auto found = fhir::parse_reference_to_any_server(*text);
    if (!found || found->type != fhir::types::kPatient) return;
    if (!owner_ || found->id < *owner_) owner_ = found->id;
  }

  const fhir::JsonTokens& tokens_;
  const fhir::ResourceType type_;
  std::optional<std::string> owner_;
};

}  // namespace

std::optional<std::string> owner_of(const fhir::JsonTokens& tokens) {
  const auto name = fhir::string_member(tokens, 0, "resourceType");
  const auto type = name ? fhir::find_resource_type(*name) : std::nullopt;
  if (!type) return std::nullopt;
  if (*type == fhir::types::kPatient) return fhir::string_member(tokens, 0, "id");
  return OwnerSearch(tokens, *type).run();
}

std::optional<OwnRules> find_own_rules(std::string_view name) {
  for (const auto& [own, rules] : kOwn)
    if (own == name) return rules;
  return std::nullopt;
}

Result<std::shared_ptr<const Deidentification>> Deidentification::of_rules(RuleSet rules,
                                                                           const KeyFile* key,
                                                                           std::string_view view) {
  if (key == nullptr && rules.needs_key()) return invalid("these rules need a key");
  auto made = std::make_shared<Deidentification>();
  SLUICE_ASSIGN_OR_RETURN(made->program_, Program::compile(std::move(rules)));
  if (key != nullptr)
    made->keys_ = Keys{
        key->derive(view, "cryptoHashKey", kKeyBytes), key->derive(view, "dateShiftKey", kKeyBytes),
        key->derive(view, "perturb", kKeyBytes), key->derive(view, "encryptKey", kKeyBytes),
        key->derive(view, "encrypt vector", kKeyBytes)};
  return std::shared_ptr<const Deidentification>(made);
}

Result<std::shared_ptr<const Deidentification>> Deidentification::of_own(OwnRules rules,
                                                                         const KeyFile* key,
                                                                         std::string_view view) {
  if (key == nullptr) return invalid("these rules need a key");
  auto made = std::make_shared<Deidentification>();
  made->program_ = Program::of_allow_list();
  made->own_ = rules;
  made->keys_ =
      Keys{key->derive(view, "ids", kKeyBytes), key->derive(view, "days", kKeyBytes),
           key->derive(view, "perturb", kKeyBytes), key->derive(view, "encryptKey", kKeyBytes),
           key->derive(view, "encrypt vector", kKeyBytes)};
  return std::shared_ptr<const Deidentification>(made);
}

Transform::Transform(std::shared_ptr<const Deidentification> rules)
    : walker_(std::make_unique<Walker>(std::move(rules))) {}
Transform::~Transform() = default;
Transform::Transform(Transform&&) noexcept = default;
Transform& Transform::operator=(Transform&&) noexcept = default;

Result<std::string_view> Transform::apply(const fhir::JsonTokens& tokens, const Context& context) {
  return walker_->apply(tokens, context);
}

const std::vector<std::uint64_t>& Transform::counts() const {
  return walker_->counts();
}

std::string Transform::emptied(const fhir::JsonTokens& tokens) {
  const auto name = fhir::string_member(tokens, 0, "resourceType");
  const auto type = name ? fhir::find_resource_type(*name) : std::nullopt;
  return std::string("{\"resourceType\":\"") +
         std::string(type ? fhir::type_name(*type) : std::string_view("Basic")) +
         R"(","meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue",)"
         R"("code":"REDACTED","display":"redacted"}]}})";
}

}  // namespace sluice::deid
