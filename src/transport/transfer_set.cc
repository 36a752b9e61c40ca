#include "transport/transfer_set.h"

#include "transport/transfer_impl.h"

namespace sluice::transport {

struct TransferSet::Impl {
  CurlMulti multi = make_multi();
};

TransferSet::TransferSet() : impl_(std::make_unique<Impl>()) {
  curl_multi_setopt(impl_->multi.get(), CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
}
TransferSet::~TransferSet() = default;

void TransferSet::add(Transfer& transfer) {
  curl_multi_add_handle(impl_->multi.get(), transfer.impl_->easy.get());
}

void TransferSet::remove(Transfer& transfer) {
  curl_multi_remove_handle(impl_->multi.get(), transfer.impl_->easy.get());
}

std::vector<Transfer*> TransferSet::advance() {
  int still = 0;
  curl_multi_perform(impl_->multi.get(), &still);
  std::vector<Transfer*> over;
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(impl_->multi.get(), &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    CURL* handle = message->easy_handle;
    const CURLcode code = message->data.result;
    Transfer* transfer = nullptr;
    curl_easy_getinfo(handle, CURLINFO_PRIVATE, &transfer);
    curl_multi_remove_handle(impl_->multi.get(), handle);
    transfer->impl_->finish(code);
    over.push_back(transfer);
  }
  return over;
}

void TransferSet::wait(std::chrono::milliseconds time) {
  curl_multi_poll(impl_->multi.get(), nullptr, 0, static_cast<int>(time.count()), nullptr);
}

void TransferSet::wake() {
  curl_multi_wakeup(impl_->multi.get());
}

}  // namespace sluice::transport
