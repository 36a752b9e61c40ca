// `sluice keys`: key pairs for clients.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/file.h"
#include "base/utf8.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/pull_options.h"
#include "jose/json_web_key.h"

namespace sluice::cli {
namespace {

struct KeysArguments {
  std::string algorithm = "ES384";
  std::string out;
  std::string private_file;
  std::string format = "jwk";
};

std::string algorithm_names() {
  std::string names;
  for (const auto algorithm :
       {jose::Algorithm::kEs384, jose::Algorithm::kRs384, jose::Algorithm::kEs256,
        jose::Algorithm::kEs512, jose::Algorithm::kRs256, jose::Algorithm::kRs512,
        jose::Algorithm::kPs256, jose::Algorithm::kPs384, jose::Algorithm::kPs512})
    names += (names.empty() ? "" : ", ") + std::string(jose::to_string(algorithm));
  return names;
}

void print_public(const jose::PrivateJwk& key) {
  jose::JwkSet keys;
  keys.add(key.public_part());
  fmt::print("{}\n", keys.to_json());
}

Result<int> show_public(const KeysArguments& arguments) {
  SLUICE_ASSIGN_OR_RETURN(const auto key, read_private_key(arguments.private_file));
  print_public(key);
  return 0;
}

Result<int> generate_key(const KeysArguments& arguments) {
  if (arguments.out.empty()) return invalid("keys: --out FILE is missing");
  const auto algorithm = jose::find_algorithm(arguments.algorithm);
  if (!algorithm)
    return invalid(fmt::format("keys: --alg '{}' is none of {}", shortened(arguments.algorithm, 40),
                               algorithm_names()));
  SLUICE_ASSIGN_OR_RETURN(const auto key, jose::PrivateJwk::generate(*algorithm));
  std::string text = key.to_json() + "\n";
  if (arguments.format == "jwks") text = "{\"keys\":[" + key.to_json() + "]}\n";
  if (arguments.format == "pem") {
    SLUICE_ASSIGN_OR_RETURN(text, key.to_pem());
    // PEM does not say what a key is for: who reads it takes what is usual.
    SLUICE_ASSIGN_OR_RETURN(const auto read, jose::PrivateJwk::parse(text));
    if (read.algorithm() != *algorithm)
      return invalid(
          fmt::format("keys: a PEM file does not say '{}': use --format jwk", arguments.algorithm));
  }
  // Never over another key, never readable by others.
  const FileDescriptor file(
      ::open(arguments.out.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (file.get() < 0 && errno == EEXIST)
    return invalid(
        fmt::format("keys: '{0}' is there already: `sluice keys public {0}` prints its public half",
                    arguments.out));
  if (file.get() < 0) return errno_error("cannot create", arguments.out, errno);
  SLUICE_RETURN_IF_ERROR(write_all(file.get(), text, arguments.out));
  SLUICE_RETURN_IF_ERROR(sync_file(file.get(), arguments.out));
  print_public(key);
  return 0;
}

}  // namespace

Command add_keys(CLI::App& app) {
  auto* command = app.add_subcommand("keys", "Generate keys and print their public parts");
  command->require_subcommand(1);
  command->footer(std::string("Example:\n  sluice keys generate --alg ES384 --out key.jwk\n"
                              "  sluice keys public key.jwk > jwks.json") +
                  kExitCodes);
  auto arguments = std::make_shared<KeysArguments>();
  auto* generate = command->add_subcommand(
      "generate", "Generate a private JSON Web Key and print its public JWK Set");
  generate->footer(std::string("Example:\n  sluice keys generate --alg ES384 --out key.jwk") +
                   kExitCodes);
  generate->add_option("--alg", arguments->algorithm, "ES384, RS384, ES256, RS256, PS384 ...")
      ->capture_default_str();
  generate
      ->add_option("--format", arguments->format,
                   "Of the private key: jwk, jwks (a JWK Set of it), pem (PKCS #8)")
      ->check(CLI::IsMember({"jwk", "jwks", "pem"}))
      ->capture_default_str();
  generate->add_option("--out", arguments->out, "File for the private key, made with mode 0600");
  auto* show = command->add_subcommand("public", "Print the public JWK Set of a private key");
  show->footer(std::string("Example:\n  sluice keys public key.jwk > jwks.json") + kExitCodes);
  show->add_option("PRIVATE_FILE", arguments->private_file, "JWK, JWK Set or PEM")->required();
  return {command, [arguments, show] {
            return show->parsed() ? show_public(*arguments) : generate_key(*arguments);
          }};
}

}  // namespace sluice::cli
