// What is audited, and how it looks as a FHIR R4 AuditEvent.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/instant.h"

namespace sluice::smart {

enum class AuditKind : std::uint8_t {
  kTokenIssued,
  kTokenRefused,
  kTokenRevoked,
  kAccessRefused,  ///< a request without a valid token, or beyond its scopes
  kKickOff,
  kStatus,
  kDownload,
  kDelete,         ///< a job was cancelled or removed
  kClientChanged,  ///< added, changed, disabled, removed, by `description`
  kImport,         ///< bulk data was taken in
  kServerStarted,
  kServerStopped,
  kResourceRead,
  kResourceCreated,  ///< also a failed attempt, by the outcome
  kResourceUpdated,
  kResourceDeleted,
  kHistoryRead,  ///< of a resource, a type or everything
  kTransaction,  ///< a Bundle of which nothing was done in the end; its entries have lines before
  kResourceSearch,  ///< resources were looked for; `description` names the parameters
};
/// The subtype's code: "token-issued".
std::string_view to_string(AuditKind kind);

/// AuditEvent.outcome: 0, 4, 8, 12.
enum class AuditOutcome : std::uint8_t { kSuccess = 0, kMinor = 4, kSerious = 8, kMajor = 12 };

/// Never put a token, an assertion or content of resources in here: ids only.
struct AuditEvent {
  AuditKind kind = AuditKind::kStatus;
  AuditOutcome outcome = AuditOutcome::kSuccess;
  std::string client_id = {};    ///< the client; empty: unknown
  std::string address = {};      ///< from where: the peer's IP address
  std::string description = {};  ///< why it was refused, what was changed; without PHI
  std::string job_id = {};       ///< what: a job,
  std::string file = {};         ///< a file of it,
  std::string subject = {};      ///< or a client ("client/acme") or resource ("Group/g1")
  std::string request = {};      ///< the request's URL without secrets, for kKickOff
  std::string scope = {};        ///< asked for or granted
};

/// One line without line break. `source` names this server (AuditEvent.source.observer).
std::string to_fhir_json(const AuditEvent& event, Instant recorded, std::string_view source);

}  // namespace sluice::smart
