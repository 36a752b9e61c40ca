#include "store/rocksdb/rocksdb_documents.h"

#include <algorithm>
#include <memory>

namespace sluice::store {

Result<std::optional<std::string>> read_document(const Database& database, std::string_view key) {
  std::string value;
  const auto status = database.db().Get(rocksdb::ReadOptions(), database.documents,
                                        rocksdb::Slice(key.data(), key.size()), &value);
  if (status.IsNotFound()) return std::optional<std::string>();
  if (!status.ok()) return read_error(status);
  return std::optional<std::string>(std::move(value));
}

Result<std::vector<Document>> list_documents(const Database& database, std::string_view prefix,
                                             std::string_view after, std::size_t limit) {
  std::vector<Document> documents;
  const std::unique_ptr<rocksdb::Iterator> it(
      database.db().NewIterator(rocksdb::ReadOptions(), database.documents));
  for (it->Seek(std::max(prefix, after)); it->Valid() && documents.size() < limit; it->Next()) {
    const std::string_view key = to_view(it->key());
    if (key.substr(0, prefix.size()) != prefix) break;
    if (!after.empty() && key <= after) continue;
    documents.push_back({std::string(key), it->value().ToString()});
  }
  if (!it->status().ok()) return read_error(it->status());
  return documents;
}

}  // namespace sluice::store
