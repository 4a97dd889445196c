// Images as PNG files.
#include "plot/png.h"

#include <torch/torch.h>

#include <algorithm>
#include <stdexcept>
#include <string>

#include "shape_text.h"

#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#define STBI_WRITE_NO_STDIO
#include <stb_image_write.h>

namespace course {

std::string encode_png(const torch::Tensor& image) {
  const torch::Tensor channels = image.dim() == 2 ? image.unsqueeze(0) : image;
  const int64_t count = channels.dim() == 3 ? channels.size(0) : 0;
  const bool is_byte = image.scalar_type() == torch::kUInt8;
  const bool fits = (count == 1 || count == 3 || count == 4) && image.numel() > 0 &&
                    (is_byte || image.is_floating_point());
  if (!fits) {
    throw std::invalid_argument(
        "an image must be [H, W] or [C, H, W] with 1, 3 or 4 channels, uint8 or floating point, "
        "but it is " +
        std::string(image.dtype().name()) + " of shape " + shape_text(image.sizes()));
  }
  torch::Tensor pixels = channels.detach();
  if (!is_byte) pixels = (pixels.to(torch::kFloat32).clamp(0, 1) * 255).round().to(torch::kUInt8);
  pixels = pixels.permute({1, 2, 0}).cpu().contiguous();
  const int height = static_cast<int>(pixels.size(0)), width = static_cast<int>(pixels.size(1));
  std::string bytes;
  const auto append = [](void* to, void* data, int size) {
    static_cast<std::string*>(to)->append(static_cast<const char*>(data),
                                          static_cast<size_t>(size));
  };
  const int written =
      stbi_write_png_to_func(append, &bytes, width, height, static_cast<int>(count),
                             pixels.data_ptr<uint8_t>(), width * static_cast<int>(count));
  if (written == 0) throw std::runtime_error("an image could not be encoded: out of memory");
  return bytes;
}

torch::Tensor image_grid(const torch::Tensor& images, int64_t columns, int64_t gap) {
  const torch::Tensor all = images.dim() == 3 ? images.unsqueeze(1) : images;
  if (all.dim() != 4 || all.numel() == 0 || columns < 1 || gap < 0) {
    throw std::invalid_argument(
        "images must be [N, C, H, W] or [N, H, W], at least one in at least one column, but they "
        "are " +
        shape_text(images.sizes()) + " in " + std::to_string(columns));
  }
  const int64_t n = all.size(0), height = all.size(2), width = all.size(3);
  columns = std::min(columns, n);
  const int64_t rows = (n + columns - 1) / columns;
  torch::Tensor grid = torch::zeros(
      {all.size(1), rows * (height + gap) - gap, columns * (width + gap) - gap}, all.options());
  for (int64_t i = 0; i < n; ++i) {
    grid.narrow(1, i / columns * (height + gap), height)
        .narrow(2, i % columns * (width + gap), width)
        .copy_(all[i]);
  }
  return grid;
}

}  // namespace course
