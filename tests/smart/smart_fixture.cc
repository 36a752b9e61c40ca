#include "smart_fixture.h"

#include "store/rocksdb/rocksdb_store.h"

namespace sluice::smart {

Result<store::WriteOutcome> RefusingStore::write(const store::Transaction& transaction) {
  if (refuse_) return storage_error("the store refuses", "as the test wants");
  return ForwardingStore::write(transaction);
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
