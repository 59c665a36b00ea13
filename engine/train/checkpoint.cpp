#include "engine/train/checkpoint.h"

#include <deque>
#include <filesystem>

#include "engine/data/file.h"
#include "engine/data/safetensors.h"

namespace lat {

namespace fs = std::filesystem;

namespace {

constexpr size_t kIndexLimit = 1 << 16;
constexpr const char* kFormat = "1";

std::string path_of(const std::string& checkpoint, const std::string& file) {
  return checkpoint + "/" + file + ".safetensors";
}

NamedArray array_of(const std::string& name, const Tensor& t) {
  NamedArray a;
  a.name = name;
  a.kind = t.dtype == DType::f64   ? NamedArray::f64
           : t.dtype == DType::i32 ? NamedArray::i32
           : t.dtype == DType::u8  ? NamedArray::u8
                                   : NamedArray::f32;
  const Shape shape = t.shape();
  a.shape.assign(shape.dim, shape.dim + shape.rank);
  a.bytes = static_cast<size_t>(t.bytes());
  return a;
}

// The slot's own part of a flat buffer of moments.
Tensor moment(const Tensor& flat, const Params::Entry& e) {
  Tensor t = flat;
  t.data = static_cast<char*>(flat.data) + e.offset * size_of(flat.dtype);
  std::copy(e.shape.dim, e.shape.dim + kMaxRank, t.dim);
  t.rank = static_cast<uint8_t>(e.shape.rank);
  return t;
}

std::string shape_text(const std::vector<int64_t>& shape) {
  std::string s = "(";
  for (size_t i = 0; i < shape.size(); ++i) s += (i ? "," : "") + std::to_string(shape[i]);
  return s + ")";
}

void load(const Safetensors& file, const std::string& path, const std::string& name,
          const Tensor& to) {
  const NamedArray* a = file.find(name);
  LAT_CHECK(a, Code::input, path, "has no tensor '", name,
            "'; it was written by another model or configuration");
  const NamedArray want = array_of(name, to);
  LAT_CHECK(a->kind == want.kind && a->shape == want.shape, Code::input, path, "tensor '", name,
            "' is ", shape_text(a->shape), " ", name_of(a->kind), " where this model has ",
            shape_text(want.shape), " ", name_of(want.kind),
            ". Use the configuration that wrote it (config.json of its run)");
  to.ctx->write(to, a->data);
}

std::string step_name(i64 step) {
  const std::string digits = std::to_string(step);
  return "step-" + std::string(digits.size() < 8 ? 8 - digits.size() : 0, '0') + digits;
}

}  // namespace

NamedTensors values_of(const Params& params) {
  NamedTensors out;
  for (size_t i = 0; i < params.entries().size(); ++i)
    out.emplace_back(params.entries()[i].name, params.memory(static_cast<int32_t>(i)));
  return out;
}

NamedTensors moments_of(const Params& params, const Adam& adam) {
  NamedTensors out;
  for (const Params::Entry& e : params.entries()) {
    if (!e.trained) continue;
    out.emplace_back(e.name + ".m", moment(adam.m(), e));
    out.emplace_back(e.name + ".v", moment(adam.v(), e));
  }
  return out;
}

void save_checkpoint(const std::string& folder, i64 step, const Params& params, const Adam& adam,
                     const Metadata& metadata) {
  NamedTensors moments = moments_of(params, adam);
  moments.emplace_back("adam.count", adam.count());
  save_checkpoint(folder, step, {{"model", values_of(params)}, {"optimiser", moments}}, metadata);
}

void save_checkpoint(const std::string& folder, i64 step, const std::vector<CheckpointFile>& files,
                     const Metadata& metadata) {
  const std::string name = step_name(step), to = folder + "/" + name;
  make_folder(to);
  Metadata meta = metadata;
  meta["format"] = kFormat;
  meta["step"] = std::to_string(step);
  try {
    for (const CheckpointFile& file : files) {
      std::vector<NamedArray> arrays;
      std::deque<std::vector<char>> copies;  // of what lies on a device
      for (const auto& [array, tensor] : file.tensors) {
        NamedArray a = array_of(array, tensor);
        a.data = tensor.ctx->view(tensor, copies.emplace_back());
        arrays.push_back(a);
      }
      write_safetensors(path_of(to, file.name), arrays, meta);
    }
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(to, ignored);
    throw;
  }
  std::string previous;
  try {
    previous = fs::path(latest_checkpoint(folder)).filename().string();
  } catch (const Error&) {  // this is the first one
  }
  write_file_atomic(folder + "/index.json",
                    cat("{\"latest\": \"", name, "\", \"step\": ", step, "}\n"));
  std::error_code ignored;
  for (const fs::directory_entry& e : fs::directory_iterator(folder, ignored)) {
    const std::string other = e.path().filename().string();
    if (other.starts_with("step-") && other != name && other != previous)
      fs::remove_all(e.path(), ignored);
  }
}

std::string latest_checkpoint(const std::string& folder) {
  const std::string index = folder + "/index.json";
  LAT_CHECK(fs::exists(index), Code::input, folder,
            "holds no finished checkpoint (no index.json). Train with --out to write one");
  const std::string text = read_file(index, kIndexLimit);
  const std::string key = "\"latest\": \"";
  const size_t at = text.find(key);
  const size_t end = at == std::string::npos ? at : text.find('"', at + key.size());
  LAT_CHECK(end != std::string::npos, Code::input, index,
            "does not name a checkpoint; expected {\"latest\": \"step-...\"}");
  const std::string name = text.substr(at + key.size(), end - at - key.size());
  LAT_CHECK(name.starts_with("step-") && name.find('/') == std::string::npos, Code::input, index,
            "names '", name, "', which is no checkpoint");
  return folder + "/" + name;
}

Metadata checkpoint_metadata(const std::string& checkpoint) {
  return Safetensors::read(path_of(checkpoint, "model")).metadata();
}

void load_checkpoint(const std::string& checkpoint, const CheckpointFile& file) {
  const std::string path = path_of(checkpoint, file.name);
  const Safetensors stored = Safetensors::read(path);
  for (const auto& [name, tensor] : file.tensors) load(stored, path, name, tensor);
  LAT_CHECK(stored.arrays().size() == file.tensors.size(), Code::input, path, "holds ",
            stored.arrays().size(), " tensors where this model has ", file.tensors.size());
}

void load_params(const std::string& checkpoint, Params& params) {
  load_checkpoint(checkpoint, {"model", values_of(params)});
  params.written();
}

void load_optimiser(const std::string& checkpoint, const Params& params, Adam& adam) {
  NamedTensors moments = moments_of(params, adam);
  moments.emplace_back("adam.count", adam.count());
  load_checkpoint(checkpoint, {"optimiser", moments});
}

}  // namespace lat
