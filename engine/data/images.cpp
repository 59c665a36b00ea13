#include "engine/data/images.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <future>

#include "engine/core/error.h"
#include "engine/data/digits_data.h"
#include "engine/data/idx.h"
#include "engine/data/permutation.h"
#include "engine/data/shapes.h"

namespace lat {

namespace {

namespace fs = std::filesystem;

constexpr int64_t kShapesTrain = 16384;
constexpr int64_t kShapesTest = 2048;
constexpr uint64_t kShapesSeed = 2017;  // the choice of the images, the same in every run
constexpr int64_t kDigitsTrain = 1500;

Images allocate(int64_t n, int64_t h, int64_t w, int64_t c) {
  Images images;
  images.n = n, images.h = h, images.w = w, images.c = c;
  images.pixels.resize(static_cast<size_t>(n * h * w * c));
  return images;
}

// The images from `first` on, `count` of them.
Images slice(const Images& from, int64_t first, int64_t count) {
  const auto part = [&](const auto& values, int64_t each) {
    using Values = std::decay_t<decltype(values)>;
    if (values.empty()) return Values();
    return Values(values.begin() + first * each, values.begin() + (first + count) * each);
  };
  Images images = allocate(0, from.h, from.w, from.c);
  images.n = count;
  images.pixels = part(from.pixels, from.h * from.w * from.c);
  images.labels = part(from.labels, 1);
  images.factors = part(from.factors, from.factor_count);
  images.factor_count = from.factor_count;
  return images;
}

int64_t cut(int64_t n, int64_t limit) { return limit > 0 ? std::min(n, limit) : n; }

// Shapes

// Image i of all, or of those that are not turned: both in the order of shape_factors.
int64_t shape_index(int64_t i, bool upright) {
  constexpr int64_t kPlaces = kShapeFactorSizes[3] * kShapeFactorSizes[4];
  return upright ? i / kPlaces * kShapeFactorSizes[2] * kPlaces + i % kPlaces : i;
}

Images draw_shapes(int64_t first, int64_t count, int64_t size, bool upright) {
  const int64_t all = upright ? kShapeImages / kShapeFactorSizes[2] : kShapeImages;
  const Permutation choice(all, kShapesSeed, 0);
  Images images = allocate(0, size, size, 1);
  images.n = count;
  images.factor_count = kShapeFactors;
  images.pixels.reserve(static_cast<size_t>(count * size * size));
  images.labels.reserve(static_cast<size_t>(count));
  images.factors.reserve(static_cast<size_t>(count * kShapeFactors));
  for (int64_t i = 0; i < count; ++i) {
    const int64_t index = shape_index(choice(first + i), upright);
    images.pixels.resize(static_cast<size_t>((i + 1) * size * size));
    draw_shape(index, size, images.pixels.data() + i * size * size);
    const auto factors = shape_factors(index);
    images.labels.push_back(factors[0]);
    images.factors.insert(images.factors.end(), factors.begin(), factors.end());
  }
  return images;
}

DataSet load_shapes(const DataOptions& options) {
  const int64_t size = options.size > 0 ? options.size : 32;
  LAT_CHECK(size == 16 || size == 32 || size == 64, Code::usage, "shapes", "data.size is ", size,
            ", but shapes are drawn at 16, 32 or 64");
  DataSet data;
  data.name = "shapes";
  data.source =
      "dSprites-R: a reproduction of dSprites (Matthey et al. 2017, Apache-2.0), drawn here";
  auto test =
      std::async(std::launch::async, draw_shapes, kShapesTrain, kShapesTest, size, options.upright);
  data.train = draw_shapes(0, cut(kShapesTrain, options.limit), size, options.upright);
  data.test = test.get();
  return data;
}

// Digits

Images decode_digits(int64_t first, int64_t count) {
  Images images = allocate(count, 8, 8, 1);
  images.labels.reserve(static_cast<size_t>(count));
  uint8_t* pixel = images.pixels.data();
  for (int64_t i = first; i < first + count; ++i) {
    const char* row = kDigitRows[i];
    images.labels.push_back(row[0] - '0');
    for (int p = 1; p <= 64; ++p) {
      const int value = row[p] <= '9' ? row[p] - '0' : row[p] - 'a' + 10;  // 0..16
      *pixel++ = static_cast<uint8_t>((255 * value + 8) / 16);
    }
  }
  return images;
}

DataSet load_digits(const DataOptions& options) {
  DataSet data;
  data.name = "digits";
  data.source = "UCI optical digits (Alpaydin, Kaynak 1998), CC BY 4.0, as shipped by scikit-learn";
  data.train = decode_digits(0, cut(kDigitsTrain, options.limit));
  data.test = decode_digits(kDigitsTrain, kDigitCount - kDigitsTrain);
  return data;
}

// Folders of IDX files

// The first file, by name, in `folder` whose name starts with `stem` and '-' or '.'; "" if none.
std::string find_file(const fs::path& folder, const std::string& stem) {
  std::string found;
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    const bool fits = name.starts_with(stem) && name.size() > stem.size() &&
                      (name[stem.size()] == '-' || name[stem.size()] == '.');
    const std::string path = entry.path().string();
    if (fits && (found.empty() || path < found)) found = path;
  }
  return found;
}

std::vector<int32_t> read_labels(const std::string& path, int64_t limit, int64_t& promised) {
  const IdxArray array = read_idx(path, limit);
  promised = array.promised;
  LAT_CHECK(array.dims.size() == 1, Code::input, path, "labels have ", array.dims.size(),
            " extents, expected 1. Is this the file of the images?");
  std::vector<int32_t> labels(static_cast<size_t>(array.dims[0]));
  const uint8_t* from = array.bytes.data();
  for (size_t i = 0; i < labels.size(); ++i) {
    if (array.type == IdxType::u8) {
      labels[i] = from[i];
    } else if (array.type == IdxType::i16) {
      int16_t label = 0;
      std::memcpy(&label, from + 2 * i, 2);
      labels[i] = label;
    } else if (array.type == IdxType::i32) {
      std::memcpy(&labels[i], from + 4 * i, 4);
    } else {
      fail(Code::input, path, "labels are real numbers, expected whole ones (type 08, 0b or 0c)");
    }
  }
  return labels;
}

Images read_images(const std::string& image_file, const std::string& label_file, int64_t limit) {
  IdxArray array = read_idx(image_file, limit);
  const std::vector<int64_t>& dims = array.dims;
  LAT_CHECK(array.type == IdxType::u8, Code::input, image_file,
            "pixels are not bytes (type 08). Scale them to 0..255 and write bytes");
  LAT_CHECK(dims.size() == 3 || (dims.size() == 4 && dims[3] <= 4), Code::input, image_file, "has ",
            dims.size(), " extents, the last is ", dims.back(),
            "; expected (n, h, w) or (n, h, w, c) with c of 1 to 4");
  Images images;
  images.n = dims[0], images.h = dims[1], images.w = dims[2];
  images.c = dims.size() == 4 ? dims[3] : 1;
  images.pixels = std::move(array.bytes);
  if (!label_file.empty()) {
    int64_t promised = 0;
    images.labels = read_labels(label_file, limit, promised);
    LAT_CHECK(promised == array.promised, Code::input, label_file, "holds ", promised,
              " labels, but ", image_file, " holds ", array.promised,
              " images. They do not belong together: fetch both again");
  }
  return images;
}

DataSet load_folder(const std::string& name, const fs::path& folder, int64_t limit,
                    bool needs_test) {
  DataSet data;
  data.name = name;
  const auto read = [&](const std::string& stem, int64_t most) {
    const std::string images = find_file(folder, stem + "-images");
    const std::string labels = find_file(folder, stem + "-labels");
    data.files.push_back(images);
    if (!labels.empty()) data.files.push_back(labels);
    return read_images(images, labels, most);
  };
  data.train = read("train", limit);
  const bool t10k = !find_file(folder, "t10k-images").empty();
  if (t10k || !find_file(folder, "test-images").empty()) {
    data.test = read(t10k ? "t10k" : "test", 0);
    const Images &a = data.train, &b = data.test;
    LAT_CHECK(a.h == b.h && a.w == b.w && a.c == b.c, Code::input, folder.string(),
              "training images are ", a.h, " x ", a.w, " x ", a.c, ", test images ", b.h, " x ",
              b.w, " x ", b.c, ". They do not belong together");
    return data;
  }
  LAT_CHECK(!needs_test, Code::input, folder.string(),
            "has train-images* but no t10k-images*. Fetch the missing file");
  const int64_t held_out = std::max<int64_t>(1, data.train.n / 10);
  LAT_CHECK(data.train.n >= 2, Code::input, folder.string(),
            "has a single image and no test images, expected at least 2. Add test-images*");
  data.test = slice(data.train, data.train.n - held_out, held_out);
  data.train = slice(data.train, 0, data.train.n - held_out);
  return data;
}

// A set that is looked for in the folder given and in some others.
struct KnownFolder {
  const char* name;
  const char* source;
  std::vector<std::string> places;
  const char* remedy;
};

const std::vector<KnownFolder>& known_folders() {
  static const std::vector<KnownFolder> known = {
      {"fashion-mnist",
       "Fashion-MNIST (Xiao, Rasul, Vollgraf 2017), MIT, (c) Zalando SE",
       {"/usr/share/datasets/fashion-mnist"},
       "On Debian:  apt-get install dataset-fashion-mnist   or give --data-path DIR"},
      {"mnist",
       "MNIST (LeCun, Cortes, Burges 1998), usually stated as CC BY-SA 3.0",
       {"data/mnist", "../data/mnist", "/usr/share/datasets/mnist"},
       "Put the four files train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, "
       "t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz there, or give --data-path DIR"},
  };
  return known;
}

DataSet load_known(const KnownFolder& known, const DataOptions& options) {
  std::vector<std::string> places = known.places;
  if (!options.path.empty()) {
    places.insert(places.begin(), {options.path, (fs::path(options.path) / known.name).string()});
  }
  std::string tried;
  for (const std::string& place : places) {
    if (!find_file(place, "train-images").empty()) {
      DataSet data = load_folder(known.name, place, options.limit, true);
      data.source = known.source;
      return data;
    }
    tried += (tried.empty() ? "" : ", ") + place;
  }
  fail(Code::input, known.name, "no file train-images* in ", tried, ". ", known.remedy);
}

DataSet load_other(const std::string& name, const DataOptions& options) {
  const std::vector<std::string> names = data_names();
  std::string list;
  for (const std::string& known : names) list += (list.empty() ? "" : ", ") + known;
  LAT_CHECK(!options.path.empty(), Code::usage, "data", "unknown data set '", name, "'.",
            suggestion(name, names), " There are ", list,
            "; any other name needs --data-path DIR with train-images*");
  LAT_CHECK(!find_file(options.path, "train-images").empty(), Code::input, options.path,
            "has no file train-images*, which the data set '", name, "' needs.",
            suggestion(name, names), " Put an IDX file there or use one of ", list);
  DataSet data = load_folder(name, options.path, options.limit, false);
  data.source = "the files in " + options.path;
  return data;
}

}  // namespace

std::vector<std::string> data_names() { return {"shapes", "digits", "fashion-mnist", "mnist"}; }

DataSet load_data(const std::string& name, const DataOptions& options) {
  LAT_CHECK(options.limit >= 0, Code::usage, "data.limit", options.limit,
            " is negative: give 0 for all images");
  LAT_CHECK(options.path.empty() || fs::is_directory(options.path), Code::input, options.path,
            "there is no such folder. Check --data-path");
  if (name == "shapes") return load_shapes(options);
  LAT_CHECK(!options.upright, Code::usage, name,
            "data.upright is set, but only shapes know how they are turned. Leave it away");
  DataSet data;
  const auto& known = known_folders();
  const auto found =
      std::find_if(known.begin(), known.end(), [&](const auto& k) { return k.name == name; });
  if (name == "digits") {
    data = load_digits(options);
  } else if (found != known.end()) {
    data = load_known(*found, options);
  } else {
    data = load_other(name, options);
  }
  LAT_CHECK(options.size == 0 || (options.size == data.train.h && options.size == data.train.w),
            Code::usage, name, "data.size is ", options.size, ", but these images are ",
            data.train.h, " x ", data.train.w, ". Only shapes can be drawn at another size");
  return data;
}

}  // namespace lat
