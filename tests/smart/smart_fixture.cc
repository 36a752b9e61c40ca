#include "smart_fixture.h"

#include "base/bytes.h"
#include "store/rocksdb/rocksdb_store.h"

namespace sluice::smart {

TemporaryFolder::TemporaryFolder()
    : path_(std::filesystem::temp_directory_path() / ("sluice-smart-" + random_hex(8))) {
  std::filesystem::create_directories(path_);
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;  // a left-over folder does no harm
  std::filesystem::remove_all(path_, ignored);
}

Result<store::WriteOutcome> RefusingStore::write(const store::Transaction& transaction) {
  if (refuse_) return storage_error("the store refuses", "as the test wants");
  return inner_.write(transaction);
}

SmartTest::SmartTest() {
  reopen();
}

SmartTest::~SmartTest() = default;

void SmartTest::reopen() {
  refusing_.reset();
  store_.reset();
  store_ = store::open_rocksdb_store(folder_.path(), clock).value();
  refusing_ = std::make_unique<RefusingStore>(*store_, refuse_writes);
}

std::size_t SmartTest::documents(std::string_view prefix) {
  return store_->documents(prefix, "", 1'000'000).value().size();
}

Client make_client(std::string id, const jose::PrivateJwk& key, std::string_view scope) {
  Client client;
  client.id = std::move(id);
  client.name = "A client";
  client.jwks.emplace();
  client.jwks->add(key.public_part());
  client.scopes = ScopeSet::parse(scope).value();
  return client;
}

}  // namespace sluice::smart
