// Copies to an accelerator beside what it computes.
#include "device/copy_stream.h"

#include <c10/core/impl/VirtualGuardImpl.h>

#include "device/device.h"

namespace course {

CopyStream::CopyStream(torch::Device device)
    : stream_(c10::impl::VirtualGuardImpl(device.type())
                  .getStreamFromGlobalPool(with_index(device), /*isHighPriority=*/false)),
      done_(device.type()) {}

void CopyStream::join(const std::vector<torch::Tensor>& made) {
  const c10::Stream current =
      c10::impl::VirtualGuardImpl(stream_.device_type()).getStream(stream_.device());
  done_.block(current);
  // Their memory belongs to this stream, which would use it again while the other one reads.
  for (const torch::Tensor& tensor : made) tensor.record_stream(current);
}

}  // namespace course
